/** min(x), max(x) with retractions: the values of a group, of which the extreme one is read. */
import type {Column, Delta} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import type {MultiIndex} from '../state/multi-index.ts';
import type {Accumulator} from './accumulator.ts';
import {RowMultiset} from './row-multiset.ts';

export class ExtremeAccumulator implements Accumulator {
  readonly #column: number;
  readonly #sign: number;
  readonly #values: RowMultiset;
  readonly #byGroup: MultiIndex;

  constructor(column: number, type: LogicalType, which: 'min' | 'max') {
    this.#column = column;
    this.#sign = which === 'min' ? 1 : -1;
    this.#values = new RowMultiset([{kind: 'integer'}, type]);
    this.#byGroup = this.#values.index([0], 'group');
  }

  add(groups: Int32Array, weights: Int32Array, delta: Delta): void {
    const column = delta.columns[this.#column]!;
    this.#values.add([{kind: 'i32', data: groups, valid: null}, column], weights, delta.rowCount, column.valid);
  }

  read(groups: Int32Array, count: number): Column {
    const heads = new Int32Array(count);
    this.#byGroup.find([{kind: 'i32', data: groups, valid: null}], null, count, heads);
    const best = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      best[i] = -1;
      if (heads[i]! < 0) continue;
      const rows: number[] = [];
      for (let row = heads[i]!; row >= 0; row = this.#byGroup.next(row)) rows.push(row);
      const [column] = this.#values.store.gather(Int32Array.from(rows), rows.length, [1]);
      let at = 0;
      for (let k = 1; k < rows.length; k++) if (compareValues(column!, k, at) * this.#sign < 0) at = k;
      best[i] = rows[at]!;
    }
    const [found] = this.#values.store.gather(best, count, [1]);
    return found!;
  }

  clear(_group: number): void {}
  endEpoch(): void { this.#values.endEpoch(); }
  bytes(): number { return this.#values.bytes(); }
}

function compareValues(column: Column, a: number, b: number): number {
  switch (column.kind) {
    case 'i32': return column.data[a]! - column.data[b]!;
    case 'f64': {
      const [x, y] = [column.data[a]!, column.data[b]!];
      if (Number.isNaN(x)) return Number.isNaN(y) ? 0 : 1;
      return Number.isNaN(y) ? -1 : x < y ? -1 : x > y ? 1 : 0;
    }
    case 'i64': return column.data[a]! < column.data[b]! ? -1 : column.data[a]! > column.data[b]! ? 1 : 0;
    case 'i128': {
      const wide = (row: number): bigint => (column.data[2 * row + 1]! << 64n) | BigInt.asUintN(64, column.data[2 * row]!);
      return wide(a) < wide(b) ? -1 : wide(a) > wide(b) ? 1 : 0;
    }
    case 'bytes': return Buffer.compare(column.arena.view(column.address[a]!, column.length[a]!), column.arena.view(column.address[b]!, column.length[b]!));
  }
}
