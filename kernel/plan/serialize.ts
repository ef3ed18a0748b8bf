/** DuckDB's serialising functions (text → JSON of its parse tree or bound plan) and their errors as DuckDB would print them. */
import {WarehouseError} from '../../base/error.ts';
import {quoteLiteral} from '../quote.ts';
import type {Session} from '../session.ts';

/** A parsed SELECT; `named_param_map` lists its parameters. */
export interface SerializedStatement {readonly named_param_map: readonly unknown[]}

interface Failure {readonly error: boolean; readonly error_type?: string; readonly error_message?: string; readonly position?: string}

/**
 * Parses `sql` and tells its statements, which must all be SELECTs.
 *
 * @throws {WarehouseError} `MR_SQL` with DuckDB's text and position.
 */
export async function serializeStatements(session: Session, sql: string): Promise<readonly SerializedStatement[]> {
  const {rows} = await session.rows(`SELECT json_serialize_sql(${quoteLiteral(sql)})`);
  const answer = JSON.parse(String(rows[0]![0])) as Failure & {statements: readonly SerializedStatement[]};
  if (!answer.error) return answer.statements;
  if (answer.error_type === 'not implemented') throw new WarehouseError('invalid', 'MR_SQL', 'expected a SELECT, found another statement');
  throw failure(sql, answer);
}

/**
 * Binds the statements of `sql` and tells their unoptimised plans; nothing is executed.
 *
 * @returns the whole answer: `{"error": false, "plans": […]}`.
 * @throws {WarehouseError} `MR_SQL` with DuckDB's text and position.
 */
export async function serializePlan(session: Session, sql: string): Promise<string> {
  // The argument has to be a literal: DuckDB takes no parameter here.
  const {rows} = await session.rows(`SELECT json_serialize_plan(${quoteLiteral(sql)}, optimize := false)`);
  const json = String(rows[0]![0]);
  if (!json.startsWith('{"error":false')) throw failure(sql, JSON.parse(json) as Failure);
  return json;
}

const classNames: Readonly<Record<string, string>> = {'invalid input': 'Invalid Input', 'out of range': 'Out of Range', 'not implemented': 'Not implemented', 'mismatch type': 'Mismatch Type'};

function failure(sql: string, {error_type: type = 'binder', error_message: message = 'no message', position}: Failure): WarehouseError {
  if (type === 'internal' || type === 'serialization') {
    return new WarehouseError('invalid', 'MR_PLAN_UNSUPPORTED', `DuckDB does not describe the plan of this SELECT: ${message}`);
  }
  const name = classNames[type] ?? `${type.slice(0, 1).toUpperCase()}${type.slice(1)}`;
  return new WarehouseError('invalid', 'MR_SQL', `${name} Error: ${message}${position === undefined ? '' : `\n\n${pointer(sql, Number(position))}`}`);
}

/** `LINE 2: …` with a caret below the byte at `position`. */
function pointer(sql: string, position: number): string {
  const before = Buffer.from(sql).subarray(0, position).toString();
  const lines = before.split('\n');
  const head = `LINE ${lines.length}: `;
  const column = [...lines[lines.length - 1]!].length;
  return `${head}${sql.split('\n')[lines.length - 1]!}\n${' '.repeat(head.length + column)}^`;
}
