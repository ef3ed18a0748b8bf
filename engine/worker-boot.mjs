// Development only: a worker started on a TypeScript file needs a loader of its own, unless whoever runs many has compiled it
// before (scripts/test.ts). The built package starts worker.js itself.
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

const {MILLRACE_COMPILED: compiled} = process.env;
if (compiled === undefined) {
  const {register} = await import('tsx/esm/api');
  register();
}
await import(compiled === undefined ? './worker.ts' : pathToFileURL(join(compiled, 'engine/worker.js')).href);
