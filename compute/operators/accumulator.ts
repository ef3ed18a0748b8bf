/**
 * What a group keeps of its rows for one or several aggregates: a sum over rows, from which answers are read. Adding rows with
 * negative weights takes them out again, so an accumulator has no history: equal multisets of rows give equal answers.
 */
import type {Column, Delta} from '../../base/delta.ts';
import {addCounts, addFlagCounts, readSlots} from './group-slots.ts';
import type {GroupSlots} from './group-slots.ts';
import {DOUBLE_SUM_SLOTS, DoubleSums} from './double-sum.ts';
import {addIntegers, SUM128_SLOTS, SUM64_SLOTS} from './integer-sum.ts';

export interface Accumulator {
  /**
   * Adds the rows of `delta` to groups.
   *
   * @param groups the group of each row.
   * @param weights the delta's weights, 0 for rows that the aggregate's FILTER leaves out.
   */
  add(groups: Int32Array, weights: Int32Array, delta: Delta): void;
  /** Forgets a group that has no rows left. */
  clear(group: number): void;
  /** Lets memory of values that went in this epoch be used again; until then columns read before stay valid. */
  endEpoch(): void;
  /** Bytes held beside the slots. */
  bytes(): number;
}

abstract class SlotAccumulator implements Accumulator {
  readonly slots: GroupSlots;
  readonly slot: number;

  constructor(slots: GroupSlots, slot: number) {
    this.slots = slots;
    this.slot = slot;
  }

  abstract add(groups: Int32Array, weights: Int32Array, delta: Delta): void;
  clear(_group: number): void {} // the record is cleared as a whole
  endEpoch(): void {}
  bytes(): number { return 0; }
}

/** Rows, or rows where a column is not NULL. */
export class CountAccumulator extends SlotAccumulator {
  static readonly slotCount = 1;
  readonly #column: number | null;

  constructor(slots: GroupSlots, slot: number, column: number | null) {
    super(slots, slot);
    this.#column = column;
  }

  override add(groups: Int32Array, weights: Int32Array, delta: Delta): void {
    const valid = this.#column === null ? null : delta.columns[this.#column]!.valid;
    addCounts(this.slots.segments, this.slots.stride, this.slot, groups, weights, valid, delta.rowCount);
  }

  /** @returns the largest count. */
  read(groups: Int32Array, count: number, to: Float64Array): number {
    return readSlots(this.slots.segments, this.slots.stride, this.slot, groups, count, to);
  }
}

/** Rows where a BOOLEAN column is TRUE, or FALSE. */
export class FlagAccumulator extends SlotAccumulator {
  static readonly slotCount = 1;
  readonly #column: number;
  readonly #wanted: number;

  constructor(slots: GroupSlots, slot: number, column: number, wanted: boolean) {
    super(slots, slot);
    this.#column = column;
    this.#wanted = wanted ? 1 : 0;
  }

  override add(groups: Int32Array, weights: Int32Array, delta: Delta): void {
    const column = delta.columns[this.#column]!;
    if (column.kind !== 'i32') throw new TypeError(`a flag column of kind ${column.kind}`);
    addFlagCounts(this.slots.segments, this.slots.stride, this.slot, groups, weights, column.data, column.valid, this.#wanted, delta.rowCount);
  }

  read(groups: Int32Array, count: number, to: Float64Array): number {
    return readSlots(this.slots.segments, this.slots.stride, this.slot, groups, count, to);
  }
}

/** The exact sum of a column of integers or decimals. */
export class IntegerSumAccumulator extends SlotAccumulator {
  readonly limbs: number;
  readonly #column: number;

  constructor(slots: GroupSlots, slot: number, column: number, limbs: number) {
    super(slots, slot);
    this.#column = column;
    this.limbs = limbs;
  }

  override add(groups: Int32Array, weights: Int32Array, delta: Delta): void {
    addIntegers(this.slots.segments, this.slots.stride, this.slot, this.limbs, groups, weights, delta.columns[this.#column]!, delta.rowCount);
  }
}

/** The exact sum of a column of doubles, rounded when read. */
export class DoubleSumAccumulator extends SlotAccumulator {
  static readonly slotCount = DOUBLE_SUM_SLOTS;
  readonly #column: number;
  readonly #sums: DoubleSums;

  constructor(slots: GroupSlots, slot: number, column: number) {
    super(slots, slot);
    this.#column = column;
    this.#sums = new DoubleSums(slots.stride, slot);
  }

  override add(groups: Int32Array, weights: Int32Array, delta: Delta): void {
    this.#sums.add(this.slots.segments, groups, weights, delta.columns[this.#column]!, delta.rowCount);
  }

  read(groups: Int32Array, count: number, to: Float64Array): void {
    this.#sums.read(this.slots.segments, groups, count, to);
  }

  override clear(group: number): void { this.#sums.clear(group); }
  override bytes(): number { return this.#sums.bytes(); }
}

/** Limbs that hold a sum of values of a physical kind. */
export function sumLimbs(wide: boolean): number {
  return wide ? SUM128_SLOTS : SUM64_SLOTS;
}

/** Reads of one column: what `ExtremeAccumulator` and others share. */
export interface ColumnReader {read(groups: Int32Array, count: number): Column}
