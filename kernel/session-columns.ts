/** Result columns: their names and types, and how each is read as a stored type. */
import {DuckDBLogicalType} from '@duckdb/node-api';
import {WarehouseError} from '../base/error.ts';
import {parseTypeText, sameType, typeText, type LogicalType} from '../base/type.ts';
import {binding, type Result} from './duckdb-binding.ts';
import {readingOf, type ColumnReading} from './columns-out.ts';
import {quoteIdentifier} from './quote.ts';

export interface ResultColumn {readonly name: string; /** DuckDB's name of its type, e.g. `DECIMAL(12,2)` */ readonly typeText: string}

export function resultColumns(result: Result): ResultColumn[] {
  const columns: ResultColumn[] = [];
  for (let i = 0; i < binding.column_count(result); i++) {
    const handle = binding.column_logical_type(result, i);
    const text = binding.logical_type_get_alias(handle) ?? DuckDBLogicalType.create(handle).asType().toString();
    columns.push({name: binding.column_name(result, i), typeText: text});
  }
  return columns;
}

/**
 * @param types wanted types, one a column; undefined: each column's own.
 * @throws {WarehouseError} MR_TYPE (invalid) naming the column and the cast to write.
 */
export function readingsOf(columns: readonly ResultColumn[], types: readonly LogicalType[] | undefined): ColumnReading[] {
  if (types !== undefined && types.length !== columns.length) {
    throw new WarehouseError('invalid', 'MR_TYPE', `the statement gives ${columns.length} columns, ${types.length} types were asked for`);
  }
  return columns.map((column, i) => {
    const own = parseTypeText(column.typeText);
    const wanted = types?.[i] ?? own;
    if (wanted === undefined) {
      throw new WarehouseError('invalid', 'MR_TYPE', `column "${column.name}" is ${column.typeText}, which no column of a table can be`,
        {hint: `cast it, for example ${quoteIdentifier(column.name)}::${storedFor(column.typeText)}`});
    }
    if (own !== undefined && sameType(own, wanted)) return readingOf(own);
    const widened = widening(column.typeText, wanted);
    if (widened !== undefined) return widened;
    throw new WarehouseError('invalid', 'MR_TYPE', `column "${column.name}" is ${column.typeText}, expected ${typeText(wanted)}`,
      {hint: `cast it: ${quoteIdentifier(column.name)}::${typeText(wanted)}`});
  });
}

const integerBytes: Readonly<Record<string, {bytes: 1 | 2 | 4 | 8; signed: boolean}>> = {
  TINYINT: {bytes: 1, signed: true}, SMALLINT: {bytes: 2, signed: true}, INTEGER: {bytes: 4, signed: true},
  UTINYINT: {bytes: 1, signed: false}, USMALLINT: {bytes: 2, signed: false}, UINTEGER: {bytes: 4, signed: false},
};
const wantedBytes: Readonly<Record<string, number>> = {tinyint: 1, smallint: 2, integer: 4, bigint: 8};

/** Reads that lose nothing and need no cast: integers as wider ones, HUGEINT as DECIMAL(38,0), JSON as text. */
function widening(found: string, wanted: LogicalType): ColumnReading | undefined {
  if (found === 'HUGEINT' && wanted.kind === 'decimal' && wanted.precision === 38 && wanted.scale === 0) {
    return {type: wanted, bytes: 16, signed: true, checked: true};
  }
  if (found === 'JSON' && wanted.kind === 'varchar') return readingOf(wanted);
  const own = integerBytes[found];
  const bytes = wantedBytes[wanted.kind];
  if (own === undefined || bytes === undefined || bytes < own.bytes || (bytes === own.bytes && !own.signed)) return undefined;
  return {type: wanted, bytes: own.bytes, signed: own.signed, checked: false};
}

/** @returns the type that a hint names; of nested types the parts that cannot be are replaced. */
function storedFor(found: string): string {
  if (/\]$|^(?:STRUCT|MAP)\(/.test(found)) {
    return found.replaceAll(/\[\d+\]/g, '[]').replaceAll(/(?<=^|[(\s])(?:U?HUGEINT|U(?:BIG|SMALL|TINY)?INT(?:EGER)?|TIMESTAMP_N?M?S|UUID)(?=$|[[\],)])/g, (word) => storedFor(word));
  }
  if (found === 'HUGEINT' || found === 'UHUGEINT' || found === 'UBIGINT') return 'DECIMAL(38,0)';
  if (/^U?(TINY|SMALL)?INT(EGER)?$/.test(found)) return 'BIGINT';
  return found.startsWith('TIMESTAMP_') ? 'TIMESTAMP' : 'VARCHAR';
}
