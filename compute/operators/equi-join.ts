/**
 * Inner and left equi-join by delta, `code`.
 *
 * When an epoch is flushed both sides hold its changes already (tables by themselves, private sides by `apply`), so with L, R the
 * new contents the change of the inner part is   dL ⋈ R + L ⋈ dR − dL ⋈ dR.
 * LEFT adds a padded row for each left row without a match. With c(l) the matches of l in R, the change of the padded part is
 *     Σ dL·[c = 0]  +  Σ over rows of (L − dL) that meet dR of ([c = 0] − [c before = 0]),   c before = c − matches in dR.
 * A residual predicate decides about pairs before they count as matches, so c is counted per left row, not per key.
 */
import {gatherColumns} from '../../base/columns.ts';
import type {Column, Delta} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import type {PlanColumn} from '../../kernel/plan/tree.ts';
import {columnsUsed} from '../../kernel/plan/walk-expression.ts';
import {Arena} from '../../base/arena.ts';
import {nullColumn} from '../../base/columns.ts';
import {Consolidator, negated} from '../consolidate.ts';
import {concatDeltas, emptyDelta} from '../delta-tools.ts';
import type {CompiledPredicate} from '../expression/compile.ts';
import {ColumnBuffers, compilePredicate} from '../expression/compile.ts';
import type {Operator} from '../operator.ts';
import type {OperatorSpec} from '../operator-spec.ts';
import {MultiIndex} from '../state/multi-index.ts';
import type {NullRule} from '../state/multi-index.ts';
import {RowStore} from '../state/row-store.ts';
import {heldType} from '../stored-type.ts';
import {keyAs} from './join-key.ts';
import type {Pairs} from './join-pairs.ts';
import {findPairs, keepPairs} from './join-pairs.ts';
import type {JoinSide} from './join-side.ts';

/** Rows of one side as the pairs name them: a batch, or the state. */
interface Rows {
  gather(rows: Int32Array, count: number, columns: readonly number[]): Column[];
  weight(row: number): number;
}

function batchRows(delta: Delta): Rows {
  return {
    gather: (rows, count, columns) => gatherColumns(columns.map((column) => delta.columns[column]!), rows, count),
    weight: (row) => delta.weights[row]!,
  };
}

export class EquiJoin implements Operator {
  readonly executor = 'code';
  readonly filling = 'driven';
  readonly columns: readonly PlanColumn[];
  readonly #spec: OperatorSpec & {kind: 'join'};
  readonly #types: readonly LogicalType[];
  readonly #leftTypes: readonly LogicalType[];
  readonly #rightTypes: readonly LogicalType[];
  readonly #left: JoinSide;
  readonly #right: JoinSide;
  readonly #leftWidth: number;
  readonly #nulls: NullRule;
  /** Keys compared by `=` while the index holds NULLs as values. */
  readonly #equal: readonly number[];
  readonly #residual: CompiledPredicate | null;
  readonly #residualColumns: readonly number[];
  readonly #keyConsolidator: Consolidator;
  readonly #pushed: [Delta | null, Delta | null] = [null, null];
  /** By side: whether it has the epoch's changes. */
  readonly #applied: [boolean, boolean] = [false, false];

