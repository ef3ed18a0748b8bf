/**
 * What can be proved of a view's rows from its plan: which columns identify a row, which are never NULL, and whether rows ever go.
 *
 * Candidate keys go up the plan: a table's key through maps that pass its columns (or columns an inner join makes equal to them);
 * the group columns of an aggregate (none for a global one: it has one row, key ()); the key of a join's left side if the right
 * side's join columns cover a key of the right, else both keys together; a UNION ALL has none.
 *
 * Storage follows. `keyed` needs a key whose columns are provably not NULL, since Paimon's key columns are; a
 * column is so by its table, by being a count or a constant, or by a filter or an inner join that drops its NULLs. A view with a
 * key that may be NULL, or none but retractions, is a `bag`; its `pairBy` still names the key, by which the changelog pairs the
 * row before with the row after. A view without retractions is `append`.
 */
import type {Expression} from '../kernel/plan/tree.ts';
import {conjuncts} from './compose.ts';
import type {OperatorSpec, TableShape, ViewPlan} from './operator-spec.ts';

export interface ViewStorage {
  readonly storage: 'keyed' | 'append' | 'bag';
  /** Output positions of the key; empty unless keyed. */
  readonly key: readonly number[];
  /** Output positions of a key that may hold NULLs: rows before and after a change are paired by it; null if there is none. */
  readonly pairBy: readonly number[] | null;
  /** Whether each output column may be NULL. */
  readonly nullable: readonly boolean[];
}

/** Candidate keys kept an operator: products of joins are bounded by it. */
const keysMax = 8;

export interface RowFacts {
  /** Each identifies a row; shortest first. */
  readonly keys: readonly (readonly number[])[];
  readonly nullable: readonly boolean[];
  readonly appendOnly: boolean;
  /** Columns with the same number here hold equal values in every row. */
  readonly equal: readonly number[];
}

/** @returns the facts of every operator of a plan, by id. */
export function rowFacts(operators: readonly OperatorSpec[], tableOf: (id: number) => TableShape): RowFacts[] {
  const facts: RowFacts[] = [];
  for (const spec of operators) facts.push(factsOf(spec, facts, tableOf));
  return facts;
}

/** @returns how the view's table is stored. */
export function viewStorage(plan: ViewPlan, tableOf: (id: number) => TableShape): ViewStorage {
  const {keys, nullable, appendOnly} = rowFacts(plan.operators, tableOf)[plan.root]!;
  if (appendOnly) return {storage: 'append', key: [], pairBy: null, nullable};
  // A key of no columns says that there is one row: it is found by comparing, so it is kept as a bag.
  const named = keys.filter((key) => key.length > 0);
  const sound = named.find((key) => key.every((column) => nullable[column] === false));
  if (sound !== undefined) return {storage: 'keyed', key: sound, pairBy: null, nullable};
  return {storage: 'bag', key: [], pairBy: keys[0] ?? null, nullable};
}

function shortestFirst(keys: readonly (readonly number[])[]): (readonly number[])[] {
  const seen = new Set<string>();
  return keys.map((key) => [...new Set(key)])
    .filter((key) => !seen.has(key.toSorted((a, b) => a - b).join(',')) && seen.add(key.toSorted((a, b) => a - b).join(',')))
    .toSorted((a, b) => a.length - b.length).slice(0, keysMax);
}

function factsOf(spec: OperatorSpec, below: readonly RowFacts[], tableOf: (id: number) => TableShape): RowFacts {
  const distinct = spec.columns.map((_, index) => index);
  switch (spec.kind) {
    case 'input': {
      const table = tableOf(spec.table);
      const nullable = spec.columnIndexes.map((index) => table.columns[index]!.nullable);
      const key = table.key.map((column) => spec.columnIndexes.indexOf(column));
      return {keys: key.length > 0 && !key.includes(-1) ? [key] : [], nullable, appendOnly: table.appendOnly, equal: distinct};
    }
    case 'map': return mapFacts(spec.predicate, spec.expressions, below[spec.input]!);
    case 'unnest': {
      // Elements of a list may be equal: no key is left.
      const input = below[spec.input]!;
      const equal = spec.passed.map((column) => spec.passed.findIndex((other) => input.equal[other] === input.equal[column]));
      return {keys: [], nullable: distinct.map((column) => input.nullable[spec.passed[column] ?? -1] ?? true), appendOnly: input.appendOnly, equal: [...equal, ...distinct.slice(equal.length)]};
    }
    case 'union': {
      const inputs = spec.inputs.map((input) => below[input]!);
      return {keys: [], nullable: distinct.map((column) => inputs.some(({nullable}) => nullable[column] === true)), appendOnly: inputs.every(({appendOnly}) => appendOnly), equal: distinct};
    }
    case 'join': return joinFacts(spec, below[spec.left]!, below[spec.right]!);
    case 'aggregate': {
      const input = below[spec.input]!;
      const groups = spec.groups.map((_, index) => index);
      const calls = spec.aggregates.map(({name}) => name !== 'count' && name !== 'count_star' && name !== 'count_if');
      const facts: RowFacts = {keys: [groups], nullable: [...spec.groups.map((group) => input.nullable[group]!), ...calls], appendOnly: false, equal: [...groups, ...calls.map((_, index) => groups.length + index)]};
      return spec.finish === null ? facts : mapFacts(spec.finish.predicate, spec.finish.expressions, facts);
    }
  }
}

