import assert from 'node:assert/strict';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';
import {prepareDirectory} from './prepare-directory.ts';
import {WorkerClient, type EngineEvent} from './worker-client.ts';

const mib = 1 << 20;

/** A worker over a new folder. @returns it, once it is ready or has failed. */
async function start(folder: string): Promise<{client: WorkerClient; events: EngineEvent['kind'][]}> {
  const directory = join(folder, 'wh');
  const {warehouse: warehouseId} = await prepareDirectory(directory);
  const events: EngineEvent['kind'][] = [];
  let opened!: () => void;
  const ready = new Promise<void>((resolve) => { opened = resolve; });
  const client = new WorkerClient({directory, warehouseId, memoryBytes: 64 * mib, maintainThreads: 1, maintainMemoryBytes: 64 * mib, checkpointBytes: mib, checkpointMs: 60_000, epochIntervalMs: 0, historyRetentionMs: 3_600_000, logCheckpoints: 8, orphanAgeMs: 3_600_000, maintenance: 'background', referenceBytes: 8 * mib}, (event) => {
    events.push(event.kind);
    if (event.kind === 'ready' || event.kind === 'failed') opened();
  });
  await ready;
  return {client, events};
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-worker-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

test('worker client: a stop lets the thread close its engine first, so that no statement is cut off with it', async () => {
  await inFolder(async (folder) => {
    const {client, events} = await start(folder);
    const asked = [client.request({kind: 'ddl', records: [{kind: 'create-schema', name: 's'}]}), client.request({kind: 'stats'})];
    await client.stop();
    const [made] = await Promise.all(asked);
    assert.equal(made!.epoch, 1);
    assert.ok(!events.includes('failed'));
    await assert.rejects(client.request({kind: 'stats'}), {code: 'MR_CLOSED'});
    await client.stop();
  });
});

test('worker client: what cannot be sent is refused, and nothing waits for it', async () => {
  await inFolder(async (folder) => {
    const {client} = await start(folder);
    await assert.rejects(client.request({kind: 'stats', wrong: () => 0} as never), {code: 'MR_INTERNAL'});
    await client.request({kind: 'close', checkpoint: false});
    await client.stop();
  });
});
