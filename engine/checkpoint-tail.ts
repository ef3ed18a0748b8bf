/** The tail: what was committed and is covered by no checkpoint yet. */
import type {Epoch} from '../base/epoch.ts';
import {eachInSlices} from '../base/slices.ts';
import {encodeJson} from '../catalog/record-json.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import type {CheckpointDdl} from '../storage/lsm/checkpoint-file.ts';
import {EpochTimes} from '../storage/lsm/epoch-times.ts';
import type {PreparedFiles} from '../storage/lsm/flush.ts';

/** A committed epoch that no checkpoint covers yet. */
export interface TailEpoch {
  readonly epoch: Epoch;
  /** When it was sealed, ms since 1970. */
  readonly timeMs: number;
  /** What it defined. */
  readonly ddl: readonly DdlRecord[];
  readonly frame: Uint8Array;
  /** `schemaId`: the form that the rows have. `prepared`: the files that hold the rows, where the frame does not. */
  readonly tables: readonly {readonly table: TableId; readonly schemaId: number; readonly rowCount: number; readonly prepared?: PreparedFiles | undefined}[];
  /** Tables that the epoch dropped. */
  readonly dropped: readonly TableSpec[];
}

/** The part of the tail that a checkpoint covers: its first `count` epochs. */
export interface CoveredTail {
  readonly count: number;
  /** Of frames. */
  readonly bytes: number;
  readonly times: EpochTimes;
  readonly ddl: readonly CheckpointDdl[];
  /** Tables that were dropped, in order. */
  readonly dropped: readonly TableSpec[];
  /** By table, the epochs that changed it, in order. */
  readonly changes: ReadonlyMap<TableId, readonly TailEpoch[]>;
}

/**
 * Goes through the tail once, whatever the number of its tables, and in slices: it may hold hundreds of thousands of epochs.
 *
 * @param tail epochs rising; more may be added meanwhile. @param sinceMs the time of the checkpoint before.
 */
export async function coveredTail(tail: readonly TailEpoch[], through: Epoch, sinceMs: number): Promise<CoveredTail> {
  let [count, bytes] = [0, 0];
  const times = new EpochTimes(sinceMs);
  const ddl: CheckpointDdl[] = [];
  const dropped: TableSpec[] = [];
  const changes = new Map<TableId, TailEpoch[]>();
  await eachInSlices(tail, (sealed) => {
    if (sealed.epoch > through) return;
    count++;
    bytes += sealed.frame.byteLength;
    times.add(sealed.epoch, sealed.timeMs);
    if (sealed.ddl.length > 0) ddl.push({epoch: sealed.epoch, records: sealed.ddl.map(encodeJson)});
    dropped.push(...sealed.dropped);
    for (const {table} of sealed.tables) {
      const epochs = changes.get(table);
      if (epochs === undefined) changes.set(table, [sealed]);
      else epochs.push(sealed);
    }
  });
  return {count, bytes, times, ddl, dropped, changes};
}
