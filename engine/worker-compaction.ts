/**
 * Compaction in the background: a service of the worker beside the epochs, with a DuckDB instance of its own, so that neither an epoch's
 * statement nor a checkpoint ever lacks memory because of it.
 *
 * After each checkpoint the tables that changed are planned anew (storage/lsm/compaction-policy.ts: pure, over manifests in memory) and
 * the one whose bucket is nearest to its stop trigger is worked on: an attempt per bucket, one output file a step. Between steps it rests
 * as long as it worked (`compactionShare`), if nobody waits for it, and while a checkpoint is at work. What is prepared is
 * committed in its turn with checkpoints, as one COMPACT snapshot; flushes that came meanwhile stay on top of it. A conflict is planned
 * again, a failure is tried again after a while, each attempt can be dropped at any point: what is left of one are orphans.
 *
 * Bounds. A flush waits (`room`) while a bucket has `num-sorted-run.stop-trigger` runs or more, and compaction then does not rest: a
 * bucket has at most those runs and what one checkpoint adds. While compaction fails flushes go on up to `stopFactorMax` times as many, then
 * checkpoints are refused with the reason, and writers when the tail is full: nothing grows in silence. Every checkpoint that is tried then
 * tries the compaction once more.
 */
import type {Clock} from '../base/clock.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import {compactionCommitBytes, compactionRestMsMax, compactionRetriesMax, compactionRetryMsMax, compactionRetryMsMin, compactionShare, stopFactorMax} from '../base/limit.ts';
import type {TableId} from '../catalog/spec.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import type {Session} from '../kernel/session.ts';
import {bucketRuns, commitCompaction, CompactionAttempt, planCompactions, targetFileBytes, type Compaction, type CompactionSpec} from '../storage/lsm/compact.ts';
import {compactionRules} from '../storage/lsm/compaction-policy.ts';
import type {PaimonTable} from '../storage/lsm/paimon-table.ts';
import {Pace} from './pace.ts';
import type {Checkpointer} from './worker-checkpoint.ts';

export interface CompactionServiceOptions {
  readonly clock: Clock;
  readonly warehouseId: string;
  readonly checkpointer: Checkpointer;
  /** An instance for compaction alone; asked for when there is something to do, closed by `stop`. */
  readonly openKernel: () => Promise<Kernel>;
  /** There is nothing more to do for now. */
  readonly onSettled: () => void;
  /** False: only what is asked for is done. */
  readonly background: boolean;
}

/** What is known of a table's files, as of the snapshot that was planned last. */
export interface TableFigures {
  readonly snapshot: number;
  /** Sorted runs of the bucket that has most of them; of an append table its small files. */
  readonly runsMax: number;
  /** Runs at which flushes wait. */
  readonly stopTrigger: number;
  readonly fileCount: number;
  readonly fileBytes: number;
  /** Bytes of files that the rules ask to be merged now. */
  readonly pendingBytes: number;
}

interface Planned extends TableFigures {
  readonly table: PaimonTable;
  readonly specs: readonly CompactionSpec[];
}

interface Failing {
  readonly count: number;
  readonly retryAtMs: number;
  readonly error: WarehouseError;
}

/** Smallest output files that an attempt that lacked memory is tried again with. */
const targetBytesMin = 8 * 1024 * 1024;

export class CompactionService {
  readonly #options: CompactionServiceOptions;
  readonly #planned = new Map<TableId, Planned>();
  readonly #failing = new Map<TableId, Failing>();
  #kernel: Kernel | null = null;
  #session: Session | null = null;
  #running: Promise<void> | null = null;
  #again = false;
  #stopped = false;
  /** The attempt under way. */
  #current: {readonly table: TableId; readonly abort: AbortController} | null = null;
  readonly #pace: Pace;
  #changed: (() => void)[] = [];
  #cancelRetry: (() => void) | null = null;
  /** Compactions that were committed, failed, and dropped since the opening; bytes that were read for them. */
  done = 0;
  failed = 0;
  dropped = 0;
  bytes = 0;

