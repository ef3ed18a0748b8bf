/**
 * How generated code holds a value in locals. Types are DuckDB's and come from the tree; a form only says which JavaScript value stands for it.
 *
 * flag    true/false                    BOOLEAN
 * int     number, a 32-bit integer      TINYINT, SMALLINT, INTEGER, DATE (days)
 * exact   number, |v| ≤ 2^53−1, never −0 BIGINT, HUGEINT, DECIMAL (unscaled), TIMESTAMP (µs): the narrow variant
 * big     bigint                        the same types: the wide variant
 * double  number                        FLOAT (rounded to float), DOUBLE
 * text    bytes, start, length          VARCHAR, BLOB
 */
import type {PlanType} from '../../kernel/plan/tree.ts';

export type Form = 'flag' | 'int' | 'exact' | 'big' | 'double' | 'text';

/** Types the compiled set knows at all; `interval` occurs as a constant argument only. */
export type CompiledKind =
  | 'boolean' | 'tinyint' | 'smallint' | 'integer' | 'bigint' | 'hugeint' | 'decimal' | 'float' | 'double'
  | 'date' | 'timestamp' | 'timestamptz' | 'varchar' | 'blob';

/** @returns the form of a type's values when exact integers are narrow, or null where values of the type are not compiled. */
export function narrowForm(type: PlanType): Form | null {
  switch (type.kind) {
    case 'boolean': return 'flag';
    case 'tinyint': case 'smallint': case 'integer': case 'date': return 'int';
    case 'bigint': case 'hugeint': case 'decimal': case 'timestamp': case 'timestamptz': return 'exact';
    case 'float': case 'double': return 'double';
    case 'varchar': case 'blob': return 'text';
    default: return null;
  }
}

/** @returns whether wide values of an exact type take two words. */
export function twoWords(type: PlanType): boolean {
  return type.kind === 'hugeint' || (type.kind === 'decimal' && type.precision > 18);
}

const integerBits: Readonly<Record<string, number>> = {tinyint: 8, smallint: 16, integer: 32, date: 32, bigint: 64, timestamp: 64, timestamptz: 64, hugeint: 128};

/** Smallest and largest value of an integer-like type (unscaled for decimals). */
export interface Limits {readonly min: bigint; readonly max: bigint}

/** @returns the limits of a type held as integers, or null for the others. */
export function limitsOf(type: PlanType): Limits | null {
  if (type.kind === 'decimal') {
    const max = 10n ** BigInt(type.precision) - 1n;
    return {min: -max, max};
  }
  const bits = integerBits[type.kind];
  return bits === undefined ? null : {min: -(1n << BigInt(bits - 1)), max: (1n << BigInt(bits - 1)) - 1n};
}

/** @returns the largest absolute value of a type as a number (Infinity for doubles): the first bound of an operand. */
export function typeBound(type: PlanType): number {
  const limits = limitsOf(type);
  return limits === null ? Infinity : Number(-limits.min);
}

/** @returns the name of a type in DuckDB's range messages. */
export function physicalName(type: PlanType): string {
  switch (type.kind) {
    case 'boolean': return 'BOOL';
    case 'tinyint': return 'INT8';
    case 'smallint': return 'INT16';
    case 'integer': case 'date': return 'INT32';
    case 'bigint': case 'timestamp': case 'timestamptz': return 'INT64';
    case 'hugeint': return 'INT128';
    case 'decimal': return type.precision <= 4 ? 'INT16' : type.precision <= 9 ? 'INT32' : type.precision <= 18 ? 'INT64' : 'INT128';
    default: return type.kind.toUpperCase();
  }
}

/** @returns the initial value of a local of a form: what stands under a NULL. */
export function zeroOf(form: Form): string {
  return form === 'flag' ? 'false' : form === 'big' ? '0n' : form === 'text' ? 'emptyBytes' : '0';
}
