/** What incremental SQL does not maintain: one way to say so. */
import {WarehouseError} from '../base/error.ts';

/**
 * @param operator the operator of the plan as its author would call it, e.g. `DISTINCT ON`.
 * @param why what keeps it from being maintained, or nothing if it is only not built yet.
 * @param hint the way out.
 */
export function notIncremental(operator: string, why: string, hint: string): WarehouseError {
  return new WarehouseError('invalid', 'MR_NOT_INCREMENTAL', `a dynamic table cannot maintain ${operator}: ${why}`, {hint});
}

/** The way out where no other form of the query is known. */
export const readInstead = 'leave it out of the dynamic table and apply it where the table is read';
