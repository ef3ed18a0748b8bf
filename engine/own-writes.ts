/**
 * The writes of one transaction, held until COMMIT sends them as one epoch. Queries inside the transaction see the epoch pinned at
 * BEGIN; UPDATE and DELETE see it with the transaction's own writes laid over, so that the second write to one key sees the first.
 *
 * The overlay is a relation of `_pos` and the visible columns. A row that the transaction wrote has a position of −16 or below:
 * no row of the warehouse has one, and the engine checks no such expectation (the first write to the key carries the check).
 *   keyed table   the pinned rows whose key was not written, and of each written key the last row, unless that was a delete
 *   bag           the pinned rows and the added ones, without those whose position was removed
 */
import {nullColumn} from '../base/columns.ts';
import type {Column} from '../base/delta.ts';
import {WarehouseError} from '../base/error.ts';
import {publishSliceRows, transactionBytesMax} from '../base/limit.ts';
import type {LogicalType} from '../base/type.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import {relationOfPieces, type RelationPiece} from '../kernel/relation-pieces.ts';
import type {Session} from '../kernel/session.ts';
import {decodeColumns} from '../storage/log/columns.ts';
import type {TableWrite} from './protocol.ts';

const bigint: LogicalType = {kind: 'bigint'};
const boolean: LogicalType = {kind: 'boolean'};
/** Position of the first own row; −1 and −2 mean something in `TableWrite.expected`. */
const ownPosition = -16;
let overlays = 0;

/** Rows of a bag that a statement takes away: the positions at which it read them. */
export interface RemovedRows {
  readonly table: TableId;
  readonly positions: Float64Array;
}

/** A relation that statements of one session read until it is released. */
export interface BoundTarget {
  readonly relation: string;
  release(): void;
}

export class OwnWrites {
  readonly #writes: TableWrite[] = [];
  readonly #removed: RemovedRows[] = [];
  #bytes = 0;

  /** In the order of the statements. */
  get writes(): readonly TableWrite[] {
    return this.#writes;
  }

  /** @throws {WarehouseError} `MR_TOO_LARGE` beyond `transactionBytesMax`; nothing is added then. */
  add(writes: readonly TableWrite[], removed: readonly RemovedRows[]): void {
    const bytes = writes.reduce((sum, {rows}) => sum + rows.bytes.byteLength, this.#bytes);
    if (bytes > transactionBytesMax) {
      throw new WarehouseError('invalid', 'MR_TOO_LARGE', `the transaction's writes have ${bytes} bytes, at most ${transactionBytesMax} are held until COMMIT`, {hint: 'commit in parts, or write it as one INSERT … SELECT outside of a transaction'});
    }
    this.#bytes = bytes;
    this.#writes.push(...writes);
    this.#removed.push(...removed);
  }

  /** @param rows the relation of the table's rows before the transaction. @returns what UPDATE and DELETE of `table` read. */
  target(session: Session, table: TableSpec, rows: string): BoundTarget {
    const own = this.#writes.filter((write) => write.table === table.id);
    if (own.length === 0) return {relation: rows, release: () => undefined};
    return table.storage === 'keyed' ? this.#overKeys(session, table, own, rows) : this.#overRows(session, table, own, rows);
  }

  #overKeys(session: Session, table: TableSpec, own: readonly TableWrite[], rows: string): BoundTarget {
    let sequence = 0;
    const pieces = own.map(({mode, rows: {bytes, rowCount}}): RelationPiece => {
      const gone = mode === 'delete';
      const types = gone ? table.key.map((index) => table.columns[index]!.type) : table.columns.map((column) => column.type);
      const {columns} = decodeColumns(bytes, types);
      const whole = gone ? table.columns.map((column, index) => columns[table.key.indexOf(index)] ?? nullColumn(column.type, rowCount)) : columns;
      const head = [counted(sequence, rowCount), flags(gone, rowCount)];
      sequence += rowCount;
      return {rowCount, columns: [...head, ...whole]};
    });
    const name = `mr_own_${overlays++}`;
    session.bindRelation(name, relationOfPieces([{name: '_seq', type: bigint}, {name: '_gone', type: boolean}, ...table.columns.map((column) => ({name: column.name, type: column.type}))], pieces, publishSliceRows));
    const columns = table.columns.map((column) => quoteIdentifier(column.name));
    const keys = table.key.map((index) => columns[index]!);
    const same = keys.map((key) => `o.${key} = r.${key}`).join(' AND ');
    const last = `SELECT * FROM mr_rows('${name}') QUALIFY row_number() OVER (PARTITION BY ${keys.join(', ')} ORDER BY _seq DESC) = 1`;
    return {
      relation: `(SELECT r._pos, ${columns.map((column) => `r.${column}`).join(', ')} FROM ${rows} r ANTI JOIN (SELECT ${keys.join(', ')} FROM mr_rows('${name}')) o ON ${same}`
        + ` UNION ALL SELECT ${ownPosition} - _seq, ${columns.join(', ')} FROM (${last}) WHERE NOT _gone)`,
      release: () => session.unbindRelation(name),
    };
  }

  #overRows(session: Session, table: TableSpec, own: readonly TableWrite[], rows: string): BoundTarget {
    const visible = table.columns.filter((column) => !column.hidden);
    let sequence = 0;
    const pieces: RelationPiece[] = [];
    for (const {mode, rows: {bytes, rowCount}} of own) {
      if (mode !== 'append') continue;
      pieces.push({rowCount, columns: [counted(sequence, rowCount), ...decodeColumns(bytes, visible.map((column) => column.type)).columns]});
      sequence += rowCount;
    }
    const removed = this.#removed.filter((one) => one.table === table.id).map(({positions}): RelationPiece => ({rowCount: positions.length, columns: [{kind: 'f64', data: positions, valid: null, bound: Number.MAX_SAFE_INTEGER}]}));
    const name = `mr_own_${overlays++}`;
    session.bindRelation(name, relationOfPieces([{name: '_seq', type: bigint}, ...visible.map((column) => ({name: column.name, type: column.type}))], pieces, publishSliceRows));
    session.bindRelation(`${name}_gone`, relationOfPieces([{name: 'p', type: bigint}], removed, publishSliceRows));
    const columns = visible.map((column) => quoteIdentifier(column.name)).join(', ');
    return {
      relation: `(SELECT a.* FROM (SELECT _pos, ${columns} FROM ${rows} UNION ALL SELECT ${ownPosition} - _seq, ${columns} FROM mr_rows('${name}')) a ANTI JOIN mr_rows('${name}_gone') g ON g.p = a._pos)`,
      release: () => {
        session.unbindRelation(name);
        session.unbindRelation(`${name}_gone`);
      },
    };
  }
}

function counted(from: number, rowCount: number): Column {
  const data = new Float64Array(rowCount);
  for (let i = 0; i < rowCount; i++) data[i] = from + i;
  return {kind: 'f64', data, valid: null, bound: from + rowCount};
}

function flags(value: boolean, rowCount: number): Column {
  return {kind: 'i32', data: new Int32Array(rowCount).fill(value ? 1 : 0), valid: null};
}
