/**
 * The oracle harness of incremental SQL: tables, dynamic tables over them, epochs of changes. After every epoch each dynamic
 * table's content, folded from its changes, is compared with DuckDB running its SELECT over the base tables' content; the
 * `sql` executor is driven with the same changes and compared operator by operator's result, i.e. change by change.
 */
import assert from 'node:assert/strict';
import type {ChangeBatch, Column} from '../../base/delta.ts';
import {OP_INSERT, OP_UPDATE_AFTER} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import {typeText} from '../../base/type.ts';
import type {Value} from '../../base/value.ts';
import type {DataflowTableSpec} from '../../compute/dataflow.ts';
import {Dataflow, tableShape} from '../../compute/dataflow.ts';
import {pairChanges} from '../../compute/pair-changes.ts';
import {viewStorage} from '../../compute/keys.ts';
import type {TableShape} from '../../compute/operator-spec.ts';
import type {Executor} from '../../compute/operator.ts';
import {planView} from '../../compute/plan-view.ts';
import {MemoryBudget} from '../../compute/state/memory-budget.ts';
import {MemoryPageFile} from '../../compute/state/test-rows.ts';
import {outputColumns} from '../../compute/stored-type.ts';
import {columnsFromRows, rowsFromColumns} from '../../kernel/column-values.ts';
import {Kernel} from '../../kernel/duckdb.ts';
import {macroStatements} from '../../kernel/macros.ts';
import {Binder} from '../../kernel/plan/binder.ts';
import {relationOf} from '../../kernel/relation.ts';
import type {Session} from '../../kernel/session.ts';

export interface CheckColumn {readonly name: string; readonly type: LogicalType; readonly nullable?: boolean}

export interface CheckTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly CheckColumn[];
  /** Names of the key columns; none: an append table, or a bag if `bag`. */
  readonly key?: readonly string[];
  readonly bag?: boolean;
}

export interface CheckView {
  readonly schema: string;
  readonly name: string;
  readonly sql: string;
  /** Columns whose doubles may differ in the last bits: sums and averages of doubles. */
  readonly approximate?: readonly string[];
}

/** One table's changes of an epoch: rows that come or are replaced by key, keys (or whole rows of a bag) that go. */
export interface CheckChange {readonly table: string; readonly upsert?: readonly (readonly Value[])[]; readonly remove?: readonly (readonly Value[])[]}

/** Relative difference allowed in approximate columns: 2^-40 of the magnitudes summed, which tests keep near the sum. */
const tolerance = 2 ** -36;

const hiddenColumns = [
  {name: '_mr_row', type: {kind: 'bigint'} as LogicalType, nullable: false, hidden: true},
  {name: '_mr_copy', type: {kind: 'integer'} as LogicalType, nullable: false, hidden: true},
];

interface Known {readonly spec: DataflowTableSpec; readonly view: CheckView | null; readonly names: readonly string[]; readonly pairBy: readonly number[] | null; content: RowBag}

/** A warehouse of tables and dynamic tables in memory, with its oracle. */
export class IncrementalCheck {
  readonly #binder: Binder;
  readonly #kernel: Kernel;
  readonly #oracle: Session;
  readonly #work: Session;
  readonly #flows: Map<Executor, Dataflow>;
  /** Where nothing may rest in memory between epochs: all of a dataflow's state is put out then. */
  readonly #budgets = new Map<Dataflow, MemoryBudget>();
  readonly #spilled: boolean;
  readonly #tables = new Map<string, Known>();
  #nextId = 1;
  /** Epochs compared, and change rows of dynamic tables seen: for asserting coverage. */
  epochs = 0;
  changesSeen = 0;

  private constructor(binder: Binder, kernel: Kernel, oracle: Session, work: Session, executors: readonly Executor[], spilled: boolean) {
    this.#binder = binder;
    this.#kernel = kernel;
    this.#oracle = oracle;
    this.#work = work;
    this.#spilled = spilled;
    this.#flows = new Map(executors.map((executor) => [executor, this.#newFlow()]));
  }

