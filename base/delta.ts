/**
 * The currency of the house: rows held by column, in typed arrays. Operators exchange `Delta` (a Z-set), tables are changed by
 * `ChangeBatch` (the same with changelog ops and positions). Arrow layout exists in frames and on the wire only.
 *
 * physical kind   column          notes
 * i32             Int32Array      BOOLEAN is 0/1, DATE is days since 1970
 * f64             Float64Array    FLOAT (already rounded to float) and DOUBLE; `bound` is Infinity
 * exact64         Float64Array    narrow: exact integers, |v| <= bound <= 2^53-1 — or BigInt64Array ('i64'), wide
 * exact128        Float64Array    narrow, as above — or BigInt64Array of low, high word pairs ('i128'), wide
 * bytes           address/length  into an Arena: text, a blob, or a nested value (base/nested.ts)
 *
 * Narrow is an optimisation, never a semantics: every consumer accepts both forms of an exact kind. Values under a NULL are 0
 * (address and length 0), so that rows can be hashed and compared by words.
 * Arrays may be longer than `rowCount` (buffers are reused): only [0, rowCount) counts.
 */
import type {Arena} from './arena.ts';

/** One byte a value, 1 = valid, 0 = NULL; null means that no value is NULL. */
export type Validity = Uint8Array | null;

export interface I32Column {readonly kind: 'i32'; data: Int32Array; valid: Validity}
/** Doubles (`bound` Infinity) or exact integers (`bound` is the certificate: at least the largest |value|). */
export interface F64Column {readonly kind: 'f64'; data: Float64Array; valid: Validity; bound: number}
export interface I64Column {readonly kind: 'i64'; data: BigInt64Array; valid: Validity}
/** Two words a value, low first; the value is high · 2^64 + low taken as unsigned. */
export interface I128Column {readonly kind: 'i128'; data: BigInt64Array; valid: Validity}
export interface BytesColumn {readonly kind: 'bytes'; arena: Arena; address: Float64Array; length: Int32Array; valid: Validity}
export type Column = I32Column | F64Column | I64Column | I128Column | BytesColumn;

/** Largest integer that a narrow exact column may hold. */
export const NARROW_BOUND = Number.MAX_SAFE_INTEGER;

/** Rows of one epoch with integer weights. A weight may be any integer but 0; a row may occur more than once unless `consolidated`. */
export interface Delta {
  rowCount: number;
  weights: Int32Array;
  columns: Column[];
}

/** Changelog ops, as Paimon's `_VALUE_KIND` numbers them. */
export const OP_INSERT = 0;
export const OP_UPDATE_BEFORE = 1;
export const OP_UPDATE_AFTER = 2;
export const OP_DELETE = 3;
export const OP_TEXT = ['+I', '-U', '+U', '-D'] as const;
export type OpText = (typeof OP_TEXT)[number];

/**
 * One table's changes of one epoch, in changelog order: for one key −U stands directly before +U. Columns are the table's
 * columns, hidden ones included. `positions[i]` is the `_pos` that row i frees (−U, −D) or takes (+I, +U).
 */
export interface ChangeBatch {
  rowCount: number;
  ops: Uint8Array;
  columns: Column[];
  positions: Float64Array;
}
