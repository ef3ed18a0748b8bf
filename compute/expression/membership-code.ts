/** `x IN (constants)` as JavaScript: a chain of comparisons where the list is short, a look-up in a hoisted set where it is long. */
import {NARROW_BOUND} from '../../base/delta.ts';
import {equalCode} from './compare-code.ts';
import type {Operand} from './operand.ts';
import {TextSet} from './text-set.ts';
import type {Writer} from './writer.ts';

/** Up to this many constants are compared one by one. */
const chainMax = 8;

/** A constant that is not NULL nor an interval. */
export type ListedValue = boolean | number | bigint | string;

/**
 * @param operandOf makes the operand of a constant.
 * @returns JavaScript that is true where `child` (not NULL) equals one of `listed` (at least one).
 */
export function membershipCode(writer: Writer, child: Operand, listed: readonly ListedValue[], operandOf: (value: ListedValue) => Operand): string {
  // A narrow value equals no wide one.
  const reachable = child.form === 'exact' ? listed.filter((value) => typeof value === 'bigint' && value <= BigInt(NARROW_BOUND) && value >= -BigInt(NARROW_BOUND)) : listed;
  if (reachable.length === 0) return 'false';
  if (reachable.length <= chainMax || child.form === 'flag') return `(${reachable.map((value) => equalCode(child, operandOf(value))).join(' || ')})`;
  if (child.form === 'text') {
    const set = writer.constant(new TextSet(reachable.map(String)));
    return `${set}.has(${child.code}, ${child.start}, ${child.length})`;
  }
  // Set's equality is DuckDB's: NaN equals NaN, −0 equals 0, bigints by value.
  const set = writer.constant(new Set<unknown>(reachable.map((value) => (child.form === 'big' ? BigInt(value) : Number(value)))));
  return `${set}.has(${child.code})`;
}
