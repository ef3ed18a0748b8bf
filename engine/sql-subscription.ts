/**
 * CREATE and DROP SUBSCRIPTION, FETCH, COMMIT … THROUGH EPOCH.
 *
 * A FETCH answers rows of `_epoch`, `_op`, `_complete` and the table's columns; of several tables `_table` and the row as one value.
 * `_complete` is true on the last row of an epoch; where an epoch's end comes without a row of its own, that row has no `_op`.
 */
import {setField} from '../base/field.ts';
import {typeText} from '../base/type.ts';
import type {Row, Value} from '../base/value.ts';
import {createSubscriptionRecord, requireSubscription} from '../catalog/subscriptions.ts';
import {valueAt} from '../kernel/column-values.ts';
import type {Statement} from '../kernel/statement/parse.ts';
import {opText, visibleShape} from '../query/change-rows.ts';
import type {ColumnItem} from '../query/subscription.ts';
import type {Result, ResultColumn} from './api.ts';
import {requireTable} from './lookup.ts';
import {done, type StatementContext} from './statement-context.ts';

type Of<K extends Statement['kind']> = Extract<Statement, {kind: K}>;

export async function createSubscription({host}: StatementContext, {name, ifNotExists, tables: named, from, options}: Of<'create-subscription'>): Promise<Result> {
  if (ifNotExists && host.catalog.findSubscription(name) !== undefined) return done('CREATE SUBSCRIPTION', host.history.newest);
  const tables = named.map((table) => requireTable(host.catalog, table).id);
  const {epoch} = await host.define([createSubscriptionRecord(host.catalog, {name, tables, ...host.subscriptions.startAt(from), options, createdMs: host.nowMs()})]);
  return done('CREATE SUBSCRIPTION', epoch);
}

export async function dropSubscription({host}: StatementContext, {name, ifExists}: Of<'drop-subscription'>): Promise<Result> {
  if (ifExists && host.catalog.findSubscription(name) === undefined) return done('DROP SUBSCRIPTION', host.history.newest);
  const {epoch} = await host.define([{kind: 'drop-subscription', name: requireSubscription(host.catalog, name).name}]);
  return done('DROP SUBSCRIPTION', epoch);
}

export async function fetchChanges({host, options, consumer: session}: StatementContext, {name, rows, waitMs, consumer = session}: Of<'fetch'>): Promise<Result> {
  const {items, through, subscription} = await host.subscriptions.fetch(name, {rows, waitMs, consumer, signal: options.signal});
  const epoch = through ?? subscription.position.epoch;
  const [only, ...others] = subscription.tables.map((id) => host.catalog.byId(id)!);
  if (only !== undefined && others.length === 0) {
    const {names, types, ids} = visibleShape(only);
    const columns = [...headColumns, ...names.map((column, index) => ({name: column, type: typeText(types[index]!)}))];
    const answer = rowsOf(items, (row, of, at) => {
      // Changes of before an ALTER come under the columns of now; those of an end mark that stands alone are NULL.
      for (let c = 0; c < names.length; c++) {
        const from = of === null ? -1 : of.shape.ids === ids ? c : of.shape.ids.indexOf(ids[c]!);
        setField(row, names[c]!, from === -1 ? null : valueAt(of!.columns[from]!, of!.shape.types[from]!, at));
      }
    });
    return {columns, rows: answer, epoch, tag: ''};
  }
  const columns = [headColumns[0]!, {name: '_table', type: 'VARCHAR'}, ...headColumns.slice(1), {name: 'row', type: 'STRUCT'}];
  const answer = rowsOf(items, (row, of, at) => {
    const {_epoch, ...head} = row;
    for (const key of Object.keys(row)) delete row[key];
    Object.assign(row, {_epoch, _table: of?.shape.table ?? null, ...head});
    const value: Record<string, Value> = {};
    if (of !== null) for (const [c, column] of of.shape.names.entries()) setField(value, column, valueAt(of.columns[c]!, of.shape.types[c]!, at));
    row['row'] = of === null ? null : (value as unknown as Value);
  });
  return {columns, rows: answer, epoch, tag: ''};
}

export async function commitSubscription({host, consumer: session}: StatementContext, {name, epoch, consumer = session}: Of<'commit-subscription'>): Promise<Result> {
  return done('COMMIT', await host.subscriptions.commit(name, epoch, consumer));
}

const headColumns: readonly ResultColumn[] = [{name: '_epoch', type: 'BIGINT'}, {name: '_op', type: 'VARCHAR'}, {name: '_complete', type: 'BOOLEAN'}];

type Part = ColumnItem['parts'][number];

/** @param fill puts the columns of a row in; a part of null: the end mark of an epoch that has no row to stand on. */
function rowsOf(items: readonly ColumnItem[], fill: (row: Record<string, Value>, part: Part | null, at: number) => void): Row[] {
  const answer: Record<string, Value>[] = [];
  for (const {epoch, parts, complete} of items) {
    for (const part of parts) {
      for (let i = part.start; i < part.end; i++) {
        const at = part.rows === null ? i : part.rows[i]!;
        const row: Record<string, Value> = {_epoch: BigInt(epoch), _op: opText(part.ops, at), _complete: false};
        fill(row, part, at);
        answer.push(row);
      }
    }
    if (!complete) continue;
    const last = answer.at(-1);
    if (last !== undefined && last['_epoch'] === BigInt(epoch)) last['_complete'] = true;
    else {
      const row: Record<string, Value> = {_epoch: BigInt(epoch), _op: null, _complete: true};
      fill(row, null, 0);
      answer.push(row);
    }
  }
  return answer;
}
