/** count(DISTINCT x): the number of values that a group holds. */
import type {Column, Delta} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import type {Accumulator} from './accumulator.ts';
import {RowMultiset} from './row-multiset.ts';

export class DistinctAccumulator implements Accumulator {
  readonly #column: number;
  readonly #values: RowMultiset;
  #counts = new Float64Array(64);

  constructor(column: number, type: LogicalType) {
    this.#column = column;
    this.#values = new RowMultiset([{kind: 'integer'}, type]);
  }

  add(groups: Int32Array, weights: Int32Array, delta: Delta): void {
    const count = (sign: number) => (rows: Int32Array): void => {
      const [group] = this.#values.store.gather(rows, rows.length, [0]);
      if (group?.kind !== 'i32') throw new TypeError('group numbers are integers');
      for (let i = 0; i < rows.length; i++) this.#bump(group.data[i]!, sign);
    };
    const column = delta.columns[this.#column]!;
    this.#values.add([{kind: 'i32', data: groups, valid: null}, column], weights, delta.rowCount, column.valid, count(1), count(-1));
  }

  read(groups: Int32Array, count: number): Column {
    const data = new Float64Array(count);
    let bound = 0;
    for (let i = 0; i < count; i++) {
      const value = this.#counts[groups[i]!] ?? 0;
      data[i] = value;
      if (value > bound) bound = value;
    }
    return {kind: 'f64', data, valid: null, bound};
  }

  clear(group: number): void {
    if (group < this.#counts.length) this.#counts[group] = 0;
  }

  endEpoch(): void { this.#values.endEpoch(); }
  bytes(): number { return this.#values.bytes() + this.#counts.length * 8; }

  #bump(group: number, by: number): void {
    if (group >= this.#counts.length) {
      const counts = new Float64Array(Math.max(group + 1, this.#counts.length * 2));
      counts.set(this.#counts);
      this.#counts = counts;
    }
    this.#counts[group]! += by;
  }
}
