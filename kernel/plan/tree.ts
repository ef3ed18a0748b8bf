/**
 * The operator tree: DuckDB's bound plan in our words (see lower.ts). Columns are positions in the child's output; for joins
 * left columns come first. Nothing of SQL's semantics is decided here: types, casts and overloads are those DuckDB bound.
 */
import type {LogicalType} from '../../base/type.ts';

/** Types that occur in expressions: the stored ones, and those that only live between operators. */
export type PlanType =
  | LogicalType
  | {readonly kind: 'hugeint' | 'interval' | 'null' | 'time' | 'uhugeint' | 'utinyint' | 'usmallint' | 'uinteger' | 'ubigint' | 'timestamp_s' | 'timestamp_ms' | 'timestamp_ns'}
  /** ENUM, UUID, INTEGER[3], HUGEINT[] …: printed by `text`, never stored; `stored` is the nested type that holds its values, if there is one. */
  | {readonly kind: 'other'; readonly text: string; readonly stored?: LogicalType};

export interface PlanColumn {readonly name: string; readonly type: PlanType}

/** Constants as DuckDB bound them. Integers, unscaled decimals, µs and days are bigint; INTERVAL is its three parts. */
export type ConstantValue = null | boolean | number | bigint | string | {readonly months: number; readonly days: number; readonly micros: bigint};

export type ComparisonOp = '=' | '<>' | '<' | '>' | '<=' | '>=' | 'IS DISTINCT FROM' | 'IS NOT DISTINCT FROM';

export type Expression = {readonly type: PlanType} & (
  | {readonly kind: 'column'; readonly index: number}
  | {readonly kind: 'constant'; readonly value: ConstantValue; /** SQL that yields it, when `value` cannot say it (nested types) */ readonly sql?: string}
  | {readonly kind: 'cast'; readonly child: Expression; readonly try: boolean}
  | {readonly kind: 'comparison'; readonly op: ComparisonOp; readonly left: Expression; readonly right: Expression}
  | {readonly kind: 'and' | 'or' | 'coalesce'; readonly children: readonly Expression[]}
  | {readonly kind: 'not' | 'is-null' | 'is-not-null' | 'try'; readonly child: Expression}
  | {readonly kind: 'in'; readonly negated: boolean; readonly child: Expression; readonly list: readonly Expression[]}
  | {readonly kind: 'between'; readonly child: Expression; readonly lower: Expression; readonly upper: Expression; readonly lowerInclusive: boolean; readonly upperInclusive: boolean}
  | {readonly kind: 'case'; readonly branches: readonly {readonly when: Expression; readonly then: Expression}[]; readonly otherwise: Expression}
  | {readonly kind: 'function'; readonly name: string; readonly args: readonly Expression[]; readonly infix: boolean; /** extra SQL of lambdas, struct names … for the printer */ readonly detail?: FunctionDetail}
);

export interface FunctionDetail {
  readonly structNames?: readonly string[];
  /**
   * Columns of `body` below `parameterCount` are the parameters in their order, the others are captured: `args` after the list
   * (and after the initial value, if there is one), in their order.
   */
  readonly lambda?: {readonly body: Expression; readonly parameterCount: number; readonly hasInitial?: boolean};
}

export interface SortKey {readonly expression: Expression; readonly descending: boolean; readonly nullsFirst: boolean}

export interface AggregateCall {
  /** DuckDB's name; `count(*)` is `count_star` without args. */
  readonly name: string;
  readonly args: readonly Expression[];
  readonly distinct: boolean;
  readonly filter: Expression | null;
  readonly orderBy: readonly SortKey[];
  readonly type: PlanType;
}

export interface WindowCall {
  readonly name: string;
  readonly args: readonly Expression[];
  readonly distinct: boolean;
  readonly ignoreNulls: boolean;
  readonly filter: Expression | null;
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly SortKey[];
  /** The frame as SQL, e.g. `ROWS BETWEEN 2 PRECEDING AND CURRENT ROW`; null where the function takes none. */
  readonly frame: {readonly mode: 'ROWS' | 'RANGE' | 'GROUPS'; readonly start: FrameBound; readonly end: FrameBound; readonly exclude: string | null} | null;
  readonly type: PlanType;
}
export interface FrameBound {readonly bound: 'UNBOUNDED PRECEDING' | 'UNBOUNDED FOLLOWING' | 'CURRENT ROW' | 'PRECEDING' | 'FOLLOWING'; readonly expression: Expression | null}

export type JoinType = 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti' | 'mark' | 'single';
export interface JoinCondition {readonly op: ComparisonOp; readonly left: Expression; readonly right: Expression}

/** Every node's output columns are in `columns`; names of inner nodes are DuckDB's aliases and need not be unique. */
export type PlanNode = {readonly columns: readonly PlanColumn[]} & (
  | {readonly kind: 'get'; readonly schema: string; readonly table: string; /** positions in the table's visible columns */ readonly columnIndexes: readonly number[]; /** the columns stand for the number of rows alone: no value of them is used */ readonly rowsOnly?: true}
  | {readonly kind: 'project'; readonly child: PlanNode; readonly expressions: readonly Expression[]}
  | {readonly kind: 'filter'; readonly child: PlanNode; readonly predicate: Expression}
  | {readonly kind: 'aggregate'; readonly child: PlanNode; readonly groups: readonly Expression[]; readonly aggregates: readonly AggregateCall[]; readonly groupingSets: readonly (readonly number[])[] | null; readonly groupingFunctions: readonly (readonly number[])[]}
  | {readonly kind: 'join'; readonly join: JoinType; readonly asof: boolean; readonly left: PlanNode; readonly right: PlanNode; readonly conditions: readonly JoinCondition[]; /** over left then right columns */ readonly residual: Expression | null; /** output columns as positions in (left ++ right [++ mark]) */ readonly output: readonly number[]}
  | {readonly kind: 'cross-product'; readonly left: PlanNode; readonly right: PlanNode}
  /** joins `left` with `right`; `delim-get` nodes inside `right` with this id read the distinct `keys` of left */
  | {readonly kind: 'delim-join'; readonly id: number; readonly keys: readonly Expression[]; readonly joined: PlanNode}
  | {readonly kind: 'delim-get'; readonly id: number}
  | {readonly kind: 'union' | 'except' | 'intersect'; readonly all: boolean; readonly children: readonly PlanNode[]}
  | {readonly kind: 'distinct'; readonly child: PlanNode; readonly on: readonly Expression[] | null; readonly orderBy: readonly SortKey[]}
  | {readonly kind: 'window'; readonly child: PlanNode; readonly calls: readonly WindowCall[]}
  | {readonly kind: 'unnest'; readonly child: PlanNode; readonly expressions: readonly Expression[]}
  | {readonly kind: 'order'; readonly child: PlanNode; readonly keys: readonly SortKey[]}
  | {readonly kind: 'limit'; readonly child: PlanNode; readonly limit: number | null; readonly offset: number}
  | {readonly kind: 'cte'; readonly id: number; readonly definition: PlanNode; readonly body: PlanNode}
  | {readonly kind: 'cte-ref'; readonly id: number}
  | {readonly kind: 'values'; readonly rows: readonly (readonly Expression[])[]}
  /** one row; its one INTEGER column is NULL and is never referred to */
  | {readonly kind: 'dummy'}
  | {readonly kind: 'empty'}
);
