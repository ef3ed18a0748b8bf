/**
 * The laws over a whole warehouse: random tables and views, random DML in the worst order, random cuts into epochs, checkpoints,
 * clean and unclean restarts, tables that change form. After every step
 *   law 1  what a reader sees of each table = the fold of its changelog, kept here row by row; a past epoch reads as it did then, from
 *          files alone where the log is gone;
 *   law 2  every dynamic table = its SELECT in batch over files and log (VERIFY, which reads cold);
 *   law 6  a subscription from an earlier epoch gives the very changes that were seen then;
 *   law 8  accepted + rejected = given.
 */
import assert from 'node:assert/strict';
import {Warehouse} from '../../engine/warehouse.ts';
import type {Row, Value} from '../../base/value.ts';
import {unreachable} from '../../base/invariant.ts';
import type {LogicalType, NestedType} from '../../base/type.ts';
import {isNested, typeText} from '../../base/type.ts';
import type {Change} from '../../query/change-rows.ts';
import {randomAlter, type RowChange} from './laws-alter.ts';
import {randomSelect, type GeneratorTable} from './query-generator.ts';
import {Random} from './random.ts';
import {randomValue} from './random-epochs.ts';

interface BaseTable extends GeneratorTable {
  columns: readonly {readonly name: string; readonly type: LogicalType}[];
  readonly kind: 'keyed' | 'append' | 'bag';
  /** How its files lie: clauses of CREATE TABLE, by option name. */
  readonly options: Readonly<Record<string, string>>;
  /** By column `p` of few values. */
  readonly partitioned: boolean;
}

const columnTypes: readonly LogicalType[] = [
  {kind: 'tinyint'}, {kind: 'smallint'}, {kind: 'double'}, {kind: 'float'}, {kind: 'blob'}, {kind: 'timestamptz'}, {kind: 'decimal', precision: 30, scale: 3},
  {kind: 'integer'}, {kind: 'bigint'}, {kind: 'decimal', precision: 12, scale: 2}, {kind: 'varchar'}, {kind: 'boolean'}, {kind: 'date'}, {kind: 'timestamp'},
];

const nestedTypes: readonly LogicalType[] = [
  {kind: 'list', element: {kind: 'varchar'}}, {kind: 'list', element: {kind: 'list', element: {kind: 'bigint'}}}, {kind: 'map', key: {kind: 'varchar'}, value: {kind: 'decimal', precision: 30, scale: 3}},
  {kind: 'struct', fields: [{name: 'a', type: {kind: 'double'}}, {name: 'b', type: {kind: 'list', element: {kind: 'timestamptz'}}}]},
  {kind: 'list', element: {kind: 'struct', fields: [{name: 'day', type: {kind: 'date'}}, {name: 'bytes', type: {kind: 'blob'}}, {name: 'm', type: {kind: 'map', key: {kind: 'integer'}, value: {kind: 'boolean'}}}]}},
];

export interface LawsOptions {
  readonly path: string;
  readonly seed: number;
  readonly steps: number;
  readonly views: number;
  /** Deltas above it go by reference; the warehouse's own default unless given. */
  readonly referenceBytes?: number;
  /** Tables change form too; true unless said. */
  readonly alter?: boolean;
  /** Every table has nested columns, and views compute with them. */
  readonly nested?: boolean;
  /** Bytes of state that stay in memory between epochs: with few, rows go to page files. */
  readonly stateRestBytes?: number;
}

