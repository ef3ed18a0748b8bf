/**
 * CREATE as values: checks a wanted schema or table against the rules and the catalog, and gives the record to log. Pure: nothing
 * is changed until the record is applied.
 */
import {WarehouseError} from '../base/error.ts';
import {nestedDepthMax, nestedTypesMax} from '../base/limit.ts';
import {innerTypes, isNested, nestingDepth, parseTypeText, structFieldCount, typeText, type LogicalType} from '../base/type.ts';
import {storedTypeOf} from '../kernel/plan/stored-type.ts';
import type {PlanColumn} from '../kernel/plan/tree.ts';
import {didYouMean, nearestNames} from '../kernel/statement/nearest.ts';
import type {Catalog} from './catalog.ts';
import {checkColumnNames, checkSchemaName, checkTableName} from './names.ts';
import {MAIN_SCHEMA, RESERVED_PREFIX, type ColumnSpec, type DdlRecord, type Definition, type TableId, type TableSpec, type TableStorage} from './spec.ts';
import {checkTableOptions, type TableOptions} from './table-options.ts';

/** What the checks need of a CREATE statement. No schema means `main`. */
export interface NewTable {
  readonly table: {readonly schema: string | undefined; readonly name: string};
  /** Names of the partition columns; none unless given. */
  readonly partitionedBy?: readonly string[];
  readonly options: TableOptions;
}

/** What CREATE TABLE (…) declares, as an instance of DuckDB read it. */
export interface DeclaredTable {
  readonly columns: readonly {
    readonly name: string;
    /** DuckDB's name of the type. */
    readonly type: string;
    readonly nullable: boolean;
    /** SQL of the default, null if none. */
    readonly default: string | null;
    readonly comment?: string;
  }[];
  /** Names of the key columns in key order; empty without PRIMARY KEY. */
  readonly primaryKey: readonly string[];
}

/**
 * @returns the record that makes the schema.
 * @throws {WarehouseError} `MR_BAD_NAME`; `MR_SCHEMA_EXISTS`.
 */
export function createSchemaRecord(catalog: Catalog, name: string): DdlRecord {
  const existing = catalog.findSchema(name);
  if (existing !== undefined) {
    const how = existing === name ? '' : `, which differs from "${existing}" only by case`;
    throw new WarehouseError('invalid', 'MR_SCHEMA_EXISTS', `expected a new schema, found "${name}"${how}`, {hint: 'write IF NOT EXISTS, or choose another name'});
  }
  checkSchemaName(name);
  return {kind: 'create-schema', name};
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
 * @throws {WarehouseError} `MR_UNKNOWN_SCHEMA`, `MR_TABLE_EXISTS`; `MR_BAD_NAME`, `MR_DUPLICATE_COLUMN`; `MR_TYPE_UNSTORABLE`
 *   naming column and cast; `MR_KEY_TYPE`; `MR_UNSUPPORTED` for DEFAULT; as checkTableOptions.
 */
export function createTableSpec(catalog: Catalog, statement: NewTable, declared: DeclaredTable, createdMs: number): TableSpec {
  const place = placeFor(catalog, statement.table);
  const columns = declared.columns.map((column): Column => {
    if (column.default !== null) {
      throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `DEFAULT of column "${column.name}" (of table "${place.schema}.${place.name}") is not supported in this version`, {hint: 'leave it out and INSERT the value'});
    }
    return {name: column.name, type: declaredType(column.type, column.name, place), nullable: column.nullable, ...(column.comment === undefined ? {} : {comment: column.comment})};
  });
  const storage: TableStorage = declared.primaryKey.length > 0 ? 'keyed' : statement.options['append-only']?.toLowerCase() === 'false' ? 'bag' : 'append';
  const key = declared.primaryKey.map((name) => requireColumn(columns, name, place));
  return build(place, {storage, columns, key, partitionedBy: statement.partitionedBy ?? [], extraHidden: [], options: statement.options, createdMs});
}

