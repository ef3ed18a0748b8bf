/**
 * The dataflow: every table's content, every view's operators, and the step of an epoch through all of them.
 *
 * The dataflow owns one `TableState` a table, base and dynamic. An epoch: its owner changes base tables through their states and
 * gives what they answered to `step`, which sends the changes through the views in the order of their making (a view reads only
 * tables older than itself), applies each view's change to its own table and gives that on. Then `endEpoch()`, or `undo()` of
 * tables and operators alike when anything failed before the epoch was committed.
 *
 * State that operators keep beside the tables is not stored in files: `rebuild` makes it again from the inputs' content at open.
 */
import type {ChangeBatch} from '../base/delta.ts';
import {invariant} from '../base/invariant.ts';
import type {LogicalType} from '../base/type.ts';
import type {FieldType} from '../base/widen.ts';
import type {PlanNode} from '../kernel/plan/tree.ts';
import type {Session} from '../kernel/session.ts';
import {EpochChanges} from './epoch-changes.ts';
import type {OperatorContext} from './build-operator.ts';
import type {TableShape, ViewPlan} from './operator-spec.ts';
import type {PlanOptions} from './plan-view.ts';
import {planView} from './plan-view.ts';
import {evolveRows} from './state/evolve-rows.ts';
import type {MemoryShare} from './state/memory-budget.ts';
import type {OperatorPages} from './state/operator-pages.ts';
import type {PageFile} from './state/page-file.ts';
import {TableState} from './state/table-state.ts';
import type {WinRule} from './state/win-rule.ts';
import {View} from './view.ts';

/** What the dataflow needs of a table's spec; positions are in `columns`, hidden ones included. */
export interface DataflowTableSpec {
  readonly id: number;
  readonly schema: string;
  readonly name: string;
  readonly storage: 'keyed' | 'append' | 'bag';
  readonly key: readonly number[];
  readonly columns: readonly {readonly name: string; readonly type: LogicalType; readonly nullable: boolean; readonly hidden: boolean}[];
}

/** A table in another form. */
export interface EvolvedTableSpec extends DataflowTableSpec {
  readonly columns: readonly (DataflowTableSpec['columns'][number] & FieldType)[];
  /** The columns that it has. */
  readonly from: readonly FieldType[];
}

/** A table's new form, ready and not taken yet: one of the two is called. */
export interface Evolution {
  apply(): void;
  discard(): void;
}

/** A view that reads a table in another form. */
export interface EvolvedView {
  readonly tree: PlanNode;
  readonly executor: 'code' | 'sql';
}

interface Table {
  readonly spec: DataflowTableSpec;
  readonly state: TableState;
  /** Positions of the visible columns. */
  readonly visible: readonly number[];
}

/** @returns what planning knows of a table. */
export function tableShape({id, schema, name, storage, key, columns}: DataflowTableSpec): TableShape {
  const visible = columns.flatMap(({hidden}, index) => (hidden ? [] : [index]));
  return {
    id, schema, name, appendOnly: storage === 'append',
    columns: visible.map((index) => columns[index]!),
    key: storage === 'keyed' ? key.map((column) => visible.indexOf(column)) : [],
  };
}

/** How a table's rows are kept. */
export interface TableMemory {
  /** What its rows are counted under. */
  readonly share?: MemoryShare;
  /** Makes the file that they go to when memory is short. */
  readonly pageFile?: () => PageFile;
}

/** Every table's content and every view's operators; see the header. */
export class Dataflow {
  readonly #session: Session | null;
  readonly #relieve: () => void;
  readonly #tables = new Map<number, Table>();
  readonly #views = new Map<number, View>();
  #touched: View[] = [];

  /**
   * @param options.session where `sql` operators run their statements; without it views that need one are refused.
   * @param options.relieve called when nobody reads what was gathered from tables: after an epoch, a step, a chunk of a filling.
   */
  constructor(options: {readonly session?: Session; readonly relieve?: () => void} = {}) {
    this.#session = options.session ?? null;
    this.#relieve = options.relieve ?? (() => undefined);
  }

