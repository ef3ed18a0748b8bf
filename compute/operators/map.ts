/** Filter and projection in one generated loop, `code`. Stateless: weights pass through. */
import {Arena} from '../../base/arena.ts';
import type {Delta} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import type {PlanColumn} from '../../kernel/plan/tree.ts';
import {emptyDelta} from '../delta-tools.ts';
import type {CompiledProjection} from '../expression/compile.ts';
import {ColumnBuffers, compileExpressions} from '../expression/compile.ts';
import type {Operator} from '../operator.ts';
import type {OperatorSpec} from '../operator-spec.ts';
import {heldType} from '../stored-type.ts';

export class MapOperator implements Operator {
  readonly executor = 'code';
  readonly filling = 'stateless';
  readonly columns: readonly PlanColumn[];
  readonly #types: readonly LogicalType[];
  readonly #projection: CompiledProjection;
  #pushed: Delta | null = null;

  constructor(spec: OperatorSpec & {kind: 'map'}, inputColumns: readonly PlanColumn[]) {
    this.columns = spec.columns;
    this.#types = spec.columns.map(({type}) => heldType(type));
    const projection = compileExpressions(spec.expressions, inputColumns.map(({type}) => type), spec.predicate === null ? {} : {predicate: spec.predicate});
    invariant(projection !== null, 'a map with executor code holds an expression that is not compiled');
    this.#projection = projection;
  }

  push(_input: number, delta: Delta): void { this.#pushed = delta; }

  flush(): Delta {
    return this.#pushed === null ? emptyDelta(this.#types) : this.fill(0, this.#pushed);
  }

  /** @throws {ExpressionError} with the index of the row in `rows`. */
  fill(_input: number, rows: Delta): Delta {
    if (rows.rowCount === 0) return emptyDelta(this.#types);
    // Results live as long as the epoch's readers keep them: arrays of their own, not reused.
    const buffers = new ColumnBuffers(new Arena());
    const columns = this.#projection.evaluate(rows.columns, rows.rowCount, null, rows.rowCount, buffers);
    const {selection, rowCount} = buffers;
    return {rowCount, weights: selection === null ? rows.weights : pickWeights(rows.weights, selection, rowCount), columns};
  }

  *content(): Generator<Delta, void, undefined> {}
  keeps(): boolean { return false; }
  absorb(): void {}
  endEpoch(): void { this.#pushed = null; }
  undo(): void { this.#pushed = null; }
  bytes(): number { return 0; }
}

function pickWeights(weights: Int32Array, rows: Int32Array, count: number): Int32Array {
  const to = new Int32Array(count);
  for (let i = 0; i < count; i++) to[i] = weights[rows[i]!]!;
  return to;
}