/** What is known of a dynamic table's rows when its definition is bound and planned. */
export interface BoundDefinition {
  /** Result columns, types as bound; they are stored as storedTypeOf says. */
  readonly columns: readonly PlanColumn[];
  readonly storage: {
    readonly storage: TableStorage;
    /** Result positions of a key that the rows provably have; empty unless keyed. */
    readonly key: readonly number[];
    readonly nullable: readonly boolean[];
  };
  /** Hidden columns that its operators keep in it, named `_mr_…`. */
  readonly extraHidden?: readonly Column[];
  readonly definition: Definition;
}

/**
 * A dynamic table: stored as planned, keyed by the key that was stated or else proven. A proven key that no stored key can be
 * (DOUBLE …) makes a bag.
 *
 * @param statement with the key that the user stated, if any; it must hold all columns of the proven one.
 * @throws {WarehouseError} as createTableSpec; `MR_KEY_NOT_PROVABLE` when the stated key cannot be relied on.
 */
export function createDynamicTableSpec(catalog: Catalog, statement: NewTable & {readonly primaryKey: readonly string[] | undefined}, bound: BoundDefinition, createdMs: number): TableSpec {
  const place = placeFor(catalog, statement.table);
  const {nullable, key: proven} = bound.storage;
  const columns = bound.columns.map((column, i): Column => ({name: column.name, type: storedTypeOf(column.type, column.name), nullable: nullable[i] ?? true}));
  let {storage} = bound.storage;
  let key = proven;
  if (statement.primaryKey !== undefined) {
    key = statement.primaryKey.map((name) => requireColumn(columns, name, place));
    if (storage !== 'keyed' || !proven.every((index) => key.includes(index))) {
      throw notProvable(statement.primaryKey, storage === 'keyed' ? `(${proven.map((index) => columns[index]!.name).join(', ')})` : 'none', place);
    }
    const maybeNull = key.find((index) => columns[index]!.nullable);
    if (maybeNull !== undefined) throw notProvable(statement.primaryKey, `"${columns[maybeNull]!.name}" may be NULL`, place);
  } else if (!key.every((index) => keyable(columns[index]!.type))) {
    storage = 'bag';
    key = [];
  }
  return build(place, {storage, columns, key, partitionedBy: statement.partitionedBy ?? [], extraHidden: bound.extraHidden ?? [], options: statement.options, createdMs, definition: bound.definition});
}

function notProvable(stated: readonly string[], proven: string, place: Place): WarehouseError {
  return new WarehouseError('invalid', 'MR_KEY_NOT_PROVABLE', `expected a key that the query provably has (${proven}), found PRIMARY KEY (${stated.join(', ')}) of "${place.schema}.${place.name}"`,
    {hint: 'leave PRIMARY KEY out, or GROUP BY these columns'});
}

interface Place {
  readonly id: TableId;
  readonly schema: string;
  readonly name: string;
}

interface Column {
  readonly name: string;
  readonly type: LogicalType;
  readonly nullable: boolean;
  readonly comment?: string;
}

interface Parts {
  readonly storage: TableStorage;
  readonly columns: readonly Column[];
  /** Positions in `columns`. */
  readonly key: readonly number[];
  readonly partitionedBy: readonly string[];
  readonly extraHidden: readonly Column[];
  readonly options: TableOptions;
  readonly createdMs: number;
  readonly definition?: Definition;
}

function placeFor(catalog: Catalog, name: {readonly schema: string | undefined; readonly name: string}): Place {
  const schema = requireSchema(catalog, name.schema ?? MAIN_SCHEMA);
  const existing = catalog.find(schema, name.name);
  if (existing !== undefined) {
    const how = existing.name === name.name ? '' : `, which differs from "${existing.name}" only by case`;
    throw new WarehouseError('invalid', 'MR_TABLE_EXISTS', `expected a new table, found "${schema}.${name.name}"${how}`, {hint: 'write IF NOT EXISTS, or choose another name'});
  }
  checkTableName(name.name);
  return {id: catalog.nextTableId, schema, name: name.name};
}

const rowColumn = `${RESERVED_PREFIX}row`, copyColumn = `${RESERVED_PREFIX}copy`;

