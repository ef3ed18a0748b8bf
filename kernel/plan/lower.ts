/**
 * DuckDB's bound, unoptimised plan (`json_serialize_plan(text, optimize := false)`) → operator tree. Together with the lower-*
 * files beside it the only place that knows DuckDB's field names; all of it is read strictly (plan-json.ts), so that what is not
 * understood is refused by name and never guessed.
 *
 * What changes on the way, beyond words:
 * - filters and orders that drop columns become a project above them;
 * - a scan of no column (count(*)) reads the table's first column; `rowid` is refused;
 * - a condition of an arbitrary join is split into comparisons of both sides and a residual;
 * - operators that change nothing go (simplify.ts): CTEs that are read once, projects that pass all columns;
 * - `UNION` is UNION ALL under a distinct;
 * - constant casts and intervals are folded (fold-constant.ts).
 */
import {WarehouseError} from '../../base/error.ts';
import {lowerAggregate, lowerWindow} from './lower-call.ts';
import {expressionAlias, lowerExpression, lowerSortKeys, type ExpressionScope} from './lower-expression.ts';
import {lowerJoin} from './lower-join.ts';
import {ended, projected} from './lower-node.ts';
import {lowerScan} from './lower-scan.ts';
import {PlanFields, parsePlanJson, planIndex, planList, unsupported} from './plan-json.ts';
import {lowerType, printType, samePlanType} from './plan-type.ts';
import type {Expression, PlanColumn, PlanNode, PlanType} from './tree.ts';
import {simplify} from './simplify.ts';

/**
 * @param json the answer of `json_serialize_plan('<select>', optimize := false)`.
 * @throws {WarehouseError} `MR_SQL` with DuckDB's text if the statement did not bind; `MR_PLAN_UNSUPPORTED` naming the operator,
 *   expression, type or function form that has no counterpart in the tree.
 */
export function lowerPlan(json: string): PlanNode {
  const answer = parsePlanJson(json) as {error?: unknown; error_message?: unknown; plans?: unknown};
  if (answer.error !== false) throw new WarehouseError('invalid', 'MR_SQL', String(answer.error_message));
  const plans = planList(answer.plans, 'plans');
  if (plans.length !== 1) throw new WarehouseError('invalid', 'MR_SQL', `expected one SELECT, found ${plans.length} statements`);
  return simplify(new Lowering().node(plans[0]));
}

interface DelimScope {readonly id: number; readonly types: readonly PlanType[]}
interface CteScope {readonly id: number; readonly columns: readonly PlanColumn[]}

class Lowering {
  #nextId = 1;
  /** The delim join whose right side is being lowered: what a DELIM_GET there reads. */
  #delim: DelimScope | null = null;
  readonly #ctes = new Map<bigint, CteScope>();
  /** Columns that stand in for `rowid` or nothing. They flow through nodes as the same object, so that a reference to one is found. */
  readonly #phantoms = new Set<PlanColumn>();

