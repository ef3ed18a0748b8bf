/**
 * What a view's tree becomes: a list of operators, inputs before their readers (a shared CTE is one operator with two readers).
 * Specs are plain values: one is built into a `code` or a `sql` executor, shown by EXPLAIN INCREMENTAL, and keeps no state.
 */
import type {AggregateCall, Expression, PlanColumn, PlanNode} from '../kernel/plan/tree.ts';
import type {Executor} from './operator.ts';

/** How an operator is kept up to date. `affected group`: the touched keys are computed anew and compared. */
export type Level = 'delta' | 'affected group';

/**
 * One equality of a join, over columns of its two inputs: of one type, or integers of any two widths, compared by value. `nulls`:
 * NULL equals NULL (IS NOT DISTINCT FROM), only for one type.
 */
export interface JoinKey {readonly left: number; readonly right: number; readonly nulls: boolean}

export type OperatorSpec = {
  /** Position in the plan's list. */
  readonly id: number;
  readonly columns: readonly PlanColumn[];
  readonly executor: Executor;
} & (
  /** The rows of a table: `table` is its id, `columnIndexes` positions in its visible columns. */
  | {readonly kind: 'input'; readonly table: number; readonly tableName: string; readonly columnIndexes: readonly number[]}
  /** Filter, then projection; both over the input's columns. */
  | {readonly kind: 'map'; readonly input: number; readonly predicate: Expression | null; readonly expressions: readonly Expression[]}
  /** Output: the input's columns at `passed`, then a column an expression: its lists element by element, side by side, the shorter ones filled up with NULL. */
  | {readonly kind: 'unnest'; readonly input: number; readonly passed: readonly number[]; readonly expressions: readonly Expression[]}
  | {readonly kind: 'union'; readonly inputs: readonly number[]}
  /** `residual` is over left then right columns, of which `leftWidth` are the left's; `output` are positions in the same. */
  | {readonly kind: 'join'; readonly join: 'inner' | 'left'; readonly left: number; readonly right: number; readonly leftWidth: number; readonly keys: readonly JoinKey[]; readonly residual: Expression | null; readonly output: readonly number[]}
  /** Output: the group columns, then the aggregates, whose arguments and filters are columns of the input or constants. */
  | {readonly kind: 'aggregate'; readonly input: number; readonly level: Level; readonly groups: readonly number[]; readonly aggregates: readonly AggregateCall[];
      /** affected group only: filter and projection over the groups and aggregates, computed with them, where their types can only live inside DuckDB */
      readonly finish: {readonly predicate: Expression | null; readonly expressions: readonly Expression[]} | null}
);

export type OperatorKind = OperatorSpec['kind'];

export interface ViewPlan {
  readonly operators: readonly OperatorSpec[];
  /** The operator whose output is the view: the last. */
  readonly root: number;
  /** Ids of the tables it reads, each once. */
  readonly tables: readonly number[];
  readonly tree: PlanNode;
}

/** What planning knows of a table; positions are in its visible columns. */
export interface TableShape {
  readonly id: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly TableShapeColumn[];
  /** Key columns; empty when it has no visible key (append table or bag). */
  readonly key: readonly number[];
  /** Rows are never changed or deleted. */
  readonly appendOnly: boolean;
}
export interface TableShapeColumn {readonly name: string; readonly type: PlanColumn['type']; readonly nullable: boolean}

export type TableLookup = (schema: string, name: string) => TableShape | undefined;

/** @returns the inputs of an operator, by id. */
export function inputsOf(spec: OperatorSpec): readonly number[] {
  switch (spec.kind) {
    case 'input': return [];
    case 'map': case 'unnest': case 'aggregate': return [spec.input];
    case 'union': return spec.inputs;
    case 'join': return [spec.left, spec.right];
  }
}
