// Development only: a worker started on a TypeScript file needs a loader of its own. The built package starts worker.js itself.
import {register} from 'tsx/esm/api';

register();
await import('./worker.ts');
