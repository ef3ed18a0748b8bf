/** Rows as plain values, for tests of state: columns from rows in every form a column may come in, and rows back from columns. */
import fc from 'fast-check';
import {Arena} from '../../base/arena.ts';
import type {Column} from '../../base/delta.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import {WarehouseError} from '../../base/error.ts';
import {unreachable} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {physicalKind} from '../../base/type.ts';
import {AlignedArena} from './aligned-arena.ts';
import type {PageFile} from './page-file.ts';

/** NULL, an i32 or double, an exact integer, text (one character a byte). */
export type Cell = null | number | bigint | string;

export const seed = Number(process.env['MR_SEED'] ?? 20_240_817);

const types: readonly LogicalType[] = [
  {kind: 'boolean'}, {kind: 'integer'}, {kind: 'date'}, {kind: 'bigint'}, {kind: 'timestamp'}, {kind: 'double'}, {kind: 'float'},
  {kind: 'varchar'}, {kind: 'blob'}, {kind: 'decimal', precision: 12, scale: 2}, {kind: 'decimal', precision: 38, scale: 4},
];

export const anyType: fc.Arbitrary<LogicalType> = fc.constantFrom(...types);

/** Few values of each kind, edges among them, so that keys and rows meet again. */
export function anyCell(type: LogicalType, nullable: boolean): fc.Arbitrary<Cell> {
  const none: Cell[] = nullable ? [null] : [];
  switch (physicalKind(type)) {
    case 'i32': return fc.constantFrom<Cell[]>(...none, 0, 1, ...(type.kind === 'boolean' ? [] : [-1, 2 ** 31 - 1, -(2 ** 31), 7]));
    case 'f64': return fc.constantFrom<Cell[]>(...none, 0, -0, Number.NaN, 1.5, -Infinity, 2 ** 60);
    case 'exact64': return fc.constantFrom<Cell[]>(...none, 0n, 1n, -1n, 2n ** 53n - 1n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n), 4_294_967_296n, -4_294_967_297n);
    case 'exact128': return fc.constantFrom<Cell[]>(...none, 0n, 1n, -1n, 2n ** 53n, -(2n ** 64n), 10n ** 37n, -(10n ** 37n), 2n ** 63n, -(2n ** 63n));
    case 'bytes': return fc.constantFrom<Cell[]>(...none, '', 'a', 'abcd', 'abcde', 'abcdefgh', 'abcdefghi', '\0', '\0\0\0\0', 'x'.repeat(300));
    default: return unreachable(physicalKind(type) as never);
  }
}

/** How a batch lays its columns out: wide where narrow would do, a validity where none is needed, bytes aligned or not. */
export interface Form {readonly wide: boolean; readonly validity: boolean; readonly aligned: boolean; readonly slack: number}
export const anyForm: fc.Arbitrary<Form> = fc.record({wide: fc.boolean(), validity: fc.boolean(), aligned: fc.boolean(), slack: fc.nat(3)});
export const plainForm: Form = {wide: false, validity: false, aligned: false, slack: 0};

