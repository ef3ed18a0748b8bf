/**
 * A view's tree → operators. Strict: each node is maintained by delta, by affected group, or the view is refused with the
 * node named and the way out.
 *
 * 1. Chains of filters and projections become one `map` (expressions are substituted into each other up to a size), so that
 *    intermediate types need no column.
 * 2. A get with plain column picks above it stays an `input`: its table's own rows are the state of joins and groups over it.
 * 3. Join keys, group keys, arguments and filters of aggregates become columns: a map below computes what is not one already.
 * 4. A CTE is planned once; every reference reads the same operator.
 */
import {invariant} from '../base/invariant.ts';
import type {AggregateCall, Expression, PlanColumn, PlanNode} from '../kernel/plan/tree.ts';
import {printType} from '../kernel/plan/plan-type.ts';
import {storedTypeOf} from '../kernel/plan/stored-type.ts';
import {expressionKey} from '../kernel/plan/walk-expression.ts';
import {expressionsOfAggregate, mapAggregate} from '../kernel/plan/walk.ts';
import {aggregateLevel, requireOrderFree, unorderedList} from './aggregates.ts';
import {columnOf, conjunction, expressionSize, substitute} from './compose.ts';
import {uncompiledReason} from './executor-choice.ts';
import type {Executor} from './operator.ts';
import type {JoinKey, Level, OperatorSpec, TableLookup, ViewPlan} from './operator-spec.ts';
import {inputsOf} from './operator-spec.ts';
import {pruneColumns} from './prune-plan.ts';
import {refusedNode, requireHashable} from './plan-refusal.ts';
import {notIncremental} from './refusal.ts';
import {carried} from './stored-type.ts';
import {refuseVolatile} from './volatile.ts';

export interface PlanOptions {
  /** `sql`: every operator that has a choice takes its `sql` executor. Default `code` where it exists. */
  readonly executor?: Executor;
}

/** Nodes of an expression that a chain of projections may grow to before it is cut into two maps. */
const composedSizeMax = 400;

type OperatorSpecBody = OperatorSpec extends infer S ? S extends OperatorSpec ? Omit<S, 'id'> : never : never;

/**
 * @param tree the bound SELECT; get nodes must resolve in `tables`.
 * @throws {WarehouseError} MR_NOT_INCREMENTAL (invalid) naming the operator and the way out; MR_TYPE_UNSTORABLE (invalid).
 */
export function planView(tree: PlanNode, tables: TableLookup, options: PlanOptions = {}): ViewPlan {
  const planner = new Planner(tables, options.executor ?? 'code');
  const root = planner.finish(planner.plan(tree), tree);
  const operators = reachable(pruneColumns(planner.operators, root), root);
  const inputs = operators.flatMap((spec) => (spec.kind === 'input' ? [spec.table] : []));
  return {operators, root: operators.length - 1, tables: [...new Set(inputs)], tree};
}

/** @returns the operators that `root` reads, numbered anew; inputs of one table with equal columns are one. */
function reachable(operators: readonly OperatorSpec[], root: number): OperatorSpec[] {
  const wanted = new Set([root]);
  for (const spec of operators.toReversed()) if (wanted.has(spec.id)) for (const input of inputsOf(spec)) wanted.add(input);
  const kept: OperatorSpec[] = [];
  const places = new Map<number, number>();
  const inputs = new Map<string, number>();
  for (const spec of operators) {
    if (!wanted.has(spec.id)) continue;
    const key = spec.kind === 'input' ? `${spec.table}:${spec.columnIndexes.join(',')}` : null;
    const known = key === null ? undefined : inputs.get(key);
    places.set(spec.id, known ?? kept.length);
    if (known !== undefined) continue;
    if (key !== null) inputs.set(key, kept.length);
    kept.push(renumbered(spec, kept.length, (id) => places.get(id)!));
  }
  return kept;
}

function renumbered(spec: OperatorSpec, id: number, place: (id: number) => number): OperatorSpec {
  switch (spec.kind) {
    case 'input': return {...spec, id};
    case 'map': case 'unnest': case 'aggregate': return {...spec, id, input: place(spec.input)};
    case 'union': return {...spec, id, inputs: spec.inputs.map(place)};
    case 'join': return {...spec, id, left: place(spec.left), right: place(spec.right)};
  }
}

