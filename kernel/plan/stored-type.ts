/** Which type a layer stores for a result column: types that only live between operators are widened, or refused. */
import {WarehouseError} from '../../base/error.ts';
import type {LogicalType} from '../../base/type.ts';
import {printType, storedForm} from './plan-type.ts';
import type {PlanType} from './tree.ts';

const castHints: Readonly<Record<string, string>> = {
  timestamp_ns: 'TIMESTAMP', uhugeint: 'DECIMAL(38,0)', null: 'INTEGER', 'TIME_NS': 'VARCHAR', BIGNUM: 'DECIMAL(38,0)',
};

/**
 * @param column the result column's name, for the error.
 * @returns the type as which the column is stored; where it is another type the column is cast to it (`typeText`) on its way.
 * @throws {WarehouseError} `MR_TYPE_UNSTORABLE` (invalid) with the cast to write.
 */
export function storedTypeOf(type: PlanType, column: string): LogicalType {
  const stored = storedForm(type);
  if (stored !== undefined) return stored;
  const text = printType(type);
  const fixed = type.kind === 'other' && /\[\d+\]/.test(text) ? text.replaceAll(/\[\d+\]/g, '[]') : undefined; // ARRAY → LIST
  const target = fixed ?? castHints[type.kind === 'other' ? text : type.kind] ?? (type.kind === 'other' && /\]$|^(?:STRUCT|MAP|UNION)\(/.test(text) ? 'JSON' : 'VARCHAR');
  throw new WarehouseError('invalid', 'MR_TYPE_UNSTORABLE', `column "${column}" is ${type.kind === 'null' ? 'NULL without a type' : text}, which a table cannot store`, {
    hint: `write CAST("${column.replaceAll('"', '""')}" AS ${target}) in the SELECT`,
  });
}
