/**
 * Golden warehouses: one of every format version, made by the release that wrote it, kept as one file: JSON of `{path: base64}`,
 * gzipped. Once made they never change; a new format version adds one.
 */
import {existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {gunzipSync, gzipSync} from 'node:zlib';

const home = import.meta.dirname;

/** Versions of which there is one, rising. */
export function goldenVersions(): number[] {
  return readdirSync(home).map((name) => /^v(\d+)$/.exec(name)?.[1]).filter((digits) => digits !== undefined).map(Number).sort((a, b) => a - b);
}

/** Puts the golden warehouse of a version into `directory`. */
export function unpackGolden(version: number, directory: string): void {
  const files = JSON.parse(gunzipSync(readFileSync(join(home, `v${version}`, 'warehouse.json.gz'))).toString('utf8')) as Record<string, string>;
  for (const [path, text] of Object.entries(files)) {
    const at = join(directory, path);
    mkdirSync(dirname(at), {recursive: true});
    writeFileSync(at, Buffer.from(text, 'base64'));
  }
}

/** What does not travel: the lock, its note, and the cache. */
const left = /^_millrace\/(?:lock\.duckdb.*|holder\.json|live\/.*)$/;

/** Packs a closed warehouse. */
export function packWarehouse(directory: string, version: number): void {
  const files: Record<string, string> = {};
  const visit = (at: string): void => {
    for (const name of readdirSync(at).sort()) {
      const path = join(at, name);
      if (statSync(path).isDirectory()) visit(path);
      else if (!left.test(relative(directory, path))) files[relative(directory, path)] = readFileSync(path).toString('base64');
    }
  };
  visit(directory);
  const to = join(home, `v${version}`);
  if (!existsSync(to)) mkdirSync(to);
  writeFileSync(join(to, 'warehouse.json.gz'), gzipSync(JSON.stringify(files), {level: 9}));
}
