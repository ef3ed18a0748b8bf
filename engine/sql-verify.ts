/**
 * VERIFY: the definition's text, run by DuckDB as a batch query over the inputs at one epoch, against the maintained table, EXCEPT
 * ALL both ways. Both sides are read cold. The text that was run is part of the answer.
 */
import {WarehouseError} from '../base/error.ts';
import type {Row} from '../base/value.ts';
import {typeText} from '../base/type.ts';
import {boundColumns} from '../catalog/evolve-inputs.ts';
import {formAt} from '../catalog/forms.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {TableName} from '../kernel/statement/parse.ts';
import {gateSelect} from '../query/gate.ts';
import type {PinnedRead} from '../query/pinned-read.ts';
import type {Result} from './api.ts';
import {withDeadline} from './deadline.ts';
import {requireTable} from './lookup.ts';
import type {StatementContext} from './statement-context.ts';
import {definitionContext} from './sql-query.ts';
import {statementMsMax} from '../base/limit.ts';

const columns = [
  {name: 'table', type: 'VARCHAR'}, {name: 'epoch', type: 'BIGINT'}, {name: 'rows', type: 'BIGINT'},
  {name: 'missing', type: 'BIGINT'}, {name: 'unexpected', type: 'BIGINT'}, {name: 'equal', type: 'BOOLEAN'}, {name: 'oracle', type: 'VARCHAR'},
];

export async function verify(context: StatementContext, name: TableName | undefined): Promise<Result> {
  const {catalog, live} = context.host;
  const tables = name === undefined ? catalog.dependencyOrder().filter((table) => table.definition !== undefined) : [requireTable(catalog, name)];
  for (const table of tables) {
    if (table.definition === undefined) throw new WarehouseError('invalid', 'MR_WRONG_KIND', `${table.schema}.${table.name} is no dynamic table`, {hint: 'VERIFY compares a dynamic table with its definition run in batch'});
  }
  return live.read((read) => withDeadline(read.session, context.options.deadlineMs ?? 10 * statementMsMax, context.options.signal, async () => {
    const cold = new ColdViews(context, read);
    const rows: Row[] = [];
    const release = await context.host.past.hold(read.epoch, 'moment');
    try {
      for (const table of tables) rows.push(await verifyTable(context, read, table, cold));
    } finally {
      release();
      await cold.drop();
    }
    return {columns, rows, epoch: read.epoch, tag: 'VERIFY'};
  }));
}

async function verifyTable(context: StatementContext, read: PinnedRead, table: TableSpec, cold: ColdViews): Promise<Row> {
  const visible = table.columns.filter((column) => !column.hidden);
  const kept = visible.map((column) => quoteIdentifier(column.name)).join(', ');
  const names = new Map<string, string>();
  for (const id of table.definition!.inputs) {
    const input = context.host.catalog.byId(id)!;
    names.set(`${input.schema}.${input.name}`, await cold.input(table, input));
  }
  const own = `SELECT ${kept} FROM ${await cold.view(table)}`;
  const {sql} = await gateSelect(read.session, table.definition!.sql, definitionContext(context, (input) => names.get(`${input.schema}.${input.name}`)!));
  const aliases = visible.map((_, index) => `c${index}`);
  // The type that a layer stores is the type that the next layer and the oracle see.
  const oracle = `SELECT ${visible.map((column, index) => `CAST(c${index} AS ${typeText(column.type)}) AS ${quoteIdentifier(column.name)}`).join(', ')} FROM (${sql}) AS o(${aliases.join(', ')})`;
  // A sum of doubles depends on the order of its rows, in DuckDB too: such columns are compared within a bound, all others bit for bit.
  const doubles = visible.flatMap((column, index) => (column.type.kind === 'double' || column.type.kind === 'float' ? [index] : []));
  const answer = await read.session.rows(`WITH own AS MATERIALIZED (${own}), oracle AS MATERIALIZED (${oracle}) SELECT (SELECT count(*) FROM own), (SELECT count(*) FROM (FROM oracle EXCEPT ALL FROM own)), (SELECT count(*) FROM (FROM own EXCEPT ALL FROM oracle))`);
  let [count, missing, unexpected] = answer.rows[0]!;
  if (doubles.length > 0 && (missing !== 0n || unexpected !== 0n)) [missing, unexpected] = await withinBound(read, own, oracle, visible.map((column) => quoteIdentifier(column.name)), doubles);
  return {table: `${table.schema}.${table.name}`, epoch: BigInt(read.epoch), rows: count!, missing: missing!, unexpected: unexpected!, equal: missing === 0n && unexpected === 0n, oracle: table.definition!.sql};
}

