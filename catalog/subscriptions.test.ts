/** CREATE SUBSCRIPTION as values: names, tables, options; what follows a table keeps it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Catalog} from './catalog.ts';
import {createTableSpec} from './create.ts';
import {dropTableRecord} from './drop.ts';
import type {DdlRecord, TableId} from './spec.ts';
import {createSubscriptionRecord, requireSubscription, type NewSubscription} from './subscriptions.ts';

function catalogWith(...names: string[]): Catalog {
  const catalog = new Catalog();
  for (const name of names) {
    const table = createTableSpec(catalog, {table: {schema: 'main', name}, options: {}}, {columns: [{name: 'id', type: 'BIGINT', nullable: true, default: null}], primaryKey: ['id']}, 5);
    catalog.apply({kind: 'create-table', table});
  }
  return catalog;
}

const wanted: NewSubscription = {name: 's', tables: [1 as TableId], start: null, position: {epoch: 4, timeMs: 5, loggedBytes: 6}, options: {}, createdMs: 7};

test('subscription: options are read, and their defaults are the named limits', () => {
  const made = (options: Record<string, string>): unknown => {
    const record = createSubscriptionRecord(catalogWith('a'), {...wanted, options}) as Extract<DdlRecord, {kind: 'create-subscription'}>;
    const {conflate, split, lagMsMax, lagBytesMax} = record.subscription;
    return [conflate, split, lagMsMax, lagBytesMax];
  };
  assert.deepEqual(made({}), [false, false, 604_800_000, 8 * 1024 ** 3]);
  assert.deepEqual(made({conflate: 'TRUE', split: 'true', lag_max: '90 min', lag_max_bytes: '64 MiB'}), [true, true, 5_400_000, 64 * 1024 ** 2]);
  for (const options of [{conflate: 'yes'}, {split: ''}, {lag_max: '7'}, {lag_max: '-1 s'}, {lag_max_bytes: '1.5 GB'}, {lag_max_bytes: '9 parsec'}]) assert.throws(() => made(options as unknown as Record<string, string>), {code: 'MR_BAD_OPTION'}, JSON.stringify(options));
  assert.throws(() => made({conflated: 'true'}), {code: 'MR_UNKNOWN_OPTION', hint: /conflate/});
  assert.throws(() => made({retention: '7 days'}), {code: 'MR_UNKNOWN_OPTION', hint: /lag_max/});
});

test('subscription: names are of the warehouse, each once in any case; tables each once', () => {
  const catalog = catalogWith('a', 'b');
  catalog.apply(createSubscriptionRecord(catalog, wanted));
  assert.throws(() => createSubscriptionRecord(catalog, {...wanted, name: 'S'}), {code: 'MR_SUBSCRIPTION_EXISTS'});
  for (const name of ['', '_mr_x', 'a.b', 'a$b', ' a']) assert.throws(() => createSubscriptionRecord(catalog, {...wanted, name}), {code: 'MR_BAD_NAME'}, name);
  assert.throws(() => createSubscriptionRecord(catalog, {...wanted, name: 'x', tables: [1, 2, 1] as TableId[]}), {code: 'MR_SYNTAX'});
  assert.equal(requireSubscription(catalog, 'S').name, 's');
  assert.throws(() => requireSubscription(catalog, 'ss'), {code: 'MR_UNKNOWN_SUBSCRIPTION', hint: /"s"/});
});

test('subscription: a table that is followed is not dropped, and may be when nobody follows it', () => {
  const catalog = catalogWith('a', 'b');
  catalog.apply(createSubscriptionRecord(catalog, {...wanted, tables: [2, 1] as TableId[]}));
  assert.throws(() => dropTableRecord(catalog, 1 as TableId), {code: 'MR_DEPENDENTS', message: /followed by subscription "s"/});
  catalog.apply({kind: 'drop-subscription', name: 's'});
  assert.deepEqual(dropTableRecord(catalog, 1 as TableId), {kind: 'drop-table', id: 1});
});
