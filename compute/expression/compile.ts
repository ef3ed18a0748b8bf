/**
 * The expression compiler of the `code` executor: scalar expressions of the operator tree become loops over typed-array columns.
 *
 * A plan's expressions share one generated loop (several where the text would grow past what the optimiser takes), made once per
 * shape of input: which columns hold NULLs, which exact ones are wide, rows by selection or all. Columns that only pass through
 * are not touched. Constant subexpressions are evaluated when compiling, common ones once per row.
 */
import type {Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {Expression, PlanType} from '../../kernel/plan/tree.ts';
import {operandsOf} from '../../kernel/plan/walk-expression.ts';
import type {ColumnBuffers} from './column-buffers.ts';
import {ExpressionError} from './expression-error.ts';
import {fold} from './fold.ts';
import {gatherInto} from './gather.ts';
import {KernelGroup} from './kernel-group.ts';
import {predicateKernel, projectionKernel} from './kernel.ts';
import {emptyOutput, narrowed, runPredicate, runProjection} from './run-kernel.ts';
import {refusalIn} from './support.ts';

export {ColumnBuffers} from './column-buffers.ts';
export {ExpressionError} from './expression-error.ts';

/** Nodes of the expressions that share a loop; a larger loop would pass what V8 optimises. */
const loopNodesMax = 250;

export interface EvaluateOptions {
  /** Runs the wide variant even where the narrow one would do: for tests. */
  readonly wide?: boolean;
}

/** @returns why `expression` is not compiled: the first function, cast or type outside the set; null if all of it is in. */
export function unsupportedIn(expression: Expression): string | null {
  return refusalIn(fold(expression));
}

/** A filter as a generated loop; made by `compilePredicate`. */
export class CompiledPredicate {
  readonly #group: KernelGroup;

  /** @param predicate folded and inside the compiled set. */
  constructor(predicate: Expression, inputTypes: readonly PlanType[]) {
    this.#group = new KernelGroup([predicate], inputTypes, 1, (shape, ids) => predicateKernel(predicate, shape, ids));
  }

  /**
   * Writes the input rows for which the predicate is TRUE to `rows`, in the selection's order.
   *
   * @param selection input row indexes, the first `count` of which count; null: rows [0, count).
   * @param rows at least `count` long; not the selection's own array.
   * @param buffers its arena holds texts on the way; its arrays are not used.
   * @returns how many rows were written.
   * @throws {ExpressionError} for a row that raises.
   */
  evaluate(input: readonly Column[], rowCount: number, selection: Int32Array | null, count: number, rows: Int32Array, buffers: ColumnBuffers, options: EvaluateOptions = {}): number {
    invariant(rows !== selection, 'a predicate does not write to its own selection');
    const output = this.#group.outputs[0] ?? emptyOutput();
    output.data = rows;
    const {result} = this.#group.run(input, rowCount, selection !== null, options.wide ?? false, (kernel, inputs) => {
      const written = runPredicate(kernel, inputs, selection, count, output, buffers);
      return written === -1 ? null : written;
    });
    return result;
  }

  /** @returns the generated functions so far, for tests and EXPLAIN. */
  sources(): string[] {
    return [...this.#group.kernels().values()].map(({source}) => source);
  }
}

interface ProjectionPart {readonly group: KernelGroup; /** result positions */ readonly slots: readonly number[]}

/** Expressions as generated loops; made by `compileExpressions`. Holds no rows between two evaluations. */
export class CompiledProjection {
  /** Types of the results. */
  readonly types: readonly PlanType[];
  readonly #passThrough: readonly {readonly slot: number; readonly index: number}[];
  readonly #parts: readonly ProjectionPart[];
  readonly #predicate: CompiledPredicate | null;

