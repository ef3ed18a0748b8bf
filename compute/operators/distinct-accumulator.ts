/** count(DISTINCT x): the number of values that a group holds. */
import type {Column, Delta} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import {VALUE_GROUP, ValueCounts} from '../state/value-counts.ts';
import type {Accumulator} from './accumulator.ts';
import {addCounts, readSlots} from './group-slots.ts';
import type {GroupSlots} from './group-slots.ts';

const onesMin = 256;

export class DistinctAccumulator implements Accumulator {
  static readonly slotCount = 1;
  readonly #slots: GroupSlots;
  readonly #slot: number;
  readonly #column: number;
  readonly #values: ValueCounts;
  #ones = new Int32Array(onesMin).fill(1);
  #minusOnes = new Int32Array(onesMin).fill(-1);

  constructor(slots: GroupSlots, slot: number, column: number, type: LogicalType) {
    this.#slots = slots;
    this.#slot = slot;
    this.#column = column;
    this.#values = new ValueCounts(type);
  }

  add(groups: Int32Array, weights: Int32Array, delta: Delta): void {
    const {came, went} = this.#values.add(groups, weights, delta.columns[this.#column]!, delta.rowCount);
    const most = Math.max(came.length, went.length);
    if (this.#ones.length < most) {
      this.#ones = new Int32Array(2 * most).fill(1);
      this.#minusOnes = new Int32Array(2 * most).fill(-1);
    }
    this.#count(came, this.#ones);
    this.#count(went, this.#minusOnes);
  }

  #count(rows: Int32Array, weights: Int32Array): void {
    if (rows.length === 0) return;
    const [group] = this.#values.store.gather(rows, rows.length, [VALUE_GROUP]);
    if (group?.kind !== 'i32') throw new TypeError('group numbers are integers');
    addCounts(this.#slots.segments, this.#slots.stride, this.#slot, group.data, weights, null, rows.length);
  }

  read(groups: Int32Array, count: number): Column {
    const data = new Float64Array(count);
    const bound = readSlots(this.#slots.segments, this.#slots.stride, this.#slot, groups, count, data);
    return {kind: 'f64', data, valid: null, bound};
  }

  clear(_group: number): void {}
  endEpoch(): void { this.#values.endEpoch(); }
  bytes(): number { return this.#values.bytes() + this.#ones.length * 8; }
}
