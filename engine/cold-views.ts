/**
 * Tables that are not in the read cache (yet) answer all the same: for the length of a read each is a temporary view over the files
 * of a checkpoint and the log after it. A view, because the text of a query wants a name; it ends with the read's transaction.
 */
import {formAt} from '../catalog/forms.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {PinnedRead} from '../query/pinned-read.ts';
import {rowsViewName, viewName} from '../query/live-tables.ts';
import type {Host} from './host.ts';

const madeFor = new WeakMap<PinnedRead, Map<string, Promise<string>>>();

/** @returns the name under which a query on `read` reads the visible columns of a table. */
export function tableRelation(host: Pick<Host, 'cold' | 'past'>, read: PinnedRead, table: TableSpec): Promise<string> | string {
  if (!read.cold.has(table.id)) return viewName(table);
  const visible = formAt(table, read.epoch).columns.filter((column) => !column.hidden).map((column) => quoteIdentifier(column.name));
  return once(read, `mr_cold_v${table.id}`, (name) => create(host, read, table, `TEMP VIEW ${name}`, visible.join(', ')));
}

/**
 * @param held the read is held across statements, which must number its rows alike.
 * @returns the name of a table's rows with a number of each, `_pos`, and hidden columns. The numbers of a cold table tell rows
 *   apart and mean nothing to the engine.
 */
export function rowsRelation(host: Pick<Host, 'cold' | 'past'>, read: PinnedRead, table: TableSpec, held: boolean): Promise<string> | string {
  if (!read.cold.has(table.id)) return rowsViewName(table);
  const columns = ['row_number() OVER () - 1 AS _pos', ...formAt(table, read.epoch).columns.map((column) => quoteIdentifier(column.name))];
  return once(read, `mr_cold_r${table.id}`, (name) => create(host, read, table, `TEMP ${held ? 'TABLE' : 'VIEW'} ${name}`, columns.join(', ')));
}

/** Each relation is made once a read. */
function once(read: PinnedRead, name: string, make: (name: string) => Promise<void>): Promise<string> {
  let made = madeFor.get(read);
  if (made === undefined) madeFor.set(read, made = new Map());
  const known = made.get(name);
  if (known !== undefined) return known;
  const relation = make(name).then(() => `temp.main.${name}`);
  made.set(name, relation);
  // What failed once need not fail again: a deadline, say.
  relation.catch(() => made.delete(name));
  return relation;
}

async function create(host: Pick<Host, 'cold' | 'past'>, read: PinnedRead, table: TableSpec, what: string, columns: string): Promise<void> {
  const bound: string[] = [];
  // Files of the epoch stay while they are read.
  read.atRelease(await host.past.hold(read.epoch, 'moment'));
  read.atRelease(() => {
    for (const relation of bound) read.session.unbindRelation(relation);
  });
  await read.session.run(`CREATE OR REPLACE ${what} AS SELECT ${columns} FROM (${await host.cold(formAt(table, read.epoch), read.epoch, read.session, bound)})`);
}
