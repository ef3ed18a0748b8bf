/** What the engine says about itself: rows of `{metric, help, value, table?}`. */
import type {ReplyBody} from './protocol.ts';
import type {WorkerCore} from './worker-core.ts';

type StatRow = NonNullable<ReplyBody['rows']>[number];

export function statsRows(core: WorkerCore): StatRow[] {
  const rows: StatRow[] = [
    {metric: 'log_bytes', help: 'bytes of the log on disk', value: core.log.bytes},
    {metric: 'log_segments', help: 'segments of the log', value: core.log.segmentCount},
    {metric: 'checkpoint_epoch', help: 'epoch of the newest checkpoint', value: core.checkpointer.epoch},
    {metric: 'checkpoint_tail_bytes', help: 'bytes of changes since the newest checkpoint', value: core.checkpointer.tailBytes},
    {metric: 'checkpoint_tail_bytes_max', help: 'bytes of changes since the newest checkpoint at which writers wait', value: core.checkpointer.tailBytesMax},
    {metric: 'checkpoint_failed', help: '1 while the newest try of a checkpoint failed', value: core.checkpointer.failure === null ? 0 : 1},
    {metric: 'checkpoint_ms', help: 'duration of the newest checkpoint in ms', value: core.checkpointer.lastMs},
    {metric: 'state_bytes', help: 'bytes held by tables and operators', value: core.budget.heldBytes},
    {metric: 'state_bytes_max', help: 'the budget of tables and operators in bytes', value: core.budget.bytesMax},
  ];
  for (const table of core.catalog.tables()) {
    const state = core.dataflow.state(table.id);
    const name = `${table.schema}.${table.name}`;
    rows.push({metric: 'table_rows', help: 'rows of a table', table: name, value: state.rowCount}, {metric: 'table_state_bytes', help: 'bytes of a table in memory', table: name, value: state.bytes()});
  }
  return rows;
}
