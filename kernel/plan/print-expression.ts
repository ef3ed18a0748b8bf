/** Expressions, aggregate and window calls → SQL. */
import {unreachable} from '../../base/invariant.ts';
import {decimalResult} from './decimal-arithmetic.ts';
import {printConstant, printDecimalLiteral} from './print-constant.ts';
import {printName} from './print-name.ts';
import {printCastTarget, printType, samePlanType} from './plan-type.ts';
import type {AggregateCall, Expression, FrameBound, SortKey, WindowCall} from './tree.ts';

/** @returns SQL of the column at `index`, e.g. `s1.x3`. */
export type ColumnRef = (index: number) => string;

/** Functions that are written between (or before) their operands; others are called by name, operators too (`"&&"(a, b)`). */
const infixWords: Readonly<Record<string, string>> = {
  '+': '+', '-': '-', '*': '*', '/': '/', '//': '//', '%': '%', '**': '**', '^': '^', '||': '||', '&': '&', '|': '|', '<<': '<<', '>>': '>>',
  '~~': 'LIKE', '!~~': 'NOT LIKE', '~~*': 'ILIKE', '!~~*': 'NOT ILIKE', '~~~': 'GLOB',
};
const prefixWords: ReadonlySet<string> = new Set(['-', '+', '~']);

/**
 * @param columnRef how a column is written where the expression is going to stand.
 * @throws {WarehouseError} `MR_PLAN_UNSUPPORTED` where the expression has no SQL text (casts to a STRUCT without names).
 */
export function printExpression(expression: Expression, columnRef: ColumnRef): string {
  return new ExpressionPrinter(columnRef, 0).print(expression);
}

/** @returns e.g. `sum(DISTINCT s1.x2) FILTER (WHERE s1.x3)`; `count(*)` for `count_star`. */
export function printAggregate(call: AggregateCall, columnRef: ColumnRef): string {
  return `${printCall(call.name, call.args, call.distinct, call.orderBy, '', columnRef)}${printFilter(call.filter, columnRef)}`;
}

/** @returns e.g. `row_number() OVER (PARTITION BY s1.x1 ORDER BY s1.x2 DESC NULLS LAST)`. */
export function printWindow(call: WindowCall, columnRef: ColumnRef): string {
  const name = call.name === 'count' && call.args.length === 0 ? 'count_star' : call.name;
  const head = `${printCall(name, call.args, call.distinct, [], call.ignoreNulls ? ' IGNORE NULLS' : '', columnRef)}${printFilter(call.filter, columnRef)}`;
  const parts = [
    call.partitionBy.length === 0 ? '' : `PARTITION BY ${call.partitionBy.map(expression => printKey(expression, columnRef)).join(', ')}`,
    call.orderBy.length === 0 ? '' : `ORDER BY ${printSortKeys(call.orderBy, columnRef)}`,
    printFrame(call.frame, columnRef),
  ];
  return `${head} OVER (${parts.filter(part => part !== '').join(' ')})`;
}

/** @returns the keys of an ORDER BY; direction and place of NULLs always written out. */
export function printSortKeys(keys: readonly SortKey[], columnRef: ColumnRef): string {
  return keys.map(key => `${printKey(key.expression, columnRef)} ${key.descending ? 'DESC' : 'ASC'} NULLS ${key.nullsFirst ? 'FIRST' : 'LAST'}`).join(', ');
}

/** @returns an expression for GROUP BY, ORDER BY and the like, where a bare constant would be a position in the SELECT list. */
export function printKey(expression: Expression, columnRef: ColumnRef): string {
  const text = printExpression(expression, columnRef);
  return expression.kind === 'constant' && !text.startsWith('CAST') ? `CAST(${text} AS ${printType(expression.type)})` : text;
}

function printCall(name: string, args: readonly Expression[], distinct: boolean, orderBy: readonly SortKey[], suffix: string, columnRef: ColumnRef): string {
  const order = orderBy.length === 0 ? '' : ` ORDER BY ${printSortKeys(orderBy, columnRef)}`;
  if (name === 'count_star') return 'count(*)';
  return `${printName(name)}(${distinct ? 'DISTINCT ' : ''}${args.map(arg => printExpression(arg, columnRef)).join(', ')}${order}${suffix})`;
}

function printFilter(filter: Expression | null, columnRef: ColumnRef): string {
  return filter === null ? '' : ` FILTER (WHERE ${printExpression(filter, columnRef)})`;
}

