/**
 * One generated loop: some expressions, for one shape of input (which columns are nullable, which exact ones are wide, rows by
 * selection or all). The text is a top-level function with arguments only, made by `new Function` once per shape.
 */
import type {Arena} from '../../base/arena.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import type {Expression, PlanType} from '../../kernel/plan/tree.ts';
import {raise} from './expression-error.ts';
import type {Form} from './form.ts';
import {narrowForm, twoWords, typeBound} from './form.ts';
import {Generator} from './generator.ts';
import {helpers} from './helpers.ts';
import type {Operand} from './operand.ts';
import {operandOf} from './operand.ts';
import type {StructureIds} from './structure.ts';
import {Writer, linesText} from './writer.ts';

/** How an input column arrives: its words and whether it has NULLs. `f64`, `i64`, `i128` matter for exact types only. */
export interface ColumnShape {readonly index: number; readonly type: PlanType; readonly words: 'own' | 'f64' | 'i64' | 'i128'; readonly nullable: boolean}

export interface KernelShape {readonly columns: readonly ColumnShape[]; readonly wide: boolean; readonly selected: boolean}

/** What a kernel reads of an input column; arrays by the column's kind. */
export interface KernelInput {
  data: Int32Array | Float64Array | BigInt64Array;
  length: Int32Array | null;
  segments: readonly Uint8Array[] | null;
  arena: Arena | null;
  valid: Uint8Array | null;
}

/** What a kernel writes of a result column. */
export interface KernelOutput {
  data: Int32Array | Float64Array | BigInt64Array;
  length: Int32Array | null;
  valid: Uint8Array | null;
  hasNull: boolean;
}

export interface KernelResult {readonly type: PlanType; readonly form: Form; readonly nullable: boolean; readonly bound: number}

/** @returns rows written, or −1 where a narrow result passed 2^53−1: run the wide variant instead. @throws {ExpressionError} */
export type KernelFunction = (inputs: readonly KernelInput[], selection: Int32Array, count: number, outputs: readonly KernelOutput[], arena: Arena, scratch: object) => number;

export interface Kernel {readonly run: KernelFunction; readonly results: readonly KernelResult[]; readonly source: string}

function loader(writer: Writer, shape: KernelShape): (index: number, type: PlanType) => Operand {
  const placed = new Set<number>();
  return (index, type) => {
    const position = shape.columns.findIndex((column) => column.index === index);
    const column = shape.columns[position]!;
    const form = column.words === 'i64' || column.words === 'i128' ? 'big' : narrowForm(column.type)!;
    if (!placed.has(index)) {
      placed.add(index);
      writer.preamble.push(`const D${index} = inputs[${position}].data;`);
      if (column.nullable) writer.preamble.push(`const V${index} = inputs[${position}].valid;`);
      if (form === 'text') writer.preamble.push(`const N${index} = inputs[${position}].length, S${index} = inputs[${position}].segments, Q${index} = inputs[${position}].arena === arena;`);
    }
    const valid = column.nullable ? writer.local(`V${index}[r] !== 0`, 'k') : 'true';
    if (form === 'text') {
      const address = writer.local(`D${index}[r]`);
      const segment = writer.local(`Math.floor(${address} * ${2 ** -32})`);
      return operandOf(type, {
        form, code: writer.local(`S${index}[${segment}]`), start: writer.local(`${address} - ${segment} * 4294967296`),
        length: writer.local(`N${index}[r]`), address: `(Q${index} ? ${address} : -1)`,
      }, valid);
    }
    const code = form === 'flag' ? `D${index}[r] !== 0`
      : column.words === 'i128' ? `(D${index}[2 * r + 1] << 64n) | BigInt.asUintN(64, D${index}[2 * r])` : `D${index}[r]`;
    const bound = form === 'int' ? typeBound(type) : form === 'exact' ? Math.min(NARROW_BOUND, typeBound(type)) : Infinity;
    return operandOf(type, {form, code: writer.local(code), bound}, valid);
  };
}