function mapFacts(predicate: Expression | null, expressions: readonly Expression[], input: RowFacts): RowFacts {
  const rejected = predicate === null ? new Set<number>() : nullRejected(predicate);
  const notNull = input.nullable.map((nullable, column) => !nullable || rejected.has(column));
  const passed = expressions.map((expression) => (expression.kind === 'column' ? expression.index : -1));
  const images = expressions.map((expression) => injectiveImage(expression));
  /** Where a column of the input, one equal to it, or one that tells it, stands in the output. */
  const place = (column: number): number => {
    const same = passed.findIndex((from) => from !== -1 && input.equal[from] === input.equal[column]);
    return same !== -1 ? same : images.findIndex((from) => from !== -1 && input.equal[from] === input.equal[column]);
  };
  const keys = input.keys.map((key) => key.map(place)).filter((key) => !key.includes(-1));
  return {
    keys: shortestFirst(keys),
    nullable: expressions.map((expression) => !provedNotNull(expression, notNull)),
    appendOnly: input.appendOnly,
    equal: passed.map((from, at) => (from === -1 ? at : passed.findIndex((other) => other !== -1 && input.equal[other] === input.equal[from]))),
  };
}

const integerRank: Readonly<Record<string, number>> = {tinyint: 1, smallint: 2, integer: 3, bigint: 4, hugeint: 5};

/** @returns the column whose value the expression tells: a cast to a wider integer; −1 if it is none. */
function injectiveImage(expression: Expression): number {
  if (expression.kind !== 'cast' || expression.child.kind !== 'column') return -1;
  const [from, to] = [integerRank[expression.child.type.kind], integerRank[expression.type.kind]];
  return from !== undefined && to !== undefined && to >= from ? expression.child.index : -1;
}

function provedNotNull(expression: Expression, notNull: readonly boolean[]): boolean {
  const all = (children: readonly Expression[]): boolean => children.every((child) => provedNotNull(child, notNull));
  switch (expression.kind) {
    case 'column': return notNull[expression.index] === true;
    case 'constant': return expression.value !== null || expression.sql !== undefined;
    case 'cast': return !expression.try && provedNotNull(expression.child, notNull);
    case 'coalesce': return expression.children.some((child) => provedNotNull(child, notNull));
    case 'and': case 'or': return all(expression.children);
    case 'not': return provedNotNull(expression.child, notNull);
    case 'is-null': case 'is-not-null': return true;
    case 'comparison': return expression.op === 'IS DISTINCT FROM' || expression.op === 'IS NOT DISTINCT FROM' || all([expression.left, expression.right]);
    case 'in': return all([expression.child, ...expression.list]);
    case 'between': return all([expression.child, expression.lower, expression.upper]);
    case 'case': return all([...expression.branches.map(({then}) => then), expression.otherwise]);
    case 'try': return false;
    // Few functions give NULL for values that are none (division, regular expressions …): only these are known not to.
    case 'function': return strictFunctions.has(expression.name) && all(expression.args);
  }
}

const strictFunctions = new Set(['+', '-', '*', 'lower', 'upper', 'length', 'trim', 'abs', 'date_trunc', 'time_bucket', 'concat', '||', 'year', 'month', 'day', 'hour']);

/** @returns columns that are not NULL in any row that passes the predicate. */
function nullRejected(predicate: Expression): Set<number> {
  const columns = new Set<number>();
  const reject = (expression: Expression): void => { if (expression.kind === 'column') columns.add(expression.index); };
  for (const part of conjuncts(predicate)) {
    if (part.kind === 'is-not-null') reject(part.child);
    else if (part.kind === 'comparison' && part.op !== 'IS DISTINCT FROM' && part.op !== 'IS NOT DISTINCT FROM') [part.left, part.right].forEach(reject);
    else if (part.kind === 'in' || part.kind === 'between') reject(part.child);
    else if (part.kind === 'column') reject(part);
  }
  return columns;
}

function joinFacts(spec: OperatorSpec & {kind: 'join'}, left: RowFacts, right: RowFacts): RowFacts {
  const leftCount = left.nullable.length;
  const outer = spec.join === 'left';
  const covered = (side: RowFacts, columns: readonly number[]): boolean => side.keys.some((key) => key.every((column) => columns.some((by) => side.equal[by] === side.equal[column])));
  const rightUnique = covered(right, spec.keys.map((key) => key.right));
  const leftUnique = covered(left, spec.keys.map((key) => key.left));
  const rightKeys = right.keys.map((key) => key.map((column) => leftCount + column));
  const keys = [
    ...(rightUnique ? left.keys : []),
    ...(leftUnique && !outer ? rightKeys : []),
    ...left.keys.flatMap((one) => rightKeys.map((two) => [...one, ...two])),
  ];
  // An inner join by `=` makes its columns equal and drops their NULLs; an outer one pads the right side with NULLs.
  const equalIds = [...left.equal, ...right.equal.map((id) => leftCount + id)];
  const nullable = [...left.nullable, ...right.nullable.map((may) => may || outer)];
  if (!outer) {
    for (const key of spec.keys) {
      const [kept, gone] = [equalIds[key.left]!, equalIds[leftCount + key.right]!];
      equalIds.forEach((id, column) => { if (id === gone) equalIds[column] = kept; });
      if (!key.nulls) nullable[key.left] = nullable[leftCount + key.right] = false;
    }
  }
  const all: RowFacts = {keys: shortestFirst(keys), nullable, appendOnly: left.appendOnly && right.appendOnly && !outer, equal: equalIds};
  const place = (column: number): number => spec.output.findIndex((from) => all.equal[from] === all.equal[column]);
  return {
    keys: shortestFirst(all.keys.map((key) => key.map(place)).filter((key) => !key.includes(-1))),
    nullable: spec.output.map((column) => nullable[column]!),
    appendOnly: all.appendOnly,
    equal: spec.output.map((column) => place(column)),
  };
}