export async function runLaws({path, seed, steps, views, referenceBytes, nested = false, alter = true, stateRestBytes}: LawsOptions): Promise<{epochs: number; restarts: number; checkpoints: number; alters: number; pageReads: number}> {
  const random = new Random(seed);
  // How files lie, and what else must make no difference, is drawn apart from what is written: the same writes meet any lay-out.
  const layout = new Random(seed * 31 + 7);
  const apart = new Random(seed ^ 0x5bd1e995);
  const forms = new Random(seed ^ 0x27d4eb2f);
  const tables = randomTables(random, layout, nested);
  const open = (): Promise<Warehouse> => Warehouse.open({path, logCheckpoints: 1, logSegmentBytesMax: 4096, readCache: !apart.chance(0.4), ...(referenceBytes === undefined ? {} : {referenceBytes}), ...(stateRestBytes === undefined ? {} : {stateRestBytes})});
  let warehouse = await open();
  const watch = new Watch();
  const stats = {epochs: 0, restarts: 0, checkpoints: 0, alters: 0, pageReads: 0};
  let step = 0;
  try {
    await warehouse.sql('CREATE SCHEMA ods; CREATE SCHEMA dwd');
    for (const table of tables) await warehouse.sql(createText(table));
    const known: GeneratorTable[] = [...tables];
    const made: string[] = [];
    for (; step < steps; step++) {
      // Views come before and after their inputs have data.
      if (made.length < views && (step % 3 === 0 || random.chance(0.3))) {
        const view = await createView(warehouse, random, known, `v${made.length}`);
        if (view !== null) {
          made.push(`dwd.${view.name}`);
          if (view.columns.length > 0) known.push(view);
        }
      }
      if (alter && forms.chance(0.3)) {
        const table = forms.pick(tables);
        const altered = await randomAlter(warehouse, forms, table, `n${step}`, nested ? [...columnTypes, ...nestedTypes] : columnTypes);
        if (altered !== null) {
          table.columns = altered.columns;
          watch.altered(`ods.${table.name}`, altered.rows);
          stats.alters++;
        }
      }
      const action = random.integer(0, 19);
      if (action === 0) {
        await warehouse.checkpoint();
        stats.checkpoints++;
      } else if (action === 1 || action === 2) {
        stats.pageReads += await pageReads(warehouse);
        if (action === 1) await warehouse.close();
        else await warehouse.closeWithoutCheckpoint();
        warehouse = await open();
        stats.restarts++;
      } else await randomWrite(warehouse, random, layout, tables);
      await watch.check(warehouse, [...tables.map((table) => `ods.${table.name}`), ...made]);
    }
    stats.epochs = warehouse.epoch;
    stats.pageReads += await pageReads(warehouse);
  } catch (cause) {
    // Every step is checked, so the steps up to the one that failed are the shortest run that fails.
    throw new Error(`step ${step + 1} of seed ${seed} failed; keep ${JSON.stringify({seed, steps: step + 1, views, ...(nested ? {nested} : {}), ...(alter ? {alter} : {})})} in test/fuzz/regressions/laws.json`, {cause});
  } finally {
    await warehouse.close();
  }
  return stats;
}

async function pageReads(warehouse: Warehouse): Promise<number> {
  return (await warehouse.metrics()).find(({name}) => name === 'millrace_state_page_reads')?.value ?? 0;
}

function randomTables(random: Random, layout: Random, nested: boolean): BaseTable[] {
  return (['keyed', 'keyed', 'append', 'bag'] as const).map((kind, index) => {
    const columns = Array.from({length: random.integer(2, 5)}, (_, at) => ({name: `c${at}`, type: random.pick(nested && (at === 0 || random.chance(0.4)) ? nestedTypes : columnTypes)}));
    const keyType = random.pick([{kind: 'integer'}, {kind: 'bigint'}] satisfies LogicalType[]);
    const partitioned = layout.chance(0.5);
    const parts: typeof columns = partitioned ? [{name: 'p', type: layout.pick(partitionTypes)}] : [];
    const all = kind === 'keyed' ? [{name: 'k', type: keyType}, ...parts, ...columns] : [...parts, ...columns];
    const options: Record<string, string> = {};
    if (kind === 'bag') options['append-only'] = 'false';
    const hashed = columns.find(({type}) => !['float', 'double', 'blob', 'list', 'struct', 'map'].includes(type.kind));
    if (layout.chance(0.4) && (kind !== 'append' || hashed !== undefined)) {
      options['bucket'] = '3';
      if (kind === 'append') options['bucket-key'] = hashed!.name;
    }
    // Statements that such a table does not take are refused, which changes nothing.
    const engine = kind === 'keyed' ? layout.pick(['deduplicate', 'deduplicate', 'first-row', 'sequence', 'descending', 'ignore-delete']) : '';
    if (engine === 'first-row') options['merge-engine'] = engine;
    if (engine === 'ignore-delete') options[engine] = 'true';
    if ((engine === 'sequence' || engine === 'descending') && hashed !== undefined) {
      options['sequence.field'] = hashed.name;
      if (engine === 'descending') options['sequence.field.sort-order'] = engine;
    }
    return {schema: 'ods', name: `t${index}`, columns: all, key: kind === 'keyed' ? ['k', ...parts.map(({name}) => name)] : [], kind, options, partitioned};
  });
}

const partitionTypes: readonly LogicalType[] = [{kind: 'date'}, {kind: 'varchar'}, {kind: 'bigint'}, {kind: 'timestamp'}, {kind: 'boolean'}];

/** @returns one of few values; NULL among them where the table may have it in its partitions. */
function partitionValue(layout: Random, {columns, kind}: BaseTable): Value {
  const {type} = columns.find(({name}) => name === 'p')!;
  const pick = layout.integer(kind === 'append' ? -1 : 0, 2);
  if (pick === -1) return null;
  switch (type.kind) {
    case 'date': return `2024-01-0${pick + 1}`;
    case 'varchar': return ['', 'a/b=c', 'x'][pick]!;
    case 'timestamp': return `2024-01-01T0${pick}:00:00.00000${pick}`;
    case 'boolean': return pick === 0;
    default: return pick;
  }
}