/** @returns the lines that store an operand as result `slot` of output row `i`. */
function store(writer: Writer, generator: Generator, operand: Operand, slot: number): void {
  writer.preamble.push(`const O${slot} = outputs[${slot}].data;`);
  const {code, form, valid} = operand;
  if (form === 'text') {
    writer.preamble.push(`const P${slot} = outputs[${slot}].length;`);
    const copy = `arena.append(${code}, ${operand.start}, ${operand.length})`;
    const address = generator.address(operand);
    let kept = copy;
    if (address !== null) {
      const known = writer.local(address);
      kept = operand.constant === undefined ? `(${known} >= 0 ? ${known} : ${copy})` : known;
    }
    writer.line(`O${slot}[i] = ${valid === 'true' ? kept : `${valid} ? ${kept} : 0`};`);
    writer.line(`P${slot}[i] = ${operand.length};`);
  } else if (form === 'big' && twoWords(operand.type)) {
    writer.line(`O${slot}[2 * i] = BigInt.asIntN(64, ${code}); O${slot}[2 * i + 1] = ${code} >> 64n;`);
  } else writer.line(`O${slot}[i] = ${form === 'flag' ? `${code} ? 1 : 0` : code};`);
  if (valid === 'true') return;
  writer.preamble.push(`const X${slot} = outputs[${slot}].valid; let H${slot} = false;`);
  writer.line(valid === 'false' ? `X${slot}[i] = 0; H${slot} = true;` : `if (${valid}) X${slot}[i] = 1; else { X${slot}[i] = 0; H${slot} = true; }`);
}

function assemble(writer: Writer, selected: boolean, after: string, answer: string): {run: KernelFunction; source: string} {
  const scratch = writer.usesScratch ? 'T.used = 0;' : '';
  const source = `'use strict';
const {${Object.keys(helpers).join(', ')}} = helpers;
return function kernel(inputs, selection, count, outputs, arena, T) {
${linesText(writer.preamble)}
for (let i = 0; i < count; i++) {
const r = ${selected ? 'selection[i]' : 'i'};
${scratch}
${writer.text()}
}
${after}
return ${answer};
};`;
  // The text is ours: names are numbered, constants travel in `constants`, nothing of the user's is pasted but numbers.
  // oxlint-disable-next-line typescript/no-implied-eval -- the source is ours: printed from a bound tree, constants go in as values
  const make = new Function('helpers', 'raise', 'constants', source) as (h: typeof helpers, r: typeof raise, c: readonly unknown[]) => KernelFunction;
  return {run: make(helpers, raise, writer.constants), source};
}

/** @returns the loop that stores the values of `expressions`, result k in `outputs[k]`. */
export function projectionKernel(expressions: readonly Expression[], shape: KernelShape, ids: StructureIds): Kernel {
  const writer = new Writer(shape.wide);
  const generator = new Generator(writer, loader(writer, shape), ids);
  const operands = expressions.map((expression) => generator.value(expression));
  operands.forEach((operand, slot) => store(writer, generator, operand, slot));
  const after = operands.map((operand, slot) => (operand.valid === 'true' ? '' : `outputs[${slot}].hasNull = H${slot};`)).join('\n');
  const results = operands.map(({type, form, valid, bound}) => ({type, form, nullable: valid !== 'true', bound}));
  return {...assemble(writer, shape.selected, after, 'count'), results};
}

/** @returns the loop that writes the input rows where `predicate` is TRUE to `outputs[0].data`; it may be the selection's own array. */
export function predicateKernel(predicate: Expression, shape: KernelShape, ids: StructureIds): Kernel {
  const writer = new Writer(shape.wide);
  const generator = new Generator(writer, loader(writer, shape), ids);
  writer.preamble.push('const O = outputs[0].data; let n = 0;');
  const condition = generator.condition(predicate);
  writer.line(`if (${condition}) O[n++] = r;`);
  return {...assemble(writer, shape.selected, '', 'n'), results: []};
}
