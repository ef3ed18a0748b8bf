/** Reads a plain CREATE TABLE by letting DuckDB execute it where it leaves no trace. */
import {WarehouseError} from '../../base/error.ts';
import {quoteIdentifier} from '../quote.ts';
import type {Session} from '../session.ts';
import {parsePlanJson} from './plan-json.ts';
import {serializePlan} from './serialize.ts';

/** What a CREATE TABLE says. */
export interface CreateTableText {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly {
    readonly name: string;
    /** DuckDB's text of the type, e.g. `DECIMAL(12,2)`; may be one that cannot be stored. */
    readonly type: string;
    readonly nullable: boolean;
    /** SQL of the default, null if none. */
    readonly default: string | null;
  }[];
  /** Names of the key's columns in key order; empty without PRIMARY KEY. */
  readonly primaryKey: readonly string[];
}

/**
 * @param session of an instance without tables; `schemas` are made to exist there.
 * @throws {WarehouseError} `MR_SQL` with DuckDB's text, or where it is no plain CREATE TABLE; `MR_CREATE_TABLE_UNSUPPORTED`.
 */
export async function readCreateTable(session: Session, sql: string, schemas: readonly string[]): Promise<CreateTableText> {
  await session.run('BEGIN');
  try {
    for (const schema of schemas) await session.run(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`);
    await expectPlainCreateTable(session, sql);
    await session.run(sql);
    return await readTable(session);
  } finally {
    await session.run('ROLLBACK');
  }
}

/** The statement's plan says what it is without running it. */
async function expectPlainCreateTable(session: Session, sql: string): Promise<void> {
  const plan = parsePlanJson(await serializePlan(session, sql)) as {plans?: {type: string; children: unknown[]; info?: {temporary?: boolean; columns?: {columns?: {name: string; category: string}[]}}}[]};
  const [create, ...more] = plan.plans ?? [];
  if (create === undefined || more.length > 0 || create.type !== 'LOGICAL_CREATE_TABLE') {
    throw new WarehouseError('invalid', 'MR_SQL', `expected one CREATE TABLE, found ${create === undefined ? 'nothing' : more.length > 0 ? `${more.length + 1} statements` : create.type.replace('LOGICAL_', '')}`);
  }
  if (create.children.length > 0) throw new WarehouseError('invalid', 'MR_CREATE_TABLE_UNSUPPORTED', 'CREATE TABLE AS SELECT is not supported', {hint: 'CREATE DYNAMIC TABLE … AS SELECT … keeps the result up to date; or CREATE TABLE with columns, then INSERT'});
  if (create.info?.temporary === true) throw new WarehouseError('invalid', 'MR_CREATE_TABLE_UNSUPPORTED', 'temporary tables are not supported');
  const generated = create.info?.columns?.columns?.find(column => column.category !== 'STANDARD');
  if (generated !== undefined) {
    throw new WarehouseError('invalid', 'MR_CREATE_TABLE_UNSUPPORTED', `column "${generated.name}" is generated, which is not supported`, {hint: 'compute it in a dynamic table over this one'});
  }
}

async function readTable(session: Session): Promise<CreateTableText> {
  const {rows: [table]} = await session.rows('SELECT schema_name, table_name FROM duckdb_tables()');
  const {rows: columns} = await session.rows('SELECT column_name, data_type, is_nullable, column_default FROM duckdb_columns() WHERE NOT internal ORDER BY column_index');
  const {rows: constraints} = await session.rows("SELECT constraint_type, constraint_text, to_json(constraint_column_names) FROM duckdb_constraints() WHERE constraint_type <> 'NOT NULL'");
  let primaryKey: readonly string[] = [];
  for (const [type, text, names] of constraints) {
    if (type !== 'PRIMARY KEY') throw new WarehouseError('invalid', 'MR_CREATE_TABLE_UNSUPPORTED', `the constraint ${String(text)} is not supported`, {hint: 'tables take NOT NULL and PRIMARY KEY'});
    primaryKey = JSON.parse(String(names)) as string[];
  }
  return {
    schema: String(table![0]), name: String(table![1]), primaryKey,
    columns: columns.map(([name, type, nullable, defaultText]) => ({name: String(name), type: String(type), nullable: nullable === true, default: defaultText === null ? null : String(defaultText)})),
  };
}