function build(place: Place, {storage, columns, key, partitionedBy, extraHidden, options, createdMs, definition}: Parts): TableSpec {
  const {id, schema, name} = place;
  checkColumnNames(columns.map((column) => column.name), `table "${schema}.${name}"`);
  const partition = partitionColumns(place, storage, columns, key, partitionedBy);
  checkTableOptions(options, {storage, dynamic: definition !== undefined, columns, key, partition});
  let nextId = 0;
  const takeId = (type: LogicalType): number => {
    const id = nextId;
    nextId += 1 + structFieldCount(type); // the fields of its STRUCTs come behind it
    return id;
  };
  const specs = columns.map((column, index): ColumnSpec => {
    checkNesting(column, `table "${schema}.${name}"`);
    const inKey = key.includes(index);
    if (inKey && !keyable(column.type)) {
      throw new WarehouseError('invalid', 'MR_KEY_TYPE', `expected a key of whole numbers, DECIMAL, text, dates, times or BOOLEAN, found "${column.name}" ${typeText(column.type)} in the key of table "${schema}.${name}"`,
        {hint: isNested(column.type) ? 'make the parts that name a row columns of their own' : column.type.kind === 'blob' ? 'keep its hash or its hex text as the key' : 'declare the column as DECIMAL'});
    }
    return {id: takeId(column.type), ...column, nullable: column.nullable && !inKey, hidden: false};
  });
  const hide = (column: Column): number => specs.push({id: takeId(column.type), ...column, hidden: true}) - 1;
  for (const column of extraHidden) hide(column);
  const keyOf = storage === 'bag' ? [hide({name: rowColumn, type: {kind: 'bigint'}, nullable: false}), hide({name: copyColumn, type: {kind: 'integer'}, nullable: false})] : key;
  return {id, schema, name, storage, key: keyOf, columns: specs, ...(partition.length === 0 ? {} : {partition}), options: {...options}, ...(definition === undefined ? {} : {definition}), schemaId: 0, createdMs};
}

/**
 * @returns positions of the partition columns.
 * @throws {WarehouseError} `MR_PARTITION_KEY` where a key would not lie in one partition, or a partition could not be named.
 */
function partitionColumns(place: Place, storage: TableStorage, columns: readonly Column[], key: readonly number[], names: readonly string[]): number[] {
  const partition = names.map((name) => requireColumn(columns, name, place, 'PARTITIONED BY'));
  const refuse = (found: string, hint: string): WarehouseError => new WarehouseError('invalid', 'MR_PARTITION_KEY', `${found} (PARTITIONED BY of table "${place.schema}.${place.name}")`, {hint});
  for (const [i, index] of partition.entries()) {
    const {name, type, nullable} = columns[index]!;
    if (partition.indexOf(index) !== i) throw refuse(`expected each partition column once, found "${name}" again`, 'name it once');
    if (!keyable(type)) throw refuse(`expected partition columns of whole numbers, DECIMAL, text, dates, times or BOOLEAN, found "${name}" ${typeText(type)}`, 'partition by a column whose values have one form');
    if (storage === 'keyed' && !key.includes(index)) throw refuse(`expected the partition columns in the primary key, found "${name}" outside of it`, `write PRIMARY KEY (…, ${name}): otherwise a row would have to be looked for in every partition`);
    if (storage === 'bag' && nullable) throw refuse(`expected partition columns that are never NULL in a table without key, found "${name}"`, 'declare it NOT NULL, or do not partition by it');
  }
  if (storage === 'keyed' && partition.length > 0 && key.every((index) => partition.includes(index))) throw refuse('expected a key column beside the partition columns, found none', 'partition by fewer columns');
  return partition;
}

function requireColumn(columns: readonly Column[], name: string, place: Place, clause = 'PRIMARY KEY'): number {
  const index = columns.findIndex((column) => column.name.toLowerCase() === name.toLowerCase());
  if (index >= 0) return index;
  const names = columns.map((column) => column.name);
  throw new WarehouseError('invalid', 'MR_UNKNOWN_COLUMN', `expected a column of "${place.schema}.${place.name}", found "${name}" in ${clause}`, {hint: didYouMean(name, names) ?? `its columns are ${names.join(', ')}`});
}

/** Keys are hashed and compared as bytes across engines: no type whose equal values have several forms, none without an order in them. */
function keyable(type: LogicalType): boolean {
  return type.kind !== 'float' && type.kind !== 'double' && type.kind !== 'blob' && !isNested(type);
}

