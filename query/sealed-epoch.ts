/**
 * One committed epoch as readers take it: what the frame holds, decoded when someone asks. Columns are views on the frame's bytes,
 * which are never written again; they may be kept as long as the epoch object is.
 */
import type {ChangeBatch} from '../base/delta.ts';
import type {Epoch} from '../base/epoch.ts';
import type {DdlRecord, TableId} from '../catalog/spec.ts';

export interface SealedTable {
  readonly table: TableId;
  readonly rowCount: number;
  /** Decoded at the first call. Epochs read back from the log carry no positions (all −1). */
  readonly batch: () => ChangeBatch;
}

export interface SealedEpoch {
  readonly epoch: Epoch;
  readonly ddl: readonly DdlRecord[];
  readonly tables: readonly SealedTable[];
  /** Size of the frame. */
  readonly bytes: number;
}

/** @returns `make` that runs once. */
export function lazily<T>(make: () => T): () => T {
  let value: {readonly made: T} | null = null;
  return () => (value ??= {made: make()}).made;
}
