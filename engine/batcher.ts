/** Joins small chunks of rows into batches of a wished size. */
import {concatColumn, sliceColumn} from '../base/columns.ts';
import type {Column} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';

export interface Chunk {
  readonly columns: readonly Column[];
  readonly rowCount: number;
}

export class Batcher {
  readonly #types: readonly LogicalType[];
  readonly #rows: number;
  #held: Chunk[] = [];
  #heldRows = 0;

  constructor(types: readonly LogicalType[], rows: number) {
    this.#types = types;
    this.#rows = rows;
  }

  /** @returns every batch that is full now. */
  *push(chunk: Chunk): Generator<Chunk> {
    let start = 0;
    while (start < chunk.rowCount) {
      const end = Math.min(chunk.rowCount, start + this.#rows - this.#heldRows);
      const whole = start === 0 && end === chunk.rowCount;
      this.#held.push(whole ? chunk : {columns: chunk.columns.map((column) => sliceColumn(column, start, end)), rowCount: end - start});
      this.#heldRows += end - start;
      start = end;
      if (this.#heldRows === this.#rows) yield* this.end();
    }
  }

  /** @returns what is left, if anything. */
  *end(): Generator<Chunk> {
    if (this.#heldRows === 0) return;
    const held = this.#held;
    const rowCount = this.#heldRows;
    this.#held = [];
    this.#heldRows = 0;
    yield {rowCount, columns: this.#types.map((type, index) => concatColumn(type, held.map((chunk) => ({column: chunk.columns[index]!, rowCount: chunk.rowCount}))))};
  }
}
