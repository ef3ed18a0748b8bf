/**
 * The live relation: what OLAP reads see, a cache of every table in native DuckDB tables beside the truth (log and Paimon files).
 *
 * An epoch changes only TypeScript state here (`enqueue`). One DuckDB transaction carries all pending epochs of all tables into
 * the cache when a reader comes, or when more than `publishRowsMax` rows wait. A pinned reader is an open DuckDB transaction; the
 * first read of the `live` database pins it, and `_epoch` read there is its epoch.
 *
 * One queue holds publish, DDL and sweep: DuckDB refuses to sweep beside a write, and only the sweep deletes.
 *
 * A publish is one transaction: if it fails (a big query may have taken the instance's memory), the cache stays at the epoch before
 * and its epochs wait again, for the next reader to try. Only a cache whose state is unknown answers no more.
 */
import {setImmediate} from 'node:timers/promises';
import {WarehouseError} from '../base/error.ts';
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {invariant} from '../base/invariant.ts';
import {publishDecodeRows, publishRowsMax, readsWaitingMax, rewriteRowsMin, compressRowsMin, sweepRowsMin} from '../base/limit.ts';
import type {ChangeBatch} from '../base/delta.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {Session} from '../kernel/session.ts';
import {countOf, keptTables, type CachedTable} from './live-kept.ts';
import {alterStatements, createStatements, dropStatements, liveName, liveTarget} from './live-tables.ts';
import {publishBatches, publishReference} from './live-publish.ts';
import {LiveUpkeep, type LiveTable} from './live-upkeep.ts';
import type {PinnedRead, PinOptions} from './pinned-read.ts';
import {closedError, interrupted, ReadTurns} from './read-turns.ts';
import type {SealedEpoch} from './sealed-epoch.ts';

/** Rows of a table, to be put into the cache: a SELECT of all columns in `_pos` order, or where `numbered` of `_pos` and all columns in any. */
export interface CachePiece {readonly sql: string; readonly numbered: boolean}
/** Gives a table's rows at the epoch that the relation was opened at, piece by piece, to be read on `session`; null: it has none. */
export type ContentOf = (spec: TableSpec, session: Session) => Promise<readonly CachePiece[] | null>;

/** The filling of a table that existed before the cache did. `inserted` tells when its statement has ended. */
interface Loading {readonly session: Session; readonly inserted: Promise<number>; /** given up */ stopped: boolean; /** since the table takes another form */ altered: boolean}

/** Other limits than the house's, for tests. */
export interface LiveOptions {
  readonly sweepRowsMin?: number;
  readonly rewriteRowsMin?: number;
  readonly compressRowsMin?: number;
  readonly readsWaitingMax?: number;
  readonly heldReadsMax?: number;
  /** Tables are not copied: all are read from files and log. */
  readonly off?: boolean;
}

/** A table with so many rows is kept whatever part of them is dead. */
const keptGarbageRowsMin = 10_000;
/** Reads that are held for as long as a user likes (open transactions): each has a session of its own, beside `readsMax`. */
const heldReadsMax = 256;

export class LiveRelation {
  readonly #kernel: Kernel;
  readonly #writer: Session;
  readonly #limits: Required<LiveOptions>;
  #tables = new Map<TableId, LiveTable>();
  /** Replaced, never changed: reads that are pinned keep the one of their moment. */
  #cold: ReadonlySet<TableId> = new Set();
  readonly #loading = new Map<TableId, Loading>();
  readonly #turns: ReadTurns;
  #pending: SealedEpoch[] = [];
  #pendingRows = 0;
  #known: Epoch; // newest epoch enqueued
  #published: Epoch; // newest epoch in the cache
  #queue: Promise<unknown> = Promise.resolve();
  #failure: WarehouseError | null = null;
  #closing: Promise<void> | null = null;
  readonly #upkeep: LiveUpkeep;

