/** EXPLAIN INCREMENTAL: a plan's operators as rows a reader understands. */
import {printAggregate, printExpression} from '../kernel/plan/print.ts';
import type {Expression, PlanColumn} from '../kernel/plan/tree.ts';
import {uncompiledReason} from './executor-choice.ts';
import type {Executor} from './operator.ts';
import type {JoinKey, Level, OperatorSpec, ViewPlan} from './operator-spec.ts';

export interface ExplainRow {
  /** `s1`, `s2` …: what the rows below refer to. */
  readonly step: string;
  /** What it does, over which tables or steps. */
  readonly operator: string;
  readonly level: Level;
  readonly executor: Executor;
  /** What is kept for it. */
  readonly state: string;
  /** What makes an epoch cost more than its rows; null: nothing. */
  readonly warning: string | null;
}

/** @returns one row an operator, inputs before their readers; tables are no rows of their own. */
export function explainIncremental(plan: ViewPlan): ExplainRow[] {
  const names: string[] = [];
  const rows: ExplainRow[] = [];
  for (const spec of plan.operators) {
    names.push(spec.kind === 'input' ? spec.tableName : `s${rows.length + 1}`);
    if (spec.kind === 'input') continue;
    rows.push({step: names[spec.id]!, ...explain(spec, plan.operators, names)});
  }
  return rows;
}

type Explained = Omit<ExplainRow, 'step'>;

function explain(spec: Exclude<OperatorSpec, {kind: 'input'}>, specs: readonly OperatorSpec[], names: readonly string[]): Explained {
  const {executor} = spec;
  switch (spec.kind) {
    case 'map': {
      const columns = namesOf(specs[spec.input]!.columns);
      const ref = (index: number): string => columns[index]!;
      const predicate = spec.predicate === null ? '' : ` where ${printExpression(spec.predicate, ref)}`;
      return {operator: `map of ${names[spec.input]}${predicate}`, level: 'delta', executor, state: 'none', warning: statementWarning([spec.predicate ?? [], ...spec.expressions].flat(), executor)};
    }
    case 'unnest': {
      const columns = namesOf(specs[spec.input]!.columns);
      const lists = spec.expressions.map((expression) => printExpression(expression, (index) => columns[index]!));
      return {operator: `unnest of ${lists.join(', ')} of ${names[spec.input]}`, level: 'delta', executor, state: 'none', warning: null};
    }
    case 'union': return {operator: `union all of ${spec.inputs.map((input) => names[input]).join(', ')}`, level: 'delta', executor, state: 'none', warning: null};
    case 'join': {
      const [left, right] = [specs[spec.left]!, specs[spec.right]!];
      const both = [...namesOf(left.columns).map((name) => `l.${name}`), ...namesOf(right.columns).map((name) => `r.${name}`)];
      const on = spec.keys.map((key) => `${both[key.left]} ${key.nulls ? 'IS NOT DISTINCT FROM' : '='} ${both[left.columns.length + key.right]}`);
      if (spec.residual !== null) on.push(printExpression(spec.residual, (index) => both[index]!));
      return {
        operator: `${spec.join} join of ${names[spec.left]} l and ${names[spec.right]} r on ${on.join(' and ')}`, level: executor === 'code' ? 'delta' : 'affected group', executor,
        state: [sideState(left, spec.keys, 'left', names), sideState(right, spec.keys, 'right', names)].join('; '),
        warning: statementWarning(spec.residual === null ? [] : [spec.residual], executor),
      };
    }
    case 'aggregate': return explainAggregate(spec, specs[spec.input]!, names);
  }
}

function explainAggregate(spec: OperatorSpec & {kind: 'aggregate'}, input: OperatorSpec, names: readonly string[]): Explained {
  const columns = namesOf(input.columns);
  const by = spec.groups.map((group) => columns[group]!).join(', ');
  const calls = spec.aggregates.map((call) => printAggregate(call, (index) => columns[index]!));
  const operator = spec.aggregates.length === 0 ? `distinct ${by} of ${names[spec.input]}` : `${calls.join(', ')} of ${names[spec.input]}${by === '' ? '' : ` by ${by}`}`;
  const recomputed = spec.executor === 'sql';
  const level: Level = recomputed ? 'affected group' : 'delta';
  const state = recomputed ? (input.kind === 'input' ? `rows of ${input.tableName}${by === '' ? '' : ` by ${by}`}, shared` : `rows of ${names[spec.input]}`)
    : by === '' ? 'accumulators of one group' : `accumulators by ${by}`;
  const warning = !recomputed ? null : by === '' ? 'one group is the whole table: every epoch computes all of it again' : 'every epoch computes the touched groups again, in one statement';
  return {operator, level, executor: spec.executor, state, warning};
}

function sideState(input: OperatorSpec, keys: readonly JoinKey[], side: 'left' | 'right', names: readonly string[]): string {
  const columns = namesOf(input.columns);
  const by = keys.map((key) => columns[key[side]]!).join(', ');
  return input.kind === 'input' ? `${input.tableName} by ${by}, shared` : `rows of ${names[input.id]} by ${by}`;
}

function namesOf(columns: readonly PlanColumn[]): string[] {
  return columns.map(({name}, index) => (name === '' ? `x${index + 1}` : name));
}

function statementWarning(expressions: readonly Expression[], executor: Executor): string | null {
  if (executor === 'code') return null;
  const reason = uncompiledReason(expressions);
  return reason === null ? 'one statement an epoch: executor sql was asked for' : `one statement an epoch: no compiled form of ${reason}`;
}
