/**
 * What a Parquet file must hold physically so that every reader of the format finds the same values. Java takes unit, scale and width from the
 * table's schema, not from the file: a timestamp of the wrong unit or a decimal of another scale is misread there without a complaint, and
 * a column under another case is NULL. We cast by what the file says, so such a file shows different rows to different engines; `check`
 * names it.
 */
import {quoteLiteral} from '../../kernel/quote.ts';
import {type DataField, type PaimonType, paimonTypeText} from '../paimon/data-type.ts';
import {KEY_PREFIX, KIND_COLUMN, SEQUENCE_COLUMN} from './column-sql.ts';
import {namedRows, type SqlSession} from './sql-session.ts';

/** A top-level column of a file: its physical type and what it says the values are; a group has no physical type. */
interface PhysicalColumn {
  readonly type: string | null;
  readonly converted: string | null;
  readonly scale: number;
}

/**
 * @param fields the columns of the schema that the file was written under.
 * @param keyFields its key columns; none for an append file.
 * @returns what is wrong with the file's columns, one text each.
 */
export async function physicalProblems(session: SqlSession, path: string, fields: readonly DataField[], keyFields: readonly DataField[]): Promise<string[]> {
  const columns = await physicalColumns(session, path);
  const byLowerCase = new Map([...columns.keys()].map((name) => [name.toLowerCase(), name]));
  const system: DataField[] = keyFields.length === 0 ? [] : [
    {id: -1, name: SEQUENCE_COLUMN, type: {root: 'BIGINT', nullable: false}}, {id: -1, name: KIND_COLUMN, type: {root: 'TINYINT', nullable: false}},
    // Files may leave the copies of the key out.
    ...keyFields.map((field) => ({...field, name: KEY_PREFIX + field.name})).filter(({name}) => byLowerCase.has(name.toLowerCase())),
  ];
  const problems: string[] = [];
  for (const {name, type} of [...system, ...fields]) {
    const column = columns.get(name);
    if (column === undefined) {
      const other = byLowerCase.get(name.toLowerCase());
      if (other !== undefined) problems.push(`column "${name}" stands there as "${other}": other readers find NULL`);
      continue;
    }
    const wanted = physicalForms(type);
    const found = column.type === null ? 'a group' : `${column.type}${column.converted === null ? '' : ` ${column.converted}`}`;
    if (wanted === undefined ? column.type !== null : !wanted.includes(found)) problems.push(`column "${name}" ${paimonTypeText({...type, nullable: true})} is held as ${found}, expected ${wanted?.[0] ?? 'a group'}`);
    else if (type.root === 'DECIMAL' && column.scale !== type.scale) problems.push(`column "${name}" ${paimonTypeText({...type, nullable: true})} is held with scale ${column.scale}`);
  }
  return problems;
}

async function physicalColumns(session: SqlSession, path: string): Promise<Map<string, PhysicalColumn>> {
  const rows = await namedRows(session, `SELECT name, type, CAST(coalesce(num_children, 0) AS INTEGER) AS children, converted_type, CAST(coalesce(scale, 0) AS INTEGER) AS scale, CAST(coalesce(logical_type, '') AS VARCHAR) AS logical FROM parquet_schema(${quoteLiteral(path)})`);
  const columns = new Map<string, PhysicalColumn>();
  // The root first, then each column with what lies below it.
  for (let at = 1; at < rows.length;) {
    const row = rows[at]!;
    const children = Number(row['children']);
    columns.set(String(row['name']), {type: children > 0 ? null : String(row['type']), converted: convertedOf(row['converted_type'], String(row['logical'])), scale: Number(row['scale'])});
    for (let open = 1; open > 0; at++) open += Number(rows[at]!['children']) - 1;
  }
  return columns;
}

/** The older annotation; files that have the newer one alone say it there. */
function convertedOf(converted: unknown, logical: string): string | null {
  if (converted !== null && converted !== undefined) return String(converted);
  if (logical.includes('NanoSeconds()')) return 'TIMESTAMP_NANOS';
  if (logical.startsWith('TimestampType')) return logical.includes('MilliSeconds()') ? 'TIMESTAMP_MILLIS' : 'TIMESTAMP_MICROS';
  return logical.startsWith('StringType') ? 'UTF8' : null;
}

/** @returns the forms in which every reader finds the values; undefined for a group. */
function physicalForms(type: PaimonType): readonly string[] | undefined {
  switch (type.root) {
    case 'BOOLEAN': case 'FLOAT': case 'DOUBLE': return [type.root];
    case 'TINYINT': return ['INT32 INT_8', 'INT32'];
    case 'SMALLINT': return ['INT32 INT_16', 'INT32'];
    case 'INT': return ['INT32', 'INT32 INT_32'];
    case 'BIGINT': return ['INT64', 'INT64 INT_64'];
    case 'DATE': return ['INT32 DATE', 'INT32'];
    case 'TIME': return ['INT32 TIME_MILLIS', 'INT32'];
    case 'DECIMAL': return ['INT32', 'INT64', 'FIXED_LEN_BYTE_ARRAY', 'BYTE_ARRAY'].map((word) => `${word} DECIMAL`);
    case 'CHAR': case 'VARCHAR': return ['BYTE_ARRAY UTF8', 'BYTE_ARRAY', 'BYTE_ARRAY JSON', 'BYTE_ARRAY ENUM'];
    case 'BINARY': case 'VARBINARY': return ['BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY', 'BYTE_ARRAY UTF8'];
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ': return type.precision <= 3 ? ['INT64 TIMESTAMP_MILLIS'] : type.precision <= 6 ? ['INT64 TIMESTAMP_MICROS'] : ['INT96'];
    default: return undefined;
  }
}
