/** Filter and projection, and UNNEST, `sql`: one statement over the delta. Stateless: the weight is one more column that passes through. */
import type {Delta} from '../../base/delta.ts';
import {WarehouseError} from '../../base/error.ts';
import {sliceColumn} from '../../base/columns.ts';
import type {LogicalType} from '../../base/type.ts';
import type {PlanColumn, PlanNode} from '../../kernel/plan/tree.ts';
import type {Session} from '../../kernel/session.ts';
import {columnOf} from '../compose.ts';
import {emptyDelta} from '../delta-tools.ts';
import {ExpressionError} from '../expression/compile.ts';
import type {Operator} from '../operator.ts';
import type {OperatorSpec} from '../operator-spec.ts';
import {heldType} from '../stored-type.ts';
import {deltaOf, relationLeaf, relationName, relationSql, weightColumn, weightExpression, weightedRelation} from './duckdb-rows.ts';

export class MapSqlOperator implements Operator {
  readonly executor = 'sql';
  readonly filling = 'stateless';
  readonly columns: readonly PlanColumn[];
  readonly #types: readonly LogicalType[];
  readonly #inputColumns: readonly PlanColumn[];
  readonly #session: Session;
  readonly #relation = relationName('map');
  readonly #sql: string;
  #pushed: Delta | null = null;

  constructor(spec: OperatorSpec & {kind: 'map' | 'unnest'}, inputColumns: readonly PlanColumn[], session: Session) {
    this.columns = spec.columns;
    this.#types = spec.columns.map(({type}) => heldType(type));
    this.#inputColumns = inputColumns;
    this.#session = session;
    this.#sql = relationSql(weighted(spec, relationLeaf(this.#relation, [...inputColumns, weightColumn(inputColumns.length)]), inputColumns.length), false);
  }

  push(_input: number, delta: Delta): void { this.#pushed = delta; }

  async flush(): Promise<Delta> {
    return this.#pushed === null ? emptyDelta(this.#types) : this.fill(0, this.#pushed);
  }

  /** @throws {ExpressionError} with the index of the first row in `rows` that raises. */
  async fill(_input: number, rows: Delta): Promise<Delta> {
    if (rows.rowCount === 0) return emptyDelta(this.#types);
    try {
      return await this.#run(rows);
    } catch (error) {
      if (!(error instanceof WarehouseError) || error.kind !== 'invalid') throw error;
      throw new ExpressionError(await this.#raisedRow(rows), error.message);
    }
  }

  #run(rows: Delta): Promise<Delta> {
    this.#session.bindRelation(this.#relation, weightedRelation(rows, this.#inputColumns));
    return deltaOf(this.#session, this.#sql, this.#types);
  }

  /** DuckDB does not say which row raised: halve the rows until one is left. */
  async #raisedRow(rows: Delta): Promise<number> {
    let start = 0;
    let end = rows.rowCount;
    while (end - start > 1) {
      const middle = (start + end) >> 1;
      const failed = await this.#run(sliced(rows, start, middle)).then(() => false, () => true);
      if (failed) end = middle;
      else start = middle;
    }
    return start;
  }

  *content(): Generator<Delta, void, undefined> {}
  keeps(): boolean { return false; }
  absorb(): void {}
  endEpoch(): void { this.#pushed = null; }
  undo(): void { this.#pushed = null; }
  bytes(): number { return 0; }
}

/** @returns what the operator does over `leaf`, whose last column, the weight, comes last again. */
function weighted(spec: OperatorSpec & {kind: 'map' | 'unnest'}, leaf: PlanNode, weight: number): PlanNode {
  const columns = [...spec.columns, weightColumn(spec.columns.length)];
  if (spec.kind === 'unnest') {
    const elements = spec.columns.slice(spec.passed.length);
    const child: PlanNode = {kind: 'unnest', child: leaf, expressions: spec.expressions, columns: [...leaf.columns, ...elements]};
    const passed = spec.passed.map((index) => columnOf(index, leaf.columns[index]!));
    return {kind: 'project', child, expressions: [...passed, ...elements.map((column, index) => columnOf(leaf.columns.length + index, column)), weightExpression(weight)], columns};
  }
  const child: PlanNode = spec.predicate === null ? leaf : {kind: 'filter', child: leaf, predicate: spec.predicate, columns: leaf.columns};
  return {kind: 'project', child, expressions: [...spec.expressions, weightExpression(weight)], columns};
}

function sliced(rows: Delta, start: number, end: number): Delta {
  return {rowCount: end - start, weights: rows.weights.subarray(start, end), columns: rows.columns.map((column) => sliceColumn(column, start, end))};
}
