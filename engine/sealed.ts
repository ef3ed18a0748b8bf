/** Frames as readers take them: decoded on demand, columns are views on the frame. */
import {concatBatches} from '../base/columns.ts';
import type {ChangeBatch} from '../base/delta.ts';
import {invariant} from '../base/invariant.ts';
import type {LogicalType} from '../base/type.ts';
import {decodeRecord} from '../catalog/record-json.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import {lazily, type SealedEpoch, type SealedTable} from '../query/sealed-epoch.ts';
import {decodeFrame, type Frame, type FrameTable} from '../storage/log/frame.ts';
import type {EpochMessage} from './protocol.ts';

export type KnownTables = (id: TableId) => TableSpec | undefined;

/** @returns the changes of one table of a frame, end to end. Without `positions` all are −1. */
export function batchOf(part: FrameTable, types: readonly LogicalType[], positions: Float64Array | null): ChangeBatch {
  const batches: ChangeBatch[] = [];
  for (let index = 0; index < part.batchCount; index++) {
    const {rowCount, ops, columns} = part.batch(index, types);
    batches.push({rowCount, ops, columns, positions: new Float64Array(0)});
  }
  const only = batches.length === 1 ? batches[0]! : concatBatches(types, batches.map((batch) => ({...batch, positions: new Float64Array(batch.rowCount)})));
  return {...only, positions: positions ?? new Float64Array(only.rowCount).fill(-1)};
}

export function typesOf(table: Pick<TableSpec, 'columns'>): LogicalType[] {
  return table.columns.map((column) => column.type);
}

function sealedTable(part: FrameTable, known: KnownTables, positions: Float64Array | null): SealedTable {
  const id = part.tableId as TableId;
  return {
    table: id,
    rowCount: part.rowCount,
    batch: lazily(() => {
      const table = known(id);
      invariant(table !== undefined, () => `table ${id} of a frame is unknown`);
      return batchOf(part, typesOf(table), positions);
    }),
  };
}

export function sealedFromMessage(message: EpochMessage, known: KnownTables): SealedEpoch {
  const frame = decodeFrame(message.frame);
  return {
    epoch: frame.epoch,
    ddl: message.ddl,
    tables: frame.tables.map((part, index) => sealedTable(part, known, message.positions[index]!.data)),
    bytes: message.frame.byteLength,
  };
}

export function sealedFromFrame(frame: Frame, known: KnownTables): SealedEpoch {
  return {epoch: frame.epoch, ddl: frame.header.ddl.map((text) => decodeRecord(String(text))), tables: frame.tables.map((part) => sealedTable(part, known, null)), bytes: frame.bytes.byteLength};
}
