/**
 * Grouped and global aggregates by delta, `code`.
 *
 * flush: find or make the group of every row; read the answers of the touched groups; add the rows, by weight, to the
 * accumulators; read the answers again; give −old +new for the groups whose answer changed. A group that ends with no rows goes.
 * Without GROUP BY there is one group, whose row stands over empty input too.
 *
 * State: the keys (GroupDirectory) and the accumulators; nothing else, so an epoch is taken back by adding its rows with the
 * other sign. It is not kept in files: at open it is made again from the input's content.
 */
import {concatColumn, gatherColumn, gatherColumns} from '../../base/columns.ts';
import type {Column, Delta} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import type {PlanColumn} from '../../kernel/plan/tree.ts';
import {negated} from '../consolidate.ts';
import {emptyDelta} from '../delta-tools.ts';
import type {Operator} from '../operator.ts';
import type {OperatorSpec} from '../operator-spec.ts';
import type {OperatorPages} from '../state/operator-pages.ts';
import {heldType} from '../stored-type.ts';
import type {AggregateLayout} from './aggregate-layout.ts';
import {aggregateLayout} from './aggregate-layout.ts';
import {differentRows} from './different-rows.ts';
import {GroupDirectory} from './group-directory.ts';

interface Applied {readonly groups: Int32Array; readonly delta: Delta; readonly touched: Int32Array}

export class GroupAggregate implements Operator {
  readonly executor = 'code';
  readonly filling = 'content';
  readonly columns: readonly PlanColumn[];
  readonly #types: readonly LogicalType[];
  readonly #groupColumns: readonly number[];
  readonly #directory: GroupDirectory;
  readonly #layout: AggregateLayout;
  #stamps = new Int32Array(64);
  #stamp = 0;
  #pushed: Delta | null = null;
  #applied: Applied | null = null;

  constructor(spec: OperatorSpec & {kind: 'aggregate'}, inputColumns: readonly PlanColumn[], pages: OperatorPages | null) {
    this.columns = spec.columns;
    this.#types = spec.columns.map(({type}) => heldType(type));
    this.#groupColumns = spec.groups;
    this.#directory = new GroupDirectory(spec.groups.map((group) => heldType(inputColumns[group]!.type)), pages);
    this.#layout = aggregateLayout(spec.aggregates, inputColumns);
    this.#layout.slots.reserve(this.#directory.limit);
  }

  push(_input: number, delta: Delta): void {
    this.#pushed = delta;
  }

  flush(): Delta {
    const delta = this.#pushed;
    if (delta === null || delta.rowCount === 0) return emptyDelta(this.#types);
    const groups = this.#assign(delta);
    const touched = this.#distinct(groups, delta.rowCount);
    const count = touched.length;
    const rowsBefore = this.#rows(touched, count);
    const before = this.#read(touched, count);
    this.#applied = {groups, delta, touched};
    this.#add(groups, delta, delta.weights);
    const rowsAfter = this.#rows(touched, count);
    const after = this.#read(touched, count);
    return this.#difference(touched, rowsBefore, before, rowsAfter, after);
  }

  #assign(delta: Delta): Int32Array {
    const groups = new Int32Array(delta.rowCount);
    this.#directory.assign(this.#groupColumns.map((column) => delta.columns[column]!), delta.rowCount, groups);
    this.#layout.slots.reserve(this.#directory.limit);
    return groups;
  }

