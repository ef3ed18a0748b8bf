/** DuckDB's serialised bound expressions → `Expression`. */
import {PlanFields, unsupported} from './plan-json.ts';
import {foldCall, foldCast} from './fold-constant.ts';
import {lowerValue} from './lower-constant.ts';
import {movedArguments} from './lower-moved.ts';
import {lowerType, printType, samePlanType, structFields} from './plan-type.ts';
import type {ComparisonOp, Expression, FunctionDetail, PlanType, SortKey} from './tree.ts';

/** What column references mean where an expression stands. */
export interface ExpressionScope {
  /** @returns the type of the column at `index`, or undefined where it cannot be known (parameters of lambdas). */
  typeOf(index: number): PlanType | undefined;
  /** @returns the position of a column that DuckDB names by table instead of by position. */
  resolve?(tableIndex: bigint, columnIndex: number): number;
  /** @returns the position in our columns of DuckDB's position `index`. */
  position?(index: number): number;
}

export const comparisonOps: Readonly<Record<string, ComparisonOp>> = {
  COMPARE_EQUAL: '=', COMPARE_NOTEQUAL: '<>', COMPARE_LESSTHAN: '<', COMPARE_GREATERTHAN: '>', COMPARE_LESSTHANOREQUALTO: '<=',
  COMPARE_GREATERTHANOREQUALTO: '>=', COMPARE_DISTINCT_FROM: 'IS DISTINCT FROM', COMPARE_NOT_DISTINCT_FROM: 'IS NOT DISTINCT FROM',
};

const boolean: PlanType = {kind: 'boolean'};

/** @throws {WarehouseError} `MR_PLAN_UNSUPPORTED` naming the class, type or function form that is not known. */
export function lowerExpression(json: unknown, scope: ExpressionScope): Expression {
  const fields = new PlanFields(json, 'expression');
  const lowered = lowerClass(fields.text('expression_class'), fields.text('type'), fields, scope);
  fields.ignore('alias', 'query_location');
  fields.end();
  return lowered;
}

/** @returns the name that DuckDB gives the expression, '' if none. */
export function expressionAlias(json: unknown): string {
  return new PlanFields(json, 'expression').text('alias');
}

export function lowerSortKeys(list: readonly unknown[], scope: ExpressionScope): SortKey[] {
  return list.map(json => {
    const fields = new PlanFields(json, 'ORDER BY');
    const direction = fields.text('type');
    const nulls = fields.text('null_order').replace('_', ' ');
    if (direction !== 'ASCENDING' && direction !== 'DESCENDING') throw unsupported(`ORDER BY ${direction}`);
    if (nulls !== 'NULLS FIRST' && nulls !== 'NULLS LAST') throw unsupported(`ORDER BY with ${nulls}`);
    const key = {expression: lowerExpression(fields.take('expression'), scope), descending: direction === 'DESCENDING', nullsFirst: nulls === 'NULLS FIRST'};
    fields.end();
    return key;
  });
}

function lowerClass(expressionClass: string, type: string, fields: PlanFields, scope: ExpressionScope): Expression {
  const lower = (name: string): Expression => lowerExpression(fields.take(name), scope);
  const children = (): Expression[] => fields.list('children').map(child => lowerExpression(child, scope));
  switch (expressionClass) {
    case 'BOUND_REF': return lowerReference(fields, scope);
    case 'BOUND_COLUMN_REF': return lowerColumnReference(fields, scope);
    case 'BOUND_CONSTANT': return lowerValue(fields.take('value'));
    case 'BOUND_CAST': {
      const cast = {child: lower('child'), type: lowerType(fields.take('return_type')), try: fields.flag('try_cast')};
      return foldCast(cast.child, cast.type) ?? {kind: 'cast', ...cast};
    }
    case 'BOUND_COMPARISON': {
      const op = comparisonOps[type];
      if (op === undefined) throw unsupported(`comparison ${type}`);
      return {kind: 'comparison', type: boolean, op, left: lower('left'), right: lower('right')};
    }
    case 'BOUND_CONJUNCTION':
      if (type !== 'CONJUNCTION_AND' && type !== 'CONJUNCTION_OR') throw unsupported(`conjunction ${type}`);
      return {kind: type === 'CONJUNCTION_AND' ? 'and' : 'or', type: boolean, children: children()};
    case 'BOUND_BETWEEN':
      return {kind: 'between', type: boolean, child: lower('input'), lower: lower('lower'), upper: lower('upper'), lowerInclusive: fields.flag('lower_inclusive'), upperInclusive: fields.flag('upper_inclusive')};
    case 'BOUND_CASE': {
      const branches = fields.list('case_checks').map(json => {
        const check = new PlanFields(json, 'CASE');
        // oxlint-disable-next-line unicorn/no-thenable -- CASE's own word; never awaited
        const branch = {when: lowerExpression(check.take('when_expr'), scope), then: lowerExpression(check.take('then_expr'), scope)};
        check.end();
        return branch;
      });
      return {kind: 'case', type: lowerType(fields.take('return_type')), branches, otherwise: lower('else_expr')};
    }
    case 'BOUND_OPERATOR': return lowerOperator(type, lowerType(fields.take('return_type')), children());
    case 'BOUND_FUNCTION': return lowerFunction(fields, children(), scope);
    default: throw unsupported(`expression ${expressionClass} (${type})`);
  }
}

function lowerReference(fields: PlanFields, scope: ExpressionScope): Expression {
  const type = lowerType(fields.take('return_type'));
  const duckIndex = fields.index('index');
  const index = scope.position === undefined ? duckIndex : scope.position(duckIndex);
  const expected = scope.typeOf(index);
  if (expected !== undefined && !samePlanType(expected, type)) throw unsupported(`column ${index} of type ${printType(expected)} read as ${printType(type)}`);
  return {kind: 'column', type, index};
}

