/**
 * The net change of an epoch that was made in many steps, from a table's journal: what came and went within it is no change, nor is a
 * row that was replaced by its like. First the rows that were there and went, each of a keyed table beside the row that took its
 * place; then those that came. They take their final positions in this order.
 *
 * Works in batches: rows that lie in a page file are fetched for a batch, and positions written, at a time.
 */
import type {ChangeBatch} from '../../base/delta.ts';
import {OP_DELETE, OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE} from '../../base/delta.ts';
import type {Int32Stack} from './number-stack.ts';
import {recordsEqual} from './record-equal.ts';
import type {RowStore} from './row-store.ts';

export interface EpochJournal {
  readonly store: RowStore;
  /** Inserted rows (row) and freed rows (~row) in the order of the changes. */
  readonly journal: Int32Stack;
  /** The position that the first row of the epoch took. */
  readonly first: number;
  /** Rows of a batch; a pair may pass it by one. */
  readonly rowsMax: number;
  /** Finds the rows that now have the keys of rows that went, −1 where none; null: rows have no keys. */
  readonly replacements: ((old: Int32Array, count: number, now: Int32Array) => void) | null;
  /** @returns the rows as changes. */
  readonly changes: (rows: Int32Array, ops: Uint8Array) => ChangeBatch;
}

/** Gives the net changes. @returns the position after the last one taken. */
export function* netChanges({store, journal, first, rowsMax, replacements, changes}: EpochJournal): Generator<ChangeBatch, number, undefined> {
  const {length} = journal;
  const settled = new Uint8Array((store.rowLimit >> 3) + 1); // a bit a row: came and went, or given already
  const rows = new Int32Array(rowsMax + 1);
  const ops = new Uint8Array(rowsMax + 1);
  const positions = new Float64Array(rowsMax + 1);
  const old = new Int32Array(Math.max(1, rowsMax >> 1));
  const now = new Int32Array(old.length).fill(-1);
  const moved = new Int32Array(old.length);
  let next = first;
  for (let at = 0; at < length;) {
    let count = 0;
    for (; at < length && count < rowsMax; at++) if (journal.at(at) < 0) rows[count++] = ~journal.at(at);
    store.getPositions(rows, count, positions);
    for (let i = 0; i < count; i++) if (positions[i]! >= first) setBit(settled, rows[i]!);
    store.endChunk();
  }
  for (let at = 0; at < length;) {
    let olds = 0;
    while (at < length && olds < old.length) {
      const row = ~journal.at(at++);
      if (row >= 0 && !hasBit(settled, row)) old[olds++] = row;
    }
    if (olds === 0) continue;
    replacements?.(old, olds, now);
    let count = 0;
    let moves = 0;
    for (let i = 0; i < olds; i++) {
      const replacement = now[i]!;
      rows[count] = old[i]!;
      ops[count++] = replacement < 0 ? OP_DELETE : OP_UPDATE_BEFORE;
      if (replacement < 0) continue;
      setBit(settled, replacement);
      const same = recordsEqual(store, store.layout.fields, old[i]!, replacement, true);
      moved[moves] = replacement;
      positions[moves++] = same ? store.getPosition(old[i]!) : next;
      if (same) {
        count--;
        continue;
      }
      next++;
      rows[count] = replacement;
      ops[count++] = OP_UPDATE_AFTER;
    }
    store.setPositions(moved, moves, positions);
    if (count > 0) yield changes(rows.slice(0, count), ops.slice(0, count));
  }
  for (let at = 0; at < length;) {
    let count = 0;
    for (; at < length && count < rowsMax; at++) {
      const row = journal.at(at);
      if (row >= 0 && !hasBit(settled, row)) rows[count++] = row;
    }
    if (count === 0) continue;
    store.getPositions(rows, count, positions);
    let kept = true;
    for (let i = 0; i < count; i++) {
      kept &&= positions[i] === next;
      positions[i] = next++;
    }
    if (!kept) store.setPositions(rows, count, positions);
    yield changes(rows.slice(0, count), new Uint8Array(count).fill(OP_INSERT));
  }
  return next;
}

function setBit(bits: Uint8Array, index: number): void {
  bits[index >> 3]! |= 1 << (index & 7);
}

function hasBit(bits: Uint8Array, index: number): boolean {
  return (bits[index >> 3]! & (1 << (index & 7))) !== 0;
}
