/** DuckDB's serialised joins over lowered inputs → join nodes. */
import {comparisonOps, lowerExpression, type ExpressionScope} from './lower-expression.ts';
import {PlanFields, planIndex, unsupported} from './plan-json.ts';
import {lowerType, printType, samePlanType} from './plan-type.ts';
import type {ComparisonOp, Expression, JoinCondition, JoinType, PlanColumn, PlanNode} from './tree.ts';
import {columnsUsed} from './walk-expression.ts';
import {moveColumns} from './walk.ts';

type JoinNode = Extract<PlanNode, {kind: 'join'}>;
/** Makes the scope of expressions over some columns. */
export type ScopeOf = (columns: readonly PlanColumn[]) => ExpressionScope;

const joinTypes: Readonly<Record<string, JoinType>> = {
  INNER: 'inner', LEFT: 'left', RIGHT: 'right', FULL: 'full', OUTER: 'full', SEMI: 'semi', ANTI: 'anti', MARK: 'mark', SINGLE: 'single',
};

/**
 * Lowers COMPARISON_JOIN, ASOF_JOIN, ANY_JOIN and the join of a DELIM_JOIN; `type` and `children` of `fields` have been read.
 *
 * @returns the join; for a delim join also the keys that its right side reads distinct.
 */
export function lowerJoin(operator: string, fields: PlanFields, left: PlanNode, right: PlanNode, scopeOf: ScopeOf): {join: JoinNode; keys: Expression[]} {
  const typeName = fields.text('join_type');
  const join = joinTypes[typeName];
  if (join === undefined) throw unsupported(`a ${typeName} join`);
  fields.ignore('mark_index');
  const both = scopeOf([...left.columns, ...right.columns]);
  const {conditions, residual} = operator === 'ANY_JOIN'
    ? splitCondition(lowerExpression(fields.take('condition'), both), left.columns.length)
    : lowerConditions(fields, scopeOf(left.columns), scopeOf(right.columns), both);
  const keys = operator === 'ANY_JOIN' ? [] : lowerDelimKeys(operator, fields, scopeOf(left.columns));
  const output = outputOf(join, left.columns.length, right.columns.length, fields);
  fields.end();
  if (residual !== null && (join === 'mark' || join === 'single')) throw unsupported(`a ${join} join on a condition that is no comparison of both sides`);
  if (operator === 'ASOF_JOIN' && residual !== null) throw unsupported('an ASOF join on a condition that is no comparison of both sides');
  const columns = output.map(position => joinColumn(left, right, position));
  return {join: {kind: 'join', join, asof: operator === 'ASOF_JOIN', left, right, conditions, residual, output, columns}, keys};
}

const markColumn: PlanColumn = {name: 'mark', type: {kind: 'boolean'}};

function joinColumn(left: PlanNode, right: PlanNode, position: number): PlanColumn {
  return left.columns[position] ?? right.columns[position - left.columns.length] ?? markColumn;
}

function lowerConditions(fields: PlanFields, left: ExpressionScope, right: ExpressionScope, both: ExpressionScope): {conditions: JoinCondition[]; residual: Expression | null} {
  const conditions = fields.list('conditions').map((json): JoinCondition => {
    const condition = new PlanFields(json, 'join condition');
    const comparison = condition.text('comparison');
    const op = comparisonOps[comparison];
    if (op === undefined) throw unsupported(`join condition ${comparison}`);
    const lowered = {op, left: lowerExpression(condition.take('left'), left), right: lowerExpression(condition.take('right'), right)};
    condition.end();
    return lowered;
  });
  const predicate = fields.take('predicate');
  return {conditions, residual: predicate === null ? null : lowerExpression(predicate, both)};
}

function lowerDelimKeys(operator: string, fields: PlanFields, left: ExpressionScope): Expression[] {
  fields.expect('delim_flipped', false);
  const keys = fields.list('duplicate_eliminated_columns').map(json => lowerExpression(json, left));
  const types = fields.list('mark_types').map(lowerType);
  if (operator !== 'DELIM_JOIN' && keys.length > 0) throw unsupported(`${operator} with duplicate-eliminated columns`);
  if (types.length > keys.length || types.some((type, i) => !samePlanType(type, keys[i]!.type))) throw unsupported(`a correlation over ${types.map(printType).join(', ')}`);
  return keys;
}

/** @returns positions in left ++ right [++ mark] that the join puts out. */
function outputOf(join: JoinType, leftCount: number, rightCount: number, fields: PlanFields): number[] {
  const projected = (name: string, count: number): number[] => {
    const map = fields.list(name).map(value => planIndex(value, name));
    return map.length > 0 ? map : Array.from({length: count}, (_, i) => i);
  };
  const left = projected('left_projection_map', leftCount);
  const right = projected('right_projection_map', rightCount).map(position => leftCount + position);
  switch (join) {
    case 'semi': case 'anti': return left;
    case 'mark': return [...left, leftCount + rightCount];
    default: return [...left, ...right];
  }
}

const mirrored: Readonly<Record<ComparisonOp, ComparisonOp>> = {
  '=': '=', '<>': '<>', '<': '>', '>': '<', '<=': '>=', '>=': '<=', 'IS DISTINCT FROM': 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM': 'IS NOT DISTINCT FROM',
};

/** Takes the comparisons of one side with the other out of a join's condition; the rest is the residual. */
function splitCondition(condition: Expression, leftCount: number): {conditions: JoinCondition[]; residual: Expression | null} {
  const conditions: JoinCondition[] = [];
  const rest: Expression[] = [];
  for (const part of conjuncts(condition)) {
    const comparison = part.kind === 'comparison' ? twoSided(part, leftCount) : undefined;
    if (comparison !== undefined) conditions.push(comparison);
    else if (part.kind !== 'constant' || part.value !== true) rest.push(part);
  }
  const [first] = rest;
  return {conditions, residual: first === undefined ? null : rest.length === 1 ? first : {kind: 'and', type: {kind: 'boolean'}, children: rest}};
}

function conjuncts(condition: Expression): readonly Expression[] {
  return condition.kind === 'and' ? condition.children.flatMap(conjuncts) : [condition];
}

function twoSided(comparison: Extract<Expression, {kind: 'comparison'}>, leftCount: number): JoinCondition | undefined {
  const {op, left, right} = comparison;
  const [a, b] = [sideOf(left, leftCount), sideOf(right, leftCount)];
  const toRight = (expression: Expression): Expression => moveColumns(expression, index => index - leftCount);
  if (a === 'left' && b === 'right') return {op, left, right: toRight(right)};
  if (a === 'right' && b === 'left') return {op: mirrored[op], left: right, right: toRight(left)};
  return undefined;
}

function sideOf(expression: Expression, leftCount: number): 'left' | 'right' | 'other' {
  const used = columnsUsed(expression);
  if (used.length === 0) return 'other';
  if (used.every(index => index < leftCount)) return 'left';
  return used.every(index => index >= leftCount) ? 'right' : 'other';
}
