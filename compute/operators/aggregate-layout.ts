/**
 * From aggregate calls to accumulators: equal needs share one (sum, avg and count of one column have one sum and one count), and
 * every call becomes a reader of them.
 */
import type {Column, Validity} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {physicalKind} from '../../base/type.ts';
import type {AggregateCall, PlanColumn} from '../../kernel/plan/tree.ts';
import {heldType} from '../stored-type.ts';
import type {Accumulator} from './accumulator.ts';
import {CountAccumulator, DoubleSumAccumulator, FlagAccumulator, IntegerSumAccumulator, sumLimbs} from './accumulator.ts';
import {averageSmall, averageWide} from './average.ts';
import {DistinctAccumulator} from './distinct-accumulator.ts';
import {ExtremeAccumulator} from './extreme-accumulator.ts';
import {GROUP_BITS, GROUP_MASK, GroupSlots} from './group-slots.ts';
import {readSums, sumAsDouble, sumBigInt} from './integer-sum.ts';

/** An accumulator and the BOOLEAN column that says which rows it takes (null: all). */
export interface FilteredAccumulator {readonly accumulator: Accumulator; readonly filter: number | null}

/** Reads one aggregate's answers for groups. */
export type AggregateReader = (groups: Int32Array, count: number) => Column;

export interface AggregateLayout {
  readonly slots: GroupSlots;
  /** Rows of a group: slot 0. */
  readonly rows: CountAccumulator;
  readonly accumulators: readonly FilteredAccumulator[];
  readonly readers: readonly AggregateReader[];
}

type Need = 'count' | 'true' | 'false' | 'integer-sum' | 'double-sum' | 'min' | 'max' | 'distinct';

interface Wanted {readonly need: Need; readonly column: number | null; readonly filter: number | null}

const keyOf = ({need, column, filter}: Wanted): string => `${need}:${column ?? ''}:${filter ?? ''}`;

/** @param inputColumns columns that arguments and filters are positions in. */
export function aggregateLayout(calls: readonly AggregateCall[], inputColumns: readonly PlanColumn[]): AggregateLayout {
  const types = inputColumns.map(({type}) => heldType(type));
  const wanted = new Map<string, Wanted>();
  const rowsWanted: Wanted = {need: 'count', column: null, filter: null};
  for (const need of [rowsWanted, ...calls.flatMap((call) => needsOf(call, types))]) wanted.set(keyOf(need), need);
  // Slots are given out first: accumulators want the finished stride.
  const slotOf = new Map<string, number>();
  let stride = 0;
  for (const [key, need] of wanted) {
    slotOf.set(key, stride);
    stride += slotCount(need, types);
  }
  const slots = new GroupSlots(stride);
  const made = new Map<string, Accumulator>();
  for (const [key, need] of wanted) made.set(key, makeAccumulator(need, slots, slotOf.get(key)!, types));
  const get = <A extends Accumulator>(need: Wanted, kind: abstract new (...args: never[]) => A): A => {
    const found = made.get(keyOf(need));
    invariant(found instanceof kind, () => `accumulator ${keyOf(need)} was not laid out`);
    return found;
  };
  return {
    slots,
    rows: get(rowsWanted, CountAccumulator),
    accumulators: [...wanted].map(([key, {filter}]) => ({accumulator: made.get(key)!, filter})),
    readers: calls.map((call) => readerOf(call, types, slots, get)),
  };
}

function columnIndex(call: AggregateCall, argument: number): number {
  const expression = call.args[argument];
  invariant(expression?.kind === 'column', () => `argument ${argument} of ${call.name} is no column`);
  return expression.index;
}

function filterIndex(call: AggregateCall): number | null {
  if (call.filter === null) return null;
  invariant(call.filter.kind === 'column', () => `the filter of ${call.name} is no column`);
  return call.filter.index;
}

function sumNeed(type: LogicalType): Need {
  return physicalKind(type) === 'f64' ? 'double-sum' : 'integer-sum';
}

/** Accumulators of a call; the order is `readerOf`'s business too. */
function needsOf(call: AggregateCall, types: readonly LogicalType[]): Wanted[] {
  const filter = filterIndex(call);
  if (call.name === 'count_star' || call.args.length === 0) return [{need: 'count', column: null, filter}];
  const column = columnIndex(call, 0);
  const values: Wanted = {need: 'count', column, filter};
  switch (call.name) {
    case 'count': return call.distinct ? [{need: 'distinct', column, filter}] : [values];
    case 'bool_and': return [values, {need: 'false', column, filter}];
    case 'bool_or': return [values, {need: 'true', column, filter}];
    case 'min': case 'max': return [{need: call.name, column, filter}];
    default: return [values, {need: sumNeed(types[column]!), column, filter}];
  }
}

