/** Runs one generated loop: takes the result arrays, calls it, and makes columns of what it wrote. */
import type {Column} from '../../base/delta.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import {invariant, unreachable} from '../../base/invariant.ts';
import type {PlanType} from '../../kernel/plan/tree.ts';
import type {ColumnBuffers} from './column-buffers.ts';
import {twoWords, typeBound} from './form.ts';
import type {Kernel, KernelInput, KernelOutput, KernelResult} from './kernel.ts';
import {emptyBytes} from './text.ts';
import {TextScratch} from './text-scratch.ts';

const noRows = new Int32Array(0);
const noSegments: readonly Uint8Array[] = [emptyBytes];
/** One row's intermediate texts; kernels never run inside one another. */
const scratch = new TextScratch();

/** @returns a record to point at input columns. */
export function emptyInput(): KernelInput {
  return {data: noRows, length: null, segments: null, arena: null, valid: null};
}

/** Forgets the column that `input` points at. */
export function clearInput(input: KernelInput): void {
  input.data = noRows;
  input.length = input.segments = input.arena = input.valid = null;
}

/** Points `input` at a column. */
export function setInput(input: KernelInput, column: Column): void {
  input.valid = column.valid;
  if (column.kind === 'bytes') {
    input.data = column.address;
    input.length = column.length;
    input.arena = column.arena;
    input.segments = column.arena.segments.length === 0 ? noSegments : column.arena.segments;
  } else input.data = column.data;
}

function takeOutput(output: KernelOutput, result: KernelResult, count: number, buffers: ColumnBuffers): void {
  output.hasNull = false;
  output.valid = result.nullable ? buffers.u8(count) : null;
  switch (result.form) {
    case 'flag': case 'int': output.data = buffers.i32(count); break;
    case 'exact': case 'double': output.data = buffers.f64(count); break;
    case 'big': output.data = buffers.i64(twoWords(result.type) ? 2 * count : count); break;
    case 'text':
      output.data = buffers.f64(count);
      output.length = buffers.i32(count);
      break;
    default: unreachable(result.form);
  }
}

function columnOf(output: KernelOutput, result: KernelResult, buffers: ColumnBuffers): Column {
  const {data, hasNull} = output;
  const valid = hasNull ? output.valid : null;
  switch (result.form) {
    case 'flag': case 'int': return {kind: 'i32', data: data as Int32Array, valid};
    case 'double': return {kind: 'f64', data: data as Float64Array, valid, bound: Infinity};
    case 'exact': return {kind: 'f64', data: data as Float64Array, valid, bound: Math.min(NARROW_BOUND, result.bound, typeBound(result.type))};
    case 'big': return {kind: twoWords(result.type) ? 'i128' : 'i64', data: data as BigInt64Array, valid};
    case 'text': return {kind: 'bytes', arena: buffers.arena, address: data as Float64Array, length: output.length!, valid};
    default: return unreachable(result.form);
  }
}

/**
 * @param outputs records of this kernel's caller, as many as results; overwritten.
 * @returns one column a result, in arrays of `buffers`; null where a narrow result passed 2^53−1.
 * @throws {ExpressionError} for a row that raises.
 */
export function runProjection(kernel: Kernel, inputs: readonly KernelInput[], selection: Int32Array | null, count: number, outputs: KernelOutput[], buffers: ColumnBuffers): Column[] | null {
  kernel.results.forEach((result, slot) => takeOutput(outputs[slot]!, result, count, buffers));
  const written = kernel.run(inputs, selection ?? noRows, count, outputs, buffers.arena, scratch);
  if (written === -1) return null;
  invariant(written === count, () => `a projection of ${count} rows wrote ${written}`);
  return kernel.results.map((result, slot) => columnOf(outputs[slot]!, result, buffers));
}

/** @returns rows where the predicate is TRUE, written to `output.data`; −1 where a narrow result passed 2^53−1. */
export function runPredicate(kernel: Kernel, inputs: readonly KernelInput[], selection: Int32Array | null, count: number, output: KernelOutput, buffers: ColumnBuffers): number {
  return kernel.run(inputs, selection ?? noRows, count, [output], buffers.arena, scratch);
}

/** @returns a record for a result column's arrays. */
export function emptyOutput(): KernelOutput {
  return {data: noRows, length: null, valid: null, hasNull: false};
}

/** @returns `column` as a narrow one if all its values allow it, else itself: a batch that went wide once need not stay so. */
export function narrowed(column: Column, count: number, type: PlanType, buffers: ColumnBuffers): Column {
  if (column.kind !== 'i64' && column.kind !== 'i128') return column;
  const stride = column.kind === 'i128' ? 4 : 2;
  const words = new Int32Array(column.data.buffer, column.data.byteOffset, stride * count);
  const to = buffers.f64(count);
  for (let i = 0; i < count; i++) {
    const low = words[stride * i]!;
    const high = words[stride * i + 1]!;
    // 2^53 = 2^21 · 2^32; −2^53 itself is not narrow.
    if (high >= 2_097_152 || high < -2_097_152 || (high === -2_097_152 && low === 0)) return column;
    if (stride === 4 && (words[stride * i + 2] !== high >> 31 || words[stride * i + 3] !== high >> 31)) return column;
    to[i] = high * 4_294_967_296 + (low >>> 0);
  }
  return {kind: 'f64', data: to, valid: column.valid, bound: Math.min(NARROW_BOUND, typeBound(type))};
}