  readonly #scopeOf = (columns: readonly PlanColumn[]): ExpressionScope => ({
    typeOf: index => {
      const column = columns[index];
      if (column === undefined) throw unsupported(`a reference to column ${index} of ${columns.length}`);
      if (this.#phantoms.has(column)) throw unsupported('rowid', 'name a column of the primary key instead');
      return column.type;
    },
  });

  node(json: unknown): PlanNode {
    const fields = new PlanFields(json, 'operator');
    const operator = fields.text('type').replace(/^LOGICAL_/, '');
    const inputs = fields.list('children');
    return this.#operator(operator, new PlanFields(json, operator), inputs);
  }

  #operator(operator: string, fields: PlanFields, inputs: readonly unknown[]): PlanNode {
    fields.ignore('type', 'children');
    const [least, most] = inputCounts[operator] ?? [0, Infinity];
    if (inputs.length < least || inputs.length > most) throw unsupported(`${operatorName(operator)} with ${inputs.length} inputs`);
    switch (operator) {
      case 'GET': return lowerScan(fields, inputs, {node: input => this.node(input), dummy: () => this.#dummy(), phantom: column => { this.#phantoms.add(column); }});
      case 'DELIM_JOIN': return this.#delimJoin(fields, inputs);
      case 'COMPARISON_JOIN': case 'ASOF_JOIN': case 'ANY_JOIN':
        return lowerJoin(operator, fields, this.node(inputs[0]), this.node(inputs[1]), this.#scopeOf).join;
      case 'DELIM_GET': return this.#delimGet(fields);
      case 'MATERIALIZED_CTE': return this.#cte(fields, inputs);
      case 'CTE_REF': return this.#cteReference(fields);
      case 'PROJECTION': return this.#project(fields, this.node(inputs[0]), inputs[0]);
      case 'EXPRESSION_GET': return this.#values(fields, inputs);
      case 'DUMMY_SCAN':
        fields.ignore('table_index');
        return ended(fields, this.#dummy());
      case 'EMPTY_RESULT': {
        fields.ignore('bindings');
        return ended(fields, {kind: 'empty', columns: unnamed(fields.list('return_types'))});
      }
      case 'CROSS_PRODUCT': {
        const [left, right] = [this.node(inputs[0]), this.node(inputs[1])];
        return ended(fields, {kind: 'cross-product', left, right, columns: [...left.columns, ...right.columns]});
      }
      case 'UNION': case 'EXCEPT': case 'INTERSECT': return this.#setOperation(operator, fields, inputs);
      case 'FILTER': case 'AGGREGATE_AND_GROUP_BY': case 'WINDOW': case 'UNNEST': case 'DISTINCT': case 'ORDER_BY': case 'LIMIT':
        return this.#unary(operator, fields, this.node(inputs[0]));
      default: throw unsupported(operatorName(operator));
    }
  }

  #unary(operator: string, fields: PlanFields, child: PlanNode): PlanNode {
    const scope = this.#scopeOf(child.columns);
    switch (operator) {
      case 'FILTER': {
        const parts = fields.list('expressions').map(json => lowerExpression(json, scope));
        const predicate: Expression = parts.length === 1 ? parts[0]! : {kind: 'and', type: {kind: 'boolean'}, children: parts};
        return ended(fields, projected({kind: 'filter', child, predicate, columns: child.columns}, fields.list('projection_map')));
      }
      case 'AGGREGATE_AND_GROUP_BY': return this.#aggregate(fields, child);
      case 'WINDOW': {
        fields.ignore('window_index');
        const list = fields.list('expressions');
        const calls = list.map(json => lowerWindow(json, scope));
        const columns = calls.map((call, i): PlanColumn => ({name: expressionAlias(list[i]) || call.name, type: call.type}));
        return ended(fields, {kind: 'window', child, calls, columns: [...child.columns, ...columns]});
      }
      case 'UNNEST': {
        fields.ignore('unnest_index');
        const {expressions, columns} = lowerUnnests(fields.list('expressions'), scope);
        return ended(fields, {kind: 'unnest', child, expressions, columns: [...child.columns, ...columns]});
      }
      case 'DISTINCT': return this.#distinct(fields, child);
      case 'ORDER_BY': {
        const keys = lowerSortKeys(fields.list('orders'), scope);
        return ended(fields, projected({kind: 'order', child, keys, columns: child.columns}, fields.list('projections')));
      }
      default: {
        const [limit, offset] = [lowerLimit(fields.object('limit_val', 'LIMIT')), lowerLimit(fields.object('offset_val', 'OFFSET'))];
        return ended(fields, {kind: 'limit', child, limit, offset: offset ?? 0, columns: child.columns});
      }
    }
  }

  /** DuckDB counts one column here, which nothing refers to. */
  #dummy(): PlanNode {
    const columns: PlanColumn[] = [{name: 'dummy', type: {kind: 'integer'}}];
    this.#phantoms.add(columns[0]!);
    return {kind: 'dummy', columns};
  }

  #project(fields: PlanFields, child: PlanNode, input: unknown): PlanNode {
    fields.ignore('table_index');
    const list = fields.list('expressions');
    const below = new PlanFields(input, 'operator');
    const scope = this.#scopeOf(child.columns);
    const expressions = list.map(json => lowerExpression(json, {
      ...scope,
      // Arguments of a lateral table function are left naming the operator below by its table index.
      resolve: (tableIndex, columnIndex) => {
        if (!below.has('table_index') || below.integer('table_index') !== tableIndex || columnIndex >= child.columns.length) {
          throw unsupported(`a reference to column ${columnIndex} of table ${tableIndex}`);
        }
        return columnIndex;
      },
    }));
    const columns = expressions.map((expression, i): PlanColumn => ({name: nameOf(list[i], expression, child), type: expression.type}));
    return ended(fields, {kind: 'project', child, expressions, columns});
  }

  #aggregate(fields: PlanFields, child: PlanNode): PlanNode {
    const scope = this.#scopeOf(child.columns);
    fields.ignore('group_index', 'aggregate_index', 'groupings_index', 'distinct_validity');
    const [groupList, callList] = [fields.list('groups'), fields.list('expressions')];
    const groups = groupList.map(json => lowerExpression(json, scope));
    const aggregates = callList.map(json => lowerAggregate(json, scope));
    const positions = (value: unknown, where: string): number[] => planList(value, where).map(index => planIndex(index, where));
    const sets = fields.list('grouping_sets').map(set => positions(set, 'grouping_sets'));
    const groupingFunctions = fields.list('grouping_functions').map(list => positions(list, 'grouping_functions'));
    const plain = sets.length === 0 || (sets.length === 1 && sets[0]!.length === groups.length);
    return ended(fields, {
      kind: 'aggregate', child, groups, aggregates, groupingSets: plain ? null : sets, groupingFunctions,
      columns: [
        ...groups.map((group, i): PlanColumn => ({name: nameOf(groupList[i], group, child), type: group.type})),
        ...aggregates.map((call, i): PlanColumn => ({name: expressionAlias(callList[i]) || call.name, type: call.type})),
        ...groupingFunctions.map((): PlanColumn => ({name: 'grouping', type: {kind: 'bigint'}})),
      ],
    });
  }

  #distinct(fields: PlanFields, child: PlanNode): PlanNode {
    const scope = this.#scopeOf(child.columns);
    const kind = fields.text('distinct_type');
    const targets = fields.list('distinct_targets').map(json => lowerExpression(json, scope));
    const order = fields.optionalObject('order_by', 'ORDER BY of DISTINCT ON');
    const orderBy = order === undefined ? [] : lowerSortKeys(order.list('orders'), scope);
    order?.end();
    if (kind === 'DISTINCT_ON') {
      if (orderBy.length === 0) throw unsupported('DISTINCT ON without ORDER BY', 'say with ORDER BY which row of each group stays');
      return ended(fields, {kind: 'distinct', child, on: targets, orderBy, columns: child.columns});
    }
    const whole = targets.length === child.columns.length && targets.every((target, i) => target.kind === 'column' && target.index === i);
    if (kind !== 'DISTINCT' || !whole || orderBy.length > 0) throw unsupported(`${kind} over ${targets.length} of ${child.columns.length} columns`);
    // UNION without ALL is a union of all rows under this distinct.
    const all: PlanNode = child.kind === 'union' ? {...child, all: true} : child;
    return ended(fields, {kind: 'distinct', child: all, on: null, orderBy, columns: child.columns});
  }

  #setOperation(operator: 'UNION' | 'EXCEPT' | 'INTERSECT', fields: PlanFields, inputs: readonly unknown[]): PlanNode {
    fields.ignore('table_index', 'column_count', 'allow_out_of_order');
    const children = inputs.map(input => this.node(input));
    const [first] = children;
    if (first === undefined || children.some(child => child.columns.length !== first.columns.length || child.columns.some((column, i) => !samePlanType(column.type, first.columns[i]!.type)))) {
      throw unsupported(`${operator} of inputs of different types`);
    }
    const kind = ({UNION: 'union', EXCEPT: 'except', INTERSECT: 'intersect'} as const)[operator];
    return ended(fields, {kind, all: fields.flag('setop_all'), children, columns: first.columns.map(column => ({...column}))});
  }

  #values(fields: PlanFields, inputs: readonly unknown[]): PlanNode {
    fields.ignore('table_index');
    const columns = unnamed(fields.list('expr_types'));
    const child = this.node(inputs[0]);
    if (child.kind !== 'dummy' && child.kind !== 'delim-get') throw unsupported('VALUES over other rows');
    const scope = this.#scopeOf(child.columns);
    const rows = fields.list('expressions').map(row => planList(row, 'VALUES').map(json => lowerExpression(json, scope)));
    if (child.kind === 'dummy') return ended(fields, {kind: 'values', rows, columns});
    // Rows over correlated columns: each of them for every row of the outer columns.
    const branches = rows.map((expressions): PlanNode => ({kind: 'project', child, expressions, columns}));
    return ended(fields, branches.length === 1 ? branches[0]! : {kind: 'union', all: true, children: branches, columns});
  }

  #delimJoin(fields: PlanFields, inputs: readonly unknown[]): PlanNode {
    const id = this.#nextId++;
    const left = this.node(inputs[0]);
    const outer = this.#delim;
    this.#delim = {id, types: this.#delimTypes(fields, left)};
    const right = this.node(inputs[1]);
    this.#delim = outer;
    const {join, keys} = lowerJoin('DELIM_JOIN', fields, left, right, this.#scopeOf);
    return {kind: 'delim-join', id, keys, joined: join, columns: join.columns};
  }

  #delimTypes(fields: PlanFields, left: PlanNode): PlanType[] {
    return fields.list('duplicate_eliminated_columns').map(json => lowerExpression(json, this.#scopeOf(left.columns)).type);
  }

  #delimGet(fields: PlanFields): PlanNode {
    fields.ignore('table_index');
    const columns = unnamed(fields.list('chunk_types'));
    const delim = this.#delim;
    if (delim === null || delim.types.length !== columns.length || delim.types.some((type, i) => !samePlanType(type, columns[i]!.type))) {
      throw unsupported(`a correlation over ${columns.map(column => printType(column.type)).join(', ')}`);
    }
    return ended(fields, {kind: 'delim-get', id: delim.id, columns});
  }

  #cte(fields: PlanFields, inputs: readonly unknown[]): PlanNode {
    const definition = this.node(inputs[0]);
    const tableIndex = fields.integer('table_index');
    // Whether it is materialised changes no answer: functions that are not stable are refused in definitions.
    fields.ignore('column_count', 'ctename', 'materialize');
    const id = this.#nextId++;
    this.#ctes.set(tableIndex, {id, columns: definition.columns});
    const body = this.node(inputs[1]);
    return ended(fields, {kind: 'cte', id, definition, body, columns: body.columns});
  }

  #cteReference(fields: PlanFields): PlanNode {
    const cte = this.#ctes.get(fields.integer('cte_index'));
    if (cte === undefined) throw unsupported('a recursive WITH');
    fields.ignore('table_index', 'materialized_cte');
    fields.expect('is_recurring', false);
    const names = fields.list('bound_columns').map(String);
    const types = fields.list('chunk_types').map(lowerType);
    if (types.length !== cte.columns.length || types.some((type, i) => !samePlanType(type, cte.columns[i]!.type))) throw unsupported('a WITH whose columns changed their types');
    return ended(fields, {kind: 'cte-ref', id: cte.id, columns: types.map((type, i) => ({name: names[i] ?? cte.columns[i]!.name, type}))});
  }
}

