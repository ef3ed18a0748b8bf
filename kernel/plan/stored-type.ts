/** Which type a layer stores for a result column: types that only live between operators are widened, or refused. */
import {WarehouseError} from '../../base/error.ts';
import type {LogicalType} from '../../base/type.ts';
import {printType, storable} from './plan-type.ts';
import type {PlanType} from './tree.ts';

/** Stored types that hold every value of a type exactly. HUGEINT is the type of sums: a DECIMAL(38,0) overflows loudly. */
const widened: Readonly<Record<string, LogicalType>> = {
  hugeint: {kind: 'decimal', precision: 38, scale: 0}, utinyint: {kind: 'smallint'}, usmallint: {kind: 'integer'}, uinteger: {kind: 'bigint'},
  ubigint: {kind: 'decimal', precision: 20, scale: 0}, timestamp_s: {kind: 'timestamp'}, timestamp_ms: {kind: 'timestamp'},
};

const castHints: Readonly<Record<string, string>> = {
  timestamp_ns: 'TIMESTAMP', uhugeint: 'DECIMAL(38,0)', null: 'INTEGER', 'TIME_NS': 'VARCHAR', BIGNUM: 'DECIMAL(38,0)',
};

/**
 * @param column the result column's name, for the error.
 * @returns the type as which the column is stored; where it is another type the column is cast to it (`typeText`) on its way.
 * @throws {WarehouseError} `MR_TYPE_UNSTORABLE` (invalid) with the cast to write.
 */
export function storedTypeOf(type: PlanType, column: string): LogicalType {
  if (storable(type)) return type;
  const wider = widened[type.kind];
  if (wider !== undefined) return wider;
  const text = printType(type);
  if (type.kind === 'other' && (text === 'UUID' || text === 'JSON' || text.startsWith('ENUM('))) return {kind: 'varchar'};
  const target = castHints[type.kind === 'other' ? text : type.kind] ?? (type.kind === 'other' && /\]$|^(?:STRUCT|MAP|UNION)\(/.test(text) ? 'JSON' : 'VARCHAR');
  throw new WarehouseError('invalid', 'MR_TYPE_UNSTORABLE', `column "${column}" is ${type.kind === 'null' ? 'NULL without a type' : text}, which a table cannot store`, {
    hint: `write CAST("${column.replaceAll('"', '""')}" AS ${target}) in the SELECT`,
  });
}
