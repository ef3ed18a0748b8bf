import assert from 'node:assert/strict';
import test from 'node:test';
import {epoch} from '../base/epoch.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import {coveredTail, type TailEpoch} from './checkpoint-tail.ts';

const table = (id: number): TableId => id as TableId;
const spec = (id: number): TableSpec => ({id: table(id)}) as TableSpec;

test('tail: what a checkpoint covers, by table and as a whole, while epochs are added', async () => {
  const sealed = (at: number): TailEpoch => ({
    epoch: epoch(at), timeMs: 1000 + Math.floor(at / 3), frame: new Uint8Array(at % 7), ddl: at % 100 === 0 ? [{kind: 'drop-table', id: table(at)}] : [],
    tables: [table(1), ...(at % 2 === 0 ? [table(2)] : [])].map((id) => ({table: id, schemaId: 0, rowCount: 1})), dropped: at % 100 === 0 ? [spec(at), spec(at + 1)] : [],
  });
  const epochs = Array.from({length: 1000}, (_, i) => sealed(i + 1));
  for (const through of [1, 255, 256, 257, 900, 1000]) {
    const tail = [...epochs];
    const covered = coveredTail(tail, epoch(through), 1001);
    tail.push(sealed(1001));
    const {count, bytes, times, ddl, dropped, changes} = await covered;
    const expected = epochs.slice(0, through);
    assert.equal(count, through);
    assert.equal(bytes, expected.reduce((sum, {frame}) => sum + frame.byteLength, 0));
    assert.deepEqual(changes.get(table(1)), expected);
    assert.deepEqual(changes.get(table(2)) ?? [], expected.filter((one) => one.epoch % 2 === 0));
    assert.deepEqual(dropped.map(({id}) => id), expected.flatMap((one) => one.dropped.map(({id}) => id)));
    assert.deepEqual(ddl.map((one) => one.epoch), expected.filter((one) => one.ddl.length > 0).map((one) => one.epoch));
    assert.equal(times.timeMs, Math.max(1001, expected.at(-1)!.timeMs));
    assert.ok(times.entries.every(({timeMs}) => timeMs > 1001));
  }
  assert.equal((await coveredTail([], epoch(5), 7)).times.timeMs, 7);
});
