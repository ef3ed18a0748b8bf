/** DuckDB's serialised aggregate and window calls → `AggregateCall`, `WindowCall`. */
import {lowerExpression, lowerFunctionHeader, lowerSortKeys, type ExpressionScope} from './lower-expression.ts';
import {movedArguments} from './lower-moved.ts';
import {PlanFields, unsupported} from './plan-json.ts';
import {lowerType} from './plan-type.ts';
import type {AggregateCall, Expression, FrameBound, SortKey, WindowCall} from './tree.ts';
import {sameExpression} from './walk-expression.ts';

/** @throws {WarehouseError} `MR_PLAN_UNSUPPORTED` naming the aggregate whose constant arguments are not understood. */
export function lowerAggregate(json: unknown, scope: ExpressionScope): AggregateCall {
  const fields = new PlanFields(json, 'aggregate');
  const expressionClass = fields.text('expression_class');
  if (expressionClass !== 'BOUND_AGGREGATE') throw unsupported(`expression ${expressionClass} among aggregates`);
  fields.ignore('type', 'alias', 'query_location');
  const type = lowerType(fields.take('return_type'));
  const args = fields.list('children').map(child => lowerExpression(child, scope));
  const {name, data} = lowerFunctionHeader(fields);
  const kind = fields.text('aggregate_type');
  if (kind !== 'DISTINCT' && kind !== 'NON_DISTINCT') throw unsupported(`aggregate type ${kind}`);
  const filter = fields.take('filter');
  const order = fields.optionalObject('order_bys', `ORDER BY of ${name}`);
  const call: AggregateCall = {
    name, args: [...args, ...movedArguments(name, type, data)], distinct: kind === 'DISTINCT',
    filter: filter === null ? null : lowerExpression(filter, scope),
    orderBy: order === undefined ? [] : lowerSortKeys(order.list('orders'), scope), type,
  };
  order?.end();
  fields.end();
  return call;
}

const windowNames: Readonly<Record<string, string>> = {
  WINDOW_ROW_NUMBER: 'row_number', WINDOW_RANK: 'rank', WINDOW_RANK_DENSE: 'dense_rank', WINDOW_NTILE: 'ntile',
  WINDOW_PERCENT_RANK: 'percent_rank', WINDOW_CUME_DIST: 'cume_dist', WINDOW_LAG: 'lag', WINDOW_LEAD: 'lead',
  WINDOW_FIRST_VALUE: 'first_value', WINDOW_LAST_VALUE: 'last_value', WINDOW_NTH_VALUE: 'nth_value', WINDOW_FILL: 'fill',
};
/** Functions whose answer does not depend on the frame. */
const framelessNames: ReadonlySet<string> = new Set(['row_number', 'rank', 'dense_rank', 'ntile', 'percent_rank', 'cume_dist', 'lag', 'lead', 'fill']);

/** @throws {WarehouseError} `MR_PLAN_UNSUPPORTED` naming the window function or frame that is not known. */
export function lowerWindow(json: unknown, scope: ExpressionScope): WindowCall {
  const fields = new PlanFields(json, 'window');
  const expressionClass = fields.text('expression_class');
  if (expressionClass !== 'BOUND_WINDOW') throw unsupported(`expression ${expressionClass} among windows`);
  const kind = fields.text('type');
  fields.ignore('alias', 'query_location');
  const optional = (name: string): Expression[] => {
    const value = fields.take(name);
    return value === null ? [] : [lowerExpression(value, scope)];
  };
  const type = lowerType(fields.take('return_type'));
  const children = fields.list('children').map(child => lowerExpression(child, scope));
  const {name, data} = kind === 'WINDOW_AGGREGATE' ? lowerFunctionHeader(fields) : {name: windowNames[kind], data: undefined};
  if (name === undefined) throw unsupported(`window function ${kind}`);
  fields.expect('arg_orders', 'empty list');
  const orderBy = lowerSortKeys(fields.list('orders'), scope);
  const [offset, fallback] = [optional('offset_expr'), optional('default_expr')];
  const frame = lowerFrame(fields, scope, orderBy);
  const call: WindowCall = {
    name, args: [...children, ...movedArguments(name, type, data), ...(offset.length < fallback.length ? [one] : offset), ...fallback],
    distinct: fields.flag('distinct'), ignoreNulls: fields.flag('ignore_nulls'), filter: optional('filters')[0] ?? null,
    partitionBy: fields.list('partitions').map(child => lowerExpression(child, scope)), orderBy,
    frame: framelessNames.has(name) ? null : frame, type,
  };
  fields.end();
  return call;
}

const one: Expression = {kind: 'constant', type: {kind: 'bigint'}, value: 1n};

type Frame = NonNullable<WindowCall['frame']>;

function lowerFrame(fields: PlanFields, scope: ExpressionScope, orderBy: readonly SortKey[]): Frame {
  const exclude = fields.text('exclude_clause');
  const [start, end] = [lowerBound(fields, 'start', scope, orderBy), lowerBound(fields, 'end', scope, orderBy)];
  const excludeText: Readonly<Record<string, string | null>> = {NO_OTHER: null, CURRENT_ROW: 'CURRENT ROW', GROUP: 'GROUP', TIES: 'TIES'};
  const text = excludeText[exclude];
  if (text === undefined) throw unsupported(`frame with EXCLUDE ${exclude}`);
  // UNBOUNDED says no mode; two of them mean the same in every mode.
  return {mode: start.mode ?? end.mode ?? 'RANGE', start: start.bound, end: end.bound, exclude: text};
}

function lowerBound(fields: PlanFields, side: 'start' | 'end', scope: ExpressionScope, orderBy: readonly SortKey[]): {mode: Frame['mode'] | null; bound: FrameBound} {
  const text = fields.text(side);
  const json = fields.take(`${side}_expr`);
  if (text === 'UNBOUNDED_PRECEDING' || text === 'UNBOUNDED_FOLLOWING') {
    return {mode: null, bound: {bound: text === 'UNBOUNDED_PRECEDING' ? 'UNBOUNDED PRECEDING' : 'UNBOUNDED FOLLOWING', expression: null}};
  }
  const parts = /^(CURRENT_ROW|EXPR_PRECEDING|EXPR_FOLLOWING)_(ROWS|RANGE|GROUPS)$/.exec(text);
  if (parts === null) throw unsupported(`frame bound ${text}`);
  const mode = parts[2] as Frame['mode'];
  if (parts[1] === 'CURRENT_ROW') return {mode, bound: {bound: 'CURRENT ROW', expression: null}};
  const expression = lowerExpression(json, scope);
  return {mode, bound: {bound: parts[1] === 'EXPR_PRECEDING' ? 'PRECEDING' : 'FOLLOWING', expression: mode === 'RANGE' ? rangeOffset(expression, orderBy) : expression}};
}

/** DuckDB has added a RANGE offset to the order key already (`key - offset`): take the offset back out. */
function rangeOffset(bound: Expression, orderBy: readonly SortKey[]): Expression {
  const [key, offset] = bound.kind === 'function' && (bound.name === '+' || bound.name === '-') ? bound.args : [];
  const orderKey = orderBy[0]?.expression;
  if (key === undefined || offset === undefined || orderKey === undefined || !sameExpression(withoutCast(key), withoutCast(orderKey))) {
    throw unsupported('a RANGE frame whose bound is no plain offset of the order key', 'order by the column itself, or use ROWS');
  }
  return offset;
}

function withoutCast(expression: Expression): Expression {
  return expression.kind === 'cast' ? withoutCast(expression.child) : expression;
}
