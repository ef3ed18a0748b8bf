/**
 * Rows that came in become changes of base tables: all writes of an epoch on one table are one ordered batch, in which the last
 * row of a key wins, looked up against the row before.
 */
import {concatColumn, nullColumn, type Piece} from '../base/columns.ts';
import type {ChangeBatch, Column} from '../base/delta.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import type {LogicalType} from '../base/type.ts';
import {evolveColumns} from '../base/widen.ts';
import type {Catalog} from '../catalog/catalog.ts';
import {formOf} from '../catalog/forms.ts';
import {checkRemoval} from '../catalog/merge-rules.ts';
import type {ColumnSpec, TableId, TableSpec} from '../catalog/spec.ts';
import type {Dataflow} from '../compute/dataflow.ts';
import type {TableState} from '../compute/state/table-state.ts';
import {rowsFromColumns} from '../kernel/column-values.ts';
import {decodeColumns} from '../storage/log/columns.ts';
import {MUST_BE_ABSENT, type TableWrite} from './protocol.ts';

interface DecodedWrite {
  readonly mode: TableWrite['mode'];
  readonly rowCount: number;
  readonly columns: readonly Column[];
  /** Rows whose keys must be free when they come. */
  readonly arrives: boolean;
}

/**
 * An UPDATE that moves rows to other keys must not bury the rows that have them: each key it arrives at is free by then, and arrived
 * at once. Rows by the way of a Map: such statements are rare, and touch few rows.
 *
 * @throws {WarehouseError} `MR_DUPLICATE_KEY` naming the key.
 */
function checkArrivals(spec: TableSpec, state: TableState, writes: readonly DecodedWrite[]): void {
  const types = spec.key.map((index) => spec.columns[index]!.type);
  const taken = new Map<string, boolean>();
  for (const {mode, columns, rowCount, arrives} of writes) {
    const keys = mode === 'delete' ? columns : spec.key.map((index) => columns[index]!);
    const rows = new Int32Array(rowCount);
    if (arrives) state.find(keys, null, rowCount, rows);
    for (const [i, key] of rowsFromColumns(keys, types, rowCount).entries()) {
      const text = key.map(String).join(', ');
      if (arrives && (taken.get(text) ?? rows[i]! >= 0)) {
        throw new WarehouseError('invalid', 'MR_DUPLICATE_KEY', `the statement gives key (${text}) of ${spec.schema}.${spec.name} to a second row`, {hint: 'nothing of it was done; delete the other row first, or choose other keys'});
      }
      taken.set(text, mode !== 'delete');
    }
  }
}

/**
 * @param changedAt the newest epoch that changed each table.
 * @returns the net changes per table. Throws with state half changed: the caller takes it back.
 */
export function applyWrites(catalog: Catalog, dataflow: Dataflow, writes: readonly TableWrite[], changedAt: ReadonlyMap<TableId, number>): Map<TableId, ChangeBatch> {
  const byTable = new Map<TableId, DecodedWrite[]>();
  for (const write of writes) {
    const spec = catalog.byId(write.table);
    if (spec === undefined) throw new WarehouseError('conflict', 'MR_TABLE_GONE', `table ${write.table} was dropped meanwhile`);
    if (write.mode === 'delete') checkRemoval(spec, 'DELETE');
    else if (write.expected !== null) checkRemoval(spec, 'UPDATE');
    const state = dataflow.state(write.table);
    const {columns, rowCount} = writtenColumns(spec, write);
    invariant(rowCount === write.rows.rowCount, () => `${write.rows.rowCount} rows sent, ${rowCount} decoded`);
    if (write.asOf >= 0 && (changedAt.get(write.table) ?? 0) > write.asOf) throw changedSince(spec);
    if (write.expected !== null) checkExpected(spec, state, write, columns, rowCount);
    const decoded = byTable.get(write.table);
    const one = {mode: write.mode, rowCount, columns, arrives: write.expected?.[0] === MUST_BE_ABSENT};
    if (decoded === undefined) byTable.set(write.table, [one]);
    else decoded.push(one);
  }
  for (const [id, decoded] of byTable) if (decoded.some(({arrives}) => arrives)) checkArrivals(catalog.byId(id)!, dataflow.state(id), decoded);
  const changes = new Map<TableId, ChangeBatch>();
  for (const [id, decoded] of byTable) changes.set(id, applyTable(catalog.byId(id)!, dataflow.state(id), decoded));
  return changes;
}