function lowerColumnReference(fields: PlanFields, scope: ExpressionScope): Expression {
  const type = lowerType(fields.take('return_type'));
  const binding = fields.object('binding');
  const tableIndex = binding.integer('table_index');
  const columnIndex = binding.index('column_index');
  binding.end();
  fields.expect('depth', 0);
  if (scope.resolve === undefined) throw unsupported(`a reference to column ${columnIndex} of table ${tableIndex}`);
  return {kind: 'column', type, index: scope.resolve(tableIndex, columnIndex)};
}

function lowerOperator(operator: string, type: PlanType, children: readonly Expression[]): Expression {
  const [child, ...list] = children;
  if (child === undefined) throw unsupported(`operator ${operator} without operands`);
  switch (operator) {
    case 'OPERATOR_NOT': return {kind: 'not', type, child};
    case 'OPERATOR_IS_NULL': return {kind: 'is-null', type, child};
    case 'OPERATOR_IS_NOT_NULL': return {kind: 'is-not-null', type, child};
    case 'OPERATOR_TRY': return {kind: 'try', type, child};
    case 'OPERATOR_COALESCE': return {kind: 'coalesce', type, children};
    case 'COMPARE_IN': case 'COMPARE_NOT_IN': return {kind: 'in', type, negated: operator === 'COMPARE_NOT_IN', child, list};
    default: throw unsupported(`operator ${operator}`);
  }
}

function lowerFunction(fields: PlanFields, children: readonly Expression[], scope: ExpressionScope): Expression {
  const returnType = fields.take('return_type');
  const type = lowerType(returnType);
  const {name, data} = lowerFunctionHeader(fields);
  const infix = fields.flag('is_operator');
  if (data === undefined) return foldCall(name, children, type) ?? {kind: 'function', type, name, args: children, infix};
  const {detail, moved = []} = lowerFunctionData(name, data, children, returnType, scope);
  return {kind: 'function', type, name, args: [...children, ...moved], infix, ...(detail === undefined ? {} : {detail})};
}

/** Reads what functions, aggregates and windows share. @returns the name and, where the function has one, its bind data. */
export function lowerFunctionHeader(fields: PlanFields): {name: string; data: PlanFields | undefined} {
  const name = fields.text('name');
  fields.ignore('arguments', 'original_arguments', 'catalog_name', 'schema_name');
  const data = fields.flag('has_serialize') ? fields.optionalObject('function_data', `function ${name}`) : undefined;
  return {name, data};
}

const lambdaFunctions: ReadonlySet<string> = new Set(['list_transform', 'array_transform', 'list_apply', 'array_apply', 'apply', 'list_filter', 'array_filter', 'filter', 'list_reduce', 'array_reduce', 'reduce']);
const reduceFunctions: ReadonlySet<string> = new Set(['list_reduce', 'array_reduce', 'reduce']);

/** @returns what the printer has to know, and arguments that DuckDB moved out of the call. */
function lowerFunctionData(name: string, data: PlanFields, args: readonly Expression[], returnType: unknown, scope: ExpressionScope): {detail?: FunctionDetail; moved?: readonly Expression[]} {
  if (lambdaFunctions.has(name)) return {detail: lowerLambda(name, data, scope)};
  if (data.has('variable_return_type')) {
    data.ignore('variable_return_type'); // the return type again
    data.end();
    const names = structFields(returnType)?.map(field => field.name) ?? [];
    switch (name) {
      case 'row': return {};
      case 'struct_pack': return {detail: {structNames: names}};
      case 'struct_insert': return {detail: {structNames: names.slice(names.length - (args.length - 1))}};
      case 'union_value': return {detail: {structNames: names.slice(1)}};
      default: throw unsupported(`function ${name}`);
    }
  }
  const moved = data.has('bind_data') ? lowerListAggregate(data.optionalObject('bind_data')) : [];
  // Decimal arithmetic: all of it follows from the types of operands and result.
  if (data.has('check_overflow')) data.ignore('check_overflow', 'return_type', 'arguments');
  data.end();
  return {moved};
}

/** `list_aggregate(list, 'string_agg', '|')`: the name is an argument still, the constants behind it are in the bound aggregate. */
function lowerListAggregate(data: PlanFields | undefined): Expression[] {
  if (data === undefined) return [];
  data.ignore('stype');
  const call = data.object('aggr_expr');
  const type = lowerType(call.take('return_type'));
  const {name, data: callData} = lowerFunctionHeader(call);
  data.end();
  return movedArguments(name, type, callData);
}

/**
 * DuckDB numbers a lambda's parameters backwards (the last one is 0), then what the body captures. In our tree the first
 * `parameterCount` columns are the parameters in their order, the others are the function's further arguments.
 */
function lowerLambda(name: string, data: PlanFields, outer: ExpressionScope): FunctionDetail {
  const hasIndex = data.flag('has_index');
  const hasInitial = data.flag('has_initial');
  const parameterCount = (reduceFunctions.has(name) ? 2 : 1) + (hasIndex ? 1 : 0);
  data.ignore('return_type');
  const json = data.take('lambda_expr');
  if (json === null) throw unsupported(`${name} over NULL`);
  const body = lowerExpression(json, {
    typeOf: () => undefined,
    position: index => index < parameterCount ? parameterCount - 1 - index : index,
    ...(outer.resolve === undefined ? {} : {resolve: outer.resolve}),
  });
  data.end();
  return {lambda: {body, parameterCount, ...(hasInitial ? {hasInitial} : {})}};
}
