/** What a checkpointer (worker-checkpoint.ts) is given. */
import type {Clock} from '../base/clock.ts';
import type {SharedTurns} from '../base/turns.ts';
import type {TableId} from '../catalog/spec.ts';
import type {Session} from '../kernel/session.ts';
import type {FileSystem} from '../storage/file/file-system.ts';

export interface CheckpointerOptions {
  readonly directory: string;
  readonly warehouseId: string;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly session: Session;
  readonly turns: SharedTurns;
  /** Bytes of frames that call for a checkpoint. */
  readonly checkpointBytes: number;
  /** Age of the oldest change that calls for one. */
  readonly checkpointMs: number;
  /** Content and changes of this long are kept. */
  readonly historyRetentionMs: number;
  /** The log reaches back to the oldest of so many newest checkpoints: followers a little behind read frames, those far behind files. */
  readonly logCheckpoints: number;
  /** Called when it is time for a checkpoint: the owner calls `write`. Rejects when there was none. */
  readonly onWanted: () => Promise<void>;
  /** Called before the directory of a dropped table is moved aside. */
  readonly onDrop: (table: TableId) => void;
}
