/**
 * CREATE as values: checks a wanted schema or table against the rules and the catalog, and gives the record to log. Pure: nothing
 * is changed until the record is applied.
 */
import {WarehouseError} from '../base/error.ts';
import {typeText, type LogicalType} from '../base/type.ts';
import {didYouMean, nearestNames} from '../kernel/statement/nearest.ts';
import type {Catalog} from './catalog.ts';
import {checkColumnNames, checkSchemaName, checkTableName} from './names.ts';
import {MAIN_SCHEMA, RESERVED_PREFIX, type ColumnSpec, type DdlRecord, type Definition, type TableId, type TableSpec, type TableStorage} from './spec.ts';
import {checkTableOptions, type TableOptions} from './table-options.ts';

/** A column as DuckDB bound it. */
export interface BoundColumn {
  readonly name: string;
  /** DuckDB's name of the type. */
  readonly typeText: string;
  /** The stored type, or undefined when there is none (HUGEINT, LIST …). */
  readonly type: LogicalType | undefined;
  readonly nullable: boolean;
}

/** What CREATE TABLE (…) declares, as an instance of DuckDB read it. */
export interface DeclaredTable {
  readonly columns: readonly (BoundColumn & {/** SQL of DEFAULT or GENERATED */ readonly defaultText?: string | null; readonly comment?: string | null})[];
  /** Names of the key columns in key order; empty without PRIMARY KEY. */
  readonly primaryKey: readonly string[];
  /** Constraints other than NOT NULL and PRIMARY KEY, e.g. kind `CHECK`, text `CHECK((a > 0))`. */
  readonly constraints: readonly {readonly kind: string; readonly text: string}[];
}

export interface NewTable {
  readonly id: TableId;
  /** The schema's name as the catalog has it. */
  readonly schema: string;
  readonly name: string;
  readonly options: TableOptions;
  /** ms since 1970. */
  readonly createdMs: number;
  readonly comment?: string;
}

/**
 * @returns the record, or undefined when the schema exists and `ifNotExists`.
 * @throws {WarehouseError} `MR_BAD_NAME`; `MR_SCHEMA_EXISTS`.
 */
export function createSchemaRecord(catalog: Catalog, name: string, ifNotExists: boolean): DdlRecord | undefined {
  const existing = catalog.findSchema(name);
  if (existing === undefined) {
    checkSchemaName(name);
    return {kind: 'create-schema', name};
  }
  if (ifNotExists) return undefined;
  const how = existing === name ? '' : `, which differs from "${existing}" only by case`;
  throw new WarehouseError('invalid', 'MR_SCHEMA_EXISTS', `expected a new schema, found "${name}"${how}`, {hint: 'write IF NOT EXISTS, or choose another name'});
}

/**
 * Says where a new table goes.
 *
 * @returns id and schema for it, or undefined when a table of the name exists and `ifNotExists`.
 * @throws {WarehouseError} `MR_UNKNOWN_SCHEMA`; `MR_TABLE_EXISTS`; `MR_BAD_NAME`.
 */
export function placeForTable(catalog: Catalog, name: {readonly schema: string | undefined; readonly name: string}, ifNotExists: boolean): {readonly id: TableId; readonly schema: string; readonly name: string} | undefined {
  const schema = requireSchema(catalog, name.schema ?? MAIN_SCHEMA);
  const existing = catalog.find(schema, name.name);
  if (existing !== undefined) {
    if (ifNotExists) return undefined;
    const how = existing.name === name.name ? '' : `, which differs from "${existing.name}" only by case`;
    throw new WarehouseError('invalid', 'MR_TABLE_EXISTS', `expected a new table, found "${schema}.${name.name}"${how}`, {hint: 'write IF NOT EXISTS, or choose another name'});
  }
  checkTableName(name.name);
  return {id: catalog.nextTableId, schema, name: name.name};
}

/** @returns the schema's name as written at its creation. @throws {WarehouseError} `MR_UNKNOWN_SCHEMA`. */
export function requireSchema(catalog: Catalog, name: string): string {
  const schema = catalog.findSchema(name);
  if (schema !== undefined) return schema;
  throw new WarehouseError('invalid', 'MR_UNKNOWN_SCHEMA', `expected a schema that exists, found "${name}"`, {hint: didYouMean(name, catalog.schemas()) ?? `CREATE SCHEMA ${name}`});
}