function createText({schema, name, columns, key, kind, options, partitioned}: BaseTable): string {
  const list = columns.map((column) => `${column.name} ${typeText(column.type)}${kind === 'bag' && column.name === 'p' ? ' NOT NULL' : ''}`);
  const primaryKey = kind === 'keyed' ? `, PRIMARY KEY (${key.join(', ')})` : '';
  const settings = Object.entries(options).map(([option, value]) => `'${option}' = '${value}'`);
  return `CREATE TABLE ${schema}.${name} (${list.join(', ')}${primaryKey})${partitioned ? ' PARTITIONED BY (p)' : ''}${settings.length === 0 ? '' : ` WITH (${settings.join(', ')})`}`;
}

async function createView(warehouse: Warehouse, random: Random, tables: readonly GeneratorTable[], name: string): Promise<GeneratorTable | null> {
  const {sql} = randomSelect(random.integer(1, 1_000_000_000), tables, {floatSums: false});
  try {
    await warehouse.sql(`CREATE DYNAMIC TABLE dwd.${name} AS ${sql}`);
  } catch (cause) {
    // A query may have columns of one name, or raise on the rows that are there; that is an answer, and nothing may be left behind.
    assert.ok(cause instanceof Error && 'kind' in cause && cause.kind === 'invalid', `CREATE DYNAMIC TABLE failed: ${String(cause)}\n${sql}`);
    return null;
  }
  const table = warehouse.catalog.find('dwd', name)!;
  const usable = table.columns.filter((column) => !column.hidden && column.type.kind !== 'double' && column.type.kind !== 'float');
  return {schema: 'dwd', name, columns: usable.map((column) => ({name: column.name, type: column.type})), key: []};
}

function literal(value: Value, type: LogicalType): string {
  if (value !== null && isNested(type)) return `${nestedLiteral(value, type)}::${typeText(type)}`;
  if (value instanceof Uint8Array) return `'${[...value].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}'::BLOB`;
  if (typeof value === 'number' && !Number.isFinite(value)) return `'${value}'::${typeText(type)}`;
  return value === null ? 'NULL' : typeof value === 'string' ? `'${value.replaceAll("'", "''")}'::${typeText(type)}` : `${String(value)}::${typeText(type)}`;
}

function nestedLiteral(value: Value, type: NestedType): string {
  switch (type.kind) {
    case 'list': return `[${(value as readonly Value[]).map((element) => literal(element, type.element)).join(', ')}]`;
    case 'struct': return `{${type.fields.map((field) => `'${field.name}': ${literal((value as Row)[field.name]!, field.type)}`).join(', ')}}`;
    case 'map': return `MAP {${(value as readonly Row[]).map((entry) => `${literal(entry['key']!, type.key)}: ${literal(entry['value']!, type.value)}`).join(', ')}}`;
    default: return unreachable(type);
  }
}

async function randomWrite(warehouse: Warehouse, random: Random, layout: Random, tables: readonly BaseTable[]): Promise<void> {
  const table = random.pick(tables);
  const name = `ods.${table.name}`;
  const value = ({name: column, type}: BaseTable['columns'][number]): Value => (column === 'k' ? random.integer(0, 12) : column === 'p' ? partitionValue(layout, table) : randomValue(random, type, true));
  const row = (): Record<string, Value> => Object.fromEntries(table.columns.map((column) => [column.name, value(column)]));
  const last = table.columns[table.columns.length - 1]!;
  const where = table.kind === 'keyed' ? `k % 3 = ${random.integer(0, 2)}` : `${last.name} IS NOT NULL`;
  try {
    switch (random.integer(0, table.kind === 'append' ? 1 : 4)) {
      case 0: case 1: {
        const rows = Array.from({length: random.integer(1, 12)}, row);
        const result = await warehouse.insert(name, rows);
        assert.equal(result.accepted + result.rejected, rows.length, 'law 8');
        return;
      }
      case 2:
        await warehouse.sql(`UPDATE ${name} SET ${last.name} = ${literal(randomValue(random, last.type, true), last.type)} WHERE ${where}`);
        return;
      case 3:
        await warehouse.sql(`DELETE FROM ${name} WHERE ${where}`);
        return;
      default: {
        const values = (): string => `(${table.columns.map((column) => literal(value(column), column.type)).join(', ')})`;
        await warehouse.sql(`BEGIN; INSERT INTO ${name} VALUES ${values()}, ${values()}; DELETE FROM ${name} WHERE ${where}; COMMIT`);
      }
    }
  } catch (cause) {
    // A view may raise on what was written (an overflow, a cast): the statement is refused and nothing of it may be seen.
    assert.ok(cause instanceof Error && 'kind' in cause && cause.kind === 'invalid', `write failed: ${String(cause)}`);
  }
}

