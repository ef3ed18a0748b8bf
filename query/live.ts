/**
 * The live relation: what OLAP reads see, a cache of every table in native DuckDB tables beside the truth (log and Paimon files).
 *
 * An epoch changes only TypeScript state here (`enqueue`). One DuckDB transaction carries all pending epochs of all tables into
 * the cache when a reader comes, or when more than `publishRowsMax` rows wait. A pinned reader is an open DuckDB transaction; the
 * first read of the `live` database pins it, and `_epoch` read there is its epoch.
 *
 * One queue holds publish, DDL and sweep: DuckDB refuses to sweep beside a write, and only the sweep deletes.
 */
import {WarehouseError} from '../base/error.ts';
import type {Epoch} from '../base/epoch.ts';
import {epoch as toEpoch} from '../base/epoch.ts';
import {invariant} from '../base/invariant.ts';
import {publishRowsMax, readsMax, sweepRowsMin} from '../base/limit.ts';
import type {ChangeBatch} from '../base/delta.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {Session} from '../kernel/session.ts';
import {createStatements, deadName, dropStatements, liveName} from './live-tables.ts';
import {deadPositions, publishable, referenceInsert, type Publishable} from './live-publish.ts';
import type {DeltaReference, SealedEpoch} from './sealed-epoch.ts';

interface LiveTable {readonly spec: TableSpec; deadRows: number; rowCount: number}

/** A read in progress: statements on `session` see exactly `epoch`, in all tables. */
export interface PinnedRead {
  readonly session: Session;
  readonly epoch: Epoch;
  release(): Promise<void>;
}

export class LiveRelation {
  readonly #kernel: Kernel;
  readonly #writer: Session;
  readonly #tables = new Map<TableId, LiveTable>();
  readonly #idle: Session[] = [];
  readonly #waiting: ((session: Session) => void)[] = [];
  #sessions = 0;
  #pending: SealedEpoch[] = [];
  #pendingRows = 0;
  #known: Epoch; // newest epoch enqueued
  #published: Epoch; // newest epoch in the cache
  #queue: Promise<unknown> = Promise.resolve();
  #sweepWanted = false;
  #failure: WarehouseError | null = null;

  private constructor(kernel: Kernel, writer: Session, at: Epoch) {
    this.#kernel = kernel;
    this.#writer = writer;
    this.#known = at;
    this.#published = at;
  }

  /** @param kernel the serve instance, with the database `live` attached and empty. @param at the epoch that the tables to be loaded stand at. */
  static async open(kernel: Kernel, at: Epoch): Promise<LiveRelation> {
    const writer = await kernel.connect();
    await writer.run('CREATE SCHEMA live.mr_internal');
    await writer.run('CREATE TABLE live.mr_internal._epoch (e BIGINT)');
    await writer.run(`INSERT INTO live.mr_internal._epoch VALUES (${at})`);
    return new LiveRelation(kernel, writer, at);
  }

  get known(): Epoch {
    return this.#known;
  }

  get pendingRows(): number {
    return this.#pendingRows;
  }

