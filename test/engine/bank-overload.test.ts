/**
 * Requirements on load (A26, A27): writers that are faster than the engine are held back, not stored up; and how often epochs are
 * sealed changes when results come, never what they are.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import type {Column} from '../../base/delta.ts';
import {inFlightBytesMax} from '../../base/limit.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {temporaryFolder} from '../support/temporary.ts';

const rowsPerBatch = 5000;

function numbers(first: number): Column[] {
  const id = new Float64Array(rowsPerBatch);
  const amount = new Int32Array(rowsPerBatch);
  for (let i = 0; i < rowsPerBatch; i++) {
    id[i] = first + i;
    amount[i] = (first + i) % 97;
  }
  return [{kind: 'f64', data: id, valid: null, bound: first + rowsPerBatch}, {kind: 'i32', data: amount, valid: null}];
}

test('overload: bytes in flight and changes that wait for a checkpoint stay within their bounds, and every write is answered', {timeout: 120_000}, async (t) => {
  const inFlightMax = 1 << 20;
  const checkpointBytes = 512 * 1024;
  const warehouse = await Warehouse.open({path: temporaryFolder(t), checkpointBytes, inFlightBytesMax: inFlightMax});
  t.after(() => warehouse.close());
  await warehouse.sql('CREATE TABLE t (id BIGINT PRIMARY KEY, amount INTEGER); CREATE DYNAMIC TABLE s AS SELECT amount, count(*) AS n, sum(id) AS total FROM t GROUP BY amount');
  const metric = async (): Promise<Map<string, number>> => new Map((await warehouse.metrics()).map(({name, value}) => [name, value]));
  const batches = 80;
  const answered = new Set<number>();
  let waitingMost = 0;
  let inFlightMost = 0;
  let tailMost = 0;
  const waits: number[] = [];
  // All at once: at every moment there is far more to do than may be in flight.
  const writes = Array.from({length: batches}, async (_, batch) => {
    const startMs = performance.now();
    const {epoch} = await warehouse.insertColumns('t', numbers(batch * rowsPerBatch), rowsPerBatch);
    waits.push(performance.now() - startMs);
    answered.add(batch);
    return epoch;
  });
  const sampling = (async () => {
    while (answered.size < batches) {
      const now = await metric();
      waitingMost = Math.max(waitingMost, now.get('millrace_waiting_writes')!);
      inFlightMost = Math.max(inFlightMost, now.get('millrace_in_flight_bytes')!);
      tailMost = Math.max(tailMost, now.get('millrace_checkpoint_tail_bytes')!);
    }
  })();
  const epochs = await Promise.all(writes);
  await sampling;
  const {rows: [row]} = await warehouse.sql('SELECT (SELECT count(*) FROM t) AS rows, (SELECT sum(n) FROM s) AS counted, (SELECT sum(total) FROM s) AS total');
  const total = batches * rowsPerBatch;
  assert.deepEqual([row!['rows'], String(row!['counted']), String(row!['total'])], [BigInt(total), String(total), String((total * (total - 1)) / 2)]);
  t.diagnostic(`${batches} writes in ${new Set(epochs).size} epochs, at most ${inFlightMost} bytes in flight and ${waitingMost} writes waiting, tail at most ${tailMost} bytes, time to commit at most ${Math.max(...waits).toFixed(0)} ms`);
  assert.ok(waitingMost > batches / 4, `writes waited for room (${waitingMost})`);
  assert.ok(inFlightMost <= inFlightMax, `${inFlightMost} bytes in flight`);
  // A group of writes is let in while the tail is below its bound, and a group is no more than what is in flight; views add to it.
  assert.ok(tailMost <= 4 * checkpointBytes + 4 * inFlightMax, `${tailMost} bytes wait for a checkpoint`);
  // Time to commit is bounded by order: who came first is answered first, so nobody waits for more than what was before it.
  for (let batch = 1; batch < batches; batch++) assert.ok(epochs[batch]! >= epochs[batch - 1]!, `write ${batch} overtook the one before it`);
  assert.ok(inFlightMax < inFlightBytesMax);
  await warehouse.close();
});

test('overload: the interval of epochs changes when results come, not what they are', {timeout: 120_000}, async (t) => {
  const contents: unknown[] = [];
  const epochCounts: number[] = [];
  for (const interval of ['0', '10 ms', '150 ms']) {
    const warehouse = await Warehouse.open({path: temporaryFolder(t), checkpointBytes: 16 * 1024});
    t.after(() => warehouse.close());
    await warehouse.sql(`CREATE TABLE t (id INTEGER PRIMARY KEY, g INTEGER, v INTEGER); CREATE TABLE names (g INTEGER PRIMARY KEY, name VARCHAR);
      CREATE DYNAMIC TABLE joined AS SELECT t.id, t.v, n.name FROM t LEFT JOIN names n ON n.g = t.g;
      CREATE DYNAMIC TABLE summed AS SELECT name, count(*) AS n, sum(v) AS v, min(v) AS least FROM joined GROUP BY name;
      SET epoch_interval = '${interval}'`);
    const before = warehouse.epoch;
    const writer = async (number: number): Promise<void> => {
      for (let k = 0; k < 12; k++) {
        // Keys of one writer meet again and again; writers do not meet.
        await warehouse.insert('t', Array.from({length: 3}, (_, i) => ({id: number * 100 + ((k * 5 + i) % 17), g: (k + number) % 5, v: k * i - number})));
        if (k % 4 === 3) await warehouse.insert('names', [{g: number, name: `name ${k}`}]);
        if (k % 6 === 5) await warehouse.sql('DELETE FROM t WHERE id = $1', [number * 100 + k]);
      }
    };
    await Promise.all([0, 1, 2, 3, 4].map(writer));
    epochCounts.push(warehouse.epoch - before);
    contents.push(await Promise.all(['t', 'names', 'joined', 'summed'].map(async (table) => (await warehouse.sql(`SELECT * FROM ${table} ORDER BY ALL`)).rows)));
    assert.ok((await warehouse.sql('VERIFY ALL')).rows.every((row) => row['equal'] === true), interval);
    await warehouse.close();
  }
  t.diagnostic(`epochs: ${epochCounts.join(', ')}`);
  assert.deepEqual(contents[1], contents[0], '10 ms');
  assert.deepEqual(contents[2], contents[0], '150 ms');
  assert.ok(epochCounts[2]! < epochCounts[0]!, `a longer interval makes fewer epochs (${epochCounts.join(', ')})`);
});
