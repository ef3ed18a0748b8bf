/** Operator specs → operators, over the tables they share. */
import {invariant} from '../base/invariant.ts';
import type {JoinCondition, PlanColumn, PlanNode} from '../kernel/plan/tree.ts';
import type {Session} from '../kernel/session.ts';
import {columnOf} from './compose.ts';
import type {Operator} from './operator.ts';
import type {OperatorSpec} from './operator-spec.ts';
import {AffectedKeysOperator} from './operators/affected-keys.ts';
import {EquiJoin, joinNulls} from './operators/equi-join.ts';
import {GroupAggregate} from './operators/group-aggregate.ts';
import type {JoinSide} from './operators/join-side.ts';
import {PrivateSide, SharedSide} from './operators/join-side.ts';
import {MapOperator} from './operators/map.ts';
import {MapSqlOperator} from './operators/map-sql.ts';
import {UnionOperator} from './operators/union.ts';
import type {NullRule} from './state/multi-index.ts';
import type {OperatorPages} from './state/operator-pages.ts';
import type {TableState} from './state/table-state.ts';
import {heldType} from './stored-type.ts';

/** What operators find around them. */
export interface OperatorContext {
  /** Where `sql` operators run their statements. */
  readonly session: Session | null;
  /** Rows of a table, and where its visible columns stand in it. */
  table(id: number): {readonly state: TableState; readonly visible: readonly number[]};
  /** Said while state is filled, when nobody reads rows that were fetched for the last chunk. */
  endChunk(): void;
}

/** Where rows that operators keep themselves may go; null: they stay in memory. */
type Pages = OperatorPages | null;

/** @returns the operators of a plan, by id; null for inputs. */
export function buildOperators(specs: readonly OperatorSpec[], context: OperatorContext, pages: Pages = null): (Operator | null)[] {
  return specs.map((spec) => buildOperator(spec, specs, context, pages));
}

function buildOperator(spec: OperatorSpec, specs: readonly OperatorSpec[], context: OperatorContext, pages: Pages): Operator | null {
  const columnsOf = (id: number): readonly PlanColumn[] => specs[id]!.columns;
  const {session} = context;
  const sql = spec.executor === 'sql';
  invariant(!sql || session !== null, () => `executor sql of ${spec.kind} has no session`);
  switch (spec.kind) {
    case 'input': return null;
    case 'map': return sql ? new MapSqlOperator(spec, columnsOf(spec.input), session!) : new MapOperator(spec, columnsOf(spec.input));
    case 'unnest': return new MapSqlOperator(spec, columnsOf(spec.input), session!);
    case 'union': return new UnionOperator(spec);
    case 'join': {
      const nulls = sql ? 'group' : joinNulls(spec);
      const leftKeys = spec.keys.map((key) => key.left);
      const rightKeys = spec.keys.map((key) => key.right);
      const left = joinSide(specs[spec.left]!, leftKeys, nulls, context, pages);
      const right = joinSide(specs[spec.right]!, rightKeys, nulls, context, pages);
      if (!sql) return new EquiJoin(spec, left, right, columnsOf(spec.left), columnsOf(spec.right));
      const inputs = [{side: left, columns: columnsOf(spec.left), keys: leftKeys}, {side: right, columns: columnsOf(spec.right), keys: rightKeys}];
      return new AffectedKeysOperator(spec.columns, inputs, ([one, two]) => joinNode(spec, one!, two!), session!);
    }
    case 'aggregate': {
      if (!sql) return new GroupAggregate(spec, columnsOf(spec.input), pages);
      const side = joinSide(specs[spec.input]!, spec.groups, 'group', context, pages);
      return new AffectedKeysOperator(spec.columns, [{side, columns: columnsOf(spec.input), keys: spec.groups}], ([leaf]) => aggregateNode(spec, leaf!), session!);
    }
  }
}

function joinNode(spec: OperatorSpec & {kind: 'join'}, left: PlanNode, right: PlanNode): PlanNode {
  const conditions = spec.keys.map((key): JoinCondition => ({
    op: key.nulls ? 'IS NOT DISTINCT FROM' : '=', left: columnOf(key.left, left.columns[key.left]!), right: columnOf(key.right, right.columns[key.right]!),
  }));
  return {kind: 'join', join: spec.join, asof: false, left, right, conditions, residual: spec.residual, output: spec.output, columns: spec.columns};
}

function aggregateNode(spec: OperatorSpec & {kind: 'aggregate'}, child: PlanNode): PlanNode {
  const {finish} = spec;
  const groups = spec.groups.map((group) => columnOf(group, child.columns[group]!));
  const answers = [...groups, ...spec.aggregates].map(({type}, index) => ({name: `c${index}`, type}));
  const aggregate: PlanNode = {kind: 'aggregate', child, groups, aggregates: spec.aggregates, groupingSets: null, groupingFunctions: [], columns: answers};
  if (finish === null) return aggregate;
  const kept: PlanNode = finish.predicate === null ? aggregate : {kind: 'filter', child: aggregate, predicate: finish.predicate, columns: answers};
  return {kind: 'project', child: kept, expressions: finish.expressions, columns: spec.columns};
}

function joinSide(input: OperatorSpec, keys: readonly number[], nulls: NullRule, context: OperatorContext, pages: Pages): JoinSide {
  if (input.kind !== 'input') return new PrivateSide(input.columns.map(({type}) => heldType(type)), keys, nulls, pages);
  const {state, visible} = context.table(input.table);
  return new SharedSide(state, input.columnIndexes.map((column) => visible[column]!), keys, nulls);
}
