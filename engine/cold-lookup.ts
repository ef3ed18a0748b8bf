/** A row by its key while state is being loaded: from files and log, or from a read cache that is current. Slower than from state, and right. */
import {formAt} from '../catalog/forms.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {Column} from '../base/delta.ts';
import type {Row} from '../base/value.ts';
import {valueAt} from '../kernel/column-values.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import {relationOf} from '../kernel/relation.ts';
import type {PinnedRead} from '../query/pinned-read.ts';
import {tableRelation} from './cold-views.ts';
import type {Host} from './host.ts';

let lookups = 0;

/** @param keys a key, column by column in key order. @returns the row's visible columns; null if there is none. */
export async function lookUpCold(host: Host, read: PinnedRead, table: TableSpec, keys: readonly Column[]): Promise<Row | null> {
  const form = formAt(host.catalog.byId(table.id) ?? table, read.epoch);
  const visible = form.columns.filter((column) => !column.hidden);
  const shape = form.key.map((index, at) => ({name: `k${at}`, type: form.columns[index]!.type}));
  const name = `mr_lookup_${lookups++}`;
  const on = form.key.map((index, at) => `t.${quoteIdentifier(form.columns[index]!.name)} = k.k${at}`).join(' AND ');
  read.session.bindRelation(name, relationOf(keys, 1, shape));
  try {
    const names = visible.map((column) => `t.${quoteIdentifier(column.name)}`).join(', ');
    const stream = await read.session.stream(`SELECT ${names} FROM ${await tableRelation(host, read, table)} t SEMI JOIN mr_rows('${name}') k ON ${on}`, [], {types: visible.map(({type}) => type)});
    try {
      const chunk = await stream.next();
      return chunk === null || chunk.rowCount === 0 ? null : Object.fromEntries(visible.map((column, index) => [column.name, valueAt(chunk.columns[index]!, column.type, 0)]));
    } finally {
      await stream.close();
    }
  } finally {
    read.session.unbindRelation(name);
  }
}
