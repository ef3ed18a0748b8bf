/**
 * Groups the rows of one batch by equal columns: a small hash table that lives for the batch. Groups are numbered in the order of
 * their first rows.
 */
import type {Column} from '../../base/delta.ts';
import {columnsEqual} from './record-equal.ts';
import type {RecordField} from './record-layout.ts';

export class BatchGroups {
  /** Group of each row. */
  groups = new Int32Array(1024);
  /** First row of each group, as an index of the batch's selection. */
  first = new Int32Array(1024);
  #slots = new Int32Array(2048);

  /**
   * @param hash of the compared columns, of each selected row.
   * @param columns compared columns, bytes aligned.
   * @returns how many groups there are.
   */
  assign(fields: readonly RecordField[], columns: readonly Column[], selection: Int32Array | null, count: number, hash: Int32Array): number {
    if (this.groups.length < count) {
      const length = 2 ** Math.ceil(Math.log2(count));
      this.groups = new Int32Array(length);
      this.first = new Int32Array(length);
      this.#slots = new Int32Array(2 * length);
    }
    const {groups, first} = this;
    let size = 64;
    while (size < 2 * count) size *= 2;
    const slots = this.#slots;
    const mask = size - 1;
    slots.fill(0, 0, size);
    let groupCount = 0;
    for (let i = 0; i < count; i++) {
      const h = hash[i]!;
      let at = h & mask;
      let group = slots[at]! - 1;
      while (group >= 0) {
        const other = first[group]!;
        if (hash[other] === h && columnsEqual(fields, columns, selection === null ? other : selection[other]!, selection === null ? i : selection[i]!)) break;
        at = (at + 1) & mask;
        group = slots[at]! - 1;
      }
      if (group < 0) {
        group = groupCount++;
        slots[at] = groupCount;
        first[group] = i;
      }
      groups[i] = group;
    }
    return groupCount;
  }

  bytes(): number {
    return this.groups.length * 4 + this.first.length * 4 + this.#slots.length * 4;
  }
}
