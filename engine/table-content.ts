/**
 * A table's rows at an opening, each with its position, as both threads read them: the worker into state, the main thread into the read
 * cache. Positions mean nothing beyond this opening, but both must give every row the same.
 *
 *   without changes in the tail   rows of the files, 0, 1, 2 … in the stable order of the files (ordered-scan.ts)
 *   append tables                 the same, then the tail's rows in order
 *   keyed tables and bags         rows of the files keep the number that they have in the files, and those whose key the tail touches are
 *                                 left out: piece k of n counts from k · N, N being at least the rows of all files. The tail's last row of
 *                                 a key has n · N + the number of its change. So no join and no sort must keep an order.
 */
import type {TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {Session} from '../kernel/session.ts';
import {orderedScan} from '../storage/lsm/ordered-scan.ts';
import type {PaimonTable} from '../storage/lsm/paimon-table.ts';
import type {ScanPlan} from '../storage/lsm/scan-plan.ts';
import type {TailChanges} from './recovered-tail.ts';
import {positionOrder} from './table-home.ts';

/** Some of a table's rows. */
export interface ContentPiece {
  /** A SELECT of all columns; where `numbered`, `_pos` stands before them, and rows come in any order. */
  readonly sql: string;
  readonly numbered: boolean;
}

export interface TableContent {
  /** One after the other; they are read on the session that they were made for. */
  readonly pieces: readonly ContentPiece[];
  /** Where rows of the tail begin that lie in frames: add the number of the change. Null: no piece is numbered, rows are as they come. */
  readonly tailPosition: number | null;
}

/** Where a table's files are read. */
export interface FilePlan {
  readonly paimon: PaimonTable;
  readonly plan: ScanPlan;
}

/** What the tail says of a table, ready to be read on a session. */
export type ContentTail =
  /** Of an append table: its changes. */
  | {readonly kind: 'append'; readonly changes: TailChanges}
  /** `touched`: a relation of the keys that it touches. `rows`: SELECTs of `_op`, `_seq` and all columns of what it says last of keys. */
  | {readonly kind: 'keyed'; readonly touched: string; readonly rows: readonly string[]};

/**
 * @param files null: it has none. @param tail its changes after them; null: none.
 * @param sorted numbered rows come by key, for whom needs that.
 */
export async function tableContent(session: Session, table: TableSpec, files: FilePlan | null, tail: ContentTail | null, {sorted = false}: {readonly sorted?: boolean} = {}): Promise<TableContent> {
  const columns = table.columns.map((column) => column.name);
  const names = columns.map(quoteIdentifier).join(', ');
  const scan = files === null ? [] : await orderedScan(session, files.paimon, files.plan, {ordered: positionOrder(table), columns});
  const plain = (sql: string): ContentPiece => ({sql, numbered: false});
  if (tail === null) return {pieces: scan.map(plain), tailPosition: null};
  if (tail.kind === 'append') return {pieces: [...scan, `SELECT ${names} FROM ${tail.changes.sql} t ORDER BY _seq`].map(plain), tailPosition: null};
  const keys = table.key.map((index) => quoteIdentifier(table.columns[index]!.name));
  const step = Math.max(1, files?.plan.rowCount ?? 0);
  const tailPosition = scan.length * step;
  const on = keys.map((key) => `k.${key} = f.${key}`).join(' AND ');
  const numbered = scan.map((sql, index) => `SELECT f.* FROM (SELECT ${index * step} - 1 + row_number() OVER () AS _pos, ${names} FROM (${sql})) f ANTI JOIN ${tail.touched} k ON ${on}`);
  for (const sql of tail.rows) numbered.push(`SELECT ${tailPosition} + _seq AS _pos, ${names} FROM (${sql}) WHERE _op IN (0, 2)`);
  const texts = sorted ? [`SELECT * FROM (${numbered.join(' UNION ALL ')}) ORDER BY ${keys.join(', ')}`] : numbered;
  return {pieces: texts.map((sql) => ({sql, numbered: true})), tailPosition};
}

/** @returns a numbered piece with its positions as doubles. */
export function withDoubles({sql}: ContentPiece): string {
  return `SELECT _pos::DOUBLE AS _pos, * EXCLUDE (_pos) FROM (${sql})`;
}
