/** What of the read cache's database a later process finds again, and what is cleared away. */
import type {Epoch} from '../base/epoch.ts';
import type {TableId} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {Session} from '../kernel/session.ts';
import {deadName, liveName} from './live-tables.ts';

/** What the cache holds of one table: all its rows, and positions of overwritten ones. */
export interface CachedTable {
  readonly id: TableId;
  /** Rows in the table's live form, dead ones included. */
  readonly storedRows: number;
  readonly deadRows: number;
}

/**
 * Clears away what the process before left, but for tables that are whole.
 *
 * @returns those of `kept` that are there with all their rows.
 */
export async function keptTables(writer: Session, at: Epoch, kept: readonly CachedTable[]): Promise<CachedTable[]> {
  const found: CachedTable[] = [];
  const epoch = kept.length === 0 ? null : await writer.rows('SELECT e FROM live.mr_internal._epoch').catch(() => null);
  if (epoch?.rows[0]?.[0] === BigInt(at)) {
    for (const table of kept) {
      const stored = await countOf(writer, liveName(table)).catch(() => -1);
      const dead = table.deadRows === 0 ? 0 : await countOf(writer, deadName(table)).catch(() => -1);
      if (stored === table.storedRows && dead === table.deadRows) found.push(table);
    }
  }
  const views = await writer.rows("SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = 'live' AND NOT internal");
  for (const [schema, name] of views.rows) await writer.run(`DROP VIEW live.${quoteIdentifier(String(schema))}.${quoteIdentifier(String(name))}`);
  const names = new Set(found.flatMap((table) => [liveName(table), deadName(table)]));
  const tables = await writer.rows("SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'live'");
  for (const [schema, name] of tables.rows) {
    if (!names.has(`live.${String(schema)}.${String(name)}`)) await writer.run(`DROP TABLE live.${quoteIdentifier(String(schema))}.${quoteIdentifier(String(name))}`);
  }
  return found;
}

/** @returns the rows of a table of the cache. */
export async function countOf(session: Session, table: string): Promise<number> {
  return Number((await session.rows(`SELECT count(*) FROM ${table}`)).rows[0]?.[0] ?? 0);
}
