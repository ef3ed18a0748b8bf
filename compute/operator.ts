/**
 * The contract of an operator: one step of a maintained view. Its two executors, `code` (loops over typed arrays) and `sql`
 * (DuckDB over the affected rows), are interchangeable: the same deltas in give the same rows out after consolidation.
 *
 * An epoch goes: `push` for every input that changed, then `flush` once if any was pushed, then `endEpoch` of all — or `undo` of
 * all when anything in the epoch failed, after which the operator is as it was before the first push. The tables that operators
 * share as state already hold the epoch's changes when `flush` is called.
 *
 * Operators are functions of (state, deltas): no IO, no clock, no dependence on the order of rows inside a delta. State that an
 * operator keeps is a sum over its input's rows, so that adding the negated delta takes an epoch back exactly.
 */
import type {Delta} from '../base/delta.ts';
import type {PlanColumn} from '../kernel/plan/tree.ts';

export type Executor = 'code' | 'sql';

/**
 * How the first content of an operator's output follows from the content of its inputs.
 * `stateless`: `fill(input, rows)` for rows of each input, alone. `driven`: absorb every input, then `fill(0, rows)` for the rows
 * of input 0. `content`: absorb every input, then read `content()`.
 */
export type Filling = 'stateless' | 'driven' | 'content';

export interface Operator {
  readonly executor: Executor;
  /** Columns of what `flush` gives. */
  readonly columns: readonly PlanColumn[];

  /** Takes one input's changes of this epoch; at most one call an input and epoch. Kept, unchanged, until the epoch ends. */
  push(input: number, delta: Delta): void;
  /** @returns the changes of the output; a row may occur several times, with weights that cancel. Belongs to the caller. */
  flush(): Delta | Promise<Delta>;
  /** Forgets what `undo` would need. */
  endEpoch(): void;
  /** Takes the epoch's pushes back. May follow a failed or a missing `flush`. */
  undo(): void;

  readonly filling: Filling;
  /** @returns whether the operator keeps rows of an input itself: what `absorb` must be given. */
  keeps(input: number): boolean;
  /** Takes rows of an input into the state without output: hydration and rebuild, outside epochs. */
  absorb(input: number, rows: Delta): void;
  fill(input: number, rows: Delta): Delta | Promise<Delta>;
  content(): Iterable<Delta> | AsyncIterable<Delta>;

  /** Bytes of state that belong to this operator alone. */
  bytes(): number;
}
