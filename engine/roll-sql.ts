/**
 * A table's content at another epoch than the one its rows are known at: changes on top, or changes taken away. Both follow the
 * changes: rows whose key no change touches are passed through by one anti-join.
 *
 *   forward   key touched by the changes → the row of its last change, if that is +I or +U
 *   back      key touched by the changes → the row of its first change, if that is −U or −D: what was there before
 */
import {invariant} from '../base/invariant.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';

type RolledTable = Pick<TableSpec, 'storage' | 'key' | 'columns'>;

/**
 * @param content SELECT of all columns at the earlier epoch.
 * @param changes table expression of the changes since: `_op`, `_seq` (unique, rising), all columns. Read more than once.
 * @returns SELECT of all columns at the later epoch.
 */
export function rolledForward(table: RolledTable, content: string, changes: string): string {
  const names = columnNames(table);
  if (table.storage === 'append') return `SELECT ${names} FROM (${content}) UNION ALL SELECT ${names} FROM ${changes} t`;
  return replaced(table, content, changes, 'max', '(0, 2)');
}

/** @param last SELECT of the last change of each key: `_op`, all columns. Not for append tables. @returns as `rolledForward`. */
export function laidOver(table: RolledTable, content: string, last: string): string {
  const names = columnNames(table);
  const on = table.key.map((index) => quoteIdentifier(table.columns[index]!.name)).map((key) => `k.${key} = f.${key}`).join(' AND ');
  return `SELECT ${names} FROM (${content}) f ANTI JOIN (${last}) k ON ${on} UNION ALL SELECT ${names} FROM (${last}) WHERE _op IN (0, 2)`;
}

/**
 * Not for append tables: which of several equal rows is the younger cannot be told.
 *
 * @param content SELECT of all columns at the later epoch.
 * @param changes as for `rolledForward`, of the epochs between.
 * @returns SELECT of all columns at the earlier epoch.
 */
export function rolledBack(table: RolledTable, content: string, changes: string): string {
  invariant(table.storage !== 'append', 'an append table is rolled forward only');
  return replaced(table, content, changes, 'min', '(1, 3)');
}

function replaced(table: RolledTable, content: string, changes: string, which: 'min' | 'max', ops: string): string {
  const names = columnNames(table);
  const keys = table.key.map((index) => quoteIdentifier(table.columns[index]!.name));
  const touched = `SELECT ${keys.join(', ')}, ${which}(_seq) AS _seq FROM ${changes} t GROUP BY ${keys.join(', ')}`;
  const on = keys.map((key) => `k.${key} = f.${key}`).join(' AND ');
  return `WITH mr_touched AS MATERIALIZED (${touched}) SELECT ${names} FROM (${content}) f ANTI JOIN mr_touched k ON ${on} `
    + `UNION ALL SELECT ${names} FROM (SELECT c.* FROM ${changes} c SEMI JOIN mr_touched k ON k._seq = c._seq WHERE c._op IN ${ops})`;
}

function columnNames(table: RolledTable): string {
  return table.columns.map((column) => quoteIdentifier(column.name)).join(', ');
}