  constructor(options: CompactionServiceOptions) {
    this.#options = options;
    this.#pace = new Pace({clock: options.clock, share: () => compactionShare, restMsMax: compactionRestMsMax, urgent: () => this.#stopped});
  }

  /** What is known of tables, by id. */
  get figures(): ReadonlyMap<TableId, TableFigures> {
    return this.#planned;
  }

  /** Looks for work: at the start, after each checkpoint. */
  kick(): void {
    if (!this.#options.background || this.#stopped) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (this.#again) this.kick(); // asked for while it ended
    });
  }

  /**
   * Resolves when a checkpoint may add a run to every bucket.
   *
   * @throws {WarehouseError} `MR_COMPACTION_BEHIND` (unavailable) when compaction fails and a bucket has `stopFactorMax` times its stop trigger.
   */
  async room(): Promise<void> {
    if (!this.#options.background) return;
    const calm = this.#pace.hurry();
    const retried = new Set<TableId>();
    try {
      for (;;) {
        await this.#plan();
        const full = [...this.#planned].filter(([, {runsMax, stopTrigger, specs}]) => runsMax >= stopTrigger && specs.length > 0);
        for (const [id, {runsMax, stopTrigger, table}] of full) {
          const failing = this.#failing.get(id);
          if (failing === undefined || runsMax < stopFactorMax * stopTrigger) continue;
          if (!retried.has(id)) {
            retried.add(id);
            this.#failing.set(id, {...failing, retryAtMs: -Infinity});
            continue;
          }
          throw new WarehouseError('unavailable', 'MR_COMPACTION_BEHIND', `a bucket of '${table.directory}' has ${runsMax} sorted runs, at most ${stopFactorMax * stopTrigger} may wait for compaction, which fails: ${failing.error.message}`, {cause: failing.error, hint: failing.error.hint ?? 'see to the cause; compaction is tried again by itself'});
        }
        if (this.#stopped || full.every(([id]) => (this.#failing.get(id)?.retryAtMs ?? -Infinity) !== -Infinity)) return;
        const changed = new Promise<void>((resolve) => this.#changed.push(resolve));
        this.kick();
        await changed;
      }
    } finally {
      calm();
    }
  }

  /**
   * Compacts now, without rests, what the rules ask for, or everything to one run per bucket.
   *
   * @param tables null: all.
   * @returns how many compactions were done.
   * @throws {WarehouseError} why one failed; `MR_CLOSED`.
   */
  async compact(tables: readonly TableId[] | null, full: boolean): Promise<number> {
    const calm = this.#pace.hurry();
    const before = this.done;
    try {
      await this.#exclusive(async () => {
        for (const id of tables ?? this.#options.checkpointer.tableIds()) {
          for (let round = 0; ; round++) {
            const planned = await this.#planTable(id, full);
            if (planned === undefined || planned.specs.length === 0) break;
            if (round >= compactionRetriesMax) throw new WarehouseError('unavailable', 'MR_PAIMON_BUSY', `'${planned.table.directory}' changed under ${round} compactions`, {hint: 'try again'});
            const overtaken = await this.#compactTable(id, planned).then(() => false, (cause: unknown) => {
              if (!(cause instanceof WarehouseError) || cause.code !== 'MR_PAIMON_CONFLICT') throw cause;
              return true; // a checkpoint beside it: planned anew
            });
            if (full && !overtaken) break;
          }
        }
      });
    } finally {
      calm();
    }
    return this.done - before;
  }

  /** A table is dropped: what is under way for it ends without effect. Does not wait. */
  forget(id: TableId): void {
    this.#planned.delete(id);
    this.#failing.delete(id);
    if (this.#current?.table === id) this.#current.abort.abort(new WarehouseError('conflict', 'MR_TABLE_GONE', 'the table was dropped meanwhile'));
  }

  /** Ends what is under way and begins nothing more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#current?.abort.abort(new WarehouseError('closed', 'MR_CLOSED', 'the engine is closing'));
    this.#pace.wake();
    this.#notify();
    await this.#running;
    await this.#kernel?.close();
  }

  /** Runs `work` when nothing else of this service runs, as its only loop. */
  async #exclusive(work: () => Promise<void>): Promise<void> {
    while (this.#running !== null) await this.#running;
    const run = work();
    this.#running = run.catch(() => undefined).finally(() => {
      this.#running = null;
      this.#notify();
    });
    await run;
    if (this.#again) this.kick();
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      for (;;) {
        await this.#plan();
        const nowMs = this.#options.clock.monotonicMs();
        const due = [...this.#planned].filter(([id, {specs}]) => specs.length > 0 && (this.#failing.get(id)?.retryAtMs ?? 0) <= nowMs);
        const [next] = due.toSorted(([, a], [, b]) => b.runsMax / b.stopTrigger - a.runsMax / a.stopTrigger);
        if (next === undefined || this.#stopped) break;
        await this.#compactTable(...next).catch(() => undefined); // noted; tried again after a while
        this.#notify();
      }
    }
    this.#notify();
    this.#retryLater();
    if (!this.#stopped) this.#options.onSettled();
  }

  #retryLater(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    if (this.#failing.size === 0 || this.#stopped) return;
    const at = Math.min(...[...this.#failing.values()].map(({retryAtMs}) => retryAtMs));
    this.#cancelRetry = this.#options.clock.after(Math.max(1, at - this.#options.clock.monotonicMs()), () => this.kick());
  }

  /** Plans the tables that have another snapshot than when they were planned last. */
  async #plan(): Promise<void> {
    const ids = new Set(this.#options.checkpointer.tableIds());
    for (const id of this.#planned.keys()) if (!ids.has(id)) this.#planned.delete(id);
    for (const id of ids) {
      if (this.#stopped) return;
      // A table that cannot be read now is none of compaction's business: the checkpoint says so.
      await this.#planTable(id, false).catch(() => undefined);
    }
  }

  async #planTable(id: TableId, full: boolean): Promise<Planned | undefined> {
    const {checkpointer, warehouseId} = this.#options;
    const table = await checkpointer.openTable(id);
    if (table === undefined) return undefined;
    const known = this.#planned.get(id);
    if (!full && known?.table === table && known.snapshot >= checkpointer.snapshotOf(id)) return known;
    // Asked of the disk: an earlier process may have compacted after its last checkpoint.
    const state = await table.state();
    if (state === undefined) return undefined;
    const {id: latest, commitUser, commitKind, commitIdentifier} = state.snapshot;
    if (commitUser === warehouseId && commitKind === 'COMPACT' && commitIdentifier <= BigInt(checkpointer.epoch)) checkpointer.noteCompacted(id, latest);
    const rules = compactionRules(table.schema.options);
    const specs = planCompactions(table, state, {full});
    const append = table.keyFields.length === 0;
    const small = targetFileBytes(table) / 2;
    const runs = bucketRuns(table, state).map((bucket) => (append ? bucket.runs.flat().filter(({file}) => file.fileSize < small).length : bucket.runs.length));
    const planned: Planned = {
      table, specs, snapshot: latest, runsMax: Math.max(0, ...runs), stopTrigger: rules.stopTrigger, fileCount: state.live.length,
      fileBytes: state.live.reduce((sum, {file}) => sum + file.fileSize, 0), pendingBytes: specs.reduce((sum, spec) => sum + inputBytes(spec), 0),
    };
    if (!full) this.#planned.set(id, planned);
    return planned;
  }

  /** Works off a table's specs; several small buckets share a commit. */
  async #compactTable(id: TableId, {table, specs, runsMax, stopTrigger}: Planned): Promise<void> {
    const abort = new AbortController();
    this.#current = {table: id, abort};
    const prepared: Compaction[] = [];
    const attempts: CompactionAttempt[] = [];
    let bytes = 0;
    let committing = false;
    try {
      if (this.#stopped) throw new WarehouseError('closed', 'MR_CLOSED', 'the engine is closing');
      this.#kernel ??= await this.#options.openKernel();
      const session = (this.#session ??= await this.#kernel.connect({background: () => !this.#pace.hurried}));
      const interrupt = (): void => session.interrupt();
      abort.signal.addEventListener('abort', interrupt);
      const failures = this.#failing.get(id)?.count ?? 0;
      for (const [index, spec] of specs.entries()) {
        const lacked = failures > 0 && this.#failing.get(id)!.error.code === 'MR_DUCKDB_MEMORY';
        const targetBytes = lacked ? Math.max(targetBytesMin, targetFileBytes(table) / 2 ** failures) : targetFileBytes(table);
        const attempt = await CompactionAttempt.begin(session, table, spec, {targetBytes, signal: abort.signal});
        attempts.push(attempt);
        for (let more = true; more;) {
          const startMs = this.#options.clock.monotonicMs();
          more = await attempt.step();
          if (runsMax < stopTrigger) await this.#pace.rest(this.#options.clock.monotonicMs() - startMs);
          await this.#options.checkpointer.quiet();
        }
        prepared.push(await attempt.finish());
        bytes += inputBytes(spec);
        if (bytes < compactionCommitBytes && index < specs.length - 1) continue;
        await this.#commit(id, table, prepared, abort.signal, () => {
          committing = true;
        });
        committing = false;
        this.done += prepared.length;
        this.bytes += bytes;
        prepared.length = 0;
        attempts.length = 0;
        bytes = 0;
      }
      this.#failing.delete(id);
    } catch (cause) {
      // A commit that failed may have happened: its files stay, as orphans if it did not. A conflict is found before anything is named.
      if (!committing || (cause instanceof WarehouseError && cause.code === 'MR_PAIMON_CONFLICT')) for (const attempt of attempts) await attempt.discard();
      this.#planned.delete(id);
      this.#note(id, asWarehouseError(abort.signal.aborted ? abort.signal.reason : cause), abort.signal.aborted);
      throw cause;
    } finally {
      this.#current = null;
    }
  }

  #note(id: TableId, error: WarehouseError, aborted: boolean): void {
    if (aborted) {
      this.dropped++;
      return;
    }
    const count = (this.#failing.get(id)?.count ?? 0) + 1;
    if (error.code === 'MR_PAIMON_CONFLICT' && count <= compactionRetriesMax) this.dropped++;
    else this.failed++;
    // Overtaken: planned again at once, a few times.
    const delayMs = error.code === 'MR_PAIMON_CONFLICT' && count <= compactionRetriesMax ? 0 : Math.min(compactionRetryMsMax, compactionRetryMsMin * 2 ** Math.min(count - 1, 20));
    this.#failing.set(id, {count, error, retryAtMs: delayMs === 0 ? -Infinity : this.#options.clock.monotonicMs() + delayMs});
  }

  async #commit(id: TableId, table: PaimonTable, prepared: readonly Compaction[], signal: AbortSignal, begins: () => void): Promise<void> {
    await this.#options.checkpointer.exclusive(async () => {
      signal.throwIfAborted();
      // Another object: the table was dropped, or a step of a checkpoint failed half-way, and what is known of it is known no longer.
      if ((await this.#options.checkpointer.openTable(id)) !== table) throw new WarehouseError('conflict', 'MR_PAIMON_CONFLICT', `'${table.directory}' was opened anew under its compaction`, {hint: 'it is planned again'});
      begins();
      const changing = prepared.filter(({removed, outputs}) => removed.length + outputs.length > 0);
      if (changing.length > 0) this.#options.checkpointer.noteCompacted(id, (await commitCompaction(table, changing, {commitUser: this.#options.warehouseId})).id);
    }, this.#pace.hurried);
  }

  #notify(): void {
    const waiting = this.#changed;
    this.#changed = [];
    for (const resolve of waiting) resolve();
  }
}

function inputBytes(spec: CompactionSpec): number {
  return spec.runs.flat().reduce((sum, {file}) => sum + file.fileSize, 0);
}