type Bag = Map<string, number>;
const rowText = (row: Row): string => JSON.stringify(Object.values(row), (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value instanceof Uint8Array ? [...value] : typeof value === 'number' && !Number.isFinite(value) ? String(value) : value));

function add(bag: Bag, text: string, weight: number): void {
  const count = (bag.get(text) ?? 0) + weight;
  if (count === 0) bag.delete(text);
  else bag.set(text, count);
}

/** Keeps the fold of every table's changelog and compares it with what readers see. */
class Watch {
  readonly #folds = new Map<string, Bag>();
  readonly #seen = new Map<string, {epoch: number; changes: string[]}[]>();
  #epoch = 0;

  /** The rows of a table have another form from the next epoch on. */
  altered(table: string, rows: RowChange): void {
    const fold = this.#folds.get(table);
    if (fold === undefined) return;
    const changed: Bag = new Map();
    for (const [text, count] of fold) add(changed, JSON.stringify(rows(JSON.parse(text) as unknown[])), count);
    this.#folds.set(table, changed);
  }

  async check(warehouse: Warehouse, tables: readonly string[]): Promise<void> {
    const until = warehouse.epoch;
    for (const table of tables) {
      let fold = this.#folds.get(table);
      let since = this.#epoch;
      if (fold === undefined) {
        fold = new Map();
        since = Math.max(0, warehouse.oldestEpoch);
        if (since > 0) for (const row of (await warehouse.sql(`SELECT * FROM changes(${table}, since => 0, until => ${since})`)).rows) add(fold, rowText(withoutMarks(row)), 1);
        this.#folds.set(table, fold);
      }
      const log = this.#seen.get(table) ?? [];
      for await (const item of warehouse.subscribe(table, {from: since, until})) {
        for (const change of item.changes) add(fold, rowText(change.row), change.op === '+I' || change.op === '+U' ? 1 : -1);
        log.push({epoch: item.epoch, changes: item.changes.map(changeText)});
      }
      this.#seen.set(table, log);
      const scan: Bag = new Map();
      for (const row of (await warehouse.sql(`SELECT * FROM ${table}`)).rows) add(scan, rowText(row), 1);
      assert.deepEqual([...scan].sort(), [...fold].sort(), `law 1: ${table} at epoch ${until} is not the fold of its changelog`);
      this.#held.push({table, epoch: until, rows: [...scan].sort()});
      await this.#again(warehouse, table, log, until);
    }
    this.#epoch = until;
    await this.#past(warehouse, until);
    const {rows} = await warehouse.sql('VERIFY ALL');
    for (const row of rows) assert.equal(row['equal'], true, `law 2: ${String(row['table'])} at epoch ${until}: ${String(row['missing'])} missing, ${String(row['unexpected'])} unexpected\n${String(row['oracle'])}`);
  }

  /** Law 1 beyond the log: some epoch of some table, as it was seen then. */
  async #past(warehouse: Warehouse, until: number): Promise<void> {
    const {table, epoch, rows} = this.#held[(until * 7919 + this.#held.length) % this.#held.length]!;
    const found: Bag = new Map();
    for (const row of (await warehouse.sql(`SELECT * FROM ${table} AT (VERSION => ${epoch})`)).rows) add(found, rowText(row), 1);
    assert.deepEqual([...found].sort(), rows, `law 1: ${table} AT epoch ${epoch} is not what it was then, at epoch ${until}`);
  }
  readonly #held: {readonly table: string; readonly epoch: number; readonly rows: readonly (readonly [string, number])[]}[] = [];

  /** A subscription from some earlier epoch sees what was seen. */
  async #again(warehouse: Warehouse, table: string, log: {epoch: number; changes: string[]}[], until: number): Promise<void> {
    const from = Math.max(warehouse.oldestEpoch, until - 3);
    const expected = log.filter(({epoch}) => epoch > from);
    const found: {epoch: number; changes: string[]}[] = [];
    if (from < until) for await (const item of warehouse.subscribe(table, {from, until})) found.push({epoch: item.epoch, changes: item.changes.map(changeText)});
    assert.deepEqual(found, expected, `law 6: ${table} since ${from}`);
  }
}

function changeText({op, row}: Change): string {
  return `${op} ${rowText(row)}`;
}

function withoutMarks({_epoch, _op, ...row}: Row): Row {
  void _epoch;
  void _op;
  return row;
}
