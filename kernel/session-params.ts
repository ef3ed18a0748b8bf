/** Values → parameters of a prepared statement. */
import {WarehouseError} from '../base/error.ts';
import type {Value} from '../base/value.ts';
import {binding, type PreparedStatement} from './duckdb-binding.ts';

/**
 * Binds `params[i]` to `$i+1`. Integers become INTEGER or BIGINT, other numbers DOUBLE, bigints BIGINT or HUGEINT, text
 * VARCHAR (DuckDB casts it to what the statement wants), bytes BLOB.
 *
 * @throws {WarehouseError} MR_PARAMS (invalid) if their number is wrong, a bigint has more than 128 bits, or one is an array or object.
 */
export function bindParams(statement: PreparedStatement, params: readonly Value[]): void {
  const expected = binding.nparams(statement);
  if (params.length !== expected) {
    throw new WarehouseError('invalid', 'MR_PARAMS', `the statement has ${expected} parameters, ${params.length} values were given`);
  }
  for (let i = 0; i < params.length; i++) bindParam(statement, i + 1, params[i]!);
}

function bindParam(statement: PreparedStatement, index: number, value: Value): void {
  if (value === null) binding.bind_null(statement, index);
  else if (typeof value === 'string') binding.bind_varchar(statement, index, value);
  else if (typeof value === 'boolean') binding.bind_boolean(statement, index, value);
  else if (typeof value === 'number') bindNumber(statement, index, value);
  else if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) === value) binding.bind_int64(statement, index, value);
    else if (BigInt.asIntN(128, value) === value) binding.bind_hugeint(statement, index, value);
    else throw new WarehouseError('invalid', 'MR_PARAMS', `parameter ${index} is ${value}, which is more than a HUGEINT holds`);
  } else if (value instanceof Uint8Array) binding.bind_blob(statement, index, value);
  else {
    throw new WarehouseError('invalid', 'MR_PARAMS', `parameter ${index} is ${Array.isArray(value) ? 'an array' : 'an object'}; parameters are single values`,
      {hint: `pass it as JSON text and cast it, e.g. CAST($${index} AS JSON)::INTEGER[]; or insert rows by Warehouse.insert`});
  }
}

function bindNumber(statement: PreparedStatement, index: number, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) binding.bind_double(statement, index, value);
  else if ((value | 0) === value) binding.bind_int32(statement, index, value);
  else binding.bind_int64(statement, index, BigInt(value));
}
