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
import {heldType} from './stored-type.ts';

export class View {
  readonly id: number;
  readonly name: string;
  readonly plan: ViewPlan;
  /** False until it was hydrated or rebuilt: epochs pass it by. */
  ready = false;
  readonly #context: OperatorContext;
  /** What its state beside the tables is counted under. */
  readonly share: MemoryShare | null;
  readonly #operators: readonly (Operator | null)[];
  readonly #absorbed = new Set<number>();
  #active: Operator[] = [];
  #consolidator: Consolidator | null = null;

  /** @param share what its state beside the tables is counted under; none: not counted. */
  constructor(id: number, name: string, plan: ViewPlan, context: OperatorContext, share: MemoryShare | null = null) {
    this.id = id;
    this.share = share;
    this.name = name;
    this.plan = plan;
    this.#context = context;
    this.#operators = buildOperators(plan.operators, context);
  }

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

  /** Fills the state from the inputs' content, without output. */
  async rebuild(): Promise<void> {
    for (const {id} of this.plan.operators) await this.#absorb(id);
  }

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
      }
    }
    if (but === -1) this.#absorbed.add(id);
  }

  endEpoch(): void {
    if (this.#active.length === 0) return;
    for (const operator of this.#active) operator.endEpoch();
    this.#active = [];
    this.settle();
  }

  /** Says what the view's own state holds. */
  settle(): void {
    this.share?.settle(this.bytes());
  }

  undo(): void {
    for (const operator of this.#active) operator.undo();
    this.#active = [];
  }

  /** @returns the view's change with the weights of equal rows added up. */
  consolidated(delta: Delta): Delta {
    this.#consolidator ??= new Consolidator(this.plan.operators[this.plan.root]!.columns.map(({type}) => heldType(type)));
    return this.#consolidator.consolidate(delta);
  }

  /** Bytes of state that belong to the view alone. */
  bytes(): number {
    return this.#operators.reduce((sum, operator) => sum + (operator?.bytes() ?? 0), 0);
  }
}