function printFrame(frame: WindowCall['frame'], columnRef: ColumnRef): string {
  if (frame === null) return '';
  const byDefault = frame.mode === 'RANGE' && frame.start.bound === 'UNBOUNDED PRECEDING' && frame.end.bound === 'CURRENT ROW' && frame.exclude === null;
  if (byDefault) return '';
  const bound = ({bound: side, expression}: FrameBound): string => expression === null ? side : `${new ExpressionPrinter(columnRef, 0).operand(expression)} ${side}`;
  return `${frame.mode} BETWEEN ${bound(frame.start)} AND ${bound(frame.end)}${frame.exclude === null ? '' : ` EXCLUDE ${frame.exclude}`}`;
}

class ExpressionPrinter {
  readonly #columnRef: ColumnRef;
  /** Depth of lambdas around: their parameters need names of their own. */
  readonly #depth: number;

  constructor(columnRef: ColumnRef, depth: number) {
    this.#columnRef = columnRef;
    this.#depth = depth;
  }

  print(expression: Expression): string {
    switch (expression.kind) {
      case 'column': return this.#columnRef(expression.index);
      case 'constant': return printConstant(expression);
      case 'cast': return this.#cast(expression);
      case 'comparison': return `${this.#comparand(expression.left, expression.right)} ${expression.op} ${this.#comparand(expression.right, expression.left)}`;
      case 'and': return expression.children.map(child => this.#logical(child)).join(' AND ');
      case 'or': return expression.children.map(child => this.#logical(child)).join(' OR ');
      case 'coalesce': return `coalesce(${this.#list(expression.children)})`;
      case 'not': return `NOT ${this.operand(expression.child)}`;
      case 'is-null': return `${this.operand(expression.child)} IS NULL`;
      case 'is-not-null': return `${this.operand(expression.child)} IS NOT NULL`;
      case 'try': return `try(${this.print(expression.child)})`;
      case 'in': return `${this.operand(expression.child)} ${expression.negated ? 'NOT IN' : 'IN'} (${expression.list.map(item => this.#comparand(item, expression.child)).join(', ')})`;
      case 'between': return this.#between(expression);
      case 'case': {
        const branches = expression.branches.map(branch => `WHEN ${this.print(branch.when)} THEN ${this.print(branch.then)}`);
        return `CASE ${branches.join(' ')}${this.#otherwise(expression)} END`;
      }
      case 'function': return this.#call(expression);
      default: return unreachable(expression);
    }
  }

  /** @returns the expression, in parentheses if it would not hold together between operators. */
  operand(expression: Expression): string {
    const text = this.print(expression);
    return holdsTogether(expression) && !text.startsWith('-') ? text : `(${text})`;
  }

  /** Conditions hold together under AND and OR; only those two among each other need parentheses. */
  #logical(expression: Expression): string {
    const text = this.print(expression);
    return expression.kind === 'and' || expression.kind === 'or' ? `(${text})` : text;
  }

  /** Without ELSE it is NULL, of the branches' type where one of them is not NULL itself. */
  #otherwise({branches, otherwise}: Extract<Expression, {kind: 'case'}>): string {
    const silent = isNull(otherwise) && branches.some(branch => !isNull(branch.then));
    return silent ? '' : ` ELSE ${this.print(otherwise)}`;
  }

