/**
 * Snapshots that the newest checkpoint named before compaction told it anew. Whoever reads its content may read by them still: they
 * hold what the later ones hold, from other files. They stay as long as anybody reads who may have looked the checkpoint up before.
 *
 * Who reads holds its epoch first (history-holds.ts) and looks up after that. A hold that was granted before the main thread was told of
 * the later snapshots may go with the earlier ones; one that was granted after may not, since its answer comes after that word.
 */
import type {CheckpointTable} from '../storage/lsm/checkpoint-file.ts';

interface Earlier {
  readonly snapshots: ReadonlyMap<number, number>;
  /** Holds that stood when the main thread was told; null: it was not yet. */
  readers: ReadonlySet<string> | null;
}

export class EarlierSnapshots {
  #earlier: Earlier[] = [];

  /** @param tables of the newest checkpoint, before it was told anew. */
  note(tables: readonly CheckpointTable[]): void {
    this.#earlier.push({snapshots: new Map(tables.flatMap(({id, snapshotId}) => (snapshotId === 0 ? [] : [[id, snapshotId]]))), readers: null});
  }

  /** The main thread knows of the later snapshots from here on. @param readers holds of readers that stand now. */
  told(readers: ReadonlySet<string>): void {
    for (const earlier of this.#earlier) earlier.readers ??= readers;
    this.#forget(readers);
  }

  /** @param readers holds of readers that stand now. @returns the oldest snapshot of a table that may still be read; undefined if none. */
  floorOf(table: number, readers: ReadonlySet<string>): number | undefined {
    this.#forget(readers);
    let floor: number | undefined;
    for (const {snapshots} of this.#earlier) {
      const snapshot = snapshots.get(table);
      if (snapshot !== undefined && (floor === undefined || snapshot < floor)) floor = snapshot;
    }
    return floor;
  }

  #forget(readers: ReadonlySet<string>): void {
    this.#earlier = this.#earlier.filter((earlier) => earlier.readers === null || [...earlier.readers].some((name) => readers.has(name)));
  }
}