  private constructor(kernel: Kernel, writer: Session, at: Epoch, limits: LiveOptions) {
    this.#limits = {sweepRowsMin, rewriteRowsMin, compressRowsMin, readsWaitingMax, heldReadsMax, off: false, ...limits};
    this.#kernel = kernel;
    this.#turns = new ReadTurns(kernel, this.#limits);
    this.#writer = writer;
    this.#known = at;
    this.#published = at;
    this.#upkeep = new LiveUpkeep({
      kernel, writer, sweepRowsMin: this.#limits.sweepRowsMin, rewriteRowsMin: this.#limits.rewriteRowsMin, compressRowsMin: this.#limits.compressRowsMin, tables: () => this.#tables,
      enqueue: (work) => this.#enqueueWork(work), rolledBack: () => this.#rolledBack(),
      failed: (what, cause) => {
        this.#failure ??= new WarehouseError('unavailable', 'MR_CACHE_FAILED', `the read cache is in an unknown state after ${what}`, {cause, hint: 'close the warehouse and open it again: the cache is built anew, no data is lost'});
      },
    });
  }

  /** Tables swept and rewritten, and compressions, since the opening. */
  get upkeepCounts(): {readonly sweeps: number; readonly rewrites: number; readonly compressions: number} {
    return {sweeps: this.#upkeep.sweepCount, rewrites: this.#upkeep.rewriteCount, compressions: this.#upkeep.compressCount};
  }

  /**
   * @param kernel the serve instance, with the database `live` attached: empty, or as `save` left it.
   * @param at the epoch that the tables to be loaded stand at.
   * @param kept tables that `save` left, and that the caller knows to be right at `at`.
   */
  static async open(kernel: Kernel, at: Epoch, options: LiveOptions = {}, kept: readonly CachedTable[] = []): Promise<LiveRelation> {
    const writer = await kernel.connect();
    const live = new LiveRelation(kernel, writer, at, options);
    for (const table of await keptTables(writer, at, kept)) live.#kept.set(table.id, table);
    await writer.run('CREATE SCHEMA IF NOT EXISTS live.mr_internal');
    await writer.run('CREATE OR REPLACE TABLE live.mr_internal._epoch (e BIGINT)');
    await writer.run(`INSERT INTO live.mr_internal._epoch VALUES (${at})`);
    return live;
  }
  /** Tables of the process before, until they are defined. */
  readonly #kept = new Map<TableId, CachedTable>();

  /**
   * Brings everything pending into the database and the database to disk, for the next process. Nothing may be written afterwards.
   *
   * @returns what it holds; null if it is not whole.
   */
  async save(): Promise<{readonly epoch: Epoch; readonly tables: readonly CachedTable[]} | null> {
    return this.#enqueueWork(async () => {
      await this.#publish();
      await this.#upkeep.end();
      const hot = [...this.#tables.values()].filter((live) => live.hot);
      const tables: CachedTable[] = [];
      for (const {spec, deadRows} of hot) {
        const stored = await countOf(this.#writer, liveName(spec));
        // What is mostly garbage is better made anew.
        if (stored <= keptGarbageRowsMin || deadRows * 3 <= stored) tables.push({id: spec.id, storedRows: stored, deadRows});
      }
      await this.#writer.run('CHECKPOINT live');
      return this.#pending.length === 0 ? {epoch: this.#published, tables} : null;
    });
  }

  get known(): Epoch {
    return this.#known;
  }

  get pendingRows(): number {
    return this.#pendingRows;
  }

  /**
   * Creates what the catalog's records say exists at the epoch the relation was opened at, empty.
   *
   * @param cold tables that have rows at that epoch: read from files and log until `load` has filled them.
   * @returns tables that are there with their rows, from the process before.
   */
  async define(records: readonly DdlRecord[], cold: ReadonlySet<TableId> = new Set()): Promise<number> {
    return this.#enqueueWork(async () => {
      for (const record of records) await this.#applyDdl(record);
      for (const id of cold) this.#table(id).hot &&= this.#kept.has(id);
      const kept = this.#kept.size;
      this.#kept.clear();
      this.#noteCold();
      return kept;
    });
  }

  /**
   * Fills a cold table; `contentOf` gives its rows in the form that it has, numbered 0, 1, 2 … as they come or by themselves. Beside
   * everything else: later epochs take positions above and may come before, in any order, since what they kill is a set. Resolves when
   * the table is hot, or when it was dropped meanwhile; begins anew in another form.
   */
  async load(table: TableId, contentOf: ContentOf): Promise<void> {
    while (await this.#loadOnce(table, contentOf) === 'altered');
  }

  async #loadOnce(table: TableId, contentOf: ContentOf): Promise<'done' | 'altered'> {
    const session = await this.#kernel.connect();
    // Begun between publishes: the form is then that of the tables, and what gives it another finds the filling.
    const loading = await this.#enqueueWork(() => Promise.resolve(this.#startLoading(table, session, contentOf)));
    try {
      const rowCount = await loading.inserted.finally(() => this.#loading.delete(table));
      await this.#enqueueWork(() => {
        const live = this.#tables.get(table);
        if (live !== undefined) {
          live.rowCount += rowCount;
          live.hot = true;
        }
        this.#noteCold();
        this.#upkeep.consider();
        return Promise.resolve();
      });
      return 'done';
    } catch (cause) {
      if (loading.altered) {
        // When that is done it begins anew.
        await this.#enqueueWork(() => Promise.resolve());
        return 'altered';
      }
      if (this.#tables.has(table)) throw cause;
      return 'done';
    } finally {
      await session.close();
    }
  }

  #startLoading(table: TableId, session: Session, contentOf: ContentOf): Loading {
    const {spec} = this.#table(table);
    const names = spec.columns.map((column) => quoteIdentifier(column.name)).join(', ');
    const insert = async (): Promise<number> => {
      let rowCount = 0;
      await session.run('BEGIN TRANSACTION'); // what fails is taken back when the session closes
      for (const {sql, numbered} of await contentOf(spec, session) ?? []) {
        if (loading.stopped) throw interrupted();
        rowCount += (await session.run(`INSERT INTO ${liveTarget(spec)} SELECT ${numbered ? '_pos' : `${rowCount} - 1 + row_number() OVER ()`}, ${names} FROM (${sql})`)).rowsChanged;
      }
      await session.run('COMMIT');
      return rowCount;
    };
    const loading: Loading = {session, inserted: insert(), stopped: false, altered: false};
    this.#loading.set(table, loading);
    return loading;
  }

  /** Tables that are read from files and log, for now. */
  get coldTables(): ReadonlySet<TableId> {
    return this.#cold;
  }

  #noteCold(): void {
    this.#cold = new Set([...this.#tables.values()].flatMap(({spec, hot}) => (hot ? [] : [spec.id])));
  }

  /** Takes a sealed epoch; its columns are read later. Synchronous: after it the epoch counts as visible. */
  enqueue(sealed: SealedEpoch): void {
    invariant(sealed.epoch === this.#known + 1, () => `epoch ${sealed.epoch} enqueued after ${this.#known}`);
    this.#known = sealed.epoch;
    this.#pending.push(sealed);
    for (const {rowCount} of sealed.tables) this.#pendingRows += rowCount;
    if (this.#pendingRows <= publishRowsMax || this.#turnWanted) return;
    // Nobody waits for this one, as a reader or a writer far ahead does for theirs: it keeps a core free beside a checkpoint.
    this.#turnWanted = true;
    const publish = async (): Promise<void> => {
      while (this.#pendingRows > publishRowsMax) await this.#kernel.turns.run(() => this.#enqueueWork(() => this.#publish()));
    };
    void publish().catch(() => undefined).finally(() => { this.#turnWanted = false; });
  }
  #turnWanted = false;

  /** Resolves when at most `rows` rows wait to be published: what writers wait for under overload. */
  async settle(rows: number): Promise<void> {
    while (this.#pendingRows > rows) await this.#enqueueWork(() => this.#publish());
  }

  /**
   * Pins the newest epoch: publishes what waits, then opens a read transaction. The caller must release it.
   *
   * @throws {WarehouseError} `MR_BUSY` when too many wait or are held; `MR_INTERRUPTED` by `signal`; `MR_CACHE_FAILED`; `MR_CLOSED`.
   */
  async pin({held = false, signal}: PinOptions = {}): Promise<PinnedRead> {
    const session = await this.#turns.take(held, signal);
    const atRelease: (() => void)[] = [];
    const end = async (): Promise<void> => {
      for (const work of atRelease) work();
      // A session that cannot leave its transaction would show an old epoch to whoever gets it next.
      const clean = await session.run('ROLLBACK').then(() => true, () => false);
      await this.#turns.giveBack(session, held, clean);
    };
    let begun = false;
    try {
      const wanted = this.#known;
      if (this.#published < wanted) await this.#enqueueWork(() => this.#publish());
      const cold = this.#cold; // before the pin: what is hot here is whole in what the pin sees
      await session.run('BEGIN TRANSACTION');
      begun = true;
      const {rows} = await session.rows('SELECT e FROM live.mr_internal._epoch');
      const at = toEpoch(Number(rows[0]?.[0]));
      invariant(at >= wanted, () => `pinned epoch ${at}, wanted at least ${wanted}`);
      let released: Promise<void> | null = null;
      return {session, epoch: at, cold, atRelease: (work) => atRelease.push(work), release: () => (released ??= end())};
    } catch (cause) {
      if (begun) await end();
      else await this.#turns.giveBack(session, held, true);
      throw cause;
    }
  }

  /** Runs `work` on one pinned epoch. */
  async read<T>(work: (read: PinnedRead) => Promise<T>, options: PinOptions = {}): Promise<T> {
    const read = await this.pin(options);
    try {
      return await work(read);
    } finally {
      await read.release();
    }
  }

  /** Refuses who waits, ends what is queued. Reads that are held end with the kernel. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = closedError();
    this.#failure ??= closed;
    this.#turns.close();
    for (const loading of this.#loading.values()) {
      loading.stopped = true;
      loading.session.interrupt('MR_INTERRUPTED');
    }
    this.#upkeep.stop();
    await this.#queue.catch(() => undefined);
    await this.#writer.close();
    await this.#turns.closeIdle();
  }

  async #publish(): Promise<void> {
    // Buffers and epoch number are taken in one synchronous step, before the first await: later epochs belong to the next publish.
    const epochs = this.#pending;
    if (epochs.length === 0) return;
    const to = this.#known;
    const rowCount = this.#pendingRows;
    this.#pending = [];
    this.#pendingRows = 0;
    const ddl = epochs.some((sealed) => sealed.ddl.length > 0);
    const dropped = new Set<TableId>();
    for (const sealed of epochs) for (const record of sealed.ddl) if (record.kind === 'drop-table') dropped.add(record.id);
    const before = new Map([...this.#tables].map(([id, live]) => [id, {...live}]));
    try {
      for (const sealed of epochs) for (const record of sealed.ddl) await this.#endLoading(record);
      await this.#writer.run('BEGIN TRANSACTION');
      if (!ddl) await this.#publishRows(epochs, dropped);
      else for (const sealed of epochs) {
        for (const record of sealed.ddl) await this.#applyDdl(record);
        await this.#publishRows([sealed], dropped);
      }
      await this.#writer.run(`UPDATE live.mr_internal._epoch SET e = ${to}`);
      await this.#writer.run('COMMIT');
    } catch (cause) {
      this.#tables = before;
      this.#pending = [...epochs, ...this.#pending];
      this.#pendingRows += rowCount;
      const failed = new WarehouseError('unavailable', 'MR_CACHE_FAILED', `the read cache could not take epochs up to ${to}: ${cause instanceof Error ? cause.message : String(cause)}`, {cause, hint: 'the next read tries again; if that does not help, close the warehouse and open it again: no data is lost'});
      if (!(await this.#rolledBack())) this.#failure ??= failed;
      throw failed;
    } finally {
      this.#writer.unbindRelation('mr_publish');
      this.#writer.unbindRelation('mr_publish_dead');
    }
    this.#published = to;
    if (ddl) this.#noteCold();
    this.#upkeep.consider(this.#limits.off ? 0 : rowCount);
  }

  /** A table is not changed while another session fills it. */
  async #endLoading(record: DdlRecord): Promise<void> {
    if (record.kind !== 'drop-table' && record.kind !== 'alter-table') return;
    const id = record.kind === 'drop-table' ? record.id : record.table.id;
    await this.#upkeep.endRewrite(id);
    const loading = this.#loading.get(id);
    if (loading === undefined) return;
    loading.altered = record.kind === 'alter-table';
    loading.stopped = true;
    loading.session.interrupt('MR_INTERRUPTED');
    await loading.inserted.catch(() => undefined);
  }

  /** Ends the writer's transaction, if one is open. @returns whether the cache is known to stand at the published epoch. */
  async #rolledBack(): Promise<boolean> {
    await this.#writer.run('ROLLBACK').catch(() => undefined);
    const at = await this.#writer.rows('SELECT e FROM live.mr_internal._epoch').catch(() => null);
    return at !== null && at.rows[0]?.[0] === BigInt(this.#published);
  }

  /** @param dropped tables that end within the window: their files may be gone already, and nobody will read them. */
  async #publishRows(epochs: readonly SealedEpoch[], dropped: ReadonlySet<TableId>): Promise<void> {
    const byTable = new Map<TableId, ChangeBatch[]>();
    let decodedRows = 0;
    for (const sealed of epochs) {
      for (const {table, rowCount, batch, reference} of sealed.tables) {
        if (this.#limits.off || !this.#tables.has(table)) continue; // not copied, or dropped within the same window
        if (reference !== null) {
          if (dropped.has(table)) continue;
          const before = byTable.get(table);
          byTable.delete(table);
          if (before !== undefined) await this.#publishBatches(new Map([[table, before]]));
          await publishReference(this.#writer, this.#table(table), rowCount, reference);
          continue;
        }
        const batches = byTable.get(table);
        if (batches === undefined) byTable.set(table, [batch()]);
        else batches.push(batch());
        // Decoding goes on for some ms: what else waits for the thread passes in between.
        decodedRows += rowCount;
        if (decodedRows < publishDecodeRows) continue;
        decodedRows = 0;
        await setImmediate();
      }
    }
    await this.#publishBatches(byTable);
  }

  async #publishBatches(byTable: ReadonlyMap<TableId, ChangeBatch[]>): Promise<void> {
    for (const [table, batches] of byTable) await publishBatches(this.#writer, this.#table(table), batches);
  }

  async #applyDdl(record: DdlRecord): Promise<void> {
    const kept = record.kind === 'create-table' ? this.#kept.get(record.table.id) : undefined;
    switch (record.kind) {
      case 'create-schema':
        if (record.name !== 'main') await this.#writer.run(`CREATE SCHEMA IF NOT EXISTS live.${quoteIdentifier(record.name)}`);
        return;
      case 'drop-schema':
        await this.#writer.run(`DROP SCHEMA live.${quoteIdentifier(record.name)}`);
        return;
      case 'create-table':
        for (const statement of createStatements(record.table, kept !== undefined)) await this.#writer.run(statement);
        this.#tables.set(record.table.id, {spec: record.table, deadRows: kept?.deadRows ?? 0, rowCount: kept === undefined ? 0 : kept.storedRows - kept.deadRows, sweptRows: 0, sweepAt: 0, rewriteAt: 0, hot: !this.#limits.off});
        return;
      case 'alter-table': {
        const live = this.#table(record.table.id);
        for (const statement of alterStatements(live.spec, record.table)) await this.#writer.run(statement);
        this.#tables.set(record.table.id, {...live, spec: record.table});
        return;
      }
      case 'drop-table':
        for (const statement of dropStatements(this.#table(record.id).spec)) await this.#writer.run(statement);
        this.#tables.delete(record.id);
        return;
    }
  }

  #table(id: TableId): LiveTable {
    const table = this.#tables.get(id);
    invariant(table !== undefined, () => `table ${id} is not in the live relation`);
    return table;
  }

  /** Runs `work` after all queued before it; once the cache has failed or is closed, nothing runs any more. */
  #enqueueWork<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.catch(() => undefined).then(() => {
      if (this.#failure !== null) throw this.#failure;
      return work();
    });
    this.#queue = next.catch(() => undefined);
    return next;
  }
}
