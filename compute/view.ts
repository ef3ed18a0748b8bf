/** One maintained view: its plan, its operators, and the way of an epoch's deltas through them. */
import type {Delta} from '../base/delta.ts';
import type {WarehouseError} from '../base/error.ts';
import {WarehouseError as Failure} from '../base/error.ts';
import type {OperatorContext} from './build-operator.ts';
import {buildOperators} from './build-operator.ts';
import {Consolidator} from './consolidate.ts';
import {storeContent} from './delta-tools.ts';
import type {EpochChanges} from './epoch-changes.ts';
import type {Operator} from './operator.ts';
import type {OperatorSpec, ViewPlan} from './operator-spec.ts';
import {inputsOf} from './operator-spec.ts';
import {EpochRowError, raisedRow} from './row-error.ts';
import type {MemoryShare} from './state/memory-budget.ts';
import {OperatorPages} from './state/operator-pages.ts';
import type {PageFile} from './state/page-file.ts';
import {heldType} from './stored-type.ts';

/** How the state of a view beside the tables is kept. */
export interface ViewMemory {
  /** What it is counted under; null: not counted. */
  readonly share: MemoryShare | null;
  /** Makes the file that it goes to when memory is short, another one at each call; null: it stays. */
  readonly pageFile: (() => PageFile) | null;
}

/** Bytes that go out at a time while a state is filled beyond the budget. */
const fillBytesMin = 4 << 20;

export class View {
  readonly id: number;
  readonly name: string;
  readonly plan: ViewPlan;
  /** False until it was hydrated or rebuilt: epochs pass it by. */
  ready = false;
  readonly #context: OperatorContext;
  readonly memory: ViewMemory;
  readonly pages: OperatorPages | null;
  /** Whether its state is what the share counts. */
  #counted = false;
  readonly #operators: readonly (Operator | null)[];
  readonly #absorbed = new Set<number>();
  #active: Operator[] = [];
  #consolidator: Consolidator | null = null;

  constructor(id: number, name: string, plan: ViewPlan, context: OperatorContext, memory: ViewMemory) {
    this.id = id;
    this.memory = memory;
    this.pages = memory.pageFile === null ? null : new OperatorPages(memory.pageFile);
    this.name = name;
    this.plan = plan;
    this.#context = context;
    this.#operators = buildOperators(plan.operators, context, this.pages);
  }

