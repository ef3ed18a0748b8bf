/** min(x), max(x) with retractions, as an accumulator. */
import type {Column, Delta} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import type {Extreme} from '../state/extreme.ts';
import {extremeOf} from '../state/extreme.ts';
import type {Accumulator} from './accumulator.ts';

export class ExtremeAccumulator implements Accumulator {
  readonly #column: number;
  readonly #extreme: Extreme;

  constructor(column: number, type: LogicalType, which: 'min' | 'max') {
    this.#column = column;
    this.#extreme = extremeOf(type, which);
  }

  add(groups: Int32Array, weights: Int32Array, delta: Delta): void {
    this.#extreme.add(groups, weights, delta.columns[this.#column]!, delta.rowCount);
  }

  read(groups: Int32Array, count: number): Column { return this.#extreme.read(groups, count); }

  /** A group without rows has no values left. */
  clear(_group: number): void {}
  endEpoch(): void { this.#extreme.endEpoch(); }
  bytes(): number { return this.#extreme.bytes(); }
}
