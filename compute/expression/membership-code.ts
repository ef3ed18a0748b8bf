/** `x IN (constants)` as JavaScript: a chain of comparisons where the list is short, a look-up in a hoisted set where it is long. */
import {equalCode} from './compare-code.ts';
import type {Operand} from './operand.ts';
import {TextSet} from './text-set.ts';
import type {Writer} from './writer.ts';

/** Up to this many constants are compared one by one. */
const chainMax = 8;

/** @returns JavaScript that is true where `child` (not NULL) equals one of `constants` (none NULL, at least one). */
export function membershipCode(writer: Writer, child: Operand, constants: readonly Operand[]): string {
  const reachable = child.form === 'exact' ? constants.filter((item) => item.form === 'exact') : constants; // a narrow value equals no wide one
  if (reachable.length === 0) return 'false';
  if (reachable.length <= chainMax || child.form === 'flag') return `(${reachable.map((item) => equalCode(child, item)).join(' || ')})`;
  if (child.form === 'text') {
    const set = writer.constant(new TextSet(reachable.map((item) => String(item.constant))));
    return `${set}.has(${child.code}, ${child.start}, ${child.length})`;
  }
  // Set's equality is DuckDB's: NaN equals NaN, −0 equals 0, bigints by value.
  const set = writer.constant(new Set<unknown>(reachable.map((item) => (child.form === 'big' ? BigInt(item.constant as bigint) : Number(item.constant)))));
  return `${set}.has(${child.code})`;
}
