/**
 * Which of two rows of one key stands, where the one that came last does not always: the merge engine `first-row`, and
 * `sequence.field`, by which the row with the last value of some columns stands, of equal ones the one that came last.
 *
 * Values are compared as Paimon's readers compare them when they merge files: numbers by value, text by its bytes, field after field;
 * NULL comes before every value, whichever way the values are ordered.
 */
import {ARENA_SEGMENT_SPAN} from '../../base/arena.ts';
import type {BytesColumn, Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {RowStore} from './row-store.ts';

export type WinRule =
  /** The first row of a key stands for ever. */
  | {readonly kind: 'first'}
  /** The row that is last by these columns stands. */
  | {readonly kind: 'sequence'; readonly columns: readonly number[]; readonly descending: boolean};

/**
 * @param a columns of one side, b of the other, in the order of the fields; their forms may differ.
 * @returns <0 when row i of `a` comes before row j of `b`, 0 when they are equal, >0 when it comes after.
 */
export function compareSequence(a: readonly Column[], i: number, b: readonly Column[], j: number, descending: boolean): number {
  for (let field = 0; field < a.length; field++) {
    const left = a[field]!;
    const right = b[field]!;
    const leftNull = left.valid !== null && left.valid[i] === 0;
    const rightNull = right.valid !== null && right.valid[j] === 0;
    if (leftNull || rightNull) {
      if (leftNull && rightNull) continue;
      return leftNull ? -1 : 1;
    }
    const order = compareValue(left, i, right, j);
    if (order !== 0) return descending ? -order : order;
  }
  return 0;
}

function compareValue(a: Column, i: number, b: Column, j: number): number {
  if (a.kind === 'bytes') {
    invariant(b.kind === 'bytes', () => `text is compared with ${b.kind}`);
    return compareBytes(a, i, b, j);
  }
  invariant(b.kind !== 'bytes', () => `${a.kind} is compared with text`);
  if ((a.kind === 'i32' || a.kind === 'f64') && (b.kind === 'i32' || b.kind === 'f64')) return a.data[i]! - b.data[j]!;
  const left = wide(a, i);
  const right = wide(b, j);
  return left < right ? -1 : left > right ? 1 : 0;
}

function wide(column: Exclude<Column, BytesColumn>, i: number): bigint {
  switch (column.kind) {
    case 'i64': return column.data[i]!;
    case 'i128': return (column.data[2 * i + 1]! << 64n) | BigInt.asUintN(64, column.data[2 * i]!);
    default: return BigInt(column.data[i]!);
  }
}

function compareBytes(a: BytesColumn, i: number, b: BytesColumn, j: number): number {
  const length = Math.min(a.length[i]!, b.length[j]!);
  if (length > 0) {
    const leftSegment = Math.floor(a.address[i]! / ARENA_SEGMENT_SPAN);
    const rightSegment = Math.floor(b.address[j]! / ARENA_SEGMENT_SPAN);
    const left = a.arena.segments[leftSegment]!;
    const right = b.arena.segments[rightSegment]!;
    const leftStart = a.address[i]! - leftSegment * ARENA_SEGMENT_SPAN;
    const rightStart = b.address[j]! - rightSegment * ARENA_SEGMENT_SPAN;
    for (let at = 0; at < length; at++) {
      const order = left[leftStart + at]! - right[rightStart + at]!;
      if (order !== 0) return order;
    }
  }
  return a.length[i]! - b.length[j]!;
}

/**
 * @param groups of each row its key's number.
 * @returns of each key the row that stands among those given.
 */
export function winners(rule: WinRule | undefined, columns: readonly Column[], groups: Int32Array, rowCount: number, keyCount: number): Int32Array {
  const winner = new Int32Array(keyCount).fill(-1);
  if (rule?.kind === 'first') {
    for (let i = rowCount - 1; i >= 0; i--) winner[groups[i]!] = i;
    return winner;
  }
  if (rule === undefined) {
    for (let i = 0; i < rowCount; i++) winner[groups[i]!] = i;
    return winner;
  }
  const order = rule.columns.map((column) => columns[column]!);
  for (let i = 0; i < rowCount; i++) {
    const before = winner[groups[i]!]!;
    if (before < 0 || compareSequence(order, i, order, before, rule.descending) >= 0) winner[groups[i]!] = i;
  }
  return winner;
}

/**
 * Marks the rows that do not take the place of the one that is there.
 *
 * @param selection the i-th row of the columns; null: all of them.
 * @param old the row that is there, −1 for none.
 * @param keep takes 1 where it stays.
 */
export function keepStanding(rule: WinRule, store: RowStore, columns: readonly Column[], selection: Int32Array | null, count: number, old: Int32Array, keep: Uint8Array): void {
  if (rule.kind === 'first') {
    for (let i = 0; i < count; i++) if (old[i]! >= 0) keep[i] = 1;
    return;
  }
  const there = old.filter((row) => row >= 0);
  const before = store.gather(there, there.length, rule.columns);
  const coming = rule.columns.map((column) => columns[column]!);
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (old[i]! < 0) continue;
    if (compareSequence(coming, selection === null ? i : selection[i]!, before, at, rule.descending) < 0) keep[i] = 1;
    at++;
  }
}