const integerKinds = ['tinyint', 'smallint', 'integer', 'bigint'];

/** @returns both sides of an equality of integers without the casts that made their types one: the values meet or not all the same. */
function narrowed(op: string, left: Expression, right: Expression): {left: Expression; right: Expression} {
  if (op !== '=') return {left, right};
  const narrow = (side: Expression): Expression => {
    if (side.kind !== 'cast' || side.try) return side;
    const [from, to] = [integerKinds.indexOf(side.child.type.kind), integerKinds.indexOf(side.type.kind)];
    return from >= 0 && to >= from ? side.child : side;
  };
  const [a, b] = [narrow(left), narrow(right)];
  return integerKinds.includes(a.type.kind) && integerKinds.includes(b.type.kind) ? {left: a, right: b} : {left, right};
}

/** What is planned so far of a subtree: expressions over an operator's output, not yet an operator of their own. */
interface Pending {
  readonly input: number;
  readonly predicate: Expression | null;
  readonly expressions: readonly Expression[];
  readonly columns: readonly PlanColumn[];
}

class Planner {
  readonly operators: OperatorSpec[] = [];
  readonly #tables: TableLookup;
  readonly #executor: Executor;
  readonly #definitions = new Map<number, Pending>();
  readonly #inputs = new Map<string, number>();
  /** Columns of aggregates that are lists in order of arrival, by operator. */
  readonly #unordered = new Map<number, ReadonlySet<number>>();

  constructor(tables: TableLookup, executor: Executor) {
    this.#tables = tables;
    this.#executor = executor;
  }

  /** Makes `pending` the view's output: an operator whose columns can be stored. */
  finish(pending: Pending, tree: PlanNode): number {
    const expressions = pending.expressions.map((expression, index): Expression => {
      if (carried(expression.type)) return expression;
      return {kind: 'cast', try: false, child: expression, type: storedTypeOf(expression.type, tree.columns[index]!.name)};
    });
    return this.#operator({...pending, expressions, columns: expressions.map(({type}, index) => ({name: tree.columns[index]!.name, type}))}, 'an output column', true);
  }

  plan(node: PlanNode): Pending {
    switch (node.kind) {
      case 'get': return this.#get(node);
      case 'project': return this.#project(this.plan(node.child), node.expressions, node.columns);
      case 'filter': return this.#filter(this.plan(node.child), node.predicate);
      case 'union': return this.#union(node);
      case 'unnest': return this.#unnest(node);
      case 'join': return this.#join(node);
      case 'aggregate': return this.#aggregate(node);
      case 'distinct': {
        if (node.on !== null) throw refusedNode(node);
        const {columns} = node.child;
        return this.#aggregate({kind: 'aggregate', child: node.child, groups: columns.map((column, index) => columnOf(index, column)), aggregates: [], groupingSets: null, groupingFunctions: [], columns});
      }
      case 'cte': {
        const definition = this.plan(node.definition);
        // One operator for all readers; a pick of columns of one needs none.
        this.#definitions.set(node.id, this.#passing(definition) ? definition : this.#all(this.#operator(definition, 'a column of a CTE', false)));
        return this.plan(node.body);
      }
      case 'cte-ref': {
        const definition = this.#definitions.get(node.id);
        if (definition === undefined) throw notIncremental('a recursive CTE', 'its definition reads itself', 'compute it where the table is read');
        return {...definition, columns: node.columns};
      }
      default: throw refusedNode(node);
    }
  }

