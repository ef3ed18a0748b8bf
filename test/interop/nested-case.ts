/**
 * Columns of LIST, STRUCT and MAP in any nesting, by a warehouse that was lived in and stopped: keyed, append and bag tables and a layer, files that
 * overlap, NULL and empty at every place, opened by everybody. Then pypaimon writes rows into two of the tables, and everybody reads them again.
 */
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import * as fc from 'fast-check';
import {typeText, type LogicalType, type NestedType} from '../../base/type.ts';
import type {Value} from '../../base/value.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {nestedTypes, valuesOf} from '../../kernel/values-arbitrary.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {tableDirectory} from '../../storage/lsm/table-paths.ts';
import {doors} from '../../storage/lsm/test-tables.ts';
import {resultLines, type Line} from './canonical.ts';
import type {Peers} from './peers.ts';
import type {ReadMatrix} from './read-matrix.ts';
import type {Report} from './report.ts';

const fixed: readonly string[] = [
  'INTEGER[]', 'VARCHAR[][]', 'STRUCT(x DOUBLE, y DECIMAL(38,2), z TIMESTAMP, w TIMESTAMP WITH TIME ZONE)', 'MAP(VARCHAR, BIGINT)', 'STRUCT(p DATE, q BLOB, r STRUCT(s BOOLEAN, t TINYINT[]))[]', 'MAP(BIGINT, STRUCT(a FLOAT, b VARCHAR[]))',
];
const seed = 20_261_129;
const rowCount = 60;

/** Years 1 to 9999, which all readers take, and numbers without a sign on zero. */
function plain(type: LogicalType): fc.Arbitrary<Value> {
  return valuesOf(type).filter((value) => !/infinity|"-?0{4}-|"-?\d{5,}-|"-\d{4}-/.test(JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner)) ?? ''));
}

/** Readers print map keys of these kinds in their own ways; the values of maps are of every kind. */
function keysAreOrdinary(type: LogicalType): boolean {
  switch (type.kind) {
    case 'list': return keysAreOrdinary(type.element);
    case 'struct': return type.fields.every((field) => field.name !== '__proto__' && keysAreOrdinary(field.type));
    case 'map': return ['varchar', 'bigint', 'integer', 'date'].includes(type.key.kind) && keysAreOrdinary(type.value);
    default: return true;
  }
}

/** Lives in a warehouse, stops it, adds its tables to the matrix. @returns what pypaimon does then. */
export async function nestedWarehouse(folder: string, peers: Peers, report: Report, matrix: ReadMatrix): Promise<() => Promise<void>> {
  const path = join(folder, 'nested');
  const drawn = fc.sample(nestedTypes(3).filter(keysAreOrdinary), {seed, numRuns: 4}).map(typeText);
  const names = [...fixed, ...drawn].map((_, i) => `n${i}`);
  const columns = [...fixed, ...drawn].map((type, i) => `${names[i]!} ${type}`).join(', ');
  const expected = new Map<string, readonly Line[]>();
  const tables = ['keyed', 'appended', 'loose', 'layer'].map((name) => ({name, directory: tableDirectory(path, 'main', name)}));
  await using warehouse = await Warehouse.open({path});
  await warehouse.sql(`CREATE TABLE keyed (id BIGINT PRIMARY KEY, ${columns}, last INTEGER) WITH ('bucket' = '2'); CREATE TABLE appended (id BIGINT, ${columns}); CREATE TABLE loose (${columns}) WITH ('append-only' = 'false')`);
  await warehouse.sql('CREATE DYNAMIC TABLE layer AS SELECT n0, n3, count(*) AS n, max(id) AS last FROM keyed GROUP BY n0, n3');
  const types = warehouse.catalog.find('main', 'appended')!.columns.slice(1).map(({type}) => type as NestedType);
  const values = types.map((type, i) => fc.sample(fc.option(plain(type), {freq: 5}), {seed: seed + i, numRuns: 40}));
  const rows = Array.from({length: rowCount}, (_, id) => ({id, ...Object.fromEntries(names.map((name, i) => [name, values[i]![(id * (i + 3)) % 40]!]))}));
  for (const half of [rows.slice(0, 40), rows.slice(20)]) {
    await warehouse.insert('keyed', half as never);
    await warehouse.sql(`INSERT INTO appended SELECT * EXCLUDE (last) FROM keyed WHERE id >= ${half[0]!.id}; INSERT INTO loose SELECT * EXCLUDE (id, last) FROM keyed`);
    await warehouse.sql('UPDATE keyed SET n0 = list_append(n0, 7), n3 = NULL WHERE id % 5 = 1; DELETE FROM keyed WHERE id % 7 = 2; DELETE FROM loose WHERE n1 IS NULL');
    await warehouse.checkpoint();
  }
  for (const {name, directory} of tables) {
    const visible = warehouse.catalog.find('main', name)!.columns.filter((column) => !column.hidden).map((column) => column.name);
    const fields = (await PaimonTable.open(doors, directory)).schema.fields.filter((field) => visible.includes(field.name));
    expected.set(name, resultLines(fields, (await warehouse.sql(`SELECT * FROM ${name}`)).rows));
    matrix.add({name: `nested columns: ${name}`, directory, columns: visible, lines: expected.get(name)!});
  }
  return async () => {
    if (!('peer' in peers.python)) {
      report.skip('nested columns that pypaimon writes', peers.python.reason);
      return;
    }
    for (const name of ['keyed', 'appended']) {
      const directory = tables.find((table) => table.name === name)!.directory;
      const before = expected.get(name)!.map((line) => JSON.parse(line) as Record<string, unknown>);
      // Their rows are rows of ours under other numbers.
      const theirs = before.slice(0, 15).map((row, i) => ({...row, id: String(1_000 + i)}));
      const file = join(folder, `nested-${name}.ndjson`);
      writeFileSync(file, theirs.map((row) => `${JSON.stringify(row)}\n`).join(''));
      const {peer} = peers.python;
      await report.check(`nested columns: ${name} · written by pypaimon`, async () => void await peer.run('write', directory, file));
      matrix.add({name: `nested columns: ${name} with rows of pypaimon's`, directory, lines: [...before, ...theirs].map((row) => JSON.stringify(row)).sort()});
    }
  };
}
