/** Functions whose answer is not a function of their arguments: refused in a dynamic table, since no recomputation would agree. */
import type {Expression} from '../kernel/plan/tree.ts';
import {walkExpression} from './compose.ts';
import {notIncremental} from './refusal.ts';

/** As `duckdb_functions()` of DuckDB 1.5 has them with a stability other than CONSISTENT; a test keeps the list complete. */
export const volatileFunctions: ReadonlySet<string> = new Set([
  'current_connection_id', 'current_database', 'current_date', 'current_query', 'current_query_id', 'current_schema', 'current_schemas', 'current_transaction_id',
  'currval', 'error', 'gen_random_uuid', 'get_current_time', 'get_current_timestamp', 'in_search_path', 'nextval', 'now', 'random', 'setseed', 'sleep_ms', 'stats', 'today',
  'transaction_timestamp', 'txid_current', 'uuid', 'uuidv4', 'uuidv7', 'write_log',
]);

/** @throws {WarehouseError} MR_NOT_INCREMENTAL (invalid) if the expression calls a volatile function. */
export function refuseVolatile(expression: Expression): void {
  walkExpression(expression, (part) => {
    if (part.kind !== 'function') return;
    if (volatileFunctions.has(part.name)) throw refusal(part.name);
    if (part.detail?.lambda !== undefined) refuseVolatile(part.detail.lambda.body);
  });
}

function refusal(name: string): Error {
  return notIncremental(`the function ${name}()`, 'each call answers anew, so old rows could not be taken back', 'put the value into a column when the row is written, and read that column');
}
