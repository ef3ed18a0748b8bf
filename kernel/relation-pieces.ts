/** A relation over several batches of the same columns, in order, handed out in slices so that one call never holds the thread for long. */
import type {Column} from '../base/delta.ts';
import type {RelationColumn, RelationSource} from './relation.ts';

export interface RelationPiece {readonly columns: readonly Column[]; readonly rowCount: number}
/** A piece that is made when a scan comes to it, so that the work is spread over the calls. */
export interface LatePiece {readonly make: () => readonly Column[]; readonly rowCount: number}

/** @param sliceRows rows given per call at most. */
export function relationOfPieces(columns: readonly RelationColumn[], pieces: readonly (RelationPiece | LatePiece)[], sliceRows: number): RelationSource {
  return {
    columns,
    rowCount: pieces.reduce((sum, piece) => sum + piece.rowCount, 0),
    open: () => {
      let index = 0;
      let start = 0;
      let made: readonly Column[] | null = null;
      return {
        next: (maxRows: number) => {
          while (index < pieces.length && start >= pieces[index]!.rowCount) {
            index++;
            start = 0;
            made = null;
          }
          const piece = pieces[index];
          if (piece === undefined) return null;
          made ??= 'make' in piece ? piece.make() : piece.columns;
          const rows = {columns: made, start, rowCount: Math.min(maxRows, sliceRows, piece.rowCount - start)};
          start += rows.rowCount;
          return rows;
        },
      };
    },
  };
}
