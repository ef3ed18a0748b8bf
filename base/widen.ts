/**
 * Wider types: which type of a column may become which, so that every value stays what it is, and how a column's values are held
 * afterwards. Equal values of both types are equal as keys, as text of JSON up to the quotes of long numbers, and as row hashes where
 * {@link keepsRowHash} says so.
 */
import {asI128, nullColumn} from './columns.ts';
import type {Column} from './delta.ts';
import {invariant} from './invariant.ts';
import {type LogicalType, physicalKind, sameType, typeText} from './type.ts';

const digitsOf: Readonly<Partial<Record<LogicalType['kind'], number>>> = {tinyint: 3, smallint: 5, integer: 10, bigint: 19};
const integers = ['tinyint', 'smallint', 'integer', 'bigint'] as const;

/** @returns the wider types of a type, in words. */
export function widerTypes(type: LogicalType): string {
  const digits = digitsOf[type.kind];
  if (digits !== undefined) {
    const wider = integers.slice(integers.indexOf(type.kind as (typeof integers)[number]) + 1).map((kind) => kind.toUpperCase());
    if (type.kind === 'tinyint' || type.kind === 'smallint') wider.push('FLOAT');
    if (type.kind !== 'bigint') wider.push('DOUBLE');
    return [...wider, `DECIMAL(p,0) with p ≥ ${digits}`].join(', ');
  }
  if (type.kind === 'float') return 'DOUBLE';
  if (type.kind === 'decimal' && type.precision < 38) return `DECIMAL(p,${type.scale}) with p > ${type.precision}`;
  return 'none';
}

/** @returns whether a column of type `from` may become one of `to`: every value of the one is a value of the other. */
export function widens(from: LogicalType, to: LogicalType): boolean {
  const digits = digitsOf[from.kind];
  switch (to.kind) {
    case 'smallint': case 'integer': case 'bigint': return digits !== undefined && digits < digitsOf[to.kind]!;
    case 'float': return from.kind === 'tinyint' || from.kind === 'smallint';
    case 'double': return from.kind === 'float' || (digits !== undefined && from.kind !== 'bigint');
    case 'decimal':
      if (from.kind === 'decimal') return to.scale === from.scale && to.precision > from.precision;
      return digits !== undefined && to.scale === 0 && to.precision >= digits;
    default: return false;
  }
}

/** @returns whether the row hash of a bag stays what it was (docs/formats/row-hash.md): whole numbers and doubles hash differently. */
export function keepsRowHash(from: LogicalType, to: LogicalType): boolean {
  return from.kind === 'float' || (to.kind !== 'float' && to.kind !== 'double');
}

/** @returns the column's values as those of a wider type (`widens`), or of the same; arrays are shared where their form is the same. */
export function widenColumn(column: Column, from: LogicalType, to: LogicalType, rowCount: number): Column {
  if (sameType(from, to)) return column;
  invariant(widens(from, to), () => `${typeText(from)} does not widen to ${typeText(to)}`);
  const kind = physicalKind(to);
  if (column.kind === 'i32') return kind === 'i32' ? column : {kind: 'f64', data: Float64Array.from(column.data.subarray(0, rowCount)), valid: column.valid, bound: kind === 'f64' ? Infinity : int32Bound};
  if (column.kind === 'i64' && kind === 'exact128') return {kind: 'i128', data: asI128(column, rowCount), valid: column.valid};
  return column;
}

const int32Bound = 2 ** 31;

/** What a column is from form to form of its table. */
export interface FieldType {
  /** Never used again in its table. */
  readonly id: number;
  readonly type: LogicalType;
}

/** @returns for every column of `to` the position of the same field in `from`; −1 for one that is not there. */
export function fieldPositions(from: readonly {readonly id: number}[], to: readonly {readonly id: number}[]): number[] {
  return to.map(({id}) => from.findIndex((field) => field.id === id));
}

/** @returns columns of one form of a table as those of a later one: NULL where there were none, wider where their types are. Arrays are shared where they can be. */
export function evolveColumns(columns: readonly Column[], from: readonly FieldType[], to: readonly FieldType[], rowCount: number): Column[] {
  return fieldPositions(from, to).map((at, index) => (at < 0 ? nullColumn(to[index]!.type, rowCount) : widenColumn(columns[at]!, from[at]!.type, to[index]!.type, rowCount)));
}

/** @returns whether rows of the one form are rows of the other as they are. */
export function sameFields(from: readonly FieldType[], to: readonly FieldType[]): boolean {
  return from.length === to.length && from.every(({id, type}, index) => to[index]!.id === id && sameType(type, to[index]!.type));
}