  /** @returns each group once, in the order of first sight. */
  #distinct(groups: Int32Array, rowCount: number): Int32Array {
    if (this.#stamps.length < this.#directory.limit) {
      const stamps = new Int32Array(Math.max(this.#directory.limit, this.#stamps.length * 2));
      stamps.set(this.#stamps);
      this.#stamps = stamps;
    }
    if (++this.#stamp === 0x7fff_ffff) {
      this.#stamps.fill(0);
      this.#stamp = 1;
    }
    const touched = new Int32Array(rowCount);
    return touched.slice(0, distinctInto(groups, rowCount, this.#stamps, this.#stamp, touched));
  }

  #add(groups: Int32Array, delta: Delta, weights: Int32Array): void {
    const masked = new Map<number, Int32Array>();
    for (const {accumulator, filter} of this.#layout.accumulators) {
      let kept = weights;
      if (filter !== null) {
        kept = masked.get(filter) ?? maskedWeights(weights, delta.columns[filter]!, delta.rowCount);
        masked.set(filter, kept);
      }
      accumulator.add(groups, kept, delta);
    }
  }

  #rows(groups: Int32Array, count: number): Float64Array {
    const rows = new Float64Array(count);
    this.#layout.rows.read(groups, count, rows);
    return rows;
  }

  #read(groups: Int32Array, count: number): Column[] {
    return this.#layout.readers.map((reader) => reader(groups, count));
  }

  #difference(touched: Int32Array, rowsBefore: Float64Array, before: readonly Column[], rowsAfter: Float64Array, after: readonly Column[]): Delta {
    const count = touched.length;
    const keyCount = this.#groupColumns.length;
    // Row k of `both` is the answer before, row count + k the answer after.
    const both = before.map((column, index) => concatColumn(this.#types[keyCount + index]!, [{column, rowCount: count}, {column: after[index]!, rowCount: count}]));
    const different = differentRows(both, count);
    const picked = new Int32Array(2 * count);
    const weights = new Int32Array(2 * count);
    let at = 0;
    for (let k = 0; k < count; k++) {
      invariant(rowsAfter[k]! >= 0, () => `a group fell to ${rowsAfter[k]} rows`);
      const was = keyCount === 0 || rowsBefore[k]! > 0;
      const stays = keyCount === 0 || rowsAfter[k]! > 0;
      if (was === stays && (!was || different[k] === 0)) continue;
      if (was) {
        picked[at] = k;
        weights[at++] = -1;
      }
      if (stays) {
        picked[at] = count + k;
        weights[at++] = 1;
      }
    }
    const groups = new Int32Array(at);
    for (let i = 0; i < at; i++) groups[i] = touched[picked[i]! % count]!;
    const keys = keyCount === 0 ? [] : this.#directory.keys(groups, at);
    return {rowCount: at, weights, columns: [...keys, ...gatherColumns(both, picked, at)]};
  }

  endEpoch(): void {
    this.#pushed = null;
    if (this.#applied === null) return;
    this.#drop(this.#applied.touched);
    for (const {accumulator} of this.#layout.accumulators) accumulator.endEpoch();
    this.#applied = null;
  }

  undo(): void {
    if (this.#applied !== null) this.#add(this.#applied.groups, this.#applied.delta, negated(this.#applied.delta.weights, this.#applied.delta.rowCount));
    this.endEpoch();
  }

  /** Forgets those of the groups that have no rows. */
  #drop(touched: Int32Array): void {
    const rows = this.#rows(touched, touched.length);
    const empty = touched.filter((_, k) => rows[k] === 0);
    for (const group of empty) {
      for (const {accumulator} of this.#layout.accumulators) accumulator.clear(group);
      this.#layout.slots.clear(group);
    }
    this.#directory.drop(empty, empty.length);
  }

  keeps(): boolean { return true; }

  absorb(_input: number, rows: Delta): void {
    const groups = this.#assign(rows);
    this.#add(groups, rows, rows.weights);
    this.#drop(this.#distinct(groups, rows.rowCount));
    for (const {accumulator} of this.#layout.accumulators) accumulator.endEpoch();
  }

  fill(): Delta {
    throw new TypeError('an aggregate is filled from its state');
  }

  *content(): Generator<Delta, void, undefined> {
    for (const {rows, count} of this.#directory.scan()) {
      const keys = this.#groupColumns.length === 0 ? [] : this.#directory.keys(rows, count);
      yield {rowCount: count, weights: new Int32Array(count).fill(1), columns: [...keys, ...this.#read(rows, count).map((column) => owned(column, count))]};
    }
  }

  bytes(): number {
    return this.#directory.bytes() + this.#layout.slots.bytes() + this.#stamps.length * 4 + this.#layout.accumulators.reduce((sum, {accumulator}) => sum + accumulator.bytes(), 0);
  }
}

function owned(column: Column, count: number): Column {
  const rows = new Int32Array(count);
  for (let i = 0; i < count; i++) rows[i] = i;
  return gatherColumn(column, rows, count);
}

function distinctInto(groups: Int32Array, rowCount: number, stamps: Int32Array, stamp: number, touched: Int32Array): number {
  let count = 0;
  for (let i = 0; i < rowCount; i++) {
    const group = groups[i]!;
    if (stamps[group] === stamp) continue;
    stamps[group] = stamp;
    touched[count++] = group;
  }
  return count;
}

/** Weights of the rows whose flag is TRUE, 0 for the others. */
function maskedWeights(weights: Int32Array, flags: Column, rowCount: number): Int32Array {
  invariant(flags.kind === 'i32', () => `a filter column of kind ${flags.kind}`);
  const to = new Int32Array(rowCount);
  for (let i = 0; i < rowCount; i++) to[i] = flags.data[i] === 1 && (flags.valid === null || flags.valid[i] === 1) ? weights[i]! : 0;
  return to;
}
