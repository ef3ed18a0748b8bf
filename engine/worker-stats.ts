/** What the engine says about itself: rows of `{metric, help, value, table?, kind?}`. */
import {systemClock} from '../base/clock.ts';
import {kernelBytes} from './metrics.ts';
import type {ReplyBody} from './protocol.ts';
import type {WorkerCore} from './worker-core.ts';

type StatRow = NonNullable<ReplyBody['rows']>[number];

/** What lies in page files, and how rows that were looked for were found. */
function spillRows(core: WorkerCore): StatRow[] {
  const sum = {used: 0, length: 0, asked: 0, read: 0, reads: 0, blocksRead: 0, blocksWritten: 0};
  for (const {id} of core.catalog.tables()) {
    if (!core.dataflow.has(id)) continue; // not loaded yet
    const {store, pageFileBytes, blockCounts} = core.dataflow.state(id);
    const {used, length} = pageFileBytes;
    const operators = core.dataflow.operatorPages(id);
    sum.used += used + (operators?.pages.usedBytes ?? 0);
    sum.length += length + (operators?.pages.lengthBytes ?? 0);
    sum.asked += store.spillCounts?.rowsAsked ?? 0;
    sum.read += store.spillCounts?.rowsRead ?? 0;
    sum.reads += (store.spillCounts?.reads ?? 0) + (blockCounts?.reads ?? 0) + (operators?.readCount ?? 0);
    for (const counts of [blockCounts, operators?.blocks.counts]) {
      sum.blocksRead += counts?.blocksRead ?? 0;
      sum.blocksWritten += counts?.blocksWritten ?? 0;
    }
  }
  return [
    {metric: 'state_page_bytes', help: 'bytes of state that lie in page files', value: sum.used},
    {metric: 'state_page_file_bytes', help: 'length of the page files of state', value: sum.length},
    {metric: 'state_rows_asked', help: 'rows looked into in tables of which a part lies in a page file', value: sum.asked},
    {metric: 'state_rows_read', help: 'of them, rows read from a page file', value: sum.read},
    {metric: 'state_page_reads', help: 'reads of page files', value: sum.reads},
    {metric: 'state_index_blocks_read', help: 'blocks of indexes of 1 KiB that were read from page files', value: sum.blocksRead},
    {metric: 'state_index_blocks_written', help: 'blocks of indexes that were changed and written back to page files', value: sum.blocksWritten},
  ];
}

/** What compaction and expiry have done since the opening. */
function maintenanceRows({compaction, expiry}: WorkerCore): StatRow[] {
  const {snapshots, dataFiles, changelogFiles, metadataFiles, bytes} = expiry.expired;
  return [
    {metric: 'compactions_total', help: 'compactions of buckets that were committed', value: compaction.done},
    {metric: 'compactions_failed_total', help: 'compactions that failed, and are tried again', value: compaction.failed},
    {metric: 'compactions_dropped_total', help: 'compactions that were given up: their table was dropped, others changed its files first, or the engine closed', value: compaction.dropped},
    {metric: 'compaction_input_bytes_total', help: 'bytes of files that compactions merged', value: compaction.bytes},
    {metric: 'expired_snapshots_total', help: 'table snapshots that expired', value: snapshots},
    {metric: 'expired_files_total', help: 'data, changelog and metadata files that expired', value: dataFiles + changelogFiles + metadataFiles},
    {metric: 'expired_bytes_total', help: 'bytes of data and changelog files that expired', value: bytes},
    {metric: 'orphans_removed_total', help: 'files that nothing named and that were removed at their age', value: expiry.orphans},
    {metric: 'expiry_failed', help: '1 while the newest run of expiry left something undone', value: expiry.failure === null ? 0 : 1},
  ];
}

/** What is kept of the past, and for whom. */
function historyRows({checkpointer}: WorkerCore): StatRow[] {
  const nowMs = systemClock.nowMs();
  const counts = new Map<string, {count: number; oldest: number}>();
  for (const {kind, epoch} of checkpointer.holds.all(nowMs)) {
    const known = counts.get(kind);
    counts.set(kind, {count: (known?.count ?? 0) + 1, oldest: Math.min(known?.oldest ?? epoch, epoch)});
  }
  return [
    {metric: 'history_oldest_epoch', help: 'the oldest epoch from which everything can be read', value: checkpointer.holds.oldest},
    ...[...counts].flatMap(([kind, {count, oldest}]): StatRow[] => [
      {metric: 'history_holds', help: 'what holds history, by kind', kind, value: count}, {metric: 'history_held_epoch', help: 'the oldest epoch that is held, by kind', kind, value: oldest},
    ]),
  ];
}

/** @returns the engine's numbers. */
export async function statsRows(core: WorkerCore): Promise<StatRow[]> {
  const rows: StatRow[] = [
    {metric: 'maintain_bytes', help: 'bytes that the maintain instance holds', value: await kernelBytes(core.kernel)},
    {metric: 'log_bytes', help: 'bytes of the log on disk', value: core.log.bytes},
    {metric: 'log_segments', help: 'segments of the log', value: core.log.segmentCount},
    {metric: 'checkpoint_epoch', help: 'epoch of the newest checkpoint', value: core.checkpointer.epoch},
    {metric: 'checkpoint_tail_bytes', help: 'bytes of changes since the newest checkpoint', value: core.checkpointer.tailBytes},
    {metric: 'checkpoint_tail_bytes_max', help: 'bytes of changes since the newest checkpoint at which writers wait', value: core.checkpointer.tailBytesMax},
    {metric: 'checkpoint_failed', help: '1 while the newest try of a checkpoint failed', value: core.checkpointer.failure === null ? 0 : 1},
    {metric: 'checkpoint_ms', help: 'duration of the newest checkpoint in ms, its rests included', value: core.checkpointer.lastMs},
    {metric: 'state_bytes', help: 'bytes held by tables and operators', value: core.budget.heldBytes},
    {metric: 'state_bytes_max', help: 'the budget of tables and operators in bytes', value: core.budget.bytesMax},
    {metric: 'checkpoint_bytes', help: 'bytes of changes that the newest checkpoint covered', value: core.checkpointer.lastBytes},
    {metric: 'checkpoints_total', help: 'checkpoints since the opening', value: core.checkpointer.count},
    ...maintenanceRows(core),
    ...historyRows(core),
    ...spillRows(core),
  ];
  for (const table of core.catalog.tables()) {
    const name = `${table.schema}.${table.name}`;
    const state = core.dataflow.has(table.id) ? core.dataflow.state(table.id) : null;
    if (state !== null) rows.push({metric: 'table_rows', help: 'rows of a table', table: name, value: state.rowCount}, {metric: 'table_state_bytes', help: 'bytes of a table in memory', table: name, value: state.bytes()});
    const figures = core.compaction.figures.get(table.id);
    if (figures === undefined) continue;
    rows.push(
      {metric: 'table_files', help: 'live data files of a table', table: name, value: figures.fileCount},
      {metric: 'table_file_bytes', help: 'bytes of the live data files of a table', table: name, value: figures.fileBytes},
      {metric: 'table_sorted_runs', help: 'sorted runs of the bucket of a table that has most; of a table without key its small files', table: name, value: figures.runsMax},
      {metric: 'table_compaction_pending_bytes', help: 'bytes of files of a table that wait to be merged', table: name, value: figures.pendingBytes},
    );
  }
  return rows;
}
