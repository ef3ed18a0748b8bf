/**
 * The demo's warehouse, stopped: every table of it is opened by pypaimon, by Java and by Flink SQL, and holds the rows that `millrace sql` gives. The
 * demo kills its process in the middle, corrects history and checks itself before.
 */
import {execFile} from 'node:child_process';
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {tableDirectory} from '../../storage/lsm/table-paths.ts';
import {doors} from '../../storage/lsm/test-tables.ts';
import {lineOf} from './canonical.ts';
import type {ReadMatrix} from './read-matrix.ts';
import type {Report} from './report.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const cli = join(root, 'dist', 'cli', 'main.js');
const rows = 20_000;
const outputBytesMax = 1 << 30;

/** Runs the demo in short form below `folder`, unless `MR_INTEROP_DEMO` names the warehouse of one. */
export async function demoWarehouse(folder: string, report: Report, matrix: ReadMatrix): Promise<void> {
  const given = process.env['MR_INTEROP_DEMO'];
  const directory = given ?? join(folder, 'demo');
  if (given === undefined) {
    await run('npm', ['run', '--silent', 'build'], {cwd: root});
    await run(process.execPath, [cli, 'demo', '--dir', directory, '--rows', String(rows)], {maxBuffer: outputBytesMax});
  } else if (!existsSync(cli)) await run('npm', ['run', '--silent', 'build'], {cwd: root});
  const millrace = async (text: string): Promise<Record<string, unknown>[]> => {
    const {stdout} = await run(process.execPath, [cli, 'sql', '-w', directory, '--format', 'ndjson', '-c', text], {maxBuffer: outputBytesMax});
    return stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const tables = (await millrace('SHOW TABLES')).map((row) => ({schema: String(row['schema']), name: String(row['name'] ?? row['table'])}));
  await report.check('demo · its tables are there', () => {
    if (tables.length < 6) throw new Error(`expected the layers of the demo, found ${JSON.stringify(tables)}`);
  });
  for (const {schema, name} of tables) {
    const found = await millrace(`SELECT * FROM ${schema}.${name}`);
    const opened = await PaimonTable.open(doors, tableDirectory(directory, schema, name));
    const columns = Object.keys(found[0] ?? {});
    const fields = opened.schema.fields.filter((field) => columns.includes(field.name));
    matrix.add({name: `demo: ${schema}.${name}`, directory: opened.directory, columns, lines: found.map((row) => lineOf(fields, row)).sort()});
  }
  await report.check('demo · millrace check', async () => void await run(process.execPath, [cli, 'check', '-w', directory]));
}
