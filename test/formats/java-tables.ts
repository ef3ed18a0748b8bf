/**
 * Small tables that Paimon's Java library 1.4.2 wrote for us, one of each kind that we read, with the rows that it found at every snapshot: kept
 * as one file, gzipped JSON of `{files: {path: base64}, rows: {table: {snapshot: lines}}}`. So our reader meets them where there is no Java.
 */
import {mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {gunzipSync, gzipSync} from 'node:zlib';

const home = join(import.meta.dirname, 'java-1.4.2', 'tables.json.gz');

/** Canonical lines by table and snapshot. */
export type JavaRows = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** Puts the tables into `directory`. @returns what Java found in them. */
export function unpackJavaTables(directory: string): JavaRows {
  const {files, rows} = JSON.parse(gunzipSync(readFileSync(home)).toString('utf8')) as {files: Record<string, string>; rows: JavaRows};
  for (const [path, text] of Object.entries(files)) {
    const at = join(directory, path);
    mkdirSync(dirname(at), {recursive: true});
    writeFileSync(at, Buffer.from(text, 'base64'));
  }
  return rows;
}

/** Packs tables of the interoperability run (`MR_KEEP`), with what Java found in them. */
export function packJavaTables(directory: string, rows: JavaRows): void {
  const files: Record<string, string> = {};
  const visit = (at: string): void => {
    for (const name of readdirSync(at).sort()) {
      const path = join(at, name);
      if (statSync(path).isDirectory()) visit(path);
      else if (!name.endsWith('.crc')) files[relative(directory, path)] = readFileSync(path).toString('base64');
    }
  };
  for (const table of Object.keys(rows)) visit(join(directory, table));
  mkdirSync(dirname(home), {recursive: true});
  writeFileSync(home, gzipSync(JSON.stringify({files, rows}), {level: 9}));
}