function slotCount({need, column}: Wanted, types: readonly LogicalType[]): number {
  switch (need) {
    case 'count': return CountAccumulator.slotCount;
    case 'true': case 'false': return FlagAccumulator.slotCount;
    case 'integer-sum': return sumLimbs(physicalKind(types[column!]!) === 'exact128');
    case 'double-sum': return DoubleSumAccumulator.slotCount;
    case 'distinct': return DistinctAccumulator.slotCount;
    case 'min': case 'max': return 0;
  }
}

function makeAccumulator({need, column}: Wanted, slots: GroupSlots, slot: number, types: readonly LogicalType[]): Accumulator {
  if (need === 'count') return new CountAccumulator(slots, slot, column);
  invariant(column !== null, () => `${need} of no column`);
  const type = types[column]!;
  switch (need) {
    case 'true': case 'false': return new FlagAccumulator(slots, slot, column, need === 'true');
    case 'integer-sum': return new IntegerSumAccumulator(slots, slot, column, sumLimbs(physicalKind(type) === 'exact128'));
    case 'double-sum': return new DoubleSumAccumulator(slots, slot, column);
    case 'min': case 'max': return new ExtremeAccumulator(column, type, need);
    case 'distinct': return new DistinctAccumulator(slots, slot, column, type);
  }
}

type Get = <A extends Accumulator>(need: Wanted, kind: abstract new (...args: never[]) => A) => A;

function readerOf(call: AggregateCall, types: readonly LogicalType[], slots: GroupSlots, get: Get): AggregateReader {
  const needs = needsOf(call, types);
  const [first, second] = needs as [Wanted, Wanted?];
  switch (first.need) {
    case 'min': case 'max': {
      const extreme = get(first, ExtremeAccumulator);
      return (groups, count) => extreme.read(groups, count);
    }
    case 'distinct': {
      const distinct = get(first, DistinctAccumulator);
      return (groups, count) => distinct.read(groups, count);
    }
    default:
  }
  const values = get(first, CountAccumulator);
  if (second === undefined) {
    return (groups, count) => {
      const data = new Float64Array(count);
      const bound = values.read(groups, count, data);
      return {kind: 'f64', data, valid: null, bound};
    };
  }
  switch (second.need) {
    case 'true': case 'false': {
      const flags = get(second, FlagAccumulator);
      // bool_or: any TRUE; bool_and: no FALSE.
      const whenAny = second.need === 'true' ? 1 : 0;
      return (groups, count) => {
        const {valid, counts} = present(values, groups, count);
        flags.read(groups, count, counts);
        const data = new Int32Array(count);
        for (let i = 0; i < count; i++) data[i] = valid !== null && valid[i] === 0 ? 0 : counts[i]! > 0 ? whenAny : 1 - whenAny;
        return {kind: 'i32', data, valid};
      };
    }
    case 'integer-sum': {
      const sums = get(second, IntegerSumAccumulator);
      if (!averages.has(call.name)) return (groups, count) => readSums(slots.segments, slots.stride, sums.slot, sums.limbs, groups, count, present(values, groups, count).valid);
      return integerAverage(values, sums, slots, types[second.column!]!);
    }
    default: {
      const sums = get(second, DoubleSumAccumulator);
      const average = averages.has(call.name);
      return (groups, count) => {
        const {valid, counts} = present(values, groups, count);
        const data = new Float64Array(count);
        sums.read(groups, count, data);
        for (let i = 0; i < count; i++) {
          if (valid !== null && valid[i] === 0) data[i] = 0;
          else if (average) data[i]! /= counts[i]!;
        }
        return {kind: 'f64', data, valid, bound: Infinity};
      };
    }
  }
}

const averages = new Set(['avg', 'mean', 'favg']);

/** @returns counts of values, and which groups have any (null: all). */
function present(values: CountAccumulator, groups: Int32Array, count: number): {valid: Validity; counts: Float64Array} {
  const counts = new Float64Array(count);
  values.read(groups, count, counts);
  let valid: Uint8Array | null = null;
  for (let i = 0; i < count; i++) {
    if (counts[i] !== 0) continue;
    valid ??= new Uint8Array(count).fill(1);
    valid[i] = 0;
  }
  return {valid, counts};
}

function integerAverage(values: CountAccumulator, sums: IntegerSumAccumulator, slots: GroupSlots, type: LogicalType): AggregateReader {
  const scale = type.kind === 'decimal' ? 10 ** type.scale : 1;
  const small = type.kind === 'decimal' ? type.precision <= 9 : physicalKind(type) === 'i32';
  return (groups, count) => {
    const {valid, counts} = present(values, groups, count);
    const data = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const rows = counts[i]!;
      if (rows === 0) continue;
      const group = groups[i]!;
      const segment = slots.segments[group >> GROUP_BITS]!;
      const at = (group & GROUP_MASK) * slots.stride + sums.slot;
      const sum = sumAsDouble(segment, at, sums.limbs);
      data[i] = small ? averageSmall(sum, rows, scale) : averageWide(sum, rows, scale, () => sumBigInt(segment, at, sums.limbs));
    }
    return {kind: 'f64', data, valid, bound: Infinity};
  };
}
