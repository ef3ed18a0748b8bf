/** ALTER TABLE as a step of the laws: a random change of a table, and what it makes of rows that are there. */
import assert from 'node:assert/strict';
import type {LogicalType} from '../../base/type.ts';
import {sameType, typeText} from '../../base/type.ts';
import {widens} from '../../base/widen.ts';
import type {Warehouse} from '../../engine/warehouse.ts';
import type {Random} from './random.ts';

export interface AlteredColumn {readonly name: string; readonly type: LogicalType}
type Columns = readonly AlteredColumn[];

/** Values of a row in table order, as JSON has them, before the change; and after it. */
export type RowChange = (values: readonly unknown[]) => unknown[];

const widerTypes: readonly LogicalType[] = [
  {kind: 'smallint'}, {kind: 'integer'}, {kind: 'bigint'}, {kind: 'float'}, {kind: 'double'}, {kind: 'decimal', precision: 20, scale: 0}, {kind: 'decimal', precision: 16, scale: 2}, {kind: 'decimal', precision: 38, scale: 3},
];

/** Where each column was, −1: it is new; the rest of the statement. */
interface Wanted {readonly columns: Columns; readonly from: readonly number[]; readonly change: string}

function wanted(random: Random, columns: Columns, fresh: string, types: readonly LogicalType[]): Wanted {
  const all = columns.map((_, index) => index);
  const at = random.integer(0, columns.length - 1);
  const chosen = columns[at]!;
  switch (random.integer(0, 5)) {
    case 0: case 1: {
      const column = {name: fresh, type: random.pick(types)};
      const place = random.integer(0, columns.length);
      const text = place === columns.length ? '' : place === 0 ? ' FIRST' : ` AFTER ${columns[place - 1]!.name}`;
      return {columns: columns.toSpliced(place, 0, column), from: all.toSpliced(place, 0, -1), change: `ADD COLUMN ${fresh} ${typeText(column.type)}${text}`};
    }
    case 2: return {columns: columns.toSpliced(at, 1), from: all.toSpliced(at, 1), change: `DROP COLUMN ${chosen.name}`};
    case 3: return {columns: columns.with(at, {...chosen, name: fresh}), from: all, change: `RENAME COLUMN ${chosen.name} TO ${fresh}`};
    case 4: {
      const type = random.pick(widerTypes);
      return {columns: columns.with(at, {...chosen, type}), from: all, change: `ALTER COLUMN ${chosen.name} TYPE ${typeText(type)}`};
    }
    default: {
      const rest = all.toSpliced(at, 1);
      return {columns: [chosen, ...columns.toSpliced(at, 1)], from: [at, ...rest], change: `ALTER COLUMN ${chosen.name} FIRST`};
    }
  }
}

/**
 * @param fresh a name that no column has or had.
 * @returns the columns as they are then, and what becomes of rows; null where the change was refused, which has changed nothing.
 */
export async function randomAlter(warehouse: Warehouse, random: Random, table: {readonly name: string; readonly columns: Columns}, fresh: string, types: readonly LogicalType[]): Promise<{readonly columns: Columns; readonly rows: RowChange} | null> {
  const was = table.columns;
  const {columns, from, change} = wanted(random, was, fresh, types);
  const before = warehouse.epoch;
  // The columns that generators know by their names keep them.
  if (/ (?:COLUMN|AFTER) [kp](?: |$)/.test(change) && !change.startsWith('ADD')) return null;
  try {
    await warehouse.sql(`ALTER TABLE ods.${table.name} ${change}`);
  } catch (cause) {
    assert.ok(cause instanceof Error && 'kind' in cause && cause.kind === 'invalid', `ALTER TABLE ${table.name} ${change} failed: ${String(cause)}`);
    assert.equal(warehouse.epoch, before);
    return null;
  }
  for (const [index, at] of from.entries()) {
    const [old, is] = [was[at]?.type, columns[index]!.type];
    assert.ok(old === undefined || sameType(old, is) || widens(old, is), `${change} was taken`);
  }
  const widened = (value: unknown, to: LogicalType): unknown => (value === null ? null : to.kind === 'bigint' ? `${String(value)}n` : to.kind === 'decimal' ? String(value).replace(/n$/, '') : value);
  return {
    columns,
    rows: (values) => from.map((at, index) => (at === -1 ? null : sameType(was[at]!.type, columns[index]!.type) ? values[at] : widened(values[at], columns[index]!.type))),
  };
}