  #list(expressions: readonly Expression[]): string {
    return expressions.map(expression => this.print(expression)).join(', ');
  }

  /** A plain literal takes the other side's type when compared with a column, so that no cast needs to be written. */
  #comparand(expression: Expression, other: Expression): string {
    if (expression.kind === 'constant' && other.kind === 'column' && typeof expression.value === 'bigint' && samePlanType(expression.type, other.type)) {
      const {value, type} = expression;
      const signed = type.kind === 'bigint' || type.kind === 'hugeint' || type.kind === 'smallint' || type.kind === 'tinyint';
      if (signed && value >= -0x7fff_ffffn && value <= 0x7fff_ffffn && (type.kind !== 'tinyint' || value > -128n) && (type.kind !== 'smallint' || value > -32_768n)) return String(value);
      if (type.kind === 'decimal' && type.scale > 0) return printDecimalLiteral(value, type.scale);
    }
    return this.operand(expression);
  }

  #between({child, lower, upper, lowerInclusive, upperInclusive}: Extract<Expression, {kind: 'between'}>): string {
    const value = this.operand(child);
    if (lowerInclusive && upperInclusive) return `${value} BETWEEN ${this.operand(lower)} AND ${this.operand(upper)}`;
    return `${value} ${lowerInclusive ? '>=' : '>'} ${this.operand(lower)} AND ${value} ${upperInclusive ? '<=' : '<'} ${this.operand(upper)}`;
  }

  #cast({child, type, try: tries}: Extract<Expression, {kind: 'cast'}>): string {
    return `${tries ? 'TRY_CAST' : 'CAST'}(${this.print(child)} AS ${printCastTarget(type)})`;
  }

  #call(expression: Extract<Expression, {kind: 'function'}>): string {
    const {name, args, detail} = expression;
    const [first, second] = args;
    if (detail?.lambda !== undefined) return this.#lambda(name, args, detail.lambda);
    if (detail?.structNames !== undefined) {
      const names = detail.structNames;
      // struct_insert has the struct itself before the named values.
      const unnamedCount = args.length - names.length;
      return `${printName(name)}(${args.map((arg, i) => i < unnamedCount ? this.print(arg) : `${printName(names[i - unnamedCount]!)} := ${this.print(arg)}`).join(', ')})`;
    }
    if (sliceFunctions.has(name) && args.slice(1).some(opensSlice)) return this.#openSlice(args);
    const word = infixWords[name];
    if (word !== undefined && first !== undefined && second !== undefined && args.length === 2) {
      const text = `${this.operand(first)} ${word} ${this.operand(second)}`;
      return widensAgain(expression) ? `CAST(${text} AS ${printType(expression.type)})` : text;
    }
    if (prefixWords.has(name) && first !== undefined && args.length === 1) return `${name}${this.operand(first)}`;
    return `${printName(name)}(${this.#list(args)})`;
  }

  /** A slice without a lower or upper bound has no form as a call. */
  #openSlice([list, lower, upper, step]: readonly Expression[]): string {
    const bound = (expression: Expression): string => opensSlice(expression) ? '' : this.operand(expression);
    if (step === undefined) return `(${this.print(list!)})[${bound(lower!)}:${bound(upper!)}]`;
    return `(${this.print(list!)})[${bound(lower!)}:${bound(upper!) || '-'}:${this.operand(step)}]`;
  }

  #lambda(name: string, args: readonly Expression[], lambda: {readonly body: Expression; readonly parameterCount: number; readonly hasInitial?: boolean}): string {
    const parameters = Array.from({length: lambda.parameterCount}, (_, i) => `p${this.#depth + 1}_${i + 1}`);
    const passedCount = lambda.hasInitial === true ? 2 : 1;
    const captured = args.slice(passedCount).map(arg => this.operand(arg));
    const inner = new ExpressionPrinter(index => parameters[index] ?? captured[index - lambda.parameterCount]!, this.#depth + 1);
    const [list, initial] = args;
    const rest = passedCount === 2 ? `, ${this.print(initial!)}` : '';
    return `${printName(name)}(${this.print(list!)}, lambda ${parameters.join(', ')}: ${inner.print(lambda.body)}${rest})`;
  }
}

const sliceFunctions: ReadonlySet<string> = new Set(['array_slice', 'list_slice']);

/** DuckDB says "no bound" by an empty list in its place. */
function opensSlice(expression: Expression): boolean {
  return expression.kind === 'cast' ? opensSlice(expression.child) : expression.kind === 'function' && expression.name === 'list_value' && expression.args.length === 0;
}

function isNull(expression: Expression): boolean {
  return expression.kind === 'constant' && expression.value === null && expression.sql === undefined;
}

/** Whether decimal arithmetic on operands as wide as these would be wider than it is. */
function widensAgain({name, args: [a, b], type}: Extract<Expression, {kind: 'function'}>): boolean {
  if (type.kind !== 'decimal' || a?.type.kind !== 'decimal' || b?.type.kind !== 'decimal') return false;
  const result = decimalResult(name, a.type, b.type);
  return result !== undefined && !samePlanType(result, type);
}

function holdsTogether(expression: Expression): boolean {
  switch (expression.kind) {
    case 'column': case 'constant': case 'cast': case 'coalesce': case 'try': case 'case': return true;
    case 'function': return expression.detail !== undefined || widensAgain(expression) || !(expression.name in infixWords || prefixWords.has(expression.name));
    default: return false;
  }
}