/**
 * Types nest as deep and as wide as limits say, and the names in a STRUCT differ by more than case, as those of columns do.
 *
 * @throws {WarehouseError} `MR_NESTED_LIMIT`, `MR_DUPLICATE_COLUMN`, `MR_BAD_NAME` (invalid).
 */
export function checkNesting({name, type}: {readonly name: string; readonly type: LogicalType}, where: string): void {
  if (!isNested(type)) return;
  const found = `column "${name}" of ${where}`;
  const depth = nestingDepth(type);
  if (depth > nestedDepthMax) {
    throw new WarehouseError('invalid', 'MR_NESTED_LIMIT', `expected a type that nests at most ${nestedDepthMax} deep, found ${depth} in ${found}`, {hint: 'give the inner parts a table of their own'});
  }
  const parts = typeCount(type);
  if (parts > nestedTypesMax) {
    throw new WarehouseError('invalid', 'MR_NESTED_LIMIT', `expected a type of at most ${nestedTypesMax} parts, found ${parts} in ${found}`, {hint: 'give groups of fields columns of their own'});
  }
  checkFieldNames(type, found);
}

function typeCount(type: LogicalType): number {
  return innerTypes(type).reduce((sum, inner) => sum + typeCount(inner), 1);
}

function checkFieldNames(type: LogicalType, where: string): void {
  if (type.kind === 'struct') checkColumnNames(type.fields.map((field) => field.name), `the STRUCT in ${where}`);
  for (const inner of innerTypes(type)) checkFieldNames(inner, where);
}

/** A declared type is stored as it is or refused: a wider one would surprise. @throws {WarehouseError} `MR_TYPE_UNSTORABLE` naming column and cast. */
export function declaredType(text: string, column: string, place: {readonly schema: string; readonly name: string}): LogicalType {
  const type = parseTypeText(text);
  if (type !== undefined) return type;
  const substitute = insteadOf(text);
  throw new WarehouseError('invalid', 'MR_TYPE_UNSTORABLE', `expected a type that can be stored, found ${text} for column "${column}" of table "${place.schema}.${place.name}"`,
    {hint: substitute === undefined ? nestedHint(text) : `declare it as ${substitute}`});
}

/** LIST, STRUCT and MAP are stored if what they hold is: names what is not, as far as it can be told. */
function nestedHint(text: string): string {
  if (/\[\d+\]/.test(text)) return 'an ARRAY of fixed length is not stored: declare a LIST, e.g. INTEGER[]';
  if (text.includes('UNION(')) return 'declare a STRUCT with a field for each member of the UNION';
  const words = text.replaceAll(/"(?:[^"]|"")*"|TIMESTAMP WITH TIME ZONE/g, '').match(/TIME WITH TIME ZONE|[A-Z_]+/g) ?? [];
  const word = words.find((candidate) => instead[candidate] !== undefined);
  return word === undefined ? 'LIST, STRUCT and MAP are stored where what they hold is' : `declare ${instead[word]} in place of ${word}`;
}

const instead: Readonly<Record<string, string>> = {
  HUGEINT: 'DECIMAL(38,0)', UHUGEINT: 'DECIMAL(38,0)', BIGNUM: 'DECIMAL(38,0)', UBIGINT: 'DECIMAL(20,0)', UINTEGER: 'BIGINT', USMALLINT: 'INTEGER', UTINYINT: 'SMALLINT', TIMESTAMP_S: 'TIMESTAMP', TIMESTAMP_MS: 'TIMESTAMP',
  TIMESTAMP_NS: 'TIMESTAMP', TIME: 'VARCHAR', 'TIME WITH TIME ZONE': 'VARCHAR', TIME_NS: 'VARCHAR', INTERVAL: 'VARCHAR', UUID: 'VARCHAR', JSON: 'VARCHAR', BIT: 'VARCHAR', VARIANT: 'VARCHAR', '"NULL"': 'VARCHAR',
};

function insteadOf(text: string): string | undefined {
  return text.startsWith('ENUM(') && !text.endsWith(']') ? 'VARCHAR' : instead[text];
}
