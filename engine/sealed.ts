/** Frames as readers take them: decoded on demand, columns are views on the frame. */
import {invariant} from '../base/invariant.ts';
import {decodeRecord} from '../catalog/record-json.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import {lazily, type SealedEpoch, type SealedTable} from '../query/sealed-epoch.ts';
import {decodeFrame, type Frame, type FrameTable} from '../storage/log/frame.ts';
import {batchOf, typesOf} from './frame-batch.ts';
import type {EpochMessage} from './protocol.ts';

export type KnownTables = (id: TableId) => TableSpec | undefined;

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