  /** @param expressions folded and inside the compiled set. */
  constructor(expressions: readonly Expression[], inputTypes: readonly PlanType[], predicate: CompiledPredicate | null) {
    this.types = expressions.map(({type}) => type);
    this.#passThrough = expressions.flatMap((expression, slot) => (expression.kind === 'column' ? [{slot, index: expression.index}] : []));
    this.#parts = parts(expressions).map((slots) => {
      const own = slots.map((slot) => expressions[slot]!);
      return {slots, group: new KernelGroup(own, inputTypes, own.length, (shape, ids) => projectionKernel(own, shape, ids))};
    });
    this.#predicate = predicate;
  }

  /**
   * Evaluates all expressions for the selected rows.
   *
   * @param input columns of `rowCount` rows; read, not kept.
   * @param selection input row indexes, the first `count` of which count; null: rows [0, count), count ≤ rowCount.
   * @param output owns the result arrays until its `reset()`; takes texts in its arena; afterwards says `rowCount` and `selection`
   *   of the results (fewer than `count` where there is a predicate).
   * @returns one column an expression. A plain column reference is the input's own column if no row was left out, else gathered.
   * @throws {ExpressionError} `MR_EXPRESSION` with `rowIndex` for the first row that raises; rows without the predicate do not.
   */
  evaluate(input: readonly Column[], rowCount: number, selection: Int32Array | null, count: number, output: ColumnBuffers, options: EvaluateOptions = {}): Column[] {
    let rows = selection;
    let rowsLeft = count;
    if (this.#predicate !== null) {
      const kept = output.i32(count);
      rowsLeft = this.#predicate.evaluate(input, rowCount, selection, count, kept, output, options);
      if (rowsLeft < count || selection !== null) rows = kept;
    }
    output.selection = rows;
    output.rowCount = rowsLeft;
    const results = Array.from<Column>({length: this.types.length});
    for (const {slot, index} of this.#passThrough) results[slot] = rows === null ? input[index]! : gatherInto(input[index]!, rows, rowsLeft, output);
    for (const {group, slots} of this.#parts) {
      const {result: columns, retried} = group.run(input, rowCount, rows !== null, options.wide ?? false, (kernel, inputs) => runProjection(kernel, inputs, rows, rowsLeft, group.outputs, output));
      slots.forEach((slot, position) => {
        const column = columns[position]!;
        results[slot] = retried && options.wide !== true ? narrowed(column, rowsLeft, this.types[slot]!, output) : column;
      });
    }
    return results;
  }

  /**
   * Finds every row that raises, in time linear in the rows. For batches whose bad rows are rejected one by one.
   *
   * @returns one error a row (the first, where several expressions raise), in the order of the selection.
   */
  raisingRows(input: readonly Column[], rowCount: number, selection: Int32Array | null, count: number, buffers: ColumnBuffers): ExpressionError[] {
    const errors = new Map<number, ExpressionError>();
    let rows = selection === null ? Int32Array.from({length: count}, (_, row) => row) : selection.slice(0, count);
    const collect = (run: (rows: Int32Array) => void): void => {
      for (let rest = rows; rest.length > 0;) {
        try {
          run(rest);
          return;
        } catch (error) {
          if (!(error instanceof ExpressionError)) throw error;
          if (!errors.has(error.rowIndex)) errors.set(error.rowIndex, error);
          rest = rest.subarray(rest.indexOf(error.rowIndex) + 1);
        }
      }
    };
    const predicate = this.#predicate;
    if (predicate !== null) {
      const kept = new Int32Array(count);
      collect((rest) => predicate.evaluate(input, rowCount, rest, rest.length, kept, buffers));
      const calm = rows.filter((row) => !errors.has(row));
      rows = kept.slice(0, predicate.evaluate(input, rowCount, calm, calm.length, kept, buffers));
    }
    for (const {group} of this.#parts) {
      collect((rest) => {
        group.run(input, rowCount, true, false, (kernel, inputs) => runProjection(kernel, inputs, rest, rest.length, group.outputs, buffers));
      });
    }
    const order = selection === null ? null : new Map(Array.from(selection.subarray(0, count), (row, position) => [row, position] as const));
    const place = (row: number): number => order?.get(row) ?? row;
    return [...errors.values()].toSorted((a, b) => place(a.rowIndex) - place(b.rowIndex));
  }

  /** @returns the generated functions so far, for tests and EXPLAIN. */
  sources(): string[] {
    return [...this.#predicate?.sources() ?? [], ...this.#parts.flatMap(({group}) => [...group.kernels().values()].map(({source}) => source))];
  }
}

function nodeCount(expression: Expression): number {
  return operandsOf(expression).reduce((sum, child) => sum + nodeCount(child), 1);
}

/** @returns the slots of computed expressions, cut into loops of bounded size. */
function parts(expressions: readonly Expression[]): number[][] {
  const cut: number[][] = [];
  let nodes = Infinity;
  expressions.forEach((expression, slot) => {
    if (expression.kind === 'column') return;
    const own = nodeCount(expression);
    if (nodes + own > loopNodesMax) {
      cut.push([]);
      nodes = 0;
    }
    cut.at(-1)!.push(slot);
    nodes += own;
  });
  return cut;
}

/**
 * @param inputTypes types of the input columns, by position.
 * @returns the compiled form, or null if an expression contains something outside the compiled set (`unsupportedIn` says what).
 */
export function compileExpressions(expressions: readonly Expression[], inputTypes: readonly PlanType[], options: {readonly predicate?: Expression} = {}): CompiledProjection | null {
  const folded = expressions.map(fold);
  if (folded.some((expression) => expression.kind !== 'column' && refusalIn(expression) !== null)) return null;
  const predicate = options.predicate === undefined ? null : compilePredicate(options.predicate, inputTypes);
  if (predicate === null && options.predicate !== undefined) return null;
  return new CompiledProjection(folded, inputTypes, predicate);
}

/** As `compileExpressions`, for a filter: rows where `predicate` is TRUE. */
export function compilePredicate(predicate: Expression, inputTypes: readonly PlanType[]): CompiledPredicate | null {
  const folded = fold(predicate);
  return refusalIn(folded) === null ? new CompiledPredicate(folded, inputTypes) : null;
}