/** @returns the rows of a write as the table is now: whoever wrote may have begun before an ALTER. */
function writtenColumns(spec: TableSpec, write: TableWrite): {readonly columns: Column[]; readonly rowCount: number} {
  const form = formOf(spec, write.schemaId);
  if (form === undefined) throw new WarehouseError('conflict', 'MR_CONFLICT', `${spec.schema}.${spec.name} was altered long ago, since the statement began`, {hint: 'run the statement again'});
  // A key keeps its types and its order.
  if (write.mode === 'delete') return decodeColumns(write.rows.bytes, spec.key.map((index) => spec.columns[index]!.type));
  const {columns, rowCount} = decodeColumns(write.rows.bytes, givenTypes(form));
  return {columns: form === spec ? columns : evolveColumns(columns, givenColumns(form), givenColumns(spec), rowCount), rowCount};
}

function applyTable(spec: TableSpec, state: TableState, writes: readonly DecodedWrite[]): ChangeBatch {
  if (spec.storage !== 'keyed') {
    // One delta for the whole epoch: what one write adds and another removes cancels out, as it does when the epoch is replayed.
    const rowCount = writes.reduce((sum, write) => sum + write.rowCount, 0);
    const weights = new Int32Array(rowCount);
    let at = 0;
    for (const write of writes) {
      weights.fill(write.mode === 'remove' ? -1 : 1, at, at + write.rowCount);
      at += write.rowCount;
    }
    const columns = givenTypes(spec).map((type, index) => concatColumn(type, writes.map((write): Piece => ({column: write.columns[index]!, rowCount: write.rowCount}))));
    return state.applyDelta({rowCount, weights, columns});
  }
  const only = writes.length === 1 ? writes[0] : undefined;
  if (only !== undefined) return only.mode === 'delete' ? state.deleteByKey(only.columns, only.rowCount) : state.upsert(only.columns, only.rowCount);
  const rowCount = writes.reduce((sum, write) => sum + write.rowCount, 0);
  const deletes = writes.some(({mode}) => mode === 'delete') ? new Uint8Array(rowCount) : null;
  let at = 0;
  for (const write of writes) {
    if (write.mode === 'delete') deletes!.fill(1, at, at + write.rowCount);
    at += write.rowCount;
  }
  const columns = spec.columns.map((column, index) => concatColumn(column.type, writes.map((write): Piece => {
    if (write.mode !== 'delete') return {column: write.columns[index]!, rowCount: write.rowCount};
    const key = spec.key.indexOf(index);
    return {column: key === -1 ? nullColumn(column.type, write.rowCount) : write.columns[key]!, rowCount: write.rowCount};
  })));
  return deletes === null ? state.upsert(columns, rowCount) : state.mixed(columns, rowCount, deletes);
}

/** Columns that rows come with: hidden ones are ours to fill. */
function givenColumns(spec: TableSpec): ColumnSpec[] {
  return spec.columns.filter((column) => !column.hidden);
}

function givenTypes(spec: TableSpec): LogicalType[] {
  return givenColumns(spec).map((column) => column.type);
}

/** @throws {WarehouseError} `MR_CONFLICT` when a row has changed since the statement read it. */
function checkExpected(spec: TableSpec, state: TableState, write: TableWrite, columns: readonly Column[], rowCount: number): void {
  const keys = write.mode === 'delete' ? columns : spec.key.map((index) => columns[index]!);
  const rows = new Int32Array(rowCount);
  state.find(keys, null, rowCount, rows);
  const found = rows.filter((row) => row >= 0);
  const positions = new Float64Array(found.length);
  state.store.getPositions(found, found.length, positions);
  let at = 0;
  for (let i = 0; i < rowCount; i++) {
    const expected = write.expected![i]!;
    const position = rows[i]! < 0 ? -1 : positions[at++]!;
    if (expected >= 0 && position !== expected) {
      throw changedSince(spec);
    }
  }
}

function changedSince(spec: TableSpec): WarehouseError {
  return new WarehouseError('conflict', 'MR_CONFLICT', `a row of ${spec.schema}.${spec.name} was changed by another epoch since the statement read it`, {hint: 'run the statement again'});
}
