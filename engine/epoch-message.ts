/** An epoch as it goes to the log and to the main thread: one frame, and the positions beside it. */
import {systemClock} from '../base/clock.ts';
import {nullColumn} from '../base/columns.ts';
import type {Epoch} from '../base/epoch.ts';
import {encodeRecord} from '../catalog/record-json.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import {encodeFrame, type TableChanges} from '../storage/log/frame.ts';
import type {PreparedFiles} from '../storage/lsm/flush.ts';
import {isFileDelta, type TableDelta} from './bulk-delta.ts';
import {preparedNotes} from './bulk-files.ts';
import {sharedCopy, typesOf} from './frame-batch.ts';
import type {EpochMessage, TablePositions} from './protocol.ts';

export function epochMessage(sealed: Epoch, changes: ReadonlyMap<TableId, TableDelta>, ddl: readonly DdlRecord[], specOf: (id: TableId) => TableSpec): {readonly kind: 'epoch'} & EpochMessage {
  const timeMs = systemClock.nowMs();
  const tables: TableChanges[] = [];
  const positions: TablePositions[] = [];
  const prepared = new Map<TableId, PreparedFiles>();
  for (const [id, batch] of changes) {
    if (batch.rowCount === 0) continue;
    const spec = specOf(id);
    const types = typesOf(spec);
    if (isFileDelta(batch)) {
      tables.push({tableId: id, schemaId: spec.schemaId, types, rowCount: 0, ops: new Uint8Array(0), columns: types.map((type) => nullColumn(type, 0)), files: batch.files});
      positions.push({table: id, data: batch.freed, first: batch.first});
      prepared.set(id, batch.prepared);
      continue;
    }
    tables.push({tableId: id, schemaId: spec.schemaId, types, rowCount: batch.rowCount, ops: batch.ops, columns: batch.columns});
    positions.push({table: id, data: sharedCopy(batch.positions, batch.rowCount)});
  }
  const header = {timeMs, positions: {}, watermarks: {}, ddl: ddl.map(encodeRecord), counts: [], notes: preparedNotes(prepared)};
  return {kind: 'epoch', epoch: sealed, timeMs, frame: encodeFrame({epoch: sealed, header, tables}), positions, ddl};
}
