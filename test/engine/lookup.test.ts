/** Point look-ups by primary key (A19): what SELECT finds, at the next epoch, without a scan. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {rejects} from '../support/expect.ts';
import {Random} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

test('look-up: every key answers what SELECT answers, after every change, over restarts, with state in pages or in memory', async (t) => {
  const path = temporaryFolder(t);
  const random = new Random(19);
  let warehouse = await Warehouse.open({path, stateBytes: 1 << 20});
  await warehouse.sql(`CREATE TABLE t (a INTEGER, b VARCHAR, v DECIMAL(30,4), ts TIMESTAMP, PRIMARY KEY (a, b));
    CREATE DYNAMIC TABLE s AS SELECT a, count(*) AS n, sum(v) AS v FROM t GROUP BY a; INSERT INTO t SELECT range % 300, 'b' || (range % 7), range / 8.0, TIMESTAMP '2024-01-01' + INTERVAL (range) MINUTE FROM range(4000)`);
  let [found, absent] = [0, 0];
  for (let step = 0; step < 8; step++) {
    const key = random.integer(0, 320);
    if (step % 3 === 0) await warehouse.sql(`DELETE FROM t WHERE a BETWEEN ${key} AND ${key + 5}`);
    else await warehouse.sql(`INSERT INTO t SELECT ${key} + range, 'b' || range, ${step}, NULL FROM range(9)`);
    if (step === 4) {
      await warehouse.close();
      warehouse = await Warehouse.open({path, readCache: false});
    }
    for (let i = 0; i < 12; i++) {
      const [a, b] = [random.integer(Math.max(0, key - 3), key + 8), `b${random.integer(0, 8)}`];
      const [row] = (await warehouse.sql('SELECT * FROM t WHERE a = $1 AND b = $2', [a, b])).rows;
      assert.deepEqual(await warehouse.lookup('t', [String(a), b]), row ?? null, `(${a}, ${b})`);
      const [sums] = (await warehouse.sql('SELECT * FROM s WHERE a = $1', [a])).rows;
      assert.deepEqual(await warehouse.lookup('s', [String(a)]), sums ?? null, `group ${a}`);
      if (row === undefined) absent++;
      else found++;
    }
  }
  assert.ok(found > 10 && absent > 10, `${found} found, ${absent} absent`);
  await rejects(warehouse.lookup('t', ['1']), 'invalid', 'MR_PARAMETER', /2 key columns, 1 values/);
  await rejects(warehouse.lookup('t', ['x', 'b']), 'invalid', 'MR_TYPE', /key column "a"/);
  await warehouse.close();
});
