/** Operator specs → operators, over the tables they share. */
import {invariant} from '../base/invariant.ts';
import type {PlanColumn} from '../kernel/plan/tree.ts';
import type {Operator} from './operator.ts';
import type {OperatorSpec} from './operator-spec.ts';
import {EquiJoin, joinNulls} from './operators/equi-join.ts';
import {GroupAggregate} from './operators/group-aggregate.ts';
import type {JoinSide} from './operators/join-side.ts';
import {PrivateSide, SharedSide} from './operators/join-side.ts';
import {MapOperator} from './operators/map.ts';
import {UnionOperator} from './operators/union.ts';
import type {TableState} from './state/table-state.ts';
import {heldType} from './stored-type.ts';

/** What operators find of the tables around them. */
export interface OperatorContext {
  /** Rows of a table, and where its visible columns stand in it. */
  table(id: number): {readonly state: TableState; readonly visible: readonly number[]};
}

/** @returns the operators of a plan, by id; null for inputs. */
export function buildOperators(specs: readonly OperatorSpec[], context: OperatorContext): (Operator | null)[] {
  return specs.map((spec) => buildOperator(spec, specs, context));
}

function buildOperator(spec: OperatorSpec, specs: readonly OperatorSpec[], context: OperatorContext): Operator | null {
  const columnsOf = (id: number): readonly PlanColumn[] => specs[id]!.columns;
  invariant(spec.executor === 'code' || spec.kind === 'input', () => `executor sql of ${spec.kind} is not there`);
  switch (spec.kind) {
    case 'input': return null;
    case 'map': return new MapOperator(spec, columnsOf(spec.input));
    case 'union': return new UnionOperator(spec);
    case 'join': {
      const left = joinSide(specs[spec.left]!, spec.keys.map((key) => key.left), spec, context);
      const right = joinSide(specs[spec.right]!, spec.keys.map((key) => key.right), spec, context);
      return new EquiJoin(spec, left, right, columnsOf(spec.left), columnsOf(spec.right));
    }
    case 'aggregate': return new GroupAggregate(spec, columnsOf(spec.input));
  }
}

function joinSide(input: OperatorSpec, keys: readonly number[], join: OperatorSpec & {kind: 'join'}, context: OperatorContext): JoinSide {
  const nulls = joinNulls(join);
  if (input.kind !== 'input') return new PrivateSide(input.columns.map(({type}) => heldType(type)), keys, nulls);
  const {state, visible} = context.table(input.table);
  return new SharedSide(state, input.columnIndexes.map((column) => visible[column]!), keys, nulls);
}
