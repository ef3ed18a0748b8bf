/**
 * What the log's tail says last of each key, as tables of the serve instance: so a read of files and tail costs one join, however often keys
 * were overwritten, and the read cache is filled from the same. Made once, when somebody first needs the newest content of a table that the
 * tail touches; DuckDB's memory limit holds for it. All tables' at once: a transaction sees of a database what was there when it first read
 * it. They lie in a database of their own, so that the pinned epoch of a read plays no part.
 */
import {systemClock} from '../base/clock.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import {evolvedSql} from './delta-sql.ts';
import type {RecoveredTail} from './recovered-tail.ts';

/** The database; `openServeKernel` attaches it. */
export const tailDatabase = 'tail';

/** ms between being pointed to one of them and its first reading, at most. */
const retireMs = 60_000;
let relations = 0;

export class TailNets {
  readonly #kernel: Kernel;
  readonly #tail: RecoveredTail;
  /** In the form that the tail left them in; none once they are given up. */
  #tables: ReadonlyMap<TableId, TableSpec>;
  #made: Promise<void> | null = null;

  /** @param tables that exist at the end of the tail. */
  constructor(kernel: Kernel, tail: RecoveredTail, tables: readonly TableSpec[]) {
    this.#kernel = kernel;
    this.#tail = tail;
    this.#tables = new Map(tables.filter((table) => table.storage !== 'append' && tail.rowsOf(table.id) > 0).map((table) => [table.id, table]));
  }

  /** @returns SQL of a table's last changes, in one of its forms: `_op`, `_seq`, all columns; null where there are none, or they are not kept so. */
  async lastOf(table: TableSpec): Promise<string | null> {
    if (!this.#tables.has(table.id)) return null;
    // What has no room, say, is read from frames.
    await (this.#made ??= this.#make().catch(() => this.retire()));
    const form = this.#tables.get(table.id);
    if (form === undefined) return null;
    return `SELECT _op, _seq, ${evolvedSql(form.columns, table.columns).join(', ')} FROM ${nameOf(table.id)}`;
  }

  /** Nobody is pointed to them any more; when whoever was must have begun to read they go. */
  retire(): void {
    const ids = [...this.#tables.keys()];
    this.#tables = new Map();
    if (this.#made !== null && ids.length > 0) systemClock.after(retireMs, () => void this.#drop(ids).catch(() => undefined)); // memory of an instance that is closing
  }

  async #drop(ids: readonly TableId[]): Promise<void> {
    await this.#made;
    await using session = await this.#kernel.connect();
    for (const id of ids) for (const name of [nameOf(id), touchedOf(id)]) await session.run(`DROP TABLE IF EXISTS ${name}`);
  }

  async #make(): Promise<void> {
    await using session = await this.#kernel.connect();
    for (const table of this.#tables.values()) await this.#makeOne(session, table);
  }

  async #makeOne(session: Awaited<ReturnType<Kernel['connect']>>, table: TableSpec): Promise<void> {
    const bound: string[] = [];
    const bind = (source: Parameters<typeof session.bindRelation>[1]): string => {
      const name = `mr_net_${relations++}`;
      bound.push(name);
      session.bindRelation(name, source);
      return name;
    };
    try {
      const touched = touchedOf(table.id);
      const last = await this.#tail.lastChanges(table, session, touched, bind);
      if (last === null) return;
      const names = table.columns.map((column) => quoteIdentifier(column.name)).join(', ');
      const parts = [...(last.inFiles === null ? [] : [last.inFiles]), ...(last.inFrames === null ? [] : [`SELECT _op, _seq, ${names} FROM mr_rows('${bind(last.inFrames)}')`])];
      await session.run(`CREATE TABLE ${nameOf(table.id)} AS ${parts.join(' UNION ALL ')}`);
      await session.run(`DROP TABLE ${touched}`);
    } finally {
      for (const name of bound) session.unbindRelation(name);
    }
  }
}

function nameOf(id: TableId): string {
  return `${tailDatabase}.main.n${id}`;
}

function touchedOf(id: TableId): string {
  return `${tailDatabase}.main.k${id}`;
}
