/** A read of the live relation: all its statements see one epoch. */
import type {Epoch} from '../base/epoch.ts';
import type {TableId} from '../catalog/spec.ts';
import type {Session} from '../kernel/session.ts';

export interface PinOptions {
  /** The read is held across statements, as by BEGIN: it takes no turn from others. */
  readonly held?: boolean;
  /** Ends the wait for a turn. */
  readonly signal?: AbortSignal | undefined;
}

/** A read in progress: statements on `session` see exactly `epoch`, in all tables. */
export interface PinnedRead {
  readonly session: Session;
  readonly epoch: Epoch;
  /** Tables whose rows are not, or not all, in the cache: they are read from files and log. */
  readonly cold: ReadonlySet<TableId>;
  /** What is to be let go of when the read ends. */
  atRelease(work: () => void): void;
  release(): Promise<void>;
}