  #add(spec: OperatorSpecBody): number {
    const id = this.operators.length;
    this.operators.push({...spec, id});
    return id;
  }

  /** All columns of an operator, as they are. */
  #all(input: number): Pending {
    const {columns} = this.operators[input]!;
    return {input, predicate: null, expressions: columns.map((column, index) => columnOf(index, column)), columns};
  }

  #passing(pending: Pending): boolean {
    return pending.predicate === null && pending.expressions.every(({kind}) => kind === 'column');
  }

  #identity(pending: Pending): boolean {
    const {columns} = this.operators[pending.input]!;
    return pending.predicate === null && pending.expressions.length === columns.length
      && pending.expressions.every((expression, index) => expression.kind === 'column' && expression.index === index);
  }

  /**
   * @returns an operator whose output is `pending`: the input itself where nothing is left to do.
   * @param own whether it must be one that a view can own (an input is a table, not a view).
   */
  #operator(pending: Pending, what: string, own: boolean): number {
    const source = this.operators[pending.input]!;
    const unordered = this.#unordered.get(pending.input);
    if (unordered !== undefined) for (const expression of [...pending.expressions, ...(pending.predicate === null ? [] : [pending.predicate])]) requireOrderFree(expression, unordered);
    if (this.#identity(pending) && source.columns.every(({type}) => carried(type)) && !(own && source.kind === 'input')) return pending.input;
    if (!own && source.kind === 'input' && this.#passing(pending)) return this.#pick(pending, source);
    const unheld = [...pending.expressions, ...source.columns].find(({type}) => !carried(type));
    if (unheld !== undefined) {
      const sunk = this.#sink(pending);
      if (sunk !== null) return sunk;
      throw notIncremental(`${what} of type ${printType(unheld.type)}`, 'values of this type cannot be kept between operators', 'cast it to a type that a table stores, such as VARCHAR or BIGINT');
    }
    const {input, predicate, expressions, columns} = pending;
    const compiled = this.#executor === 'code' && uncompiledReason(predicate === null ? expressions : [predicate, ...expressions]) === null;
    return this.#add({kind: 'map', columns, executor: compiled ? 'code' : 'sql', input, predicate, expressions});
  }

  /** Some columns of a table, or the same in another order: still the table's own rows. */
  #pick(pending: Pending, source: OperatorSpec & {kind: 'input'}): number {
    const columnIndexes = pending.expressions.map((expression) => source.columnIndexes[expression.kind === 'column' ? expression.index : -1]!);
    return this.#input(source.table, source.tableName, columnIndexes, pending.columns);
  }

  #input(table: number, tableName: string, columnIndexes: readonly number[], columns: readonly PlanColumn[]): number {
    const key = `${table}:${columnIndexes.join(',')}`;
    const known = this.#inputs.get(key);
    if (known !== undefined) return known;
    const id = this.#add({kind: 'input', columns, executor: 'code', table, tableName, columnIndexes});
    this.#inputs.set(key, id);
    return id;
  }

  #get(node: PlanNode & {kind: 'get'}): Pending {
    const table = this.#tables(node.schema, node.table);
    invariant(table !== undefined, () => `table ${node.schema}.${node.table} of a bound tree is not in the catalog`);
    const columns = node.columnIndexes.map((index, at) => {
      const column = table.columns[index];
      invariant(column !== undefined, () => `column ${index} of ${node.schema}.${node.table}, which has ${table.columns.length}`);
      return {name: node.columns[at]?.name ?? column.name, type: column.type};
    });
    return {...this.#all(this.#input(table.id, `${node.schema}.${node.table}`, node.columnIndexes, columns)), columns: node.columns};
  }

  #project(below: Pending, expressions: readonly Expression[], columns: readonly PlanColumn[]): Pending {
    for (const expression of expressions) refuseVolatile(expression);
    const composed = expressions.map((expression) => substitute(expression, below.expressions));
    if (composed.some((expression) => expressionSize(expression) > composedSizeMax) && below.expressions.every(({type}) => carried(type))) {
      return {...this.#all(this.#operator(below, 'a column', false)), expressions, columns};
    }
    return {...below, expressions: composed, columns};
  }

  #filter(below: Pending, predicate: Expression): Pending {
    refuseVolatile(predicate);
    const composed = substitute(predicate, below.expressions);
    return {...below, predicate: conjunction(below.predicate === null ? [composed] : [below.predicate, composed])};
  }

  #union(node: PlanNode & {kind: 'union' | 'except' | 'intersect'}): Pending {
    if (!node.all) throw refusedNode(node);
    const inputs = node.children.map((child) => this.#operator(this.plan(child), 'a column of UNION ALL', false));
    return {...this.#all(this.#add({kind: 'union', columns: node.columns, executor: 'code', inputs})), columns: node.columns};
  }

  /** Stateless, as a map: a row gives as many as its longest list has elements. */
  #unnest(node: PlanNode & {kind: 'unnest'}): Pending {
    const below = this.plan(node.child);
    for (const expression of node.expressions) refuseVolatile(expression);
    const whole = this.#operator(below, 'a column beside UNNEST', false);
    const passed = this.operators[whole]!.columns.map((_, index) => index);
    const columns = [...this.operators[whole]!.columns, ...node.columns.slice(passed.length)];
    const unheld = columns.find(({type}) => !carried(type));
    if (unheld !== undefined) throw notIncremental(`UNNEST to ${printType(unheld.type)}`, 'values of this type cannot be kept between operators', 'cast the list before');
    return {...this.#all(this.#add({kind: 'unnest', columns, executor: 'sql', input: whole, passed, expressions: node.expressions})), columns: node.columns};
  }

  #join(node: PlanNode & {kind: 'join'}): Pending {
    if (node.asof || (node.join !== 'inner' && node.join !== 'left' && node.join !== 'right')) throw refusedNode(node);
    const swapped = node.join === 'right';
    const [leftNode, rightNode] = swapped ? [node.right, node.left] : [node.left, node.right];
    const leftCount = node.left.columns.length;
    const rightCount = node.right.columns.length;
    const moved = (index: number): number => (!swapped ? index : index < leftCount ? index + rightCount : index - leftCount);
    const move = (expression: Expression): Expression => substitute(expression, [...node.left.columns, ...node.right.columns].map((column, index) => columnOf(moved(index), column)));
    const equalities = node.conditions.filter(({op}) => op === '=' || op === 'IS NOT DISTINCT FROM')
      .map(({op, left, right}) => ({nulls: op !== '=', ...narrowed(op, swapped ? right : left, swapped ? left : right)}));
    const rest: Expression[] = node.conditions.filter(({op}) => op !== '=' && op !== 'IS NOT DISTINCT FROM')
      .map(({op, left, right}) => ({kind: 'comparison', op, type: {kind: 'boolean'}, left: move(left), right: move(substitute(right, node.right.columns.map((column, index) => columnOf(leftCount + index, column))))}));
    if (node.residual !== null) rest.push(move(node.residual));
    if (equalities.length === 0) {
      throw notIncremental(rest.length === 0 ? 'a join without a condition' : 'a join without an equality', 'every change would meet all rows of the other side', 'add an equality between columns of both sides to ON, or compute it where the table is read');
    }
    for (const expression of [...rest, ...equalities.flatMap(({left, right}) => [left, right])]) refuseVolatile(expression);
    const residual = conjunction(rest);
    // A predicate of the inner join's inputs stays below it; key columns that are expressions are appended to their side.
    const [left, leftKeys] = this.#side(this.plan(leftNode), equalities.map((equality) => equality.left), leftNode);
    const [right, rightKeys] = this.#side(this.plan(rightNode), equalities.map((equality) => equality.right), rightNode);
    const leftWidth = this.operators[left]!.columns.length;
    const sideOf = (index: number): number => (index < leftNode.columns.length ? index : leftWidth + index - leftNode.columns.length);
    const keys: JoinKey[] = equalities.map(({nulls}, index) => ({left: leftKeys[index]!, right: rightKeys[index]!, nulls}));
    const visible = [...leftNode.columns, ...rightNode.columns];
    const residualThere = residual === null ? null : substitute(residual, visible.map((column, index) => columnOf(sideOf(index), column)));
    const output = node.output.map((index) => sideOf(moved(index)));
    const inputColumns = [...this.operators[left]!.columns, ...this.operators[right]!.columns];
    const compiled = this.#executor === 'code' && (residualThere === null || uncompiledReason([residualThere]) === null);
    const columns = node.output.map((_, index) => ({name: node.columns[index]!.name, type: inputColumns[output[index]!]!.type}));
    const id = this.#add({kind: 'join', columns, executor: compiled ? 'code' : 'sql', join: node.join === 'inner' ? 'inner' : 'left', left, right, leftWidth, keys, residual: residualThere, output});
    return {...this.#all(id), columns: node.columns};
  }

  /** @returns an operator for one side of a join, its visible columns first, and where the keys stand in it. */
  #side(pending: Pending, keys: readonly Expression[], node: PlanNode): [operator: number, keys: number[]] {
    const [widened, positions] = this.#withColumns(pending, keys, node.columns.length);
    for (const at of positions) requireHashable('a join key', widened.expressions[at]!.type);
    return [this.#operator(widened, 'a column of a join', false), positions];
  }

  /** @returns `pending` with the values of `wanted` (over its columns) among its columns, appended where they are none yet. */
  #withColumns(pending: Pending, wanted: readonly Expression[], keep: number): [Pending, number[]] {
    const expressions = pending.expressions.slice(0, keep);
    const columns = pending.columns.slice(0, keep);
    const known = new Map(expressions.map((expression, index) => [expressionKey(expression), index]));
    const positions = wanted.map((expression) => {
      const composed = substitute(expression, pending.expressions);
      const text = expressionKey(composed);
      const found = known.get(text);
      if (found !== undefined) return found;
      known.set(text, expressions.length);
      columns.push({name: expression.kind === 'column' ? pending.columns[expression.index]!.name : `x${expressions.length + 1}`, type: composed.type});
      return expressions.push(composed) - 1;
    });
    return [{...pending, expressions, columns}, positions];
  }

  #aggregate(node: PlanNode & {kind: 'aggregate'}): Pending {
    const whole = node.groupingSets === null || (node.groupingSets.length === 1 && node.groupingSets[0]!.length === node.groups.length);
    if (!whole || node.groupingFunctions.length > 0) throw refusedNode(node);
    for (const expression of [...node.groups, ...node.aggregates.flatMap(expressionsOfAggregate)]) refuseVolatile(expression);
    const levels = node.aggregates.map(aggregateLevel);
    const level: Level = levels.includes('affected group') ? 'affected group' : 'delta';
    const below = this.plan(node.child);
    // Constants stay where DuckDB computes the aggregate (a quantile's share must be one); accumulators read columns only.
    const stays = ({kind}: Expression): boolean => kind === 'constant' && level === 'affected group';
    const columnar = (call: AggregateCall): Expression[] => expressionsOfAggregate(call).filter((expression) => !stays(expression));
    const wanted = [...node.groups, ...node.aggregates.flatMap(columnar)];
    // Over a table's own rows the state is shared, so all its columns stay in reach; elsewhere only what is read is kept.
    const shared = this.operators[below.input]!.kind === 'input' && this.#passing(below);
    const [widened, positions] = this.#withColumns(below, wanted, shared ? below.expressions.length : 0);
    const input = this.#operator(widened, 'a column that is aggregated', false);
    const inputColumns = this.operators[input]!.columns;
    let next = node.groups.length;
    const aggregates = node.aggregates.map((call) => mapAggregate(call, (expression) => {
      if (stays(expression)) return expression;
      const at = positions[next++]!;
      return columnOf(at, inputColumns[at]!);
    }));
    const groups = positions.slice(0, node.groups.length);
    for (const group of groups) requireHashable('a group key', inputColumns[group]!.type);
    const delta = level === 'delta' && this.#executor === 'code';
    const id = this.#add({kind: 'aggregate', columns: node.columns, executor: delta ? 'code' : 'sql', input, level, groups, aggregates, finish: null});
    const unordered = new Set(aggregates.flatMap((call, index) => (unorderedList(call) ? [groups.length + index] : [])));
    if (unordered.size > 0) this.#unordered.set(id, unordered);
    return this.#all(id);
  }

  /** Moves filter and projection over an affected-group aggregate into it: types that no column holds then stay inside DuckDB. */
  #sink(pending: Pending): number | null {
    const source = this.operators[pending.input]!;
    if (source.kind !== 'aggregate' || source.executor !== 'sql' || source.finish !== null || source.id !== this.operators.length - 1) return null;
    if (pending.expressions.some(({type}) => !carried(type)) || [...this.#definitions.values()].some(({input}) => input === source.id)) return null;
    const {predicate, expressions, columns} = pending;
    this.operators[source.id] = {...source, columns, finish: {predicate, expressions}};
    return source.id;
  }
}
