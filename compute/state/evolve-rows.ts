/**
 * A table's rows in another form: each where it stands, with NULL in columns that it had not, without those that went, wider where
 * types are. Chunk by chunk; the table they come from stays as it is.
 *
 * A bag's rows are loaded by their copy numbers, as at open: each chain then has its largest in front, as it had.
 */
import {invariant} from '../../base/invariant.ts';
import {evolveColumns, type FieldType} from '../../base/widen.ts';
import {SCAN_ROWS} from './row-store.ts';
import type {TableState} from './table-state.ts';

/**
 * @param to empty, of the same storage and key.
 * @param endChunk called when nobody reads any more what was gathered from either.
 * @throws {WarehouseError} `MR_MEMORY_FULL`; `to` is then to be thrown away.
 */
export function evolveRows(from: TableState, to: TableState, fields: readonly FieldType[], wanted: readonly FieldType[], endChunk: () => void): void {
  invariant(to.rowCount === 0 && from.spec.storage === to.spec.storage, 'rows take another form in an empty table of the same kind');
  const {store} = from;
  const all = fields.map((_, column) => column);
  const load = (rows: Int32Array, count: number): void => {
    const positions = new Float64Array(count);
    store.getPositions(rows, count, positions);
    to.load(evolveColumns(store.gather(rows, count, all), fields, wanted, count), count, positions);
    endChunk();
  };
  const copyColumn = from.spec.storage === 'bag' ? from.spec.key[1]! : -1;
  if (copyColumn === -1) for (const {rows, count} of store.scan()) load(rows, count);
  else for (const rows of byCopy(from, copyColumn, endChunk)) load(rows, rows.length);
  to.endLoad();
  to.skipPositions(from.nextPosition);
}

/** All rows of a bag by copy number. */
function* byCopy({store, rowCount}: TableState, copyColumn: number, endChunk: () => void): Generator<Int32Array> {
  // Copy and row in one double: 2^21 copies of a row hash, 2^31 rows.
  const ordered = new Float64Array(rowCount);
  let at = 0;
  for (const {rows, count} of store.scan()) {
    const [copies] = store.gather(rows, count, [copyColumn]);
    invariant(copies?.kind === 'i32', 'copies are INTEGER');
    for (let i = 0; i < count; i++) ordered[at++] = copies.data[i]! * 2 ** 31 + rows[i]!;
    endChunk();
  }
  ordered.sort();
  for (let start = 0; start < rowCount; start += SCAN_ROWS) {
    const rows = new Int32Array(Math.min(SCAN_ROWS, rowCount - start));
    for (let i = 0; i < rows.length; i++) rows[i] = ordered[start + i]! % 2 ** 31;
    yield rows;
  }
}
