/**
 * Any operator whose output falls apart by key, `sql`: take the keys that the epoch touched, compute the operator over their rows
 * before and after in DuckDB, and give the difference.
 *
 * 1. Private inputs take the epoch's rows in (tables have them). 2. Touched keys = the key columns of all pushed deltas, each once.
 * 3. After = the inputs' rows of these keys; before = after − delta, consolidated. 4. One statement runs the operator's plan over
 * both. 5. The answers are consolidated: what did not change cancels.
 *
 * The plan must be a function of each key's multiset of rows alone. Rows are given in one fixed order, so that sums of doubles,
 * too, are the same before as they were after the epoch before.
 */
import type {Column, Delta} from '../../base/delta.ts';
import {gatherColumns} from '../../base/columns.ts';
import type {LogicalType} from '../../base/type.ts';
import {physicalKind} from '../../base/type.ts';
import type {PlanColumn, PlanNode} from '../../kernel/plan/tree.ts';
import type {Session} from '../../kernel/session.ts';
import {Consolidator, negated} from '../consolidate.ts';
import {concatDeltas, emptyDelta} from '../delta-tools.ts';
import type {Operator} from '../operator.ts';
import {heldType} from '../stored-type.ts';
import {answers, deltaOf, relationLeaf, relationName, relationOfChunks, relationOfRows, relationSql} from './duckdb-rows.ts';
import {keyAs} from './join-key.ts';
import {findPairs} from './join-pairs.ts';
import type {JoinSide} from './join-side.ts';

/** An input, found by the operator's key with NULL as a value; without key columns all of it is one group. */
export interface AffectedInput {
  readonly side: JoinSide;
  readonly columns: readonly PlanColumn[];
  /** Positions of the key in `columns`, in key order. */
  readonly keys: readonly number[];
}

interface Bound extends AffectedInput {
  readonly before: string;
  readonly after: string;
  readonly types: readonly LogicalType[];
  readonly consolidator: Consolidator;
}

export class AffectedKeysOperator implements Operator {
  readonly executor = 'sql';
  readonly filling = 'content';
  readonly columns: readonly PlanColumn[];
  readonly #types: readonly LogicalType[];
  readonly #session: Session;
  readonly #inputs: readonly Bound[];
  readonly #changeSql: string;
  readonly #contentSql: string;
  readonly #keyTypes: readonly LogicalType[];
  readonly #keyConsolidator: Consolidator;
  readonly #outputConsolidator: Consolidator;
  readonly #pushed: (Delta | null)[];
  /** By input: whether it has the epoch's changes. */
  readonly #applied: boolean[];