function nameOf(json: unknown, expression: Expression, child: PlanNode): string {
  const alias = expressionAlias(json);
  if (alias !== '') return alias;
  if (expression.kind === 'column') return child.columns[expression.index]?.name ?? 'column';
  return expression.kind === 'function' ? expression.name : expression.kind;
}

function unnamed(types: readonly unknown[]): PlanColumn[] {
  return types.map((type, i) => ({name: `column${i + 1}`, type: lowerType(type)}));
}

function lowerUnnests(list: readonly unknown[], scope: ExpressionScope): {expressions: Expression[]; columns: PlanColumn[]} {
  const expressions: Expression[] = [];
  const columns = list.map((json): PlanColumn => {
    const fields = new PlanFields(json, 'unnest');
    const expressionClass = fields.text('expression_class');
    if (expressionClass !== 'BOUND_UNNEST') throw unsupported(`expression ${expressionClass} in UNNEST`);
    fields.ignore('type', 'query_location');
    expressions.push(lowerExpression(fields.take('child'), scope));
    const column = {name: fields.text('alias') || 'unnest', type: lowerType(fields.take('return_type'))};
    fields.end();
    return column;
  });
  return {expressions, columns};
}

/** @returns the number of rows, or null where none is given. */
function lowerLimit(fields: PlanFields): number | null {
  const kind = fields.text('type');
  if (kind !== 'UNSET' && kind !== 'CONSTANT_VALUE') throw unsupported(`${fields.where} by ${kind === 'EXPRESSION_VALUE' ? 'an expression' : 'a percentage'}`, 'write a number');
  const rows = fields.index('constant_integer');
  fields.ignore('constant_percentage');
  fields.expect('expression', null);
  fields.end();
  return kind === 'UNSET' ? null : rows;
}

