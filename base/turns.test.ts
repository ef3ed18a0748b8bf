import assert from 'node:assert/strict';
import {after, test} from 'node:test';
import {setImmediate as tick} from 'node:timers/promises';
import {Worker} from 'node:worker_threads';
import fc from 'fast-check';
import {systemClock, type Clock} from './clock.ts';
import {SharedTurns} from './turns.ts';

/** Time goes as fast as it can. */
const hasty: Clock = {
  ...systemClock,
  after: (_delayMs, work) => {
    const waiting = setImmediate(work);
    return () => clearImmediate(waiting);
  },
};
const ticks = async (count = 5): Promise<void> => {
  for (let i = 0; i < count; i++) await tick();
};

// Waiting for a turn keeps no process alive.
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

test('turns: never more at once than there are, in order of asking, whatever fails', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({min: 1, max: 3}), fc.array(fc.record({takes: fc.nat(5), fails: fc.boolean()}), {minLength: 1, maxLength: 12}), async (width, works) => {
    const turns = new SharedTurns(undefined, width, hasty);
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const done = await Promise.allSettled(works.map(({takes, fails}, index) => turns.run(async () => {
      begun.push(index);
      most = Math.max(most, ++running);
      await ticks(takes);
      running--;
      if (fails) throw new Error(String(index));
    })));
    assert.ok(most <= width);
    // Who may have a turn at once may begin in any order.
    for (const [at, index] of begun.entries()) assert.ok(Math.abs(at - index) < width, `${index} began as number ${at} of ${begun.join(' ')}`);
    assert.deepEqual(done.map(({status}) => status), works.map(({fails}) => (fails ? 'rejected' : 'fulfilled')));
  }));
});

test('turns: who is hurried waits for nobody, and lets nobody in before the turn beside it is given back', async () => {
  const turns = new SharedTurns(undefined, 1, hasty);
  const first = await turns.take();
  const hurried = await turns.take(() => true);
  let waits = true;
  const third = turns.take().then((give) => {
    waits = false;
    return give;
  });
  hurried();
  await ticks();
  assert.ok(waits);
  first();
  (await third)();
  (await turns.take())();
});

test('turns: hold across threads', async () => {
  const turns = new SharedTurns(undefined, 1);
  const give = await turns.take();
  const script = `
    const {parentPort, workerData} = require('node:worker_threads');
    const counts = new Int32Array(workerData);
    const ticket = Atomics.add(counts, 0, 1);
    parentPort.postMessage('asked');
    const look = () => {
      if (ticket - Atomics.load(counts, 1) >= 1) return setTimeout(look, 1);
      parentPort.postMessage('has it');
      Atomics.add(counts, 1, 1);
    };
    look();
  `;
  const said: string[] = [];
  const worker = new Worker(script, {eval: true, workerData: turns.shared});
  worker.on('message', (text: string) => said.push(text));
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  while (said.length === 0) await tick();
  said.push('given');
  give();
  await ended;
  assert.deepEqual(said, ['asked', 'given', 'has it']);
});

test('turns: counters wrap around', async () => {
  const shared = new SharedArrayBuffer(8);
  new Int32Array(shared).fill(0x7fff_ffff);
  const turns = new SharedTurns(shared, 1, hasty);
  for (let i = 0; i < 3; i++) {
    const give = await turns.take();
    let waits = true;
    const next = turns.take().then((giveNext) => {
      waits = false;
      giveNext();
    });
    await ticks();
    assert.ok(waits);
    give();
    await next;
  }
});
