/** Join nodes → SQL: the FROM clause and the output columns. */
import {unreachable} from '../../base/invariant.ts';
import {unsupported} from './plan-json.ts';
import {printExpression} from './print-expression.ts';
import type {Source} from './print-source.ts';
import {singleRowPer} from './single-row.ts';
import type {JoinCondition, PlanNode} from './tree.ts';

type JoinNode = Extract<PlanNode, {kind: 'join'}>;

export interface JoinText {
  /** SQL of the output columns, in the order of the node's `output`. */
  readonly columns: readonly string[];
  readonly from: string;
}

/**
 * @param left, right what is joined, under different aliases.
 * @param step makes a step of a SELECT whose columns are named x1, x2 …
 */
export function printJoin(node: JoinNode, left: Source, right: Source, step: (select: string, columnCount: number) => Source): JoinText {
  switch (node.join) {
    case 'mark': return markJoin(node, left, right);
    case 'single': return singleJoin(node, left, right, step);
    case 'inner': case 'left': case 'right': case 'full': case 'semi': case 'anti': return plainJoin(node, left, right);
    default: return unreachable(node.join);
  }
}

function plainJoin(node: JoinNode, left: Source, right: Source): JoinText {
  const {join} = node;
  const conditions = node.conditions.map(condition => printCondition(condition, left, right));
  if (node.residual !== null) {
    const text = printExpression(node.residual, index => index < left.columnCount ? left.ref(index) : right.ref(index - left.columnCount));
    conditions.push(node.residual.kind === 'or' ? `(${text})` : text);
  }
  const word = `${node.asof ? 'ASOF ' : ''}${join === 'inner' ? '' : `${join.toUpperCase()} `}JOIN`;
  const from = conditions.length === 0 && join === 'inner' ? `${left.text} CROSS JOIN ${right.text}` : `${left.text} ${word} ${right.text} ON ${conditions.join(' AND ') || 'true'}`;
  return {from, columns: node.output.map(position => position < left.columnCount ? left.ref(position) : right.ref(position - left.columnCount))};
}

function printCondition({op, left: leftSide, right: rightSide}: JoinCondition, left: Source, right: Source): string {
  const [a, b] = [printExpression(leftSide, left.ref), printExpression(rightSide, right.ref)];
  return `${leftSide.kind === 'column' ? a : `(${a})`} ${op} ${rightSide.kind === 'column' ? b : `(${b})`}`;
}

/**
 * A mark join adds one boolean: whether a row of the right side matches, NULL where it might. Conditions IS NOT DISTINCT FROM come
 * of a correlation; without any other it is EXISTS, else IN or ANY with the three-valued answer of SQL.
 */
function markJoin(node: JoinNode, left: Source, right: Source): JoinText {
  const correlated = node.conditions.filter(condition => condition.op === 'IS NOT DISTINCT FROM');
  const compared = node.conditions.filter(condition => condition.op !== 'IS NOT DISTINCT FROM');
  const where = correlated.length === 0 ? '' : ` WHERE ${correlated.map(condition => printCondition(condition, left, right)).join(' AND ')}`;
  const mark = markText(compared, left, right, where);
  return {from: left.text, columns: node.output.map(position => position < left.columnCount ? left.ref(position) : mark)};
}

function markText(compared: readonly JoinCondition[], left: Source, right: Source, where: string): string {
  const [first] = compared;
  if (first === undefined) return `EXISTS (SELECT 1 FROM ${right.text}${where})`;
  const rights = compared.map(condition => printExpression(condition.right, right.ref)).join(', ');
  const lefts = compared.map(condition => printExpression(condition.left, left.ref));
  const subquery = `(SELECT ${rights} FROM ${right.text}${where})`;
  if (compared.some(condition => condition.op !== first.op)) throw unsupported('a comparison of rows with ANY by different operators');
  const value = compared.length > 1 ? `(${lefts.join(', ')})` : first.left.kind === 'column' ? lefts[0]! : `(${lefts[0]!})`;
  return first.op === '=' ? `${value} IN ${subquery}` : `${value} ${first.op} ANY ${subquery}`;
}

const manyRows = 'More than one row returned by a subquery used as an expression - scalar subqueries can only return a single row.';

/** A single join is a left join that raises where more than one row matches, as a scalar subquery does. */
function singleJoin(node: JoinNode, left: Source, right: Source, step: (select: string, columnCount: number) => Source): JoinText {
  if (singleRowPer(node.right, new Set(node.conditions.flatMap(({right: key}) => key.kind === 'column' ? [key.index] : [])))) return plainJoin({...node, join: 'left'}, left, right);
  const keys = node.conditions.map(condition => printExpression(condition.right, right.ref));
  const columns = Array.from({length: right.columnCount}, (_, i) => `${right.ref(i)} AS x${i + 1}`);
  const partition = keys.length === 0 ? '' : `PARTITION BY ${keys.join(', ')}`;
  const counted = step(`SELECT ${[...columns, `count(*) OVER (${partition}) AS x${right.columnCount + 1}`].join(', ')} FROM ${right.text}`, right.columnCount + 1);
  const {from} = plainJoin({...node, join: 'left'}, left, counted);
  const guarded = (position: number): string => `CASE WHEN ${counted.ref(right.columnCount)} > 1 THEN error('${manyRows}') ELSE ${counted.ref(position)} END`;
  return {from, columns: node.output.map(position => position < left.columnCount ? left.ref(position) : guarded(position - left.columnCount))};
}