  /** @param options.rule which row of a key stands, of a base table. @returns the table's state, empty; the owner loads it. */
  addTable(spec: DataflowTableSpec, options: TableMemory & {readonly rule?: WinRule | undefined} = {}): TableState {
    invariant(!this.#tables.has(spec.id), () => `table ${spec.id} is there already`);
    const visible = spec.columns.flatMap(({hidden}, index) => (hidden ? [] : [index]));
    const hidden = spec.columns.flatMap((column, index) => (column.hidden ? [index] : []));
    const state = new TableState({name: `${spec.schema}.${spec.name}`, types: spec.columns.map(({type}) => type), storage: spec.storage, key: spec.key, hidden, rule: options.rule}, options);
    this.#tables.set(spec.id, {spec, state, visible});
    return state;
  }

  /**
   * Adds a dynamic table and its operators. Epochs pass it by until it was hydrated or rebuilt.
   *
   * @param tree its definition; its get nodes name tables of this dataflow.
   * @param options.share the table's rows are counted under it, `stateShare` what operators keep beside tables,
   *   which goes to files that `statePageFile` makes when memory is short, another one at each call.
   * @throws {WarehouseError} as `planView` does; nothing is added then.
   */
  addView(spec: DataflowTableSpec, tree: PlanNode, options: PlanOptions & TableMemory & {readonly stateShare?: MemoryShare; readonly statePageFile?: () => PageFile} = {}): TableState {
    const plan = planView(tree, (schema, name) => this.#shape(schema, name), options);
    const state = this.addTable(spec, options);
    const view = new View(spec.id, `${spec.schema}.${spec.name}`, plan, this.#context(), {share: options.stateShare ?? null, pageFile: options.statePageFile ?? null});
    view.attach();
    this.#views.set(spec.id, view);
    return state;
  }

  /**
   * Makes a table of other columns ready: its rows anew, where they stand, and the operators of the views that read it, over them.
   * Nothing of it is seen until it is applied; no epoch may step in between. Costs a pass over the table and over all inputs of
   * its readers; memory holds both forms until then. Where nobody's records change, only names do.
   *
   * @param spec its fields have the ids of the present ones where they are the same.
   * @param trees definitions of the views that read it, over its new columns.
   * @throws {WarehouseError} `MR_MEMORY_FULL`; nothing has changed then, but the share is the caller's to close.
   */
  async evolve(spec: EvolvedTableSpec, trees: ReadonlyMap<number, EvolvedView>, options: TableMemory & {readonly rule?: WinRule | undefined} = {}): Promise<Evolution> {
    const before = this.#table(spec.id);
    const visible = spec.columns.flatMap(({hidden}, index) => (hidden ? [] : [index]));
    const hidden = spec.columns.flatMap((column, index) => (column.hidden ? [index] : []));
    invariant(!before.state.changed, () => `table ${spec.id} takes another form within an epoch`);
    const state = new TableState({name: `${spec.schema}.${spec.name}`, types: spec.columns.map(({type}) => type), storage: spec.storage, key: spec.key, hidden, rule: options.rule}, options);
    const after: Table = {spec, state, visible};
    const table = (id: number): Table => (id === spec.id ? after : this.#table(id));
    const shape = (schema: string, name: string): TableShape | undefined => (schema === spec.schema && name === spec.name ? tableShape(spec) : this.#shape(schema, name));
    const common = this.#context();
    const endChunk = (): void => {
      state.endChunk();
      common.endChunk();
    };
    const views: View[] = [];
    const discard = (): void => {
      for (const view of views) view.close();
      state.close();
    };
    try {
      evolveRows(before.state, state, spec.from, spec.columns, () => {
        endChunk();
        this.#relieve();
      });
      for (const [id, {tree, executor}] of trees) {
        const {name, ready, memory} = this.#view(id);
        const view = new View(id, name, planView(tree, shape, {executor}), {session: this.#session, table, endChunk}, memory);
        views.push(view);
        if (ready) {
          await view.rebuild();
          view.ready = true;
        }
      }
    } catch (cause) {
      discard();
      throw cause;
    }
    return {
      apply: () => {
        this.#tables.set(spec.id, after);
        for (const view of views) this.#replace(view);
        before.state.close();
      },
      discard,
    };
  }

  /** A view's operators made anew take the place of those that were. */
  #replace(view: View): void {
    this.#views.get(view.id)?.close();
    this.#views.set(view.id, view);
    view.attach();
  }

  /** Gives a table other names: its records stay as they are. */
  rename(spec: DataflowTableSpec): void {
    const {state, visible} = this.#table(spec.id);
    this.#tables.set(spec.id, {spec, state, visible});
  }

  /** Forgets a table, its state and operators; nothing may read it. */
  drop(id: number): void {
    const reader = [...this.#views.values()].find(({plan}) => plan.tables.includes(id));
    invariant(reader === undefined, () => `table ${id} is read by ${reader?.name ?? ''}`);
    this.#views.get(id)?.close();
    this.#views.delete(id);
    this.#tables.get(id)?.state.close();
    this.#tables.delete(id);
  }

  /** Gives the files of all tables back; the dataflow is void. */
  close(): void {
    for (const {state} of this.#tables.values()) state.close();
    for (const view of this.#views.values()) view.close();
  }

  /** @returns whether it has that table. */
  has(id: number): boolean { return this.#tables.has(id); }
  state(id: number): TableState { return this.#table(id).state; }
  plan(id: number): ViewPlan { return this.#view(id).plan; }
  /** Where the state of a view's operators may go, null if nowhere or if the table is no view. */
  operatorPages(id: number): OperatorPages | null { return this.#views.get(id)?.pages ?? null; }

  #shape(schema: string, name: string): TableShape | undefined {
    for (const {spec} of this.#tables.values()) if (spec.schema === schema && spec.name === name) return tableShape(spec);
    return undefined;
  }

  #table(id: number): Table {
    const table = this.#tables.get(id);
    invariant(table !== undefined, () => `no table ${id}`);
    return table;
  }

  #context(): OperatorContext {
    return {
      session: this.#session, table: (id) => this.#table(id),
      endChunk: () => {
        for (const {state} of this.#tables.values()) state.endChunk();
      },
    };
  }

  #view(id: number): View {
    const view = this.#views.get(id);
    invariant(view !== undefined, () => `no view ${id}`);
    return view;
  }

  /**
   * Sends an epoch's changes through all views.
   *
   * @param baseChanges what the states of the changed base tables answered, by table id.
   * @returns the changes of dynamic tables, by table id, in the order in which they were made; only those that changed. At once
   *   if all operators on the way are `code`, else a promise.
   * @throws {WarehouseError} what an operator raises (`EpochRowError` where it can say for which row), `MR_KEY_NOT_UNIQUE`,
   *   `MR_MEMORY_FULL`: call `undo()` then.
   */
  step(baseChanges: ReadonlyMap<number, ChangeBatch>): Map<number, ChangeBatch> | Promise<Map<number, ChangeBatch>> {
    const changes = new EpochChanges();
    for (const [id, batch] of baseChanges) if (batch.rowCount > 0) changes.set(id, batch);
    return this.#step([...this.#views.values()], 0, changes, new Map());
  }

  #step(views: readonly View[], start: number, changes: EpochChanges, made: Map<number, ChangeBatch>): Map<number, ChangeBatch> | Promise<Map<number, ChangeBatch>> {
    for (let k = start; k < views.length; k++) {
      const view = views[k]!;
      if (!view.ready) continue;
      this.#touched.push(view);
      const output = view.step(changes);
      if (output instanceof Promise) {
        return output.then((delta) => {
          if (delta !== null) this.#apply(view, delta, changes, made);
          return this.#step(views, k + 1, changes, made);
        });
      }
      if (output !== null) this.#apply(view, output, changes, made);
    }
    return made;
  }

  #apply(view: View, delta: Parameters<TableState['applyDelta']>[0], changes: EpochChanges, made: Map<number, ChangeBatch>): void {
    if (delta.rowCount === 0) return;
    const {spec, state} = this.#table(view.id);
    const batch = state.applyDelta(spec.storage === 'append' ? view.consolidated(delta) : delta);
    if (batch.rowCount === 0) return;
    changes.set(view.id, batch);
    made.set(view.id, batch);
  }

  /**
   * Ends one of several steps of an epoch: operators forget what would take the step back and take the next; tables go on, and give
   * the epoch's net change in the end (`changedTables`). If a later step fails the whole epoch goes by `undoSteps`.
   */
  endStep(): void {
    for (const view of this.#touched) {
      view.endEpoch();
      this.#stepped.add(view);
    }
    this.#touched = [];
    for (const {state} of this.#tables.values()) state.endChunk();
    this.#relieve();
  }
  readonly #stepped = new Set<View>();

  /** @returns the tables that the running epoch has changed, base tables first, then views in the order of their making. */
  changedTables(): number[] {
    const changed = [...this.#tables.values()].filter(({state}) => state.changed).map(({spec}) => spec.id);
    return [...changed.filter((id) => !this.#views.has(id)), ...changed.filter((id) => this.#views.has(id))];
  }

  /** Takes an epoch of several steps back: tables by their journals; the operators of the views that it reached are made anew. */
  async undoSteps(): Promise<void> {
    const reached = new Set([...this.#stepped, ...this.#touched]);
    this.undo();
    const views = [...this.#views.values()].filter((view) => reached.has(view));
    for (const {id, name, plan, memory} of views) {
      const made = new View(id, name, plan, this.#context(), memory);
      this.#replace(made);
      await made.rebuild();
      made.ready = true;
    }
  }

  /** Ends the epoch: nothing of it can be taken back any more, and what it freed may be used again. */
  endEpoch(): void {
    for (const view of this.#touched) view.endEpoch();
    this.#touched = [];
    this.#stepped.clear();
    for (const {state} of this.#tables.values()) {
      state.endEpoch();
      if (state.spilled) state.maintain();
    }
    this.#relieve();
  }

  /** Takes the epoch back: all tables and operators are as they were when the last one ended. */
  undo(): void {
    for (const view of this.#touched) view.undo();
    this.#touched = [];
    this.#stepped.clear();
    for (const {state} of this.#tables.values()) state.undo();
    this.#relieve();
  }

  /**
   * Fills a new view from its inputs' present content and gives the rows as changes of its table. No epoch may step while it
   * runs. When it fails, drop the view.
   */
  async *hydrate(id: number): AsyncGenerator<ChangeBatch, void, undefined> {
    const view = this.#view(id);
    invariant(!view.ready, () => `view ${view.name} is hydrated already`);
    const {state} = this.#table(id);
    for await (const rows of view.content()) {
      const changes = state.applyDelta(rows);
      if (changes.rowCount > 0) yield changes;
      state.endEpoch();
      // The changes given out refer to the view's own rows alone.
      for (const table of this.#tables.values()) if (table.state !== state) table.state.endChunk();
      view.relieve();
    }
    view.settle();
    view.ready = true;
  }

  /**
   * Makes a view's state again, at open, when its table and its inputs are loaded: nothing is given out or compared.
   *
   * @param turn called between chunks: others may have the thread meanwhile, and it may end the work by throwing.
   */
  async rebuild(id: number, turn?: () => Promise<void>): Promise<void> {
    const view = this.#view(id);
    invariant(!view.ready, () => `view ${view.name} has its state already`);
    await view.rebuild(turn);
    view.settle();
    view.ready = true;
  }

  /** Bytes of state: tables, and what views keep beside them. */
  bytes(): number {
    let bytes = 0;
    for (const {state} of this.#tables.values()) bytes += state.bytes();
    for (const view of this.#views.values()) bytes += view.bytes();
    return bytes;
  }
}