function latin(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** @returns the cells as a column of `type`. */
export function columnOf(type: LogicalType, cells: readonly Cell[], form: Form = plainForm): Column {
  const length = cells.length + form.slack;
  const nulls = cells.some((cell) => cell === null);
  const valid = nulls || form.validity ? new Uint8Array(length) : null;
  if (valid !== null) cells.forEach((cell, i) => { valid[i] = cell === null ? 0 : 1; });
  const kind = physicalKind(type);
  switch (kind) {
    case 'i32': {
      const data = new Int32Array(length);
      cells.forEach((cell, i) => { data[i] = Number(cell ?? 0); });
      return {kind: 'i32', data, valid};
    }
    case 'f64': {
      const data = new Float64Array(length);
      cells.forEach((cell, i) => { data[i] = Number(cell ?? 0); });
      return {kind: 'f64', data, valid, bound: Infinity};
    }
    case 'exact64': case 'exact128': {
      const values = cells.map((cell) => BigInt(cell ?? 0n));
      const narrow = values.every((value) => value <= BigInt(NARROW_BOUND) && value >= -BigInt(NARROW_BOUND));
      if (narrow && !form.wide) {
        const data = new Float64Array(length);
        values.forEach((value, i) => { data[i] = Number(value); });
        return {kind: 'f64', data, valid, bound: NARROW_BOUND};
      }
      const fits = values.every((value) => value === BigInt.asIntN(64, value));
      if (kind === 'exact64' || (fits && form.validity)) {
        const data = new BigInt64Array(length);
        values.forEach((value, i) => { data[i] = value; });
        return {kind: 'i64', data, valid};
      }
      const data = new BigInt64Array(2 * length);
      values.forEach((value, i) => {
        data[2 * i] = BigInt.asIntN(64, value);
        data[2 * i + 1] = value >> 64n;
      });
      return {kind: 'i128', data, valid};
    }
    case 'bytes': {
      const arena = form.aligned ? new AlignedArena() : new Arena();
      const address = new Float64Array(length);
      const lengths = new Int32Array(length);
      arena.append(latin('??'), 0, 2); // so that addresses are not 0 by chance
      cells.forEach((cell, i) => {
        const bytes = latin(String(cell ?? ''));
        lengths[i] = bytes.length;
        address[i] = bytes.length === 0 ? 0 : arena.append(bytes, 0, bytes.length);
      });
      return {kind: 'bytes', arena, address, length: lengths, valid};
    }
    default: return unreachable(kind);
  }
}

/** @returns the rows as columns. */
export function columnsOf(types: readonly LogicalType[], rows: readonly (readonly Cell[])[], form: Form = plainForm): Column[] {
  return types.map((type, column) => columnOf(type, rows.map((row) => row[column]!), form));
}

/** @returns one value of a column. */
export function cellOf(type: LogicalType, column: Column, i: number): Cell {
  if (column.valid !== null && column.valid[i] === 0) return null;
  switch (column.kind) {
    case 'i32': return column.data[i]!;
    case 'f64': return physicalKind(type) === 'f64' ? column.data[i]! : BigInt(column.data[i]!);
    case 'i64': return column.data[i]!;
    case 'i128': return (column.data[2 * i + 1]! << 64n) + BigInt.asUintN(64, column.data[2 * i]!);
    case 'bytes': return column.length[i] === 0 ? '' : String.fromCharCode(...column.arena.view(column.address[i]!, column.length[i]!));
    default: return unreachable(column);
  }
}

/** @returns the first `count` rows of the columns. */
export function rowsOf(types: readonly LogicalType[], columns: readonly Column[], count: number): Cell[][] {
  return Array.from({length: count}, (_, i) => types.map((type, column) => cellOf(type, columns[column]!, i)));
}

/** Text that is equal exactly for equal cells; −0 is 0 unless `exact`. */
export function cellText(cell: Cell, exact = false): string {
  if (cell === null) return 'null';
  if (typeof cell === 'number') return exact && Object.is(cell, -0) ? '-0' : `${cell}`;
  return typeof cell === 'bigint' ? `${cell}n` : JSON.stringify(cell);
}

export function rowText(row: readonly Cell[], exact = false): string {
  return row.map((cell) => cellText(cell, exact)).join('|');
}

/** A page file in memory: fails when told, and refuses to read what was never written. */
export class MemoryPageFile implements PageFile {
  bytes = new Uint8Array(0);
  writes = 0;
  reads = 0;
  closed = false;
  /** Thrown by the next reads or writes, as often as it says. */
  readonly failures: {read: number; write: number} = {read: 0, write: 0};

  read(position: number, into: Uint8Array): void {
    this.reads++;
    if (this.failures.read > 0) {
      this.failures.read--;
      throw new WarehouseError('unavailable', 'MR_PAGE_FILE_FAILED', 'the page file cannot be read');
    }
    if (position + into.length > this.bytes.length) throw new RangeError(`read of ${position} to ${position + into.length}, the page file has ${this.bytes.length} bytes`);
    into.set(this.bytes.subarray(position, position + into.length));
  }

  write(position: number, bytes: Uint8Array): void {
    this.writes++;
    if (this.failures.write > 0) {
      this.failures.write--;
      throw new WarehouseError('unavailable', 'MR_PAGE_FILE_FAILED', 'the page file cannot be written');
    }
    if (position + bytes.length > this.bytes.length) {
      const longer = new Uint8Array(position + bytes.length);
      longer.set(this.bytes);
      this.bytes = longer;
    }
    this.bytes.set(bytes, position);
  }

  truncate(bytes: number): void {
    this.bytes = this.bytes.slice(0, bytes);
  }

  close(): void {
    this.closed = true;
  }
}

/** Fails the read after the next `left`, and all after it. */
export class FailingReads extends MemoryPageFile {
  left = Infinity;

  override read(position: number, into: Uint8Array): void {
    if (this.left-- <= 0) throw new WarehouseError('unavailable', 'MR_PAGE_FILE_FAILED', 'the page file cannot be read');
    super.read(position, into);
  }
}
