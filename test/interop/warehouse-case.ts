/** A warehouse that was lived in and stopped: every table of it, layers included, is opened by everybody with the rows that SQL gives. */
import {join} from 'node:path';
import {findDemoData} from '../../cli/demo-data.ts';
import {demoLayers, flightTypes} from '../../cli/demo-layers.ts';
import {rowsOfQuery} from '../../engine/file-source.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {tableDirectory} from '../../storage/lsm/table-paths.ts';
import {doors} from '../../storage/lsm/test-tables.ts';
import {resultLines} from './canonical.ts';
import type {ReadMatrix} from './read-matrix.ts';

const flights = 4_000;

/** Lives in a warehouse below `folder`, stops it, and adds its tables to the matrix. */
export async function stoppedWarehouse(folder: string, matrix: ReadMatrix): Promise<void> {
  const path = join(folder, 'lived-in');
  const warehouse = await Warehouse.open({path});
  try {
    const data = findDemoData();
    const text = {kind: 'varchar'} as const;
    await warehouse.sql(demoLayers);
    await warehouse.sql("CREATE TABLE ods.notes (airport VARCHAR, note VARCHAR, at_hour INTEGER) WITH ('append-only' = 'false'); CREATE TABLE ods.log (line VARCHAR); CREATE TABLE ods.split (id BIGINT PRIMARY KEY, v DECIMAL(12,2)) WITH ('bucket' = '3')");
    await warehouse.sql('CREATE DYNAMIC TABLE dws.nullable AS SELECT note, count(*) AS n, avg(at_hour) AS mean FROM ods.notes GROUP BY note');
    for await (const {columns, rowCount} of rowsOfQuery(data.airportsSql, [text, text, text, text], 5_000)) await warehouse.insertColumns('ods.airports', columns, rowCount);
    for await (const {columns, rowCount} of rowsOfQuery(data.flightsSql(1, flights), flightTypes, 2_000)) {
      await warehouse.insertColumns('ods.flights', columns, rowCount);
      await warehouse.sql("INSERT INTO ods.notes VALUES ('LAS', 'a', 1), ('LAS', NULL, 2), ('LAS', 'a', 1); INSERT INTO ods.log VALUES ('one'), (NULL)");
      await warehouse.sql('INSERT INTO ods.split SELECT i, i * 3 / 4 FROM range(500) r(i)');
      await warehouse.sql('UPDATE ods.flights SET delay = NULL WHERE id % 97 = 3; DELETE FROM ods.flights WHERE id % 89 = 5; DELETE FROM ods.notes WHERE at_hour = 2; DELETE FROM ods.split WHERE id % 7 = 1');
      await warehouse.checkpoint();
    }
    for (const table of warehouse.catalog.tables()) {
      const columns = table.columns.filter((column) => !column.hidden).map(({name}) => name);
      const directory = tableDirectory(path, table.schema, table.name);
      const opened = await PaimonTable.open(doors, directory);
      const {rows} = await warehouse.sql(`SELECT * FROM ${table.schema}.${table.name}`);
      matrix.add({name: `stopped warehouse: ${table.schema}.${table.name}`, directory, columns, lines: resultLines(opened.schema.fields.filter((field) => columns.includes(field.name)), rows)});
    }
  } finally {
    await warehouse.close();
  }
}
