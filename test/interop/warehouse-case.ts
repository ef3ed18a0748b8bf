/** A warehouse that was lived in and stopped: every table of it, layers included, is opened by pypaimon with the rows that SQL gives. */
import {join} from 'node:path';
import {typeText} from '../../base/type.ts';
import type {Value} from '../../base/value.ts';
import type {ColumnSpec} from '../../catalog/spec.ts';
import {findDemoData} from '../../cli/demo-data.ts';
import {demoLayers, flightTypes} from '../../cli/demo-layers.ts';
import {rowsOfQuery} from '../../engine/file-source.ts';
import {parseDateText, parseTimestampText} from '../../engine/time-text.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {tableDirectory} from '../../storage/lsm/table-paths.ts';
import type {CaseResult} from './cases.ts';

const flights = 40_000;

/** @param python runs read_tables.py with arguments and gives its output. */
export async function stoppedWarehouse(folder: string, python: (args: readonly string[]) => string): Promise<CaseResult[]> {
  const path = join(folder, 'lived-in');
  const expected = new Map<string, {name: string; hidden: number; rows: string[]}>();
  const warehouse = await Warehouse.open({path});
  try {
    const data = findDemoData();
    const text = {kind: 'varchar'} as const;
    await warehouse.sql(demoLayers);
    await warehouse.sql("CREATE TABLE ods.notes (airport VARCHAR, note VARCHAR, at_hour INTEGER) WITH ('append-only' = 'false'); CREATE TABLE ods.log (line VARCHAR); CREATE TABLE ods.split (id BIGINT PRIMARY KEY, v DECIMAL(12,2)) WITH ('bucket' = '3')");
    await warehouse.sql('CREATE DYNAMIC TABLE dws.nullable AS SELECT note, count(*) AS n, avg(at_hour) AS mean FROM ods.notes GROUP BY note');
    for await (const {columns, rowCount} of rowsOfQuery(data.airportsSql, [text, text, text, text], 5_000)) await warehouse.insertColumns('ods.airports', columns, rowCount);
    for await (const {columns, rowCount} of rowsOfQuery(data.flightsSql(1, flights), flightTypes, 10_000)) {
      await warehouse.insertColumns('ods.flights', columns, rowCount);
      await warehouse.sql("INSERT INTO ods.notes VALUES ('LAS', 'a', 1), ('LAS', NULL, 2), ('LAS', 'a', 1); INSERT INTO ods.log VALUES ('one'), (NULL)");
      await warehouse.sql('INSERT INTO ods.split SELECT i, i * 3 / 4 FROM range(500) r(i)');
      await warehouse.sql('UPDATE ods.flights SET delay = NULL WHERE id % 97 = 3; DELETE FROM ods.flights WHERE id % 89 = 5; DELETE FROM ods.notes WHERE at_hour = 2; DELETE FROM ods.split WHERE id % 7 = 1');
      await warehouse.checkpoint();
    }
    for (const table of warehouse.catalog.tables()) {
      const visible = table.columns.filter((column) => !column.hidden);
      const {rows} = await warehouse.sql(`SELECT * FROM ${table.schema}.${table.name}`);
      const lines = rows.map((row) => JSON.stringify(visible.map((column) => plain(row[column.name]!, column))));
      expected.set(tableDirectory(path, table.schema, table.name), {name: `stopped warehouse: ${table.schema}.${table.name}`, hidden: table.columns.length - visible.length, rows: lines.sort()});
    }
  } finally {
    await warehouse.close();
  }
  return python(['read', ...expected.keys()]).trim().split('\n').map((line): CaseResult => {
    const answer = JSON.parse(line) as {readonly table: string; readonly rows?: readonly (readonly unknown[])[]; readonly error?: string};
    const {name, hidden, rows} = expected.get(answer.table)!;
    if (answer.rows === undefined) return {name, problem: answer.error ?? 'no rows'};
    const found = answer.rows.map((row) => JSON.stringify(row.slice(0, row.length - hidden))).sort();
    const different = found.findIndex((row, index) => row !== rows[index]);
    const problem = found.length !== rows.length ? `${rows.length} rows expected, ${found.length} found` : different === -1 ? null : `expected ${rows[different]!}, found ${found[different]!}`;
    return {name, problem};
  });
}

/** A value as read_tables.py prints it. */
function plain(value: Value, {type}: ColumnSpec): Value {
  if (value === null) return null;
  switch (type.kind) {
    case 'boolean': case 'varchar': return value;
    case 'decimal': return BigInt(String(value).replace('.', '')).toString();
    case 'date': return String(parseDateText(String(value)));
    case 'timestamp': case 'timestamptz': return String(parseTimestampText(String(value)));
    case 'float': case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleBE(Number(value));
      return bytes.toString('hex');
    }
    case 'tinyint': case 'smallint': case 'integer': case 'bigint': return String(value);
    default: throw new Error(`type ${typeText(type)} is not in this case`);
  }
}