/** @returns the table. @throws {WarehouseError} `MR_UNKNOWN_TABLE` with the nearest names. */
export function requireTable(catalog: Catalog, name: {readonly schema: string | undefined; readonly name: string}): TableSpec {
  const table = catalog.find(name.schema, name.name);
  if (table !== undefined) return table;
  const written = name.schema === undefined ? name.name : `${name.schema}.${name.name}`;
  const near = nearTables(catalog, name);
  throw new WarehouseError('invalid', 'MR_UNKNOWN_TABLE', `expected a table that exists, found "${written}"`, {hint: near.length === 0 ? 'SHOW TABLES lists them' : `did you mean ${near.map((candidate) => `"${candidate}"`).join(' or ')}?`});
}

/** @returns names, as one would write them, of tables that `name` may have meant: of that name in another schema, else spelled alike. */
export function nearTables(catalog: Catalog, name: {readonly schema: string | undefined; readonly name: string}): string[] {
  const written = (table: TableSpec): string => (table.schema === MAIN_SCHEMA ? table.name : `${table.schema}.${table.name}`);
  const folded = name.name.toLowerCase();
  const elsewhere = catalog.tables().filter((table) => table.name.toLowerCase() === folded).map(written);
  if (elsewhere.length > 0) return elsewhere.slice(0, nearTablesMax);
  return nearestNames(name.schema === undefined ? name.name : `${name.schema}.${name.name}`, catalog.tables().map(written));
}

const nearTablesMax = 3;

/**
 * A base table: keyed with PRIMARY KEY, else append, or a bag where `'append-only' = 'false'`.
 *
 * @throws {WarehouseError} `MR_BAD_NAME`, `MR_DUPLICATE_COLUMN`; `MR_TYPE_UNSTORABLE` naming column and cast; `MR_KEY_TYPE`;
 *   `MR_UNSUPPORTED` for DEFAULT, CHECK, UNIQUE, FOREIGN KEY; as checkTableOptions.
 */
export function createTableSpec(table: NewTable, declared: DeclaredTable): TableSpec {
  const place = `"${table.schema}.${table.name}"`;
  for (const {kind} of declared.constraints) {
    throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `a ${kind} constraint (of table ${place}) is not supported in this version`, {hint: 'PRIMARY KEY and NOT NULL are kept; leave it out'});
  }
  for (const column of declared.columns) {
    if (column.defaultText === undefined || column.defaultText === null) continue;
    throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `DEFAULT of column "${column.name}" (of table ${place}) is not supported in this version`, {hint: 'leave it out and INSERT the value'});
  }
  const storage: TableStorage = declared.primaryKey.length > 0 ? 'keyed' : table.options['append-only']?.toLowerCase() === 'false' ? 'bag' : 'append';
  return build(table, storage, declared.columns, declared.primaryKey, [], undefined);
}

/** What a dynamic table is made of. */
export interface NewDynamicTable extends NewTable {
  readonly columns: readonly BoundColumn[];
  /** Names of a key that the definition provably has, or null. */
  readonly provableKey: readonly string[] | null;
  /** The key that the user stated; it must hold all columns of a provable key. */
  readonly declaredKey?: readonly string[] | undefined;
  /** Inputs only ever add rows and so does the definition. */
  readonly appendOnly: boolean;
  /** Hidden columns that its operators keep in it, named `_mr_…`. */
  readonly extraHidden: readonly {readonly name: string; readonly type: LogicalType; readonly nullable: boolean}[];
  readonly definition: Definition;
}

/**
 * A dynamic table: keyed by the declared or the provable key, else append if nothing is ever taken back, else a bag. A provable
 * key that cannot be a stored key (DOUBLE …) makes a bag.
 *
 * @throws {WarehouseError} as createTableSpec; `MR_KEY_NOT_PROVABLE` when the stated key cannot be relied on.
 */
export function createDynamicTableSpec(table: NewDynamicTable): TableSpec {
  const {provableKey, declaredKey} = table;
  let key = provableKey ?? [];
  if (declaredKey !== undefined) {
    key = declaredKey.map((name) => requireColumn(table, name));
    const folded = new Set(key.map((name) => name.toLowerCase()));
    const unique = provableKey !== null && provableKey.every((name) => folded.has(name.toLowerCase()));
    if (!unique) {
      const proven = provableKey === null ? 'none' : `(${provableKey.join(', ')})`;
      throw new WarehouseError('invalid', 'MR_KEY_NOT_PROVABLE', `expected a key that the query provably has (${proven}), found PRIMARY KEY (${declaredKey.join(', ')}) of "${table.schema}.${table.name}"`,
        {hint: 'leave PRIMARY KEY out, or make it one: GROUP BY these columns, or keep one row of each with QUALIFY row_number() OVER (PARTITION BY …) = 1'});
    }
  } else if (!key.every((name) => keyable(table.columns.find((column) => column.name === name)?.type))) key = [];
  const storage: TableStorage = key.length > 0 ? 'keyed' : table.appendOnly ? 'append' : 'bag';
  return build(table, storage, table.columns, key, table.extraHidden, table.definition);
}