/** Each table's cold content as a temporary table of the session, read from disk once. */
/**
 * Compares two relations whose DOUBLE columns may differ by rounding: rows are paired by their other columns, in the order of the
 * doubles, and a pair differs if a double is off by more than 2⁻³⁰ of itself and 2⁻⁴⁰ of the largest of its column.
 */
async function withinBound(read: PinnedRead, own: string, oracle: string, columns: readonly string[], doubles: readonly number[]): Promise<[bigint, bigint]> {
  const names = doubles.map((index) => columns[index]!);
  const exact = columns.filter((_, index) => !doubles.includes(index));
  const ranked = (sql: string): string => `SELECT *, row_number() OVER (PARTITION BY ${[...exact, 'true'].join(', ')} ORDER BY ${names.join(', ')}) AS mr_rank FROM (${sql})`;
  const same = [...exact.map((column) => `a.${column} IS NOT DISTINCT FROM b.${column}`), 'a.mr_rank = b.mr_rank'].join(' AND ');
  const near = names.map((column) => `(a.${column} IS NOT DISTINCT FROM b.${column} OR abs(a.${column} - b.${column}) <= 1e-9 * greatest(abs(a.${column}), abs(b.${column})) + 1e-12 * (SELECT coalesce(max(abs(${column})) FILTER (WHERE isfinite(${column})), 0) FROM oracle))`).join(' AND ');
  const {rows} = await read.session.rows(`WITH own AS MATERIALIZED (${ranked(own)}), oracle AS MATERIALIZED (${ranked(oracle)})
    SELECT count(*) FILTER (WHERE b.mr_rank IS NULL OR (a.mr_rank IS NOT NULL AND NOT (${near}))), count(*) FILTER (WHERE a.mr_rank IS NULL OR (b.mr_rank IS NOT NULL AND NOT (${near}))) FROM oracle a FULL JOIN own b ON ${same}`);
  const [missing, unexpected] = rows[0]!;
  return [missing as bigint, unexpected as bigint];
}

class ColdViews {
  readonly #context: StatementContext;
  readonly #read: PinnedRead;
  readonly #made = new Map<number, string>();
  readonly #views: string[] = [];

  constructor(context: StatementContext, read: PinnedRead) {
    this.#context = context;
    this.#read = read;
  }

  async view(table: TableSpec): Promise<string> {
    const known = this.#made.get(table.id);
    if (known !== undefined) return known;
    const name = `temp.main.mr_cold_t${table.id}`;
    table = formAt(table, this.#read.epoch);
    const visible = table.columns.filter((column) => !column.hidden).map((column) => quoteIdentifier(column.name)).join(', ');
    const bound: string[] = [];
    try {
      await this.#read.session.run(`CREATE TEMP TABLE mr_cold_t${table.id} AS SELECT ${visible} FROM (${await this.#context.host.cold(table, this.#read.epoch, this.#read.session, bound)})`);
    } finally {
      for (const relation of bound) this.#read.session.unbindRelation(relation);
    }
    this.#made.set(table.id, name);
    return name;
  }

  /** @returns an input with the columns that the definition means: those that it had when the definition was made, by their names of then. */
  async input(reader: TableSpec, table: TableSpec): Promise<string> {
    const content = await this.view(table);
    if (reader.definition?.bound?.some((bound) => bound.table === table.id) !== true) return content;
    const form = formAt(table, this.#read.epoch);
    const columns = boundColumns(reader, table).map(({id, name, type}) => {
      const now = form.columns.find((column) => column.id === id);
      return `${now === undefined ? `CAST(NULL AS ${typeText(type)})` : quoteIdentifier(now.name)} AS ${quoteIdentifier(name)}`;
    });
    const name = `mr_cold_t${table.id}_${reader.id}`;
    await this.#read.session.run(`CREATE TEMP VIEW ${name} AS SELECT ${columns.join(', ')} FROM ${content}`);
    this.#views.push(name);
    return `temp.main.${name}`;
  }

  async drop(): Promise<void> {
    for (const name of this.#views) await this.#read.session.run(`DROP VIEW IF EXISTS temp.main.${name}`).catch(() => undefined);
    for (const name of this.#made.values()) await this.#read.session.run(`DROP TABLE IF EXISTS ${name}`).catch(() => undefined);
  }
}
