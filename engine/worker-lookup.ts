/** Point look-ups: rows of a keyed table by key, from its state, between two epochs. */
import {WarehouseError} from '../base/error.ts';
import {decodeColumns} from '../storage/log/columns.ts';
import {encodeRows} from './encode-rows.ts';
import type {ReplyBody, Request} from './protocol.ts';
import type {WorkerCore} from './worker-core.ts';

/** @returns for each key a row of the visible columns, in order; NULL in all of them where no row has the key. */
export function lookUp(core: WorkerCore, {table, keys}: Extract<Request, {kind: 'lookup'}>): ReplyBody {
  const spec = core.catalog.byId(table);
  if (spec === undefined) throw new WarehouseError('conflict', 'MR_TABLE_GONE', `table ${table} was dropped meanwhile`);
  const state = core.dataflow.state(table);
  const {columns, rowCount} = decodeColumns(keys.bytes, spec.key.map((index) => spec.columns[index]!.type));
  const rows = new Int32Array(rowCount);
  state.find(columns, null, rowCount, rows);
  const visible = spec.columns.flatMap((column, index) => (column.hidden ? [] : [index]));
  const found = encodeRows(visible.map((index) => spec.columns[index]!.type), state.store.gather(rows, rowCount, visible), rowCount);
  core.dataflow.endStep(); // pages that were read may go
  return {epoch: core.epoch, found};
}