  /** @param plan makes the operator's plan over leaves for its inputs. */
  constructor(columns: readonly PlanColumn[], inputs: readonly AffectedInput[], plan: (leaves: readonly PlanNode[]) => PlanNode, session: Session) {
    this.columns = columns;
    this.#types = columns.map(({type}) => heldType(type));
    this.#session = session;
    this.#inputs = inputs.map((input): Bound => {
      const types = input.columns.map(({type}) => heldType(type));
      return {...input, before: relationName('before'), after: relationName('after'), types, consolidator: new Consolidator(types)};
    });
    const sql = (which: 'before' | 'after'): string => relationSql(plan(this.#inputs.map((input) => relationLeaf(input[which], input.columns))), true);
    this.#contentSql = sql('after');
    this.#changeSql = `SELECT *, -1 AS w FROM (${sql('before')}) UNION ALL SELECT *, 1 AS w FROM (${this.#contentSql})`;
    this.#keyTypes = this.#inputs[0]!.keys.map((_, at) => commonKey(this.#inputs.map((input) => input.types[input.keys[at]!]!)));
    this.#keyConsolidator = new Consolidator(this.#keyTypes);
    this.#outputConsolidator = new Consolidator(this.#types);
    this.#pushed = inputs.map(() => null);
    this.#applied = inputs.map(() => false);
  }

  push(input: number, delta: Delta): void { this.#pushed[input] = delta; }

  async flush(): Promise<Delta> {
    this.#pushed.forEach((delta, input) => {
      if (delta !== null) this.#inputs[input]!.side.apply(delta, delta.weights);
      this.#applied[input] = true;
    });
    const touched = this.#touched();
    for (const [index, input] of this.#inputs.entries()) {
      const after = this.#rowsOf(input, touched);
      const delta = this.#pushed[index] ?? null;
      const before = delta === null ? after : input.consolidator.consolidate(concatDeltas(input.types, [after, {...delta, weights: negated(delta.weights, delta.rowCount)}]));
      this.#bind(input.after, after, input);
      this.#bind(input.before, before, input);
    }
    return this.#outputConsolidator.consolidate(await deltaOf(this.#session, this.#changeSql, this.#types));
  }

  /** The keys of all pushed rows, each once. */
  #touched(): {columns: Column[]; count: number} {
    if (this.#keyTypes.length === 0) return {columns: [], count: 1};
    const parts = this.#pushed.flatMap((delta, index): Delta[] => (delta === null ? [] : [{
      rowCount: delta.rowCount, weights: new Int32Array(delta.rowCount).fill(1), columns: this.#keysAs(index, this.#inputs[index]!.keys.map((key) => delta.columns[key]!), delta.rowCount),
    }]));
    const {columns, rowCount} = this.#keyConsolidator.consolidate(concatDeltas(this.#keyTypes, parts));
    return {columns, count: rowCount};
  }

  /** Keys of an input in the form that all inputs share. */
  #keysAs(index: number, keys: readonly Column[], rowCount: number): Column[] {
    const input = this.#inputs[index]!;
    return keys.map((column, at) => keyAs(column, input.types[input.keys[at]!]!, this.#keyTypes[at]!, rowCount));
  }

  #rowsOf(input: Bound, touched: {columns: Column[]; count: number}): Delta {
    if (input.keys.length === 0) return concatDeltas(input.types, [...input.side.content()]);
    const keys = touched.columns.map((column, at) => keyAs(column, this.#keyTypes[at]!, input.types[input.keys[at]!]!, touched.count));
    const pairs = findPairs(input.side.index, keys, touched.count, [], null);
    if (pairs.count === 0) return emptyDelta(input.types);
    const weights = new Int32Array(pairs.count);
    for (let k = 0; k < pairs.count; k++) weights[k] = input.side.weight(pairs.rows[k]!);
    return {rowCount: pairs.count, weights, columns: input.side.gather(pairs.rows, pairs.count, input.types.map((_, column) => column))};
  }

  #bind(name: string, rows: Delta, input: Bound): void {
    const expanded = repeated(rows);
    this.#session.bindRelation(name, relationOfRows(expanded.columns, expanded.rowCount, input.columns));
  }

  async *content(): AsyncGenerator<Delta, void, undefined> {
    for (const {after, side, columns} of this.#inputs) this.#session.bindRelation(after, relationOfChunks(() => repeatedChunks(side.content()), columns));
    // Read to the end first: the session is free again for operators that take these rows.
    const chunks = await answers(this.#session, this.#contentSql, this.#types);
    for (const {rowCount, columns} of chunks) yield {rowCount, weights: new Int32Array(rowCount).fill(1), columns};
  }

  keeps(input: number): boolean { return !this.#inputs[input]!.side.shared; }

  absorb(input: number, rows: Delta): void {
    const {side} = this.#inputs[input]!;
    side.apply(rows, rows.weights);
    side.endEpoch();
  }

  fill(): Delta {
    throw new TypeError('an operator by affected keys is filled from its state');
  }

  endEpoch(): void {
    this.#pushed.fill(null);
    this.#applied.fill(false);
    for (const {side} of this.#inputs) side.endEpoch();
  }

  undo(): void {
    this.#pushed.forEach((delta, input) => { if (this.#applied[input] === true && delta !== null) this.#inputs[input]!.side.apply(delta, negated(delta.weights, delta.rowCount)); });
    this.endEpoch();
  }

  bytes(): number { return this.#inputs.reduce((sum, {side}) => sum + side.bytes(), 0); }
}

/** @returns the type in which keys of all inputs are compared: their own, or BIGINT for integers of different widths. */
function commonKey(types: readonly LogicalType[]): LogicalType {
  const [first] = types;
  return types.every((type) => physicalKind(type) === physicalKind(first!)) ? first! : {kind: 'bigint'};
}

function* repeatedChunks(chunks: Iterable<Delta>): Generator<{columns: Column[]; rowCount: number}, void, undefined> {
  for (const chunk of chunks) yield repeated(chunk);
}

/** @returns each row as often as its weight says. */
function repeated(rows: Delta): {columns: Column[]; rowCount: number} {
  let total = 0;
  let single = true;
  for (let i = 0; i < rows.rowCount; i++) {
    total += rows.weights[i]!;
    single &&= rows.weights[i] === 1;
  }
  if (single) return {columns: rows.columns, rowCount: rows.rowCount};
  const picked = new Int32Array(total);
  let at = 0;
  for (let i = 0; i < rows.rowCount; i++) for (let left = rows.weights[i]!; left > 0; left--) picked[at++] = i;
  return {columns: gatherColumns(rows.columns, picked, total), rowCount: total};
}