  #newFlow(): Dataflow {
    const session = this.#work;
    if (!this.#spilled) return new Dataflow({session});
    const budget = new MemoryBudget(2 ** 30, 0);
    const flow = new Dataflow({session, relieve: () => budget.relieve()});
    this.#budgets.set(flow, budget);
    return flow;
  }

  /** How a table's state is kept, and what a view keeps beside it. */
  #memory(flow: Dataflow): object {
    const budget = this.#budgets.get(flow);
    if (budget === undefined) return {};
    const pageFile = (): MemoryPageFile => {
      const file = new MemoryPageFile();
      this.#files.push(file);
      return file;
    };
    return {share: budget.register('rows'), pageFile, stateShare: budget.register('operators'), statePageFile: pageFile};
  }
  readonly #files: MemoryPageFile[] = [];

  /** Reads of page files. */
  get pageReads(): number { return this.#files.reduce((sum, {reads}) => sum + reads, 0); }

  /** @param options.spilled whether all state goes out between epochs. */
  static async open(executors: readonly Executor[] = ['code', 'sql'], {spilled = false}: {readonly spilled?: boolean} = {}): Promise<IncrementalCheck> {
    const kernel = await Kernel.open({threads: 1, memoryBytes: 512 << 20});
    const oracle = await kernel.connect();
    for (const statement of macroStatements) await oracle.run(statement);
    return new IncrementalCheck(await Binder.open(), kernel, oracle, await kernel.connect(), executors, spilled);
  }

  async close(): Promise<void> {
    await this.#binder.close();
    await this.#kernel.close();
  }

  [Symbol.asyncDispose](): Promise<void> { return this.close(); }

  async #schema(schema: string): Promise<void> {
    await this.#binder.createSchema(schema);
    await this.#oracle.run(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
  }

  /** Adds a base table. */
  async table(table: CheckTable): Promise<void> {
    await this.#schema(table.schema);
    const key = table.key ?? [];
    const visible = table.columns.map(({name, type, nullable}) => ({name, type, nullable: nullable ?? !key.includes(name), hidden: false}));
    const storage = key.length > 0 ? 'keyed' : table.bag === true ? 'bag' : 'append';
    const spec: DataflowTableSpec = {
      id: this.#nextId++, schema: table.schema, name: table.name, storage,
      key: storage === 'bag' ? [visible.length, visible.length + 1] : key.map((name) => visible.findIndex((column) => column.name === name)),
      columns: storage === 'bag' ? [...visible, ...hiddenColumns] : visible,
    };
    await this.#binder.createTable(table.schema, table.name, visible);
    for (const flow of this.#flows.values()) flow.addTable(spec, this.#memory(flow));
    this.#know(spec, null, visible.map(({name}) => name), null);
    await this.#oracle.run(`CREATE TABLE "${table.schema}"."${table.name}" (${visible.map(({name, type}) => `"${name}" ${typeText(type)}`).join(', ')})`);
  }

  #know(spec: DataflowTableSpec, view: CheckView | null, names: readonly string[], pairBy: readonly number[] | null): void {
    this.#tables.set(`${spec.schema}.${spec.name}`, {spec, view, names, pairBy, content: new RowBag()});
  }

  #known(name: string): Known {
    const known = this.#tables.get(name);
    assert.ok(known, `no table ${name}`);
    return known;
  }

  #shapes(): TableShape[] {
    return [...this.#tables.values()].map(({spec}) => tableShape(spec));
  }

  /** Adds a dynamic table, hydrates it in all executors and compares. @returns how its rows are kept. */
  async view(view: CheckView): Promise<ReturnType<typeof viewStorage>> {
    await this.#schema(view.schema);
    const bound = await this.#binder.bindSelect(view.sql);
    const shapes = this.#shapes();
    const plan = planView(bound.tree, (schema, name) => shapes.find((table) => table.schema === schema && table.name === name));
    const storage = viewStorage(plan, (id) => shapes.find((table) => table.id === id)!);
    const columns = outputColumns(bound.tree).map(({type}, index) => ({name: bound.columns[index]!.name, type, nullable: storage.nullable[index]!, hidden: false}));
    const spec: DataflowTableSpec = {
      id: this.#nextId++, schema: view.schema, name: view.name, storage: storage.storage,
      key: storage.storage === 'bag' ? [columns.length, columns.length + 1] : storage.key,
      columns: storage.storage === 'bag' ? [...columns, ...hiddenColumns] : columns,
    };
    for (const [executor, flow] of this.#flows) flow.addView(spec, bound.tree, {executor, ...this.#memory(flow)});
    await this.#binder.createTable(view.schema, view.name, columns);
    this.#know(spec, view, columns.map(({name}) => name), storage.pairBy);
    const known = this.#known(`${view.schema}.${view.name}`);
    let first = true;
    for (const [executor, flow] of this.#flows) {
      const content = new RowBag();
      for await (const changes of flow.hydrate(spec.id)) this.#fold(known, content, changes, `hydration by ${executor}`);
      if (first) known.content = content;
      first = false;
      await this.#compare(known, content.rows(), `hydration by ${executor}`);
    }
    await this.#oracle.run(`CREATE VIEW "${view.schema}"."${view.name}" AS SELECT ${columns.map(({name, type}, index) => `CAST(x${index} AS ${typeText(type)}) AS "${name}"`).join(', ')} FROM (${view.sql}) AS v(${columns.map((_, index) => `x${index}`).join(', ')})`);
    return storage;
  }

  /**
   * Applies one epoch to all executors and compares every dynamic table with the oracle.
   *
   * @returns the changes of dynamic tables by name, as `[op, ...values]`, by the first executor.
   */
  async epoch(changes: readonly CheckChange[]): Promise<Map<string, Value[][]>> {
    let answer: Map<string, Value[][]> | null = null;
    for (const [executor, flow] of this.#flows) {
      const base = this.#write(flow, changes);
      const made = await flow.step(base);
      const seen = new Map<string, Value[][]>();
      for (const known of this.#tables.values()) {
        const plain = made.get(known.spec.id) ?? base.get(known.spec.id);
        if (plain === undefined) continue;
        const batch = known.pairBy === null ? plain : pairChanges(plain, known.pairBy, known.pairBy.map((column) => known.spec.columns[column]!.type));
        const content = answer === null ? known.content : null;
        if (content !== null) this.#fold(known, content, batch, executor);
        if (known.view !== null) seen.set(`${known.spec.schema}.${known.spec.name}`, this.#rows(known, batch));
      }
      flow.endEpoch();
      if (answer === null) await this.#writeOracle();
      for (const known of this.#tables.values()) if (known.view !== null) await this.#compare(known, this.#stored(flow, known), executor);
      if (answer !== null) this.#compareChanges(answer, seen, executor);
      answer ??= seen;
    }
    this.epochs++;
    for (const rows of answer!.values()) this.changesSeen += rows.length;
    return answer!;
  }

  /**
   * Applies changes, then takes the epoch back: nothing may be left of it.
   *
   * @param failure checks what the step must throw; null: it does not.
   */
  async undone(changes: readonly CheckChange[], failure: ((error: unknown, executor: Executor) => void) | null): Promise<void> {
    for (const [executor, flow] of this.#flows) {
      let failed = false;
      try {
        await flow.step(this.#write(flow, changes));
      } catch (error) {
        if (failure === null) throw error;
        failure(error, executor);
        failed = true;
      }
      assert.equal(failed, failure !== null, 'the epoch fails');
      flow.undo();
      for (const known of this.#tables.values()) assertSameRows(this.#stored(flow, known), known.content.rows(), () => `${known.spec.name} after undo, ${executor}`);
    }
  }

  /** Makes new dataflows from the tables' content, as a restart does. */
  async restart(): Promise<void> {
    for (const [executor, before] of this.#flows) {
      const flow = this.#newFlow();
      for (const {spec, view} of this.#tables.values()) {
        const old = before.state(spec.id);
        let state;
        if (view === null) state = flow.addTable(spec, this.#memory(flow));
        else state = flow.addView(spec, (await this.#binder.bindSelect(view.sql)).tree, {executor, ...this.#memory(flow)});
        const all = spec.columns.map((_, index) => index);
        for (const {rows, count} of old.store.scan()) state.load(columnsFromRows(spec.columns.map(({type}) => type), rowsFromColumns(old.store.gather(rows, count, all), spec.columns.map(({type}) => type), count).toSorted(byLast)), count);
      }
      for (const {spec, view} of this.#tables.values()) if (view !== null) await flow.rebuild(spec.id);
      this.#flows.set(executor, flow);
    }
  }

  /** @returns a table's visible columns. */
  columns(name: string): CheckColumn[] {
    return this.#known(name).spec.columns.filter(({hidden}) => !hidden);
  }

  /** @returns a table's rows, folded from its changes. */
  content(name: string): Value[][] { return this.#known(name).content.rows(); }

  #write(flow: Dataflow, changes: readonly CheckChange[]): Map<number, ChangeBatch> {
    const made = new Map<number, ChangeBatch>();
    for (const {table, upsert = [], remove = []} of changes) {
      const {spec} = this.#known(table);
      const state = flow.state(spec.id);
      assert.ok(!made.has(spec.id), `table ${table} is changed twice in one epoch`);
      const types = spec.columns.filter(({hidden}) => !hidden).map(({type}) => type);
      if (spec.storage === 'bag') {
        const rows = [...remove, ...upsert];
        const weights = Int32Array.from(rows, (_, index) => (index < remove.length ? -1 : 1));
        made.set(spec.id, state.applyDelta({rowCount: rows.length, weights, columns: columnsFromRows(types, rows)}));
      } else if (remove.length === 0) made.set(spec.id, state.upsert(columnsFromRows(types, upsert), upsert.length));
      else {
        const filler = remove.map((key) => types.map((type, column): Value => (spec.key.includes(column) ? key[spec.key.indexOf(column)]! : fillerOf(type))));
        const deletes = Uint8Array.from([...filler, ...upsert], (_, index) => (index < filler.length ? 1 : 0));
        made.set(spec.id, state.mixed(columnsFromRows(types, [...filler, ...upsert]), deletes.length, deletes));
      }
    }
    return made;
  }

  #rows({spec}: Known, batch: ChangeBatch): Value[][] {
    const visible = spec.columns.flatMap(({hidden}, index) => (hidden ? [] : [index]));
    const rows = rowsFromColumns(visible.map((index): Column => batch.columns[index]!), visible.map((index) => spec.columns[index]!.type), batch.rowCount);
    return rows.map((row, index) => [batch.ops[index]!, ...row]);
  }

  #fold(known: Known, content: RowBag, batch: ChangeBatch, what: string): void {
    for (const [op, ...row] of this.#rows(known, batch)) content.add(row, op === OP_INSERT || op === OP_UPDATE_AFTER ? 1 : -1);
    content.settle(() => `${known.spec.name} (${what})`);
  }

  #stored(flow: Dataflow, {spec}: Known): Value[][] {
    const visible = spec.columns.flatMap(({hidden}, index) => (hidden ? [] : [index]));
    const rows: Value[][] = [];
    const {store} = flow.state(spec.id);
    for (const chunk of store.scan()) rows.push(...rowsFromColumns(store.gather(chunk.rows, chunk.count, visible), visible.map((index) => spec.columns[index]!.type), chunk.count));
    return rows;
  }

  async #writeOracle(): Promise<void> {
    for (const {spec, view, content} of this.#tables.values()) {
      if (view !== null) continue;
      const columns = spec.columns.filter(({hidden}) => !hidden);
      const types = columns.map(({type}) => type);
      const rows = content.rows();
      this.#oracle.bindRelation('oracle_rows', relationOf(columnsFromRows(types, rows), rows.length, columns.map(({name, type}) => ({name, type}))));
      await this.#oracle.run(`DELETE FROM "${spec.schema}"."${spec.name}"; INSERT INTO "${spec.schema}"."${spec.name}" FROM mr_rows('oracle_rows')`);
    }
  }

  async #compare(known: Known, content: Value[][], what: string): Promise<void> {
    const {spec, view, names} = known;
    const types = spec.columns.filter(({hidden}) => !hidden).map(({type}) => type);
    const list = types.map((type, index) => `CAST(x${index} AS ${typeText(type)}) AS x${index}`).join(', ');
    const {rows} = await this.#oracle.rows(`SELECT ${list} FROM (${view!.sql}) AS v(${types.map((_, index) => `x${index}`).join(', ')})`);
    const approximate = types.map((_, index) => view!.approximate?.includes(names[index]!) === true);
    assertEqualRows(content, rows, approximate, () => `${spec.schema}.${spec.name} (${what}, epoch ${this.epochs + 1}): ${view!.sql}`);
  }

  #compareChanges(first: ReadonlyMap<string, Value[][]>, second: ReadonlyMap<string, Value[][]>, executor: Executor): void {
    for (const name of new Set([...first.keys(), ...second.keys()])) {
      const {view, names} = this.#known(name);
      const approximate = [false, ...names.map((column) => view!.approximate?.includes(column) === true)];
      if (approximate.includes(true)) continue; // a last bit may come or go in one of them alone
      assertEqualRows(second.get(name) ?? [], first.get(name) ?? [], approximate, () => `changes of ${name}, ${executor} against code`);
    }
  }
}

/** Rows with their counts, by text. */
class RowBag {
  readonly #rows = new Map<string, {row: Value[]; count: number}>();

  add(row: Value[], weight: number): void {
    const text = rowText(row);
    const held = this.#rows.get(text);
    if (held === undefined) this.#rows.set(text, {row, count: weight});
    else held.count += weight;
  }

  /** Asserts that no row went that was not there. */
  settle(what: () => string): void {
    for (const [text, {count}] of this.#rows) {
      if (count < 0) assert.fail(`${what()}: a row goes that is not there: ${text}`);
      if (count === 0) this.#rows.delete(text);
    }
  }

  rows(): Value[][] {
    return [...this.#rows.values()].flatMap(({row, count}) => Array.from({length: count}, () => row));
  }
}

function byLast(a: readonly Value[], b: readonly Value[]): number {
  return Number(a.at(-1)) - Number(b.at(-1));
}

function fillerOf(type: LogicalType): Value {
  switch (type.kind) {
    case 'varchar': return '';
    case 'boolean': return false;
    default: return null;
  }
}

function rowText(row: readonly Value[]): string {
  return JSON.stringify(row, (_key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  });
}

function assertSameRows(found: readonly Value[][], expected: readonly Value[][], what: () => string): void {
  assertEqualRows(found, expected, [], what);
}

function near(a: Value, b: Value): boolean {
  if (typeof a !== 'number' || typeof b !== 'number') return a === b;
  if (Object.is(a, b) || a === b) return true;
  return Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b));
}

/** Asserts that two bags of rows are equal; marked columns may differ within the tolerance. */
function assertEqualRows(found: readonly Value[][], expected: readonly Value[][], approximate: readonly boolean[], what: () => string): void {
  const exactText = (row: readonly Value[]): string => rowText(row.map((value, index) => (approximate[index] === true && typeof value === 'number' ? '~' : Object.is(value, -0) ? 0 : value)));
  const numbers = (row: readonly Value[]): Value[] => row.filter((value, index) => approximate[index] === true && typeof value === 'number');
  const order = (row: readonly Value[]): string => `${exactText(row)} ${numbers(row).map((value) => Number(value).toExponential(9)).join(' ')}`;
  const sorted = (rows: readonly Value[][]): Value[][] => rows.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
  const [left, right] = [sorted(found), sorted(expected)];
  const same = left.length === right.length && left.every((row, index) => exactText(row) === exactText(right[index]!) && numbers(row).every((value, at) => near(value, numbers(right[index]!)[at]!)));
  if (same) return;
  const [leftTexts, rightTexts] = [left.map(rowText), right.map(rowText)];
  const missing = rightTexts.filter((text) => !leftTexts.includes(text));
  const extra = leftTexts.filter((text) => !rightTexts.includes(text));
  assert.fail(`${what()}\n  ${left.length} rows, expected ${right.length}\n  missing: ${missing.slice(0, 5).join('\n           ')}\n  extra:   ${extra.slice(0, 5).join('\n           ')}`);
}
