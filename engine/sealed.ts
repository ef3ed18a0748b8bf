/** Frames as readers take them: decoded on demand, columns are views on the frame. */
import {concatBatches} from '../base/columns.ts';
import {invariant} from '../base/invariant.ts';
import type {ChangeBatch} from '../base/delta.ts';
import {decodeRecord} from '../catalog/record-json.ts';
import {formOf} from '../catalog/forms.ts';
import {pairChanges} from '../compute/pair-changes.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import {deltaBatches, deltaSql} from './delta-sql.ts';
import {lazily, type DeltaReference, type SealedEpoch, type SealedTable} from '../query/sealed-epoch.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {decodeFrame, type Frame, type FrameTable} from '../storage/log/frame.ts';
import {deltaPaths} from './bulk-files.ts';
import {batchOf, typesOf} from './frame-batch.ts';
import type {EpochMessage, TablePositions} from './protocol.ts';

/** What decoding an epoch needs of the warehouse. */
export interface SealedSource {
  /** The warehouse's folder. */
  readonly directory: string;
  /** Where files are read. */
  readonly kernel: Kernel;
  /** Every table that ever was. */
  readonly known: (id: TableId) => TableSpec | undefined;
}

/**
 * Changes of one epoch that are paired at most: a whole epoch is at hand for it, wherever it is read from. A larger one tells −D and +I,
 * from log and files alike.
 */
export const pairedRowsMax = 16_384;

/** @returns changes of an epoch as readers see them: files and frames know a bag's rows by their hidden key, its readers know them by what names a row. */
export function asReadersSee(table: Pick<TableSpec, 'definition' | 'columns'>, changes: ChangeBatch): ChangeBatch {
  // The hidden key is given up by a change: −D of one and +I of another.
  const pairBy = table.definition?.pairBy;
  return pairBy === undefined || changes.rowCount > pairedRowsMax ? changes : pairChanges(changes, pairBy, pairBy.map((index) => table.columns[index]!.type));
}

function sealedTable(part: FrameTable, source: SealedSource, positions: TablePositions | null): SealedTable {
  const id = part.tableId as TableId;
  const table = lazily((): TableSpec => {
    const spec = source.known(id);
    invariant(spec !== undefined, () => `table ${id} of a frame is unknown`);
    const form = formOf(spec, part.schemaId);
    invariant(form !== undefined, () => `schema ${part.schemaId} of table ${id} of a frame is unknown`);
    return form;
  });
  const batch = lazily(() => {
    invariant(part.files.length === 0, () => `the delta of table ${id} is in files: it is read by batches`);
    return asReadersSee(table(), batchOf(part, typesOf(table()), positions?.data ?? null));
  });
  if (part.files.length === 0) return {table: id, form: table, rowCount: part.rowCount, batch, batches: () => [batch()], reference: null};
  const reference: DeltaReference = {
    sql: async (form) => deltaSql(table(), await deltaPaths(nodeFileSystem, source.directory, id, part.files), form),
    firstPosition: positions?.first ?? -1,
    freed: positions?.data ?? new Float64Array(0),
  };
  const rowCount = part.files.reduce((sum, file) => sum + file.rows, 0);
  const batches = async function* (): AsyncGenerator<ChangeBatch, void, undefined> {
    await using session = await source.kernel.connect();
    const types = typesOf(table());
    const read = deltaBatches(session, types, await reference.sql());
    if (table().definition?.pairBy === undefined || rowCount > pairedRowsMax) {
      yield* read;
      return;
    }
    const whole: ChangeBatch[] = [];
    for await (const one of read) whole.push(one);
    yield asReadersSee(table(), concatBatches(types, whole));
  };
  return {table: id, form: table, rowCount, batch, batches, reference};
}

export function sealedFromMessage(message: EpochMessage, source: SealedSource): SealedEpoch {
  const frame = decodeFrame(message.frame, true);
  return {
    epoch: frame.epoch,
    ddl: message.ddl,
    tables: frame.tables.map((part, index) => sealedTable(part, source, message.positions[index]!)),
    ...sizesOf(frame),
  };
}

export function sealedFromFrame(frame: Frame, source: SealedSource): SealedEpoch {
  return {epoch: frame.epoch, ddl: frame.header.ddl.map((text) => decodeRecord(String(text))), tables: frame.tables.map((part) => sealedTable(part, source, null)), ...sizesOf(frame)};
}

function sizesOf({bytes, header, tables}: Frame): Pick<SealedEpoch, 'timeMs' | 'bytes' | 'loggedBytes'> {
  const inFiles = tables.reduce((sum, {files}) => sum + files.reduce((part, file) => part + file.bytes, 0), 0);
  return {timeMs: header.timeMs, bytes: bytes.byteLength, loggedBytes: bytes.byteLength + inFiles};
}
