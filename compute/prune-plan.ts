/**
 * Leaves out columns that nobody reads: a join then gathers, and an operator by itself keeps, only what is asked for above it. A
 * UNION ALL keeps all of its inputs' columns, since they must stand in one order.
 */
import type {AggregateCall, Expression} from '../kernel/plan/tree.ts';
import {columnsUsed} from '../kernel/plan/walk-expression.ts';
import {expressionsOfAggregate, mapAggregate, moveColumns} from '../kernel/plan/walk.ts';
import type {OperatorSpec} from './operator-spec.ts';
import {inputsOf} from './operator-spec.ts';

/** @returns the operators with the columns that `root` needs; ids stay. */
export function pruneColumns(operators: readonly OperatorSpec[], root: number): OperatorSpec[] {
  const needed = operators.map(() => new Set<number>());
  operators[root]!.columns.forEach((_, column) => needed[root]!.add(column));
  for (const spec of operators.toReversed()) {
    const own = needed[spec.id]!;
    // Rows whose number alone counts keep one column.
    if (own.size === 0 && spec.columns.length > 0) own.add(0);
    requireInputs(spec, own, needed);
  }
  const moves = needed.map((columns) => new Map([...columns].toSorted((a, b) => a - b).map((column, at) => [column, at])));
  return operators.map((spec) => pruned(spec, moves));
}

function requireInputs(spec: OperatorSpec, own: Set<number>, needed: readonly Set<number>[]): void {
  const require = (input: number, expressions: readonly Expression[]): void => {
    for (const expression of expressions) for (const column of columnsUsed(expression)) needed[input]!.add(column);
  };
  switch (spec.kind) {
    case 'input': return;
    case 'map': return require(spec.input, [...(spec.predicate === null ? [] : [spec.predicate]), ...spec.expressions.filter((_, column) => own.has(column))]);
    case 'unnest':
      // Every list counts: the longest says how many rows there are.
      spec.expressions.forEach((_, index) => own.add(spec.passed.length + index));
      for (const [column, from] of spec.passed.entries()) if (own.has(column)) needed[spec.input]!.add(from);
      return require(spec.input, spec.expressions);
    case 'union':
      spec.columns.forEach((_, column) => {
        own.add(column);
        for (const input of inputsOf(spec)) needed[input]!.add(column);
      });
      return;
    case 'join': {
      const width = spec.leftWidth;
      const read = [...spec.output.filter((_, column) => own.has(column)), ...(spec.residual === null ? [] : columnsUsed(spec.residual))];
      for (const column of read) needed[column < width ? spec.left : spec.right]!.add(column < width ? column : column - width);
      for (const key of spec.keys) {
        needed[spec.left]!.add(key.left);
        needed[spec.right]!.add(key.right);
      }
      return;
    }
    case 'aggregate': {
      // Groups stay: they tell one row from the other.
      if (spec.finish !== null) spec.columns.forEach((_, column) => own.add(column));
      else spec.groups.forEach((_, column) => own.add(column));
      for (const group of spec.groups) needed[spec.input]!.add(group);
      require(spec.input, keptCalls(spec, own).flatMap(expressionsOfAggregate));
    }
  }
}

function keptCalls(spec: OperatorSpec & {kind: 'aggregate'}, own: ReadonlySet<number>): AggregateCall[] {
  return spec.aggregates.filter((_, index) => spec.finish !== null || own.has(spec.groups.length + index));
}

type Moves = readonly ReadonlyMap<number, number>[];

function pruned(spec: OperatorSpec, moves: Moves): OperatorSpec {
  const own = moves[spec.id]!;
  const kept = <T>(items: readonly T[]): T[] => items.filter((_, column) => own.has(column));
  const columns = kept(spec.columns);
  switch (spec.kind) {
    case 'input': return {...spec, columns, columnIndexes: kept(spec.columnIndexes)};
    case 'union': return spec;
    case 'map': {
      const move = moveBy(moves[spec.input]!);
      return {...spec, columns, predicate: spec.predicate === null ? null : move(spec.predicate), expressions: kept(spec.expressions).map(move)};
    }
    case 'unnest': {
      const from = moves[spec.input]!;
      return {...spec, columns, passed: kept(spec.passed).map((column) => from.get(column)!), expressions: spec.expressions.map(moveBy(from))};
    }
    case 'join': {
      const [left, right] = [moves[spec.left]!, moves[spec.right]!];
      const place = (column: number): number => (column < spec.leftWidth ? left.get(column)! : left.size + right.get(column - spec.leftWidth)!);
      return {
        ...spec, columns, leftWidth: left.size, output: kept(spec.output).map(place), residual: spec.residual === null ? null : moveColumns(spec.residual, place),
        keys: spec.keys.map((key) => ({left: left.get(key.left)!, right: right.get(key.right)!, nulls: key.nulls})),
      };
    }
    case 'aggregate': {
      const move = moveBy(moves[spec.input]!);
      const calls = keptCalls(spec, new Set(own.keys()));
      return {...spec, columns, groups: spec.groups.map((group) => moves[spec.input]!.get(group)!), aggregates: calls.map((call) => mapAggregate(call, move))};
    }
  }
}

function moveBy(move: ReadonlyMap<number, number>): (expression: Expression) => Expression {
  return (expression) => moveColumns(expression, (column) => move.get(column)!);
}