  /** From now on the share counts this view's state, and may put it out. */
  attach(): void {
    const {pages} = this;
    this.#counted = true;
    if (pages !== null) {
      this.memory.share?.spillable(
        {evictableBytes: () => pages.evictableRowBytes(), evict: (bytes) => this.#settled(() => pages.evictRows(bytes))},
        {evictableBytes: () => pages.evictableIndexBytes(), evict: (bytes) => this.#settled(() => pages.evictIndexes(bytes))},
      );
    }
    this.settle();
  }

  #settled(evict: () => number): number {
    try {
      return evict();
    } finally {
      this.settle();
    }
  }

  /** Closes and removes its page file; the state is void. */
  close(): void { this.pages?.close(); }

  /** @returns the view's change in this epoch, null if nothing that it reads changed. */
  step(changes: EpochChanges): Delta | null | Promise<Delta | null> {
    if (!this.plan.tables.some((table) => changes.has(table))) return null;
    return this.#run(0, this.#operators.map(() => null), changes);
  }

  #run(start: number, outputs: (Delta | null)[], changes: EpochChanges): Delta | null | Promise<Delta | null> {
    for (let id = start; id < this.#operators.length; id++) {
      const spec = this.plan.operators[id]!;
      if (spec.kind === 'input') {
        outputs[id] = changes.delta(spec.table, this.#columnsOf(spec))?.delta ?? null;
        continue;
      }
      const operator = this.#operators[id]!;
      const inputs = inputsOf(spec);
      let pushed = false;
      inputs.forEach((input, k) => {
        const delta = outputs[input]!;
        if (delta === null || delta.rowCount === 0) return;
        operator.push(k, delta);
        pushed = true;
      });
      if (!pushed) continue;
      this.#active.push(operator);
      const output = this.#flush(operator, spec, changes);
      if (output instanceof Promise) {
        return output.then((delta) => {
          outputs[id] = delta;
          return this.#run(id + 1, outputs, changes);
        });
      }
      outputs[id] = output;
    }
    return outputs[this.plan.root]!;
  }

  #flush(operator: Operator, spec: OperatorSpec, changes: EpochChanges): Delta | Promise<Delta> {
    try {
      const output = operator.flush();
      return output instanceof Promise ? output.catch((error: unknown) => { throw this.#located(error, spec, changes); }) : output;
    } catch (error) {
      throw this.#located(error, spec, changes);
    }
  }

  /** Names the table's row that raised, where the operator reads a table directly. */
  #located(error: unknown, spec: OperatorSpec, changes: EpochChanges): unknown {
    const raised = raisedRow(error);
    const source = spec.kind === 'map' || spec.kind === 'unnest' ? this.plan.operators[spec.input]! : undefined;
    if (raised >= 0 && source?.kind === 'input') {
      const rowIndex = changes.delta(source.table, this.#columnsOf(source))?.rows?.[raised] ?? raised;
      return new EpochRowError(error as WarehouseError, {viewId: this.id, viewName: this.name, tableId: source.table, tableName: source.tableName, rowIndex});
    }
    if (!(error instanceof Failure) || error.kind !== 'invalid') return error;
    return new Failure(error.kind, error.code, `${error.message} (in dynamic table ${this.name})`, {cause: error, hint: error.hint});
  }

  #columnsOf(spec: OperatorSpec & {kind: 'input'}): number[] {
    const {visible} = this.#context.table(spec.table);
    return spec.columnIndexes.map((column) => visible[column]!);
  }

  /** Gives the view's content from its inputs' content, chunk by chunk; state is filled on the way. */
  content(): AsyncGenerator<Delta, void, undefined> {
    return this.#pull(this.plan.root);
  }

  /** Fills the state from the inputs' content, without output. @param turn called between chunks. */
  async rebuild(turn?: () => Promise<void>): Promise<void> {
    this.#turn = turn;
    for (const {id} of this.plan.operators) await this.#absorb(id);
    this.#turn = undefined;
  }
  #turn: (() => Promise<void>) | undefined;

  async *#pull(id: number): AsyncGenerator<Delta, void, undefined> {
    const spec = this.plan.operators[id]!;
    if (spec.kind === 'input') {
      yield* storeContent(this.#context.table(spec.table).state.store, this.#columnsOf(spec));
      return;
    }
    const operator = this.#operators[id]!;
    const inputs = inputsOf(spec);
    switch (operator.filling) {
      case 'stateless':
        for (const [k, input] of inputs.entries()) for await (const rows of this.#pull(input)) yield await operator.fill(k, rows);
        return;
      case 'driven':
        await this.#absorb(id, 0);
        for await (const rows of this.#pull(inputs[0]!)) {
          if (!this.#absorbed.has(id) && operator.keeps(0)) operator.absorb(0, rows);
          yield await operator.fill(0, rows);
        }
        this.#absorbed.add(id);
        return;
      case 'content':
        await this.#absorb(id);
        yield* operator.content();
    }
  }

  /** Gives an operator the rows it keeps, once; @param but an input whose rows the caller gives. */
  async #absorb(id: number, but = -1): Promise<void> {
    const operator = this.#operators[id]!;
    if (operator === null || this.#absorbed.has(id)) return;
    for (const [k, input] of inputsOf(this.plan.operators[id]!).entries()) {
      if (k === but || !operator.keeps(k)) continue;
      for await (const rows of this.#pull(input)) {
        operator.absorb(k, rows);
        this.#context.endChunk();
        this.relieve();
        if (this.#turn !== undefined) await this.#turn();
      }
    }
    if (but === -1) this.#absorbed.add(id);
  }

  endEpoch(): void {
    if (this.#active.length === 0) return;
    for (const operator of this.#active) operator.endEpoch();
    this.#active = [];
    this.pages?.endEpoch();
    this.settle();
  }

  /**
   * While the state is filled, when nobody reads rows of the last chunk: parts of it go out if memory is short. A file that takes
   * nothing is no error here: they stay.
   */
  relieve(): void {
    const {pages, memory: {share}} = this;
    if (pages === null || share === null) return;
    pages.endChunk();
    const excess = this.bytes() - (this.#counted ? share.bytes : 0) - share.roomBytes;
    if (excess > 0) {
      try {
        const wanted = Math.max(excess, fillBytesMin);
        const freed = pages.evictRows(wanted);
        if (freed < wanted) pages.evictIndexes(wanted - freed);
      } catch (cause) {
        if (!(cause instanceof Failure)) throw cause;
      }
    }
    this.settle();
  }

  /** Says what the view's own state holds. */
  settle(): void {
    if (this.#counted) this.memory.share?.settle(this.bytes());
  }

  undo(): void {
    for (const operator of this.#active) operator.undo();
    this.#active = [];
    this.pages?.endEpoch();
  }

  /** @returns the view's change with the weights of equal rows added up. */
  consolidated(delta: Delta): Delta {
    this.#consolidator ??= new Consolidator(this.plan.operators[this.plan.root]!.columns.map(({type}) => heldType(type)));
    return this.#consolidator.consolidate(delta);
  }

  /** Bytes of state that belong to the view alone. */
  bytes(): number {
    return this.#operators.reduce((sum, operator) => sum + (operator?.bytes() ?? 0), this.pages?.bytes() ?? 0);
  }
}