  constructor(spec: OperatorSpec & {kind: 'join'}, left: JoinSide, right: JoinSide, leftColumns: readonly PlanColumn[], rightColumns: readonly PlanColumn[]) {
    this.#spec = spec;
    this.columns = spec.columns;
    this.#types = spec.columns.map(({type}) => heldType(type));
    this.#leftTypes = leftColumns.map(({type}) => heldType(type));
    this.#rightTypes = rightColumns.map(({type}) => heldType(type));
    this.#left = left;
    this.#right = right;
    this.#leftWidth = leftColumns.length;
    this.#nulls = joinNulls(spec);
    this.#equal = this.#nulls === 'group' ? spec.keys.flatMap(({nulls}, index) => (nulls ? [] : [index])) : [];
    this.#residual = spec.residual === null ? null : compilePredicate(spec.residual, [...leftColumns, ...rightColumns].map(({type}) => type));
    invariant(spec.residual === null || this.#residual !== null, 'a join with executor code has a residual that is not compiled');
    this.#residualColumns = spec.residual === null ? [] : columnsUsed(spec.residual);
    this.#keyConsolidator = new Consolidator(spec.keys.map((key) => this.#leftTypes[key.left]!));
  }

  push(input: number, delta: Delta): void { this.#pushed[input === 0 ? 0 : 1] = delta; }

  flush(): Delta {
    const [left, right] = this.#pushed.map((delta) => (delta === null || delta.rowCount === 0 ? null : delta));
    if (left) this.#left.apply(left, left.weights);
    this.#applied[0] = true;
    if (right) this.#right.apply(right, right.weights);
    this.#applied[1] = true;
    const parts: Delta[] = [];
    const matches = left ? this.#drive(left, parts) : null;
    if (right) this.#meet(right, left ?? null, matches, parts);
    return concatDeltas(this.#types, parts);
  }

  /** dL ⋈ R, and dL padded where nothing matches. @returns the matches of each row, for a left join. */
  #drive(left: Delta, parts: Delta[]): Float64Array | null {
    const pairs = findPairs(this.#right.index, this.#keys(left, 'left'), left.rowCount, this.#equal, null);
    const rows = batchRows(left);
    this.#reduce(pairs, rows, this.#right);
    parts.push(this.#output(pairs, rows, this.#right, 1));
    if (this.#spec.join === 'inner') return null;
    const matches = countMatches(pairs, this.#right, left.rowCount);
    const unmatched = new Int32Array(left.rowCount);
    const weights = new Int32Array(left.rowCount);
    let count = 0;
    for (let i = 0; i < left.rowCount; i++) {
      if (matches[i] !== 0) continue;
      unmatched[count] = i;
      weights[count++] = left.weights[i]!;
    }
    parts.push(this.#padded(rows, unmatched, weights, count));
    return matches;
  }

  /** L ⋈ dR − dL ⋈ dR, and padded rows of L − dL that come or go. */
  #meet(right: Delta, left: Delta | null, matches: Float64Array | null, parts: Delta[]): void {
    const found = findPairs(this.#left.index, this.#keys(right, 'right'), right.rowCount, this.#equal, null);
    const pairs: Pairs = {probe: found.rows, rows: found.probe, count: found.count}; // left row, row of dR
    const rightRows = batchRows(right);
    this.#reduce(pairs, this.#left, rightRows);
    parts.push(this.#output(pairs, this.#left, rightRows, 1));
    if (this.#spec.join === 'left') this.#flips(pairs, right, parts);
    if (left === null) return;
    const leftRows = batchRows(left);
    const both = findPairs(this.#indexOf(right), this.#keys(left, 'left'), left.rowCount, this.#equal, null);
    this.#reduce(both, leftRows, rightRows);
    parts.push(this.#output(both, leftRows, rightRows, -1));
    if (matches === null) return;
    const changes = countMatches(both, rightRows, left.rowCount);
    const rows = new Int32Array(left.rowCount);
    const weights = new Int32Array(left.rowCount);
    let count = 0;
    for (let i = 0; i < left.rowCount; i++) {
      const flip = flipOf(matches[i]!, changes[i]!);
      if (flip === 0) continue;
      rows[count] = i;
      weights[count++] = -flip * left.weights[i]!;
    }
    parts.push(this.#padded(leftRows, rows, weights, count));
  }

  /** Padded rows of the left state that come or go because their matches fell to 0 or rose from it. */
  #flips(pairs: Pairs, right: Delta, parts: Delta[]): void {
    const {rows: touched, changes} = this.#residual === null ? this.#metByKey(right) : metByPair(pairs, right.weights);
    const count = touched.length;
    if (count === 0) return;
    // Whether the matches are 0, or just those that came, is settled by one row more than came.
    const limit = this.#residual === null ? Int32Array.from(changes, (came) => Math.max(1, came + 1)) : null;
    const keys = this.#asOther(this.#left.gather(touched, count, this.#spec.keys.map(({left}) => left)), 'left', count);
    const now = findPairs(this.#right.index, keys, count, this.#equal, limit);
    this.#reduce(now, {gather: (rows, n, columns) => this.#left.gather(picked(touched, rows, n), n, columns), weight: (row) => this.#left.weight(touched[row]!)}, this.#right);
    const matches = countMatches(now, this.#right, count);
    const rows = new Int32Array(count);
    const weights = new Int32Array(count);
    let flipped = 0;
    for (let k = 0; k < count; k++) {
      const flip = flipOf(matches[k]!, changes[k]!);
      if (flip === 0) continue;
      rows[flipped] = touched[k]!;
      weights[flipped++] = flip * this.#left.weight(touched[k]!);
    }
    parts.push(this.#padded(this.#left, rows, weights, flipped));
  }

  /** Without a residual all left rows of a key gain and lose the same matches: only keys whose right rows change in number count. */
  #metByKey(right: Delta): {rows: Int32Array; changes: Int32Array} {
    const net = this.#keyConsolidator.consolidate({rowCount: right.rowCount, weights: right.weights, columns: this.#keys(right, 'right')});
    const pairs = findPairs(this.#left.index, net.columns, net.rowCount, this.#equal, null);
    const changes = new Int32Array(pairs.count);
    for (let k = 0; k < pairs.count; k++) changes[k] = net.weights[pairs.probe[k]!]!;
    return {rows: pairs.rows.subarray(0, pairs.count), changes};
  }

  /** Keys of a delta of one side, in the form in which the other side's are indexed. */
  #keys(delta: Delta, side: 'left' | 'right'): Column[] {
    return this.#asOther(this.#spec.keys.map((key) => delta.columns[key[side]]!), side, delta.rowCount);
  }

  #asOther(keys: readonly Column[], side: 'left' | 'right', rowCount: number): Column[] {
    return this.#spec.keys.map((key, index) => {
      const [left, right] = [this.#leftTypes[key.left]!, this.#rightTypes[key.right]!];
      return side === 'left' ? keyAs(keys[index]!, left, right, rowCount) : keyAs(keys[index]!, right, left, rowCount);
    });
  }

  /** A throw-away index over a batch of right rows: its row numbers are the batch's. */
  #indexOf(right: Delta): MultiIndex {
    const keys = this.#spec.keys.map((key) => key.right);
    const store = new RowStore(keys.map((key) => this.#rightTypes[key]!));
    const rows = new Int32Array(right.rowCount);
    store.insert(keys.map((key) => right.columns[key]!), null, right.rowCount, rows);
    const index = new MultiIndex(store, keys.map((_, column) => column), this.#nulls);
    index.insert(rows, right.rowCount);
    return index;
  }

  /** Leaves the pairs for which the residual is TRUE. */
  #reduce(pairs: Pairs, left: Rows, right: Rows): void {
    if (this.#residual === null || pairs.count === 0) return;
    const input: Column[] = [];
    this.#place(pairs, left, right, this.#residualColumns).forEach((column, k) => { input[this.#residualColumns[k]!] = column; });
    const kept = new Int32Array(pairs.count);
    const count = this.#residual.evaluate(input, pairs.count, null, pairs.count, kept, new ColumnBuffers(new Arena()));
    keepPairs(pairs, kept, count);
  }

  /** @returns columns of left ++ right, by position, for each pair. */
  #place(pairs: Pairs, left: Rows, right: Rows, positions: readonly number[]): Column[] {
    const width = this.#leftWidth;
    const fromLeft = left.gather(pairs.probe, pairs.count, positions.filter((position) => position < width));
    const fromRight = right.gather(pairs.rows, pairs.count, positions.filter((position) => position >= width).map((position) => position - width));
    let l = 0;
    let r = 0;
    return positions.map((position) => (position < width ? fromLeft[l++]! : fromRight[r++]!));
  }

  #output(pairs: Pairs, left: Rows, right: Rows, sign: number): Delta {
    if (pairs.count === 0) return emptyDelta(this.#types);
    const weights = new Int32Array(pairs.count);
    for (let k = 0; k < pairs.count; k++) weights[k] = sign * left.weight(pairs.probe[k]!) * right.weight(pairs.rows[k]!);
    return {rowCount: pairs.count, weights, columns: this.#place(pairs, left, right, this.#spec.output)};
  }

  #padded(left: Rows, rows: Int32Array, weights: Int32Array, count: number): Delta {
    if (count === 0) return emptyDelta(this.#types);
    const width = this.#leftWidth;
    const fromLeft = left.gather(rows, count, this.#spec.output.filter((position) => position < width));
    let l = 0;
    const columns = this.#spec.output.map((position) => (position < width ? fromLeft[l++]! : nullColumn(this.#rightTypes[position - width]!, count)));
    return {rowCount: count, weights, columns};
  }

  endEpoch(): void {
    this.#pushed.fill(null);
    this.#applied.fill(false);
    this.#left.endEpoch();
    this.#right.endEpoch();
  }

  undo(): void {
    const [left, right] = this.#pushed;
    if (this.#applied[0] && left !== null) this.#left.apply(left, negated(left.weights, left.rowCount));
    if (this.#applied[1] && right !== null) this.#right.apply(right, negated(right.weights, right.rowCount));
    this.endEpoch();
  }

  keeps(input: number): boolean { return !(input === 0 ? this.#left : this.#right).shared; }

  absorb(input: number, rows: Delta): void {
    const side = input === 0 ? this.#left : this.#right;
    side.apply(rows, rows.weights);
    side.endEpoch();
  }

  fill(_input: number, rows: Delta): Delta {
    const parts: Delta[] = [];
    if (rows.rowCount > 0) this.#drive(rows, parts);
    return concatDeltas(this.#types, parts);
  }

  *content(): Generator<Delta, void, undefined> {}

  bytes(): number { return this.#left.bytes() + this.#right.bytes(); }
}

/** @returns how the indexes of a join hold NULLs: as values only if some key compares them. */
export function joinNulls(spec: OperatorSpec & {kind: 'join'}): NullRule {
  return spec.keys.some(({nulls}) => nulls) ? 'group' : 'never-match';
}

/** @returns 1 where matches fell to 0, −1 where they rose from 0, else 0. */
function flipOf(matches: number, change: number): number {
  return (matches === 0 ? 1 : 0) - (matches - change === 0 ? 1 : 0);
}

/** @returns left rows whose matches change in number, by the pairs that came and went. */
function metByPair(pairs: Pairs, weights: Int32Array): {rows: Int32Array; changes: Int32Array} {
  const changes = new Map<number, number>();
  for (let k = 0; k < pairs.count; k++) changes.set(pairs.probe[k]!, (changes.get(pairs.probe[k]!) ?? 0) + weights[pairs.rows[k]!]!);
  const rows = Int32Array.from([...changes].flatMap(([row, change]) => (change === 0 ? [] : [row])));
  return {rows, changes: Int32Array.from(rows, (row) => changes.get(row)!)};
}

function countMatches(pairs: Pairs, right: Rows, rowCount: number): Float64Array {
  const matches = new Float64Array(rowCount);
  for (let k = 0; k < pairs.count; k++) matches[pairs.probe[k]!]! += right.weight(pairs.rows[k]!);
  return matches;
}

function picked(from: Int32Array, rows: Int32Array, count: number): Int32Array {
  const to = new Int32Array(count);
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}