/** Fewest and most inputs of each operator. */
const inputCounts: Readonly<Record<string, readonly [number, number]>> = {
  GET: [0, 1], DELIM_GET: [0, 0], CTE_REF: [0, 0], DUMMY_SCAN: [0, 0], EMPTY_RESULT: [0, 0], EXPRESSION_GET: [1, 1],
  PROJECTION: [1, 1], FILTER: [1, 1], AGGREGATE_AND_GROUP_BY: [1, 1], WINDOW: [1, 1], UNNEST: [1, 1], DISTINCT: [1, 1], ORDER_BY: [1, 1], LIMIT: [1, 1],
  DELIM_JOIN: [2, 2], COMPARISON_JOIN: [2, 2], ASOF_JOIN: [2, 2], ANY_JOIN: [2, 2], CROSS_PRODUCT: [2, 2], EXCEPT: [2, 2], INTERSECT: [2, 2], UNION: [2, Infinity], MATERIALIZED_CTE: [2, 2],
};

const operatorNames: Readonly<Record<string, string>> = {
  SAMPLE: 'TABLESAMPLE', POSITIONAL_JOIN: 'POSITIONAL JOIN', RECURSIVE_CTE: 'a recursive WITH', PIVOT: 'PIVOT without IN', CHUNK_GET: 'a constant result',
};

function operatorName(operator: string): string {
  return operatorNames[operator] ?? `operator ${operator}`;
}
