/** Tables of Java's, without Java: the rows of every snapshot are those that it found, and `check` finds them well. */
import assert from 'node:assert/strict';
import {join} from 'node:path';
import test from 'node:test';
import {checkTable} from '../../storage/lsm/check-table.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {scanPlan} from '../../storage/lsm/scan-plan.ts';
import {scanSql} from '../../storage/lsm/scan-sql.ts';
import {doors, withSession} from '../../storage/lsm/test-tables.ts';
import {readLines} from '../interop/canonical.ts';
import {unpackJavaTables} from './java-tables.ts';

test('java tables: every snapshot has the rows that Java found, alone and in order', async () => {
  await withSession(async (session, directory) => {
    const tables = unpackJavaTables(directory);
    assert.ok(Object.keys(tables).length >= 8);
    for (const [name, snapshots] of Object.entries(tables)) {
      const table = await PaimonTable.open(doors, join(directory, name));
      const {fields} = table.schema;
      for (const [id, lines] of Object.entries(snapshots)) {
        assert.deepEqual(await readLines(session, scanSql(table, await scanPlan(table, Number(id)), {ordered: true}), fields), lines, `${name}, snapshot ${id}`);
      }
      assert.deepEqual((await checkTable(session, doors, table.directory)).problems, [], name);
    }
  });
});
