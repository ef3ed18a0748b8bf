/**
 * What a row raises: the same kinds and texts as DuckDB's, so that a user reads one message whichever executor met the row.
 * Generated code throws these (`throw raise.overflow(r, …)`); they are built only when thrown.
 */
import {WarehouseError} from '../../base/error.ts';

/** An expression raised for one row. `rowIndex` is the row's index in the input batch, so that the caller can reject that row. */
export class ExpressionError extends WarehouseError {
  override readonly name = 'ExpressionError';
  readonly rowIndex: number;
  /** DuckDB would answer where generated code does not (dates far out of use): evaluate this batch by SQL, or reject the row. */
  readonly needsFallback: boolean;

  constructor(rowIndex: number, message: string, needsFallback = false) {
    super('invalid', 'MR_EXPRESSION', message, {hint: needsFallback ? 'correct the value' : 'correct the value, widen the type, or write try_cast(…) or try(…) to get NULL instead'});
    this.rowIndex = rowIndex;
    this.needsFallback = needsFallback;
  }
}

type Printable = number | bigint | boolean;

function printed(value: Printable): string {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return String(value);
  return value === Infinity ? 'inf' : value === -Infinity ? '-inf' : Number.isNaN(value) ? 'nan' : String(value);
}

function overflow(row: number, operation: string, symbol: string, typeName: string, left: Printable, right: Printable): ExpressionError {
  const values = `(${printed(left)} ${symbol} ${printed(right)})`;
  return new ExpressionError(row, `Out of Range Error: Overflow in ${operationText(operation, typeName)} of ${typeName} ${values}${overflowEnd(operation, typeName)}`);
}

function operationText(operation: string, typeName: string): string {
  return operation === 'subtraction' && typeName.startsWith('DECIMAL') ? 'subtract' : operation;
}

function overflowEnd(operation: string, typeName: string): string {
  if (typeName === 'DECIMAL(18)') return '. You might want to add an explicit cast to a bigger decimal.';
  if (typeName !== 'DECIMAL(38)') return '!';
  return operation === 'multiplication' ? '. You might want to add an explicit cast to a decimal with a smaller scale.' : ';';
}

function outOfRange(row: number, message: string): ExpressionError {
  return new ExpressionError(row, `Out of Range Error: ${message}`);
}

function castRange(row: number, from: string, value: Printable, to: string): ExpressionError {
  return new ExpressionError(row, `Conversion Error: Type ${from} with value ${printed(value)} can't be cast because the value is out of range for the destination type ${to}`);
}

/** @param precision and scale are those of the unscaled `value`. */
function castDecimal(row: number, value: number | bigint, precision: number, scale: number, to: string): ExpressionError {
  const digits = String(value < 0 ? -value : value).padStart(precision === scale ? scale : scale + 1, '0');
  const shown = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return new ExpressionError(row, `Conversion Error: Casting value "${value < 0 ? '-' : ''}${shown}" to type ${to} failed: value is out of range!`);
}

function conversion(row: number, message: string): ExpressionError {
  return new ExpressionError(row, `Conversion Error: ${message}`);
}

function invalidInput(row: number, message: string): ExpressionError {
  return new ExpressionError(row, `Invalid Input Error: ${message}`);
}

function fallback(row: number, message: string): ExpressionError {
  return new ExpressionError(row, message, true);
}

const textDecoder = new TextDecoder();

/** `before` and `after` stand around the text in the message. */
function unreadable(row: number, bytes: Uint8Array, start: number, length: number, before: string, after: string): ExpressionError {
  return conversion(row, `${before}${textDecoder.decode(bytes.subarray(start, start + length))}${after}`);
}

/** What generated code calls as `raise`. */
export const raise = {overflow, outOfRange, castRange, castDecimal, conversion, invalidInput, unreadable, fallback} as const;
