import assert from 'node:assert/strict';
import {after, test} from 'node:test';
import {Worker} from 'node:worker_threads';
import fc from 'fast-check';
import {SharedTurns} from './turns.ts';

// Waiting for a turn keeps no process alive.
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

test('turns: never more at once than there are, in order of asking, whatever fails', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({min: 1, max: 3}), fc.array(fc.record({ms: fc.nat(3), fails: fc.boolean()}), {minLength: 1, maxLength: 12}), async (width, works) => {
    const turns = new SharedTurns(undefined, width);
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const done = await Promise.allSettled(works.map(({ms, fails}, index) => turns.run(async () => {
      begun.push(index);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, ms));
      running--;
      if (fails) throw new Error(String(index));
      return index;
    })));
    assert.equal(most, Math.min(width, works.length));
    // Who may begin together may do so in any order.
    for (const [at, index] of begun.entries()) assert.ok(Math.abs(at - index) < width + most, `${index} began as number ${at} of ${begun.join(' ')}`);
    assert.deepEqual(done.map(({status}) => status), works.map(({fails}) => (fails ? 'rejected' : 'fulfilled')));
  }), {numRuns: 30});
});

test('turns: who is hurried waits for nobody, and lets nobody in before the turn beside it is given back', async () => {
  const turns = new SharedTurns(undefined, 1);
  const first = await turns.take();
  const hurried = await turns.take(() => true);
  let waited = true;
  const third = turns.take().then((give) => {
    waited = false;
    return give;
  });
  hurried();
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(waited);
  first();
  (await third)();
  (await turns.take())();
});

test('turns: hold across threads', async () => {
  const turns = new SharedTurns(undefined, 1);
  const give = await turns.take();
  const worker = new Worker(`
    const {parentPort, workerData} = require('node:worker_threads');
    const counts = new Int32Array(workerData);
    const ticket = Atomics.add(counts, 0, 1);
    parentPort.postMessage('asked');
    const look = () => { if (ticket - Atomics.load(counts, 1) >= 1) setTimeout(look, 1); else { parentPort.postMessage('has it'); Atomics.add(counts, 1, 1); } };
    look();
  `, {eval: true, workerData: turns.shared});
  const said: string[] = [];
  worker.on('message', (text: string) => said.push(text));
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  while (said.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(said, ['asked']);
  give();
  (await turns.take())();
  await ended;
  assert.deepEqual(said, ['asked', 'has it']);
});

test('turns: counters wrap around', async () => {
  const shared = new SharedArrayBuffer(8);
  new Int32Array(shared).fill(0x7fff_ffff);
  const turns = new SharedTurns(shared, 1);
  for (let i = 0; i < 3; i++) {
    const give = await turns.take();
    let second = false;
    const next = turns.take().then((giveNext) => {
      second = true;
      giveNext();
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(second, false);
    give();
    await next;
  }
});
