/**
 * Upkeep of the read cache, in the background. Both leave what is read as it is; a failure leaves a table slower, not wrong.
 *
 * A *sweep* deletes dead rows physically: the anti-join's cost grows with their list, the delete's hardly. It runs in the queue of
 * publishes, since only it deletes.
 *
 * A *rewrite* makes a table anew when a third of what was stored is garbage, which sweeps leave as holes:
 * 1. in the queue: the newest position is noted and a session of its own pins what is there;
 * 2. beside everything else that session copies the live rows, and the list of the dead that are left out with that;
 * 3. in the queue, one transaction: rows of later positions follow, the list loses what was left out, the copy takes the table's
 *    place. Readers that are pinned before keep the old one. No sweep of the table in between.
 *
 * A *compression* writes the rows that publishes brought to the cache's file, compressed (DuckDB's CHECKPOINT). Publishes leave that
 * aside: it costs four times what bringing the rows does, and a row group that fills by and by would pay it again and again. Till then
 * rows are in memory as they came, or in DuckDB's temporary files. It runs in the queue, so fresh readers wait for it; DuckDB refuses
 * it beside a filling or a rewrite, and then more rows come together.
 *
 * Each takes a turn at a core (base/turns.ts) before it enters the queue, where publishes for readers pass without one.
 */
import type {TableId, TableSpec} from '../catalog/spec.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import type {Session} from '../kernel/session.ts';
import {countOf} from './live-kept.ts';
import {createStatements, deadName, dropViewStatements, liveName} from './live-tables.ts';

/** A table of the cache. */
export interface LiveTable {
  readonly spec: TableSpec;
  deadRows: number;
  rowCount: number;
  /** Rows that sweeps have deleted since the table was last written as a whole. */
  sweptRows: number;
  /** Dead rows at which a sweep that failed is tried again. */
  sweepAt: number;
  /** Swept rows at which a rewrite that failed is tried again. */
  rewriteAt: number;
  /** All rows are in the cache. */
  hot: boolean;
}

export interface UpkeepParts {
  readonly kernel: Kernel;
  /** The only session that writes, inside the queue. */
  readonly writer: Session;
  readonly sweepRowsMin: number;
  readonly rewriteRowsMin: number;
  readonly compressRowsMin: number;
  readonly tables: () => ReadonlyMap<TableId, LiveTable>;
  readonly enqueue: <T>(work: () => Promise<T>) => Promise<T>;
  /** Ends the writer's transaction. @returns whether the cache is known to stand where it did. */
  readonly rolledBack: () => Promise<boolean>;
  /** The cache is in an unknown state. */
  readonly failed: (what: string, cause: unknown) => void;
}

interface Rewrite {
  readonly table: TableId;
  readonly session: Session;
  readonly copied: Promise<void>;
}

