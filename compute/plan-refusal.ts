/** Why a node of a plan is not maintained, and what to write instead. */
import type {WarehouseError} from '../base/error.ts';
import {printType} from '../kernel/plan/plan-type.ts';
import type {PlanNode, PlanType} from '../kernel/plan/tree.ts';
import {notIncremental, readInstead} from './refusal.ts';
import {carried} from './stored-type.ts';

/** @returns the refusal of a node that has no operator. */
export function refusedNode(node: PlanNode): WarehouseError {
  const notYet = 'there is no incremental operator for it yet';
  switch (node.kind) {
    case 'window': return notIncremental('a window function', notYet, 'for one row per group use GROUP BY with first(… ORDER BY …); else compute it where the table is read');
    case 'distinct': return notIncremental('DISTINCT ON', 'which row stays depends on an order', 'write GROUP BY with first(… ORDER BY …), with an order that leaves no ties');
    case 'order': return notIncremental('ORDER BY', 'a table has no order', 'leave it out and order where the table is read');
    case 'limit': return notIncremental('LIMIT', notYet, readInstead);
    case 'union': return notIncremental('UNION', notYet, 'write SELECT DISTINCT … FROM (… UNION ALL …)');
    case 'except': return notIncremental(node.all ? 'EXCEPT ALL' : 'EXCEPT', notYet, 'write a LEFT JOIN and WHERE the right key IS NULL');
    case 'intersect': return notIncremental(node.all ? 'INTERSECT ALL' : 'INTERSECT', notYet, 'write an inner join of the distinct rows');
    case 'cross-product': return notIncremental('a cross product', 'every change would meet all rows of the other side', 'join on an equality, or combine the tables where they are read');
    case 'delim-join': case 'delim-get': return notIncremental('a correlated subquery', notYet, 'write it as a join with a grouped subquery; for the elements of a list write SELECT …, unnest(l) AS element FROM t');
    case 'values': return notIncremental('VALUES', 'it has no table to follow', 'insert these rows into a table and read that');
    case 'dummy': return notIncremental('a SELECT without FROM', 'it has no table to follow', 'insert the row into a table and read that');
    case 'empty': return notIncremental('a condition that is never true', 'it has no table to follow', 'leave the branch out');
    case 'aggregate': return notIncremental('GROUPING SETS, ROLLUP or CUBE', notYet, 'write one GROUP BY per set, joined by UNION ALL');
    case 'join': return refusedJoin(node);
    case 'get': case 'project': case 'filter': case 'unnest': case 'cte': case 'cte-ref': return notIncremental(node.kind, notYet, readInstead);
  }
}

function refusedJoin(node: PlanNode & {kind: 'join'}): WarehouseError {
  const notYet = 'there is no incremental operator for it yet';
  if (node.asof) return notIncremental('ASOF JOIN', notYet, readInstead);
  switch (node.join) {
    case 'full': return notIncremental('FULL JOIN', notYet, 'write a LEFT JOIN and UNION ALL the right rows that have no partner');
    case 'semi': case 'mark': return notIncremental('IN or EXISTS with a subquery', notYet, 'write an inner join with SELECT DISTINCT of the subquery');
    case 'anti': return notIncremental('NOT IN or NOT EXISTS with a subquery', notYet, 'write a LEFT JOIN and WHERE the right key IS NULL');
    case 'single': return notIncremental('a scalar subquery', notYet, 'write a LEFT JOIN with a grouped subquery');
    case 'inner': case 'left': case 'right': return notIncremental(`${node.join} join`, notYet, readInstead);
  }
}

/** @throws {WarehouseError} MR_NOT_INCREMENTAL (invalid) if rows cannot be found by values of `type`. */
export function requireHashable(what: string, type: PlanType): void {
  if (!carried(type)) throw notIncremental(`${what} of type ${printType(type)}`, 'rows cannot be found by values of this type', 'cast it to a type that a table stores, such as VARCHAR or BIGINT');
}