  /** Creates what the catalog's records say exists at the epoch the relation was opened at, empty. */
  async define(records: readonly DdlRecord[]): Promise<void> {
    await this.#enqueueWork(async () => {
      for (const record of records) await this.#applyDdl(record);
    });
  }

  /** Fills a table with rows in `_pos` order 0, 1, 2 …; `sql` yields all its columns, hidden ones included, in table order. */
  async load(table: TableId, sql: string): Promise<void> {
    await this.#enqueueWork(async () => {
      const live = this.#table(table);
      const names = live.spec.columns.map((column) => quoteIdentifier(column.name)).join(', ');
      await this.#writer.run(`INSERT INTO ${liveName(live.spec)} SELECT row_number() OVER () - 1, ${names} FROM (${sql})`);
      const {rows} = await this.#writer.rows(`SELECT count(*) FROM ${liveName(live.spec)}`);
      live.rowCount = Number(rows[0]?.[0] ?? 0);
    });
  }

  /** Takes a sealed epoch; its columns are read later. Synchronous: after it the epoch counts as visible. */
  enqueue(sealed: SealedEpoch): void {
    invariant(sealed.epoch === this.#known + 1, () => `epoch ${sealed.epoch} enqueued after ${this.#known}`);
    this.#known = sealed.epoch;
    this.#pending.push(sealed);
    for (const {rowCount} of sealed.tables) this.#pendingRows += rowCount;
    if (this.#pendingRows > publishRowsMax) void this.#enqueueWork(() => this.#publish()).catch(() => undefined);
  }

  /** Resolves when at most `rows` rows wait to be published: what writers wait for under overload. */
  async settle(rows: number): Promise<void> {
    while (this.#pendingRows > rows) await this.#enqueueWork(() => this.#publish());
  }

  /** Pins the newest epoch: publishes what waits, then opens a read transaction. The caller must release it. */
  async pin(): Promise<PinnedRead> {
    const session = await this.#acquire();
    try {
      const wanted = this.#known;
      if (this.#published < wanted) await this.#enqueueWork(() => this.#publish());
      await session.run('BEGIN TRANSACTION');
      const {rows} = await session.rows('SELECT e FROM live.mr_internal._epoch');
      const at = toEpoch(Number(rows[0]?.[0]));
      invariant(at >= wanted, () => `pinned epoch ${at}, wanted at least ${wanted}`);
      let released = false;
      const release = async (): Promise<void> => {
        if (released) return;
        released = true;
        try {
          await session.run('ROLLBACK');
        } finally {
          this.#release(session);
        }
      };
      return {session, epoch: at, release};
    } catch (cause) {
      this.#release(session);
      throw cause;
    }
  }

  /** Runs `work` on one pinned epoch. */
  async read<T>(work: (read: PinnedRead) => Promise<T>): Promise<T> {
    const read = await this.pin();
    try {
      return await work(read);
    } finally {
      await read.release();
    }
  }

  async close(): Promise<void> {
    await this.#queue.catch(() => undefined);
    await this.#writer.close();
    for (const session of this.#idle) await session.close();
  }

  async #publish(): Promise<void> {
    // Buffers and epoch number are taken in one synchronous step, before the first await: later epochs belong to the next publish.
    const epochs = this.#pending;
    if (epochs.length === 0) return;
    const to = this.#known;
    this.#pending = [];
    this.#pendingRows = 0;
    const ddl = epochs.some((sealed) => sealed.ddl.length > 0);
    const dropped = new Set<TableId>();
    for (const sealed of epochs) for (const record of sealed.ddl) if (record.kind === 'drop-table') dropped.add(record.id);
    await this.#writer.run('BEGIN TRANSACTION');
    try {
      if (!ddl) await this.#publishRows(epochs, dropped);
      else for (const sealed of epochs) {
        for (const record of sealed.ddl) await this.#applyDdl(record);
        await this.#publishRows([sealed], dropped);
      }
      await this.#writer.run(`UPDATE live.mr_internal._epoch SET e = ${to}`);
      await this.#writer.run('COMMIT');
    } catch (cause) {
      // The cache cannot skip an epoch: from here on it would answer wrongly, so it answers no more.
      this.#failure = new WarehouseError('unavailable', 'MR_CACHE_FAILED', `the read cache could not take epochs up to ${to}`, {cause, hint: 'close the warehouse and open it again: the cache is built anew, no data is lost'});
      await this.#writer.run('ROLLBACK').catch(() => undefined);
      throw this.#failure;
    }
    this.#published = to;
    this.#considerSweep();
  }

  /** @param dropped tables that end within the window: their files may be gone already, and nobody will read them. */
  async #publishRows(epochs: readonly SealedEpoch[], dropped: ReadonlySet<TableId>): Promise<void> {
    const byTable = new Map<TableId, ChangeBatch[]>();
    for (const sealed of epochs) {
      for (const {table, rowCount, batch, reference} of sealed.tables) {
        if (!this.#tables.has(table)) continue; // dropped within the same window
        if (reference !== null) {
          if (dropped.has(table)) continue;
          const before = byTable.get(table);
          byTable.delete(table);
          if (before !== undefined) await this.#publishBatches(new Map([[table, before]]));
          await this.#publishReference(this.#table(table), rowCount, reference);
          continue;
        }
        const batches = byTable.get(table);
        if (batches === undefined) byTable.set(table, [batch()]);
        else batches.push(batch());
      }
    }
    await this.#publishBatches(byTable);
    this.#writer.unbindRelation('mr_publish');
    this.#writer.unbindRelation('mr_publish_dead');
  }

  /** A delta that lies in files is taken from there: its rows were numbered in file order. */
  async #publishReference(live: LiveTable, rowCount: number, reference: DeltaReference): Promise<void> {
    const inserted = await this.#writer.run(referenceInsert(live.spec, await reference.sql(), reference.firstPosition));
    const dead = reference.freed.length;
    invariant(inserted.rowsChanged === rowCount - dead, () => `files of table ${live.spec.id} gave ${inserted.rowsChanged} rows that came, ${rowCount - dead} were logged`);
    if (dead > 0) {
      this.#writer.bindRelation('mr_publish_dead', deadPositions(reference.freed, dead));
      await this.#writer.run(`INSERT INTO ${deadName(live.spec)} SELECT * FROM mr_rows('mr_publish_dead')`);
    }
    live.deadRows += dead;
    live.rowCount += rowCount - 2 * dead;
  }

  async #publishBatches(byTable: ReadonlyMap<TableId, ChangeBatch[]>): Promise<void> {
    for (const [table, batches] of byTable) {
      const live = this.#table(table);
      const rows: Publishable = publishable(live.spec.columns, batches);
      if (rows.insertedCount > 0) {
        this.#writer.bindRelation('mr_publish', rows.inserted);
        await this.#writer.run(`INSERT INTO ${liveName(live.spec)} SELECT * FROM mr_rows('mr_publish')`);
      }
      if (rows.deadCount > 0) {
        this.#writer.bindRelation('mr_publish_dead', rows.dead);
        await this.#writer.run(`INSERT INTO ${deadName(live.spec)} SELECT * FROM mr_rows('mr_publish_dead')`);
        live.deadRows += rows.deadCount;
      }
      live.rowCount += rows.insertedCount - rows.deadCount;
    }
  }

  #considerSweep(): void {
    if (this.#sweepWanted) return;
    for (const live of this.#tables.values()) {
      if (live.deadRows < Math.max(sweepRowsMin, live.rowCount / 100)) continue;
      this.#sweepWanted = true;
      void this.#enqueueWork(() => this.#sweep()).catch(() => undefined);
      return;
    }
  }

  /** Deletes dead rows physically: the anti-join's cost grows with the list, the delete's hardly. */
  async #sweep(): Promise<void> {
    this.#sweepWanted = false;
    for (const live of this.#tables.values()) {
      if (live.deadRows < Math.max(sweepRowsMin, live.rowCount / 100)) continue;
      await this.#writer.run('BEGIN TRANSACTION');
      await this.#writer.run(`DELETE FROM ${liveName(live.spec)} WHERE _pos IN (SELECT p FROM ${deadName(live.spec)})`);
      await this.#writer.run(`DELETE FROM ${deadName(live.spec)}`);
      await this.#writer.run('COMMIT');
      live.deadRows = 0;
    }
  }

  async #applyDdl(record: DdlRecord): Promise<void> {
    switch (record.kind) {
      case 'create-schema':
        if (record.name !== 'main') await this.#writer.run(`CREATE SCHEMA IF NOT EXISTS live.${quoteIdentifier(record.name)}`);
        return;
      case 'drop-schema':
        await this.#writer.run(`DROP SCHEMA live.${quoteIdentifier(record.name)}`);
        return;
      case 'create-table':
        for (const statement of createStatements(record.table)) await this.#writer.run(statement);
        this.#tables.set(record.table.id, {spec: record.table, deadRows: 0, rowCount: 0});
        return;
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

  /** Runs `work` after all queued before it. A failed publish fails every later one too. */
  #enqueueWork<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.catch(() => undefined).then(() => {
      if (this.#failure !== null) throw this.#failure;
      return work();
    });
    this.#queue = next.catch(() => undefined);
    return next;
  }

  async #acquire(): Promise<Session> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#sessions < readsMax) {
      this.#sessions++;
      return this.#kernel.connect();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(session: Session): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(session);
    else next(session);
  }
}
