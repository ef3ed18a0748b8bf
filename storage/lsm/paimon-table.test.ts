import test from 'node:test';
import assert from 'node:assert/strict';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Kernel} from '../../kernel/duckdb.ts';
import {nodeFileSystem} from '../file/node-file-system.ts';
import {systemClock} from '../../base/clock.ts';
import {PaimonTable} from './paimon-table.ts';
import {prepareFlush} from './flush.ts';
import {commitFlush} from './commit.ts';
import {scanPlan} from './scan-plan.ts';
import {scanSql} from './scan-sql.ts';
import {tableDirectory} from './table-paths.ts';

test('paimon table: two flushes read back merged', async () => {
  const root = process.env['MR_KEEP'] ?? await mkdtemp(join(tmpdir(), 'mr-paimon-'));
  await using kernel = await Kernel.open({threads: 2, memoryBytes: 256 << 20});
  await using session = await kernel.connect();
  try {
    const table = await PaimonTable.create({files: nodeFileSystem, clock: systemClock}, tableDirectory(root, 'main', 'flights'), {
      columns: [
        {id: 0, name: 'id', type: {kind: 'bigint'}, nullable: false}, {id: 1, name: 'delay', type: {kind: 'integer'}, nullable: true},
        {id: 2, name: 'origin', type: {kind: 'varchar'}, nullable: true},
      ],
      primaryKey: ['id'],
    });
    const first = await prepareFlush(session, table, {from: "(VALUES (0::TINYINT, 0::BIGINT, 1::BIGINT, 33, 'LAS'), (0, 1, 2, -212, 'LAS'), (0, 2, 3, 5, 'PHX')) v(_op, _seq, id, delay, origin)"});
    await commitFlush(table, first, {commitUser: 'u', commitIdentifier: 7n});
    const second = await prepareFlush(session, table, {from: "(VALUES (1::TINYINT, 3::BIGINT, 2::BIGINT, -212, 'LAS'), (2, 4, 2, NULL, 'LAS'), (0, 5, 4, 10, 'PHX'), (3, 6, 1, 33, 'LAS')) v(_op, _seq, id, delay, origin)"});
    const snapshot = await commitFlush(table, second, {commitUser: 'u', commitIdentifier: 8n, properties: {epoch: '8'}});
    assert.equal(snapshot?.id, 2);
    const {rows} = await session.rows(scanSql(table, await scanPlan(table), {ordered: true, withSequence: true}));
    assert.deepEqual(rows, [[2n, null, 'LAS', 4n], [3n, 5, 'PHX', 2n], [4n, 10, 'PHX', 5n]]);
  } finally {
    if (process.env['MR_KEEP'] === undefined) await rm(root, {recursive: true});
  }
});
