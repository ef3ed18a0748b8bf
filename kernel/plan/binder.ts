/**
 * Binds text against the catalog: a scratch DuckDB instance without rows or files that mirrors schemas and tables (visible columns,
 * stored types) and knows our macros. Names, types, overloads and errors are DuckDB's; what comes out is our operator tree.
 *
 * Text is never executed here, but for CREATE TABLE, in an instance of its own and in a transaction that is rolled back.
 */
import {WarehouseError} from '../../base/error.ts';
import {typeText, type LogicalType} from '../../base/type.ts';
import {Kernel} from '../duckdb.ts';
import {macroStatements} from '../macros.ts';
import {quoteIdentifier} from '../quote.ts';
import type {Session} from '../session.ts';
import {readCreateTable, type CreateTableText} from './create-table.ts';
import {lowerPlan} from './lower.ts';
import {serializePlan, serializeStatements} from './serialize.ts';
import type {PlanColumn, PlanNode, PlanType} from './tree.ts';
import {tablesOf, type Stability} from './walk.ts';

export interface BoundSelect {
  readonly tree: PlanNode;
  /** Output columns: names as DuckDB would show them (not necessarily unique), types as bound. */
  readonly columns: readonly PlanColumn[];
  /** Base tables that are read, each once. */
  readonly tables: readonly {readonly schema: string; readonly name: string}[];
}

export interface BinderColumn {readonly name: string; readonly type: LogicalType; readonly nullable: boolean}

/** Memory of a scratch instance: it holds no rows. */
const scratchMemoryBytes = 64 << 20;

export class Binder implements AsyncDisposable {
  readonly #kernel: Kernel;
  readonly #session: Session;
  readonly #stabilities: ReadonlyMap<string, Stability>;
  readonly #schemas = new Set<string>(['main']);
  /** Where CREATE TABLE is tried; opened when the first comes. */
  #sheet: Promise<{kernel: Kernel; session: Session}> | null = null;

  private constructor(kernel: Kernel, session: Session, stabilities: ReadonlyMap<string, Stability>) {
    this.#kernel = kernel;
    this.#session = session;
    this.#stabilities = stabilities;
  }

  static async open(): Promise<Binder> {
    const {kernel, session} = await openScratch();
    try {
      return new Binder(kernel, session, await readStabilities(session));
    } catch (cause) {
      await kernel.close();
      throw cause;
    }
  }

  async createSchema(name: string): Promise<void> {
    await this.#session.run(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(name)}`);
    this.#schemas.add(name);
  }

  async dropSchema(name: string): Promise<void> {
    await this.#session.run(`DROP SCHEMA ${quoteIdentifier(name)}`);
    this.#schemas.delete(name);
  }

  /** @param columns the visible columns, in the table's order: positions in `get` nodes count them. */
  async createTable(schema: string, name: string, columns: readonly BinderColumn[]): Promise<void> {
    const list = columns.map(column => `${quoteIdentifier(column.name)} ${typeText(column.type)}${column.nullable ? '' : ' NOT NULL'}`);
    await this.#session.run(`CREATE TABLE ${quoteIdentifier(schema)}.${quoteIdentifier(name)} (${list.join(', ')})`);
  }

  async dropTable(schema: string, name: string): Promise<void> {
    await this.#session.run(`DROP TABLE ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`);
  }

  /**
   * @throws {WarehouseError} `MR_SQL` with DuckDB's own text and position; the same for anything but one SELECT;
   *   `MR_PLAN_UNSUPPORTED` naming what has no operator.
   */
  async bindSelect(sql: string): Promise<BoundSelect> {
    const statements = await serializeStatements(this.#session, sql);
    if (statements.length !== 1) throw new WarehouseError('invalid', 'MR_SQL', `expected one SELECT, found ${statements.length} statements`);
    if (statements[0]!.named_param_map.length > 0) throw new WarehouseError('invalid', 'MR_SQL', 'a parameter stands where a value is needed', {hint: 'write the value itself: a definition has no parameters'});
    const tree = lowerPlan(await serializePlan(this.#session, sql));
    // Names of the result are not in the plan.
    const {rows} = await this.#session.rows(`DESCRIBE ${sql}`);
    const columns = rows.map((row, i): PlanColumn => ({name: String(row[0]), type: tree.columns[i]!.type}));
    return {tree, columns, tables: tablesOf(tree).map(({schema, table}) => ({schema, name: table}))};
  }

  /**
   * @param from the table whose columns the expressions may name; without it they are constant.
   * @returns the type of each expression.
   * @throws {WarehouseError} as `bindSelect` does.
   */
  async expressionTypes(expressions: readonly string[], from?: {readonly schema: string; readonly name: string}): Promise<PlanType[]> {
    const list = expressions.map(expression => `(${expression}\n)`).join(', ');
    const source = from === undefined ? '' : ` FROM ${quoteIdentifier(from.schema)}.${quoteIdentifier(from.name)}`;
    return (await this.bindSelect(`SELECT ${list}${source}`)).columns.map(column => column.type);
  }

  /** How long a function's answer stays the same; an unknown function is volatile. */
  stability(functionName: string): Stability {
    return this.#stabilities.get(functionName.toLowerCase()) ?? 'volatile';
  }

  /**
   * Reads the columns and the primary key of a plain CREATE TABLE (no AS, no TEMP).
   *
   * @throws {WarehouseError} `MR_SQL` with DuckDB's text; `MR_CREATE_TABLE_UNSUPPORTED` (invalid) for generated columns and for
   *   constraints other than NOT NULL and PRIMARY KEY.
   */
  async readCreateTable(sql: string): Promise<CreateTableText> {
    this.#sheet ??= openScratch();
    const {session} = await this.#sheet;
    return readCreateTable(session, sql, [...this.#schemas]);
  }

  /** Twice is fine. */
  async close(): Promise<void> {
    await this.#kernel.close();
    const sheet = await this.#sheet;
    await sheet?.kernel.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function openScratch(): Promise<{kernel: Kernel; session: Session}> {
  const kernel = await Kernel.open({threads: 1, memoryBytes: scratchMemoryBytes, allowedDirectories: [], lockSettings: true});
  try {
    const session = await kernel.connect();
    for (const statement of macroStatements) await session.run(statement);
    return {kernel, session};
  } catch (cause) {
    await kernel.close();
    throw cause;
  }
}

/** The least stable overload speaks for a name. */
async function readStabilities(session: Session): Promise<Map<string, Stability>> {
  const {rows} = await session.rows("SELECT lower(function_name), max(CASE stability WHEN 'VOLATILE' THEN 2 WHEN 'CONSISTENT_WITHIN_QUERY' THEN 1 ELSE 0 END) FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate') GROUP BY ALL");
  const ranks = ['consistent', 'consistent-within-query', 'volatile'] as const;
  const stabilities = new Map<string, Stability>(rows.map(([name, rank]) => [String(name), ranks[Number(rank)]!]));
  // Window functions are not in DuckDB's list; they answer from the window's rows alone.
  for (const name of windowFunctions) stabilities.set(name, 'consistent');
  // DuckDB calls it volatile so that it is not folded away; it gives no answer that could change. Scalar subqueries call it.
  stabilities.set('error', 'consistent');
  return stabilities;
}

const windowFunctions = ['row_number', 'rank', 'dense_rank', 'ntile', 'percent_rank', 'cume_dist', 'lag', 'lead', 'first_value', 'last_value', 'nth_value', 'fill'] as const;
