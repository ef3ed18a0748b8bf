/** The services that keep the table on disk by themselves, put together: compaction (worker-compaction.ts) and expiry (worker-expiry.ts). */
import {systemClock} from '../base/clock.ts';
import {historyRetentionMs} from '../base/limit.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {makeDirectoryDurably} from '../storage/file/durable.ts';
import {parseDuration} from '../storage/lsm/duration.ts';
import {compactionDirectory} from './layout.ts';
import type {ReplyBody, Request} from './protocol.ts';
import {subscriptionHolds} from './subscription-holds.ts';
import {writeSettings} from './warehouse-settings.ts';
import {CompactionService} from './worker-compaction.ts';
import type {WorkerCore} from './worker-core.ts';
import {ExpiryService, heldBeside} from './worker-expiry.ts';
import {tagHolds} from './worker-tags.ts';

/** @param memoryBytes of compaction's own instance of DuckDB. */
export function makeMaintenance(core: WorkerCore, memoryBytes: number): {readonly compaction: CompactionService; readonly expiry: ExpiryService} {
  const {options, files, checkpointer} = core;
  const background = options.maintenance === 'background';
  const compaction = new CompactionService({
    clock: systemClock, warehouseId: options.warehouseId, checkpointer, background,
    // In a warehouse at rest no epoch will call for the checkpoint that names what was merged.
    onSettled: () => {
      if (checkpointer.stale) void core.checkpoint(false).catch(() => undefined);
    },
    openKernel: async () => {
      const spill = compactionDirectory(options.directory);
      await makeDirectoryDurably(files, spill);
      return Kernel.open({threads: 1, memoryBytes, tempDirectory: spill});
    },
  });
  checkpointer.holds.addSource(() => subscriptionHolds(core.catalog));
  checkpointer.holds.addSource(() => tagHolds(core.catalog));
  const expiry = new ExpiryService({
    clock: systemClock, files, directory: options.directory, checkpointer, orphanAgeMs: options.orphanAgeMs, background,
    tables: () => core.catalog.tables(), retentionMs: () => core.retentionMs, held: () => heldBeside(checkpointer, systemClock.nowMs()),
  });
  return {compaction, expiry};
}

/** @returns for how long checkpoints are kept: a table may keep its history for longer than the warehouse does. */
export function longestRetentionMs(core: WorkerCore): number {
  return core.catalog.tables().reduce((longest, table) => Math.max(longest, parseDuration(table.options['history.retention']) ?? 0), core.retentionMs);
}

/** Answers a request to compact. */
export async function compactTables(core: WorkerCore, {tables, full}: Extract<Request, {kind: 'compact'}>): Promise<ReplyBody> {
  const {epoch} = core;
  // What is to be compacted lies in files first.
  if (full) await core.checkpoint();
  const compactions = await core.compaction.compact(tables, full);
  // Cold reads and the next opening begin from what a checkpoint names.
  if (full && compactions > 0) await core.checkpoint();
  return {epoch, rows: [{compactions}]};
}

/** Sets for how long history is kept, durably. @param ms null: the default. */
export async function setRetention(core: WorkerCore, ms: number | null): Promise<void> {
  await writeSettings(core.files, core.options.directory, ms === null ? {} : {historyRetentionMs: ms});
  core.retentionMs = ms ?? historyRetentionMs;
}
