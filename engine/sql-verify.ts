/**
 * VERIFY: the definition's text, run by DuckDB as a batch query over the inputs at one epoch, against the maintained table, EXCEPT
 * ALL both ways. Both sides are read cold. The text that was run is part of the answer.
 */
import {WarehouseError} from '../base/error.ts';
import type {Row} from '../base/value.ts';
import {typeText} from '../base/type.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {TableName} from '../kernel/statement/parse.ts';
import {gateSelect} from '../query/gate.ts';
import type {PinnedRead} from '../query/live.ts';
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
    try {
      for (const table of tables) rows.push(await verifyTable(context, read, table, cold));
    } finally {
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
    names.set(`${input.schema}.${input.name}`, await cold.view(input));
  }
  const own = `SELECT ${kept} FROM ${await cold.view(table)}`;
  const {sql} = await gateSelect(read.session, table.definition!.sql, definitionContext(context, (input) => names.get(`${input.schema}.${input.name}`)!));
  const aliases = visible.map((_, index) => `c${index}`);
  // The type that a layer stores is the type that the next layer and the oracle see.
  const oracle = `SELECT ${visible.map((column, index) => `CAST(c${index} AS ${typeText(column.type)}) AS ${quoteIdentifier(column.name)}`).join(', ')} FROM (${sql}) AS o(${aliases.join(', ')})`;
  const answer = await read.session.rows(`WITH own AS MATERIALIZED (${own}), oracle AS MATERIALIZED (${oracle}) SELECT (SELECT count(*) FROM own), (SELECT count(*) FROM (FROM oracle EXCEPT ALL FROM own)), (SELECT count(*) FROM (FROM own EXCEPT ALL FROM oracle))`);
  const [count, missing, unexpected] = answer.rows[0]!;
  return {table: `${table.schema}.${table.name}`, epoch: BigInt(read.epoch), rows: count!, missing: missing!, unexpected: unexpected!, equal: missing === 0n && unexpected === 0n, oracle: table.definition!.sql};
}

/** Each table's cold content as a temporary table of the session, read from disk once. */
class ColdViews {
  readonly #context: StatementContext;
  readonly #read: PinnedRead;
  readonly #made = new Map<number, string>();

  constructor(context: StatementContext, read: PinnedRead) {
    this.#context = context;
    this.#read = read;
  }

  async view(table: TableSpec): Promise<string> {
    const known = this.#made.get(table.id);
    if (known !== undefined) return known;
    const name = `temp.main.mr_cold_t${table.id}`;
    const visible = table.columns.filter((column) => !column.hidden).map((column) => quoteIdentifier(column.name)).join(', ');
    await this.#read.session.run(`CREATE TEMP TABLE mr_cold_t${table.id} AS SELECT ${visible} FROM (${await this.#context.host.cold(table, this.#read)})`);
    this.#made.set(table.id, name);
    return name;
  }

  async drop(): Promise<void> {
    for (const name of this.#made.values()) await this.#read.session.run(`DROP TABLE IF EXISTS ${name}`).catch(() => undefined);
  }
}