const rowColumn = `${RESERVED_PREFIX}row`, copyColumn = `${RESERVED_PREFIX}copy`;

function build(table: NewTable, storage: TableStorage, columns: readonly BoundColumn[], key: readonly string[], extraHidden: NewDynamicTable['extraHidden'], definition: Definition | undefined): TableSpec {
  const place = `table "${table.schema}.${table.name}"`;
  checkTableName(table.name);
  checkColumnNames(columns.map((column) => column.name), place);
  checkTableOptions(table.options, storage);
  const keyIndexes = key.map((name) => columns.findIndex((column) => column.name.toLowerCase() === name.toLowerCase()));
  const specs: ColumnSpec[] = columns.map((column, id) => {
    const inKey = keyIndexes.includes(id);
    const type = storedType(column, place);
    if (inKey && !keyable(type)) {
      throw new WarehouseError('invalid', 'MR_KEY_TYPE', `expected a key of whole numbers, DECIMAL, text, dates, times or BOOLEAN, found "${column.name}" ${typeText(type)} in the key of ${place}`,
        {hint: type.kind === 'blob' ? 'keep its hash or its hex text as the key' : 'declare the column as DECIMAL'});
    }
    const comment = 'comment' in column && typeof column.comment === 'string' ? {comment: column.comment} : {};
    return {id, name: column.name, type, nullable: column.nullable && !inKey, hidden: false, ...comment};
  });
  const hide = (name: string, type: LogicalType, nullable: boolean): number => specs.push({id: specs.length, name, type, nullable, hidden: true}) - 1;
  for (const column of extraHidden) hide(column.name, column.type, column.nullable);
  const keyOf = storage === 'bag' ? [hide(rowColumn, {kind: 'bigint'}, false), hide(copyColumn, {kind: 'integer'}, false)] : keyIndexes;
  return {
    id: table.id, schema: table.schema, name: table.name, storage, key: keyOf, columns: specs, options: {...table.options}, schemaId: 0, createdMs: table.createdMs,
    ...(definition === undefined ? {} : {definition}), ...(table.comment === undefined ? {} : {comment: table.comment}),
  };
}

function requireColumn(table: NewDynamicTable, name: string): string {
  const found = table.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found.name;
  const names = table.columns.map((column) => column.name);
  throw new WarehouseError('invalid', 'MR_UNKNOWN_COLUMN', `expected a column of "${table.schema}.${table.name}", found "${name}" in PRIMARY KEY`, {hint: didYouMean(name, names) ?? `its columns are ${names.join(', ')}`});
}

/** Keys are hashed and compared as bytes across engines: no type whose equal values have several forms, none without an order in them. */
function keyable(type: LogicalType | undefined): boolean {
  return type !== undefined && type.kind !== 'float' && type.kind !== 'double' && type.kind !== 'blob';
}

function storedType(column: BoundColumn, place: string): LogicalType {
  if (column.type !== undefined) return column.type;
  const cast = castFor(column.typeText);
  throw new WarehouseError('invalid', 'MR_TYPE_UNSTORABLE', `expected a type that can be stored, found ${column.typeText} for column "${column.name}" of ${place}`,
    {hint: `${cast.why}${cast.type === undefined ? '' : `: use ${cast.type}, in a query CAST(… AS ${cast.type})`}`});
}

function castFor(text: string): {readonly why: string; readonly type?: string} {
  const upper = text.toUpperCase();
  const simple: Readonly<Record<string, string>> = {
    HUGEINT: 'DECIMAL(38,0)', UHUGEINT: 'DECIMAL(38,0)', UBIGINT: 'DECIMAL(20,0)', UINTEGER: 'BIGINT', USMALLINT: 'INTEGER', UTINYINT: 'SMALLINT', BIGNUM: 'DECIMAL(38,0)',
    TIME: 'VARCHAR', 'TIME WITH TIME ZONE': 'VARCHAR', TIME_NS: 'VARCHAR', INTERVAL: 'VARCHAR', UUID: 'VARCHAR', JSON: 'VARCHAR', BIT: 'VARCHAR', VARIANT: 'VARCHAR', TIMESTAMP_S: 'TIMESTAMP', TIMESTAMP_MS: 'TIMESTAMP', TIMESTAMP_NS: 'TIMESTAMP',
    '"NULL"': 'VARCHAR', NULL: 'VARCHAR',
  };
  const type = simple[upper] ?? (upper.startsWith('ENUM') ? 'VARCHAR' : undefined);
  if (type !== undefined) return {why: 'Paimon has no such type', type};
  return {why: 'nested values are not stored in this version: give each part a column of its own, or keep it as JSON text', type: 'VARCHAR'};
}
