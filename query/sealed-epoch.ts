/**
 * One committed epoch as readers take it: what the frame holds, decoded when someone asks. Columns are views on the frame's bytes,
 * which are never written again; they may be kept as long as the epoch object is. A large delta lies in files of its table instead
 * (a delta by reference): the frame names them, and its rows are read from there, chunk by chunk.
 */
import type {ChangeBatch} from '../base/delta.ts';
import type {Epoch} from '../base/epoch.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';

/** A delta that lies in files: first the rows that went, each beside the row that took its place, then those that came. */
export interface DeltaReference {
  /**
   * SQL of the rows in changelog order: `_op`, then all columns of the table, in the form that it had then or in a later one.
   * @throws {WarehouseError} `MR_DELTA_GONE` (unavailable) when the files are no longer there.
   */
  readonly sql: (form?: TableSpec) => Promise<string>;
  /** The position of the first row that came; those after it follow. −1 for an epoch read back from the log. */
  readonly firstPosition: number;
  /** Positions of the rows that went, in order. */
  readonly freed: Float64Array;
}

export interface SealedTable {
  readonly table: TableId;
  /** The table as it was in this epoch: what columns the changes have. */
  readonly form: () => TableSpec;
  readonly rowCount: number;
  /** Decoded at the first call; not for a delta by reference. Epochs read back from the log carry no positions (all −1). */
  readonly batch: () => ChangeBatch;
  /** All changes, in order, however they travelled. Positions as for `batch`; of a delta by reference all are −1. */
  readonly batches: () => AsyncIterable<ChangeBatch> | Iterable<ChangeBatch>;
  /** null: the rows are in the frame. */
  readonly reference: DeltaReference | null;
}

export interface SealedEpoch {
  readonly epoch: Epoch;
  /** When it was sealed, ms since 1970. */
  readonly timeMs: number;
  readonly ddl: readonly DdlRecord[];
  readonly tables: readonly SealedTable[];
  /** Size of the frame; 0 where it was read from files. */
  readonly bytes: number;
  /** What it added to the log: the frame, and the files that it names; 0 where it was read from files. */
  readonly loggedBytes: number;
}

/** @returns `make` that runs once. */
export function lazily<T>(make: () => T): () => T {
  let value: {readonly made: T} | null = null;
  return () => (value ??= {made: make()}).made;
}
