/**
 * Relations: rows held in JS that SQL reads as `FROM mr_rows('name')`. A source is asked again for every scan, so one relation
 * may stand several times in a query, and a prepared statement reads what is bound to the name when it runs.
 */
import {invariant} from '../base/invariant.ts';
import type {Column} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';

export interface RelationColumn {readonly name: string; readonly type: LogicalType}

/** Rows [start, start + rowCount) of `columns`, all of the relation's; read at once, not kept. */
export interface RelationRows {readonly columns: readonly Column[]; readonly start: number; readonly rowCount: number}

/** One pass over a relation. `next` is called in order, synchronously, on the JS thread. */
export interface RelationScan {
  /** @returns up to `maxRows` rows, or null at the end (and from then on). */
  next(maxRows: number): RelationRows | null;
}

export interface RelationSource {
  readonly columns: readonly RelationColumn[];
  /** Rows a scan will give, if known: helps the planner only. */
  readonly rowCount?: number;
  /** @param wanted positions of the columns that this scan reads; the others may hold anything. Without it: all. */
  open(wanted?: readonly number[]): RelationScan;
}

/**
 * @param columns rows [0, rowCount) of each are read; they must not change while a statement reads them.
 * @returns a source over columns in memory.
 */
export function relationOf(columns: readonly Column[], rowCount: number, shape: readonly RelationColumn[]): RelationSource {
  invariant(columns.length === shape.length, () => `${shape.length} columns named, ${columns.length} given`);
  return {
    columns: shape,
    rowCount,
    open() {
      let start = 0;
      return {
        next(maxRows) {
          if (start >= rowCount) return null;
          const rows = {columns, start, rowCount: Math.min(maxRows, rowCount - start)};
          start += rows.rowCount;
          return rows;
        },
      };
    },
  };
}
