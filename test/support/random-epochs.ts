/** Random changes of the tables of an `IncrementalCheck`: few keys, so that rows meet again; NULLs; rows that come and go at once. */
import {inspect} from 'node:util';
import type {LogicalType} from '../../base/type.ts';
import type {Value} from '../../base/value.ts';
import type {CheckChange, CheckTable, IncrementalCheck} from './check-incremental.ts';
import type {Random} from './random.ts';

const words = ['', 'a', 'ab', 'abcdefghijklmnop', 'Z', 'ä', 'late', 'on time', 'x'.repeat(40)];

/** @returns a value of few, edges among them. @param tame leaves out doubles that are no ordinary numbers. */
export function randomValue(random: Random, type: LogicalType, nullable: boolean, tame = false): Value {
  if (nullable && random.chance(0.15)) return null;
  const small = random.integer(-1, 8);
  switch (type.kind) {
    case 'boolean': return random.chance(0.5);
    case 'tinyint': case 'smallint': return small;
    case 'integer': return random.chance(0.05) ? random.pick([2_147_483_647, -2_147_483_648]) : small;
    case 'bigint': return random.chance(0.1) ? random.pick([9_223_372_036_854_775_807n, -9_223_372_036_854_775_808n, 9_007_199_254_740_993n, 4_294_967_296n]) : BigInt(small);
    case 'decimal': {
      const whole = type.precision > 18 && random.chance(0.1) ? `${random.pick(['', '-'])}${'9'.repeat(20)}` : String(random.integer(-20, 200));
      return type.scale === 0 ? whole : `${whole}.${'5'.repeat(type.scale)}`;
    }
    case 'float': return random.pick([0, 0.5, -1.25, 3, 1e10]);
    case 'double': return !tame && random.chance(0.03) ? random.pick([Infinity, -Infinity, NaN, 1e200, -1e200, 5e-324]) : random.pick([0, 0.1, 0.2, -0.3, 2.5, 1e9, 123.456, 7]);
    case 'varchar': return random.pick(words);
    case 'blob': return Uint8Array.from(random.pick([[], [0], [255, 1], [1, 2, 3]]));
    case 'date': return `2026-01-0${random.integer(1, 5)}`;
    case 'timestamp': return `2026-01-0${random.integer(1, 3)}T0${random.integer(0, 4)}:${random.pick(['00', '30'])}:00.000000`;
    case 'timestamptz': return `2026-01-0${random.integer(1, 3)}T0${random.integer(0, 4)}:00:00.000000Z`;
    case 'list': return Array.from({length: random.pick([0, 1, 1, 2, 3])}, () => randomValue(random, type.element, true, tame));
    case 'struct': return Object.fromEntries(type.fields.map((field) => [field.name, randomValue(random, field.type, true, tame)]));
    case 'map': return randomEntries(random, type, tame);
  }
}

function randomEntries(random: Random, type: Extract<LogicalType, {kind: 'map'}>, tame: boolean): Value[] {
  const entries = new Map<string, Value>();
  for (let count = random.integer(0, 3); count > 0; count--) {
    const key = randomValue(random, type.key, false, tame);
    entries.set(inspect(key), {key, value: randomValue(random, type.value, true, tame)});
  }
  return [...entries.values()];
}

function randomRow(random: Random, table: CheckTable, keyRange: number, tame = false): Value[] {
  const key = table.key ?? [];
  return table.columns.map(({name, type, nullable}) => {
    if (!key.includes(name)) return randomValue(random, type, nullable ?? true, tame);
    if (type.kind === 'varchar') return `k${random.integer(1, keyRange)}`;
    return type.kind === 'bigint' ? BigInt(random.integer(1, keyRange)) : random.integer(1, keyRange);
  });
}

export interface EpochSize {
  /** Most rows that one table changes by. */
  readonly rowsMax: number;
  /** Keys are in [1, keyRange]. */
  readonly keyRange: number;
  /** Doubles are ordinary numbers. */
  readonly tame?: boolean;
}

/** @returns `rowCount` random rows for one table. */
export function randomRows(random: Random, table: CheckTable, rowCount: number, keyRange: number, tame = false): CheckChange {
  return {table: `${table.schema}.${table.name}`, upsert: Array.from({length: rowCount}, () => randomRow(random, table, keyRange, tame))};
}

/** @returns changes of some of the tables: now and then all rows of one go, or one row alone changes. */
export function randomEpoch(random: Random, check: IncrementalCheck, tables: readonly CheckTable[], size: EpochSize): CheckChange[] {
  const changed = tables.filter(() => random.chance(0.6));
  return (changed.length === 0 ? [random.pick(tables)] : changed).map((table) => {
    const name = `${table.schema}.${table.name}`;
    const rows = Array.from({length: random.chance(0.3) ? 1 : random.integer(1, size.rowsMax)}, () => randomRow(random, table, size.keyRange, size.tame));
    const key = table.key ?? [];
    if (key.length === 0 && table.bag !== true) return {table: name, upsert: rows};
    const content = check.content(name);
    const gone = random.chance(0.05) ? content : content.filter(() => random.chance(0.12));
    if (key.length === 0) return {table: name, upsert: rows, remove: gone};
    const positions = key.map((column) => table.columns.findIndex(({name: other}) => other === column));
    const absent = random.chance(0.2) ? [randomRow(random, table, size.keyRange, size.tame)] : [];
    return {table: name, upsert: random.chance(0.15) ? [] : rows, remove: [...gone, ...absent].map((row) => positions.map((position) => row[position]!))};
  });
}
