/** Expressions that share one loop, with the variants of that loop made so far: one per shape of input that was met. */
import {asI128, asI64} from '../../base/columns.ts';
import type {Column} from '../../base/delta.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {Expression, PlanType} from '../../kernel/plan/tree.ts';
import {columnsUsed} from '../../kernel/plan/walk-expression.ts';
import {narrowForm, twoWords, typeBound} from './form.ts';
import type {ColumnShape, Kernel, KernelInput, KernelOutput, KernelShape} from './kernel.ts';
import {clearInput, emptyInput, emptyOutput, setInput} from './run-kernel.ts';
import {StructureIds} from './structure.ts';

/** Shapes that get a loop of their own; beyond it, columns without NULLs are read as nullable ones, which needs few shapes more. */
const shapesMax = 8;

/** What differs between the loops of a projection and of a predicate. */
export type KernelMaker = (shape: KernelShape, ids: StructureIds) => Kernel;

let ones = new Uint8Array(0);

/** @returns at least `count` times 1: the validity of a column without NULLs. */
function allValid(count: number): Uint8Array {
  if (ones.length < count) ones = new Uint8Array(Math.max(2 * ones.length, count)).fill(1);
  return ones;
}

export class KernelGroup {
  readonly outputs: KernelOutput[];
  readonly #make: KernelMaker;
  readonly #columns: readonly {readonly index: number; readonly type: PlanType; readonly exact: boolean}[];
  readonly #inputs: KernelInput[];
  readonly #ids = new StructureIds();
  readonly #kernels = new Map<string, Kernel>();

  /** @param outputCount results of the loop. */
  constructor(expressions: readonly Expression[], inputTypes: readonly PlanType[], outputCount: number, make: KernelMaker) {
    this.#make = make;
    this.#columns = [...new Set(expressions.flatMap(columnsUsed))].map((index) => {
      const type = inputTypes[index]!;
      return {index, type, exact: narrowForm(type) === 'exact'};
    });
    this.#inputs = this.#columns.map(emptyInput);
    this.outputs = Array.from({length: outputCount}, emptyOutput);
  }

  /** Variants made so far, for tests. */
  kernels(): ReadonlyMap<string, Kernel> {
    return this.#kernels;
  }

  /**
   * Runs `run` with the loop for this input: the narrow variant, and again with the wide one where a result passed 2^53−1.
   *
   * @param run answers null where the narrow loop gave up.
   * @returns what `run` answered, and whether the wide variant was needed.
   */
  run<T>(input: readonly Column[], rowCount: number, selected: boolean, wideAlways: boolean, run: (kernel: Kernel, inputs: readonly KernelInput[]) => T | null): {result: T; retried: boolean} {
    try {
      if (!wideAlways) {
        const result = run(this.#prepare(input, rowCount, selected, false), this.#inputs);
        if (result !== null) return {result, retried: false};
      }
      const result = run(this.#prepare(input, rowCount, selected, true), this.#inputs);
      invariant(result !== null, 'the wide variant gave up');
      return {result, retried: true};
    } finally {
      this.#inputs.forEach(clearInput); // a batch is not kept alive by the loop that read it
    }
  }

  #prepare(input: readonly Column[], rowCount: number, selected: boolean, wide: boolean): Kernel {
    let key = `${wide ? 'w' : 'n'}${selected ? 's' : 'a'}`;
    for (let i = 0; i < this.#columns.length; i++) {
      const {index, type, exact} = this.#columns[i]!;
      const column = input[index]!;
      const target = this.#inputs[i]!;
      setInput(target, column);
      let words = '-';
      if (exact) {
        words = column.kind;
        if (wide && column.kind === 'f64' && typeBound(type) > NARROW_BOUND) {
          const two = twoWords(type);
          target.data = two ? asI128(column, rowCount) : asI64(column, rowCount);
          words = two ? 'i128' : 'i64';
        }
      }
      key += column.valid === null ? ` ${words}` : ` ${words}?`;
    }
    let kernel = this.#kernels.get(key);
    if (kernel !== undefined) return kernel;
    if (this.#kernels.size >= shapesMax) {
      key = key.replaceAll('?', '').replace(/(?<=[\d-])(?= |$)/g, '?');
      for (const target of this.#inputs) target.valid ??= allValid(rowCount);
      kernel = this.#kernels.get(key);
      if (kernel !== undefined) return kernel;
    }
    const parts = key.split(' ').slice(1);
    const columns = this.#columns.map(({index, type}, i): ColumnShape => {
      const words = parts[i]!.replace('?', '');
      return {index, type, words: words === '-' ? 'own' : words as ColumnShape['words'], nullable: parts[i]!.endsWith('?')};
    });
    kernel = this.#make({columns, wide, selected}, this.#ids);
    this.#kernels.set(key, kernel);
    return kernel;
  }
}
