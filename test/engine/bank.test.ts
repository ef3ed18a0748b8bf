/** Laws 4 and 6 at a bank: at every epoch that a reader or a subscriber sees, over restarts, no money appears or vanishes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {Auditor, Teller, accountCount, audit, bankLayers, bankSetUp} from '../support/bank.ts';
import {Random, testSeed} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

const seed = testSeed(20260101);

test('bank: total 0 and credits = debits at every epoch that readers and subscribers see, across restarts', {timeout: 120_000}, async (t) => {
  const path = temporaryFolder(t);
  const tellers = [1, 2, 3].map((number) => new Teller(new Random(seed + number), number));
  const auditors = [new Auditor(), new Auditor()];
  const seen = new Set<number>();
  const options = {path, checkpointBytes: 48 * 1024, checkpointMs: 300, logSegmentBytesMax: 64 * 1024};
  for (let round = 0; round < 4; round++) {
    const warehouse = await Warehouse.open(options);
    // A failed test must not leave an engine behind that keeps its process alive.
    t.after(() => warehouse.close());
    if (round === 0) await warehouse.sql(bankSetUp);
    else seen.add(await audit(warehouse)); // what recovery made of it, before anything else
    const tellersDone = new AbortController();
    const following = auditors.map((auditor) => auditor.follow(warehouse, null));
    const reading = [0, 1].map(async () => {
      while (!tellersDone.signal.aborted) seen.add(await audit(warehouse));
    });
    await Promise.all(tellers.map(async (teller) => {
      for (let i = 0; i < 25; i++) await teller.work(warehouse);
    }));
    tellersDone.abort();
    await Promise.all(reading);
    const verified = await warehouse.sql('VERIFY ALL');
    assert.deepEqual(verified.rows.map((row) => [row['table'], row['equal']]), bankLayers.map((layer) => [layer, true]));
    const last = warehouse.epoch;
    // The second auditor stays behind at times: it catches up from the log after the restart.
    while (auditors[0]!.epoch < last && warehouse.oldestEpoch <= auditors[0]!.epoch) await new Promise((resolve) => setImmediate(resolve));
    if (round % 2 === 0) await warehouse.closeWithoutCheckpoint();
    else await warehouse.close();
    await Promise.all(following);
  }
  const warehouse = await Warehouse.open(options);
  t.after(() => warehouse.close());
  for (const auditor of auditors) {
    await auditor.follow(warehouse, warehouse.epoch);
    auditor.checkAll();
    assert.ok(auditor.epochs > 60 && auditor.restarts === 4, `${auditor.epochs} epochs over ${auditor.restarts} restarts were followed`);
  }
  assert.ok(seen.size > 20, `${seen.size} epochs were read`);
  t.diagnostic(`${accountCount} accounts, epoch ${warehouse.epoch}, oldest ${warehouse.oldestEpoch}, ${seen.size} epochs audited by readers, ${auditors.map(({epochs}) => epochs).join(' and ')} by subscribers`);
  await warehouse.close();
});