export class LiveUpkeep {
  readonly #parts: UpkeepParts;
  #sweepWanted = false;
  #rewriteWanted = false;
  #rewrite: Rewrite | null = null;
  /** Rows that publishes brought since the last compression, and at how many the next one is tried. */
  #plainRows = 0;
  #compressAt = 0;
  #compressWanted = false;
  /** Tables swept and rewritten, and compressions, since the opening. */
  sweepCount = 0;
  rewriteCount = 0;
  compressCount = 0;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
  }

  /** Begins what is due; after a publish. @param published rows that it brought. */
  consider(published = 0): void {
    const {turns} = this.#parts.kernel;
    const tables = [...this.#parts.tables().values()];
    this.#plainRows += published;
    const compressRows = Math.max(this.#parts.compressRowsMin, tables.reduce((sum, {rowCount}) => sum + rowCount, 0) / 8, this.#compressAt);
    if (!this.#compressWanted && this.#plainRows >= compressRows) {
      this.#compressWanted = true;
      void turns.run(() => this.#parts.enqueue(() => this.#compress())).catch(() => undefined);
    }
    if (!this.#sweepWanted && tables.some((live) => this.#sweepDue(live))) {
      this.#sweepWanted = true;
      void turns.run(() => this.#parts.enqueue(() => this.#sweep())).catch(() => undefined);
    }
    if (this.#rewriteWanted || !tables.some((live) => this.#rewriteDue(live))) return;
    this.#rewriteWanted = true;
    void turns.run(() => this.#rewriteNext()).catch(() => undefined).finally(() => { this.#rewriteWanted = false; });
  }

  /** A definition touches the table: it is not copied meanwhile. Called in the queue. */
  async endRewrite(table: TableId): Promise<void> {
    const rewrite = this.#rewrite;
    if (rewrite?.table !== table) return;
    this.#rewrite = null;
    rewrite.session.interrupt('MR_INTERRUPTED');
    await rewrite.copied.catch(() => undefined);
    await this.#dropCopy(table);
  }

  /** Takes back a rewrite that is under way. Called in the queue. */
  async end(): Promise<void> {
    if (this.#rewrite !== null) await this.endRewrite(this.#rewrite.table);
  }

  /** Ends the copying that is under way, if any, when everything ends. */
  stop(): void {
    this.#rewrite?.session.interrupt('MR_INTERRUPTED');
  }

  /** A table that is being filled waits: a dead row may not have come yet. */
  #sweepDue({spec, hot, deadRows, rowCount, sweepAt}: LiveTable): boolean {
    return hot && this.#rewrite?.table !== spec.id && deadRows >= Math.max(this.#parts.sweepRowsMin, rowCount / 100, sweepAt);
  }

  #rewriteDue({hot, sweptRows, rowCount, rewriteAt}: LiveTable): boolean {
    return hot && rowCount >= this.#parts.rewriteRowsMin && sweptRows >= Math.max(1, rowCount / 2, rewriteAt);
  }

  async #compress(): Promise<void> {
    this.#compressWanted = false;
    try {
      await this.#parts.writer.run('CHECKPOINT live');
      this.#plainRows = 0;
      this.#compressAt = 0;
      this.compressCount++;
    } catch {
      // Refused beside another writer, or out of room: the rows stay as they are, and it is tried again with as many more.
      this.#compressAt = this.#plainRows + this.#parts.compressRowsMin;
    }
  }

  async #sweep(): Promise<void> {
    this.#sweepWanted = false;
    const {writer, tables, rolledBack, failed} = this.#parts;
    for (const live of tables().values()) {
      if (!this.#sweepDue(live)) continue;
      try {
        await writer.run('BEGIN TRANSACTION');
        await writer.run(`DELETE FROM ${liveName(live.spec)} WHERE _pos IN (SELECT p FROM ${deadName(live.spec)})`);
        await writer.run(`DELETE FROM ${deadName(live.spec)}`);
        await writer.run('COMMIT');
        live.sweptRows += live.deadRows;
        live.deadRows = 0;
        live.sweepAt = 0;
        this.sweepCount++;
      } catch (cause) {
        // Nothing is wrong with the rows: they are only slower to read. It is tried again when there is twice as much to sweep.
        live.sweepAt = 2 * live.deadRows;
        if (!(await rolledBack())) failed('a failed sweep', cause);
        return;
      }
    }
  }

  async #rewriteNext(): Promise<void> {
    const {kernel, writer, tables, enqueue} = this.#parts;
    const session = await kernel.connect();
    try {
      const begun = await enqueue(async () => {
        const live = [...tables().values()].find((one) => this.#rewriteDue(one));
        if (live === undefined) return null;
        await this.#dropCopy(live.spec.id);
        const {rows} = await writer.rows(`SELECT coalesce(max(_pos), -1) FROM ${liveName(live.spec)}`);
        await session.run('BEGIN TRANSACTION');
        await session.rows('SELECT e FROM live.mr_internal._epoch');
        this.#rewrite = {table: live.spec.id, session, copied: this.#copy(session, live.spec)};
        return {rewrite: this.#rewrite, last: Number(rows[0]?.[0])};
      });
      if (begun === null) return;
      const {rewrite, last} = begun;
      const copied = await rewrite.copied.then(() => true, () => false);
      await enqueue(() => this.#takeOver(rewrite, last, copied));
    } finally {
      await session.close();
    }
  }

  async #copy(session: Session, spec: TableSpec): Promise<void> {
    await session.run(`CREATE TABLE ${copyName(spec)} AS SELECT t.* FROM ${liveName(spec)} t ANTI JOIN ${deadName(spec)} d ON d.p = t._pos`);
    await session.run(`CREATE TABLE ${leftName(spec)} AS SELECT p FROM ${deadName(spec)}`);
    await session.run('COMMIT');
  }

  async #takeOver(rewrite: Rewrite, last: number, copied: boolean): Promise<void> {
    if (this.#rewrite !== rewrite) return; // a definition came between
    this.#rewrite = null;
    const {writer, tables, rolledBack, failed} = this.#parts;
    const live = tables().get(rewrite.table)!;
    const {spec} = live;
    try {
      if (!copied) throw new Error('the copy failed');
      await writer.run('BEGIN TRANSACTION');
      await writer.run(`INSERT INTO ${copyName(spec)} SELECT * FROM ${liveName(spec)} WHERE _pos > ${last}`);
      await writer.run(`DELETE FROM ${deadName(spec)} WHERE p IN (SELECT p FROM ${leftName(spec)})`);
      for (const statement of dropViewStatements(spec)) await writer.run(statement);
      await writer.run(`DROP TABLE ${leftName(spec)}`);
      await writer.run(`DROP TABLE ${liveName(spec)}`);
      await writer.run(`ALTER TABLE ${copyName(spec)} RENAME TO t${spec.id}`);
      for (const statement of createStatements(spec, true)) await writer.run(statement);
      const dead = await countOf(writer, deadName(spec));
      await writer.run('COMMIT');
      live.deadRows = dead;
      live.sweptRows = 0;
      live.rewriteAt = 0;
      this.rewriteCount++;
    } catch (cause) {
      live.rewriteAt = 2 * live.sweptRows;
      if (!(await rolledBack())) failed('a failed rewrite', cause);
      await this.#dropCopy(rewrite.table).catch(() => undefined);
    }
  }

  async #dropCopy(id: TableId): Promise<void> {
    await this.#parts.writer.run(`DROP TABLE IF EXISTS ${copyName({id})}`);
    await this.#parts.writer.run(`DROP TABLE IF EXISTS ${leftName({id})}`);
  }
}

function copyName(table: Pick<TableSpec, 'id'>): string {
  return `${liveName(table)}_copy`;
}

function leftName(table: Pick<TableSpec, 'id'>): string {
  return `${liveName(table)}_left`;
}
