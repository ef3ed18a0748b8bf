/**
 * The statements a warehouse understands, as parsed. Bodies (SELECT texts, expressions, column definitions) stay DuckDB text:
 * this shell only cuts them out. What is recognised but not done in this version never becomes a statement: it is refused by name.
 */
import type {SqlText, TableName} from './cursor.ts';
import type {Span} from './place.ts';

/** WITH (…) as written: names in lower case, values as text. */
export type StatementOptions = Readonly<Record<string, string>>;

export type ShowWhat = 'schemas' | 'tables' | 'dynamic tables' | 'columns' | 'jobs' | 'settings' | 'create table' | 'subscriptions' | 'tags' | 'warming';

export type Statement = {readonly span: Span} & (
  /** SELECT, WITH, VALUES, FROM-first, TABLE, DESCRIBE SELECT, SUMMARIZE: one SELECT to DuckDB, to be gated. */
  | {readonly kind: 'select'; readonly select: SqlText}
  | InsertStatement
  | UpdateStatement
  | DeleteStatement
  | {readonly kind: 'create-schema'; readonly name: string; readonly ifNotExists: boolean}
  | {readonly kind: 'drop-schema'; readonly name: string; readonly ifExists: boolean}
  | CreateTableStatement
  | AlterTableStatement
  | {readonly kind: 'drop-table'; readonly table: TableName; readonly ifExists: boolean}
  | {readonly kind: 'drop-dynamic-table'; readonly table: TableName; readonly ifExists: boolean}
  | CreateDynamicTableStatement
  /** No `at`: the newest epoch, made a checkpoint. `retainMs` undefined: until it is dropped. */
  | {readonly kind: 'create-tag'; readonly name: string; readonly ifNotExists: boolean; readonly at: {readonly epoch: number} | {readonly time: string} | undefined; readonly retainMs: number | undefined}
  | {readonly kind: 'drop-tag'; readonly name: string; readonly ifExists: boolean}
  | {readonly kind: 'create-subscription'; readonly name: string; readonly ifNotExists: boolean; readonly tables: readonly TableName[]; readonly from: 'snapshot' | 'latest' | number; readonly options: StatementOptions}
  | {readonly kind: 'drop-subscription'; readonly name: string; readonly ifExists: boolean}
  /** `rows` undefined: as many as is usual. `waitMs`: how long to wait for a first change. */
  | {readonly kind: 'fetch'; readonly name: string; readonly rows: number | undefined; readonly waitMs: number; readonly consumer: string | undefined}
  | {readonly kind: 'commit-subscription'; readonly name: string; readonly epoch: number; readonly consumer: string | undefined}
  | {readonly kind: 'begin'; readonly readOnly: boolean}
  | {readonly kind: 'commit'}
  | {readonly kind: 'rollback'}
  /** `value` undefined = RESET. Values are text, checked against settings.ts. */
  | {readonly kind: 'set'; readonly name: string; readonly value: string | undefined}
  | {readonly kind: 'show'; readonly what: ShowWhat; /** of tables, dynamic tables */ readonly schema: string | undefined; /** of columns, create table */ readonly table: TableName | undefined}
  | {readonly kind: 'describe'; readonly table: TableName}
  | {readonly kind: 'explain-incremental'; readonly select: SqlText | undefined; readonly table: TableName | undefined}
  | {readonly kind: 'explain'; readonly analyze: boolean; readonly select: SqlText}
  /** No table = VERIFY ALL. */
  | {readonly kind: 'verify'; readonly table: TableName | undefined}
  | {readonly kind: 'wait-for-epoch'; readonly epoch: number}
  | {readonly kind: 'checkpoint'}
  /** OPTIMIZE t, COMPACT TABLE t. */
  | {readonly kind: 'optimize'; readonly table: TableName}
);

/** Several rows of one key: the last wins. */
export interface InsertStatement {
  readonly kind: 'insert';
  readonly span: Span;
  readonly table: TableName;
  /** As written; undefined = all visible columns in order. */
  readonly columns: readonly string[] | undefined;
  /** INSERT … BY NAME: columns are those of the source. */
  readonly byName: boolean;
  readonly source: SqlText;
  /** The source is `VALUES (…), (…)` and nothing else. */
  readonly literalRows: boolean;
}

export interface Assignment {
  readonly column: string;
  readonly expression: SqlText;
}

export interface UpdateStatement {
  readonly kind: 'update';
  readonly span: Span;
  readonly table: TableName;
  readonly alias: string | undefined;
  readonly assignments: readonly Assignment[];
  readonly from: SqlText | undefined;
  readonly where: SqlText | undefined;
}

export interface DeleteStatement {
  readonly kind: 'delete';
  readonly span: Span;
  readonly table: TableName;
  readonly alias: string | undefined;
  readonly using: SqlText | undefined;
  readonly where: SqlText | undefined;
}

export interface CreateTableStatement {
  readonly kind: 'create-table';
  readonly span: Span;
  readonly table: TableName;
  readonly ifNotExists: boolean;
  /** What stood between the brackets, in plain DuckDB form: `CREATE TABLE x (<columns>)` is DuckDB's own statement. */
  readonly columns: SqlText;
  /** Of a table or column constraint; empty when there is none. Names as written. */
  readonly primaryKey: readonly string[];
  /** Names as written; empty without PARTITIONED BY. */
  readonly partitionedBy: readonly string[];
  readonly options: StatementOptions;
}

/** ALTER TABLE and COMMENT ON: changes of one table, in order, all of them in one epoch. */
export interface AlterTableStatement {
  readonly kind: 'alter-table';
  readonly span: Span;
  readonly table: TableName;
  readonly ifExists: boolean;
  readonly changes: readonly AlterChange[];
}

/** Where a column stands: before all others, or behind one. */
export type ColumnPlace = {readonly first: true} | {readonly after: string};

export type AlterChange =
  /** `definition` is the column as CREATE TABLE would have it, in DuckDB's text. */
  | {readonly kind: 'add-column'; readonly name: string; readonly definition: SqlText; readonly ifNotExists: boolean; readonly place: ColumnPlace | undefined; readonly comment: string | undefined}
  | {readonly kind: 'drop-column'; readonly name: string; readonly ifExists: boolean}
  | {readonly kind: 'rename-column'; readonly name: string; readonly to: string}
  | {readonly kind: 'set-type'; readonly name: string; readonly type: SqlText}
  | {readonly kind: 'move-column'; readonly name: string; readonly place: ColumnPlace}
  | {readonly kind: 'drop-not-null'; readonly name: string}
  | {readonly kind: 'comment-column'; readonly name: string; readonly comment: string | undefined}
  | {readonly kind: 'comment-table'; readonly comment: string | undefined}
  | {readonly kind: 'set-options'; readonly options: StatementOptions};

export interface CreateDynamicTableStatement {
  readonly kind: 'create-dynamic-table';
  readonly span: Span;
  readonly table: TableName;
  readonly ifNotExists: boolean;
  /** The key that the user states; undefined = the provable one. */
  readonly primaryKey: readonly string[] | undefined;
  /** Names as written; empty without PARTITIONED BY. */
  readonly partitionedBy: readonly string[];
  readonly options: StatementOptions;
  /** The text after AS; `select.span.start` is its place in the script. */
  readonly select: SqlText;
}

export type StatementKind = Statement['kind'];
export type {SqlText, TableName} from './cursor.ts';
