/** A value in generated code: where it stands, in which form, and what is known about it before any row was seen. */
import type {ConstantValue, PlanType} from '../../kernel/plan/tree.ts';
import type {Form} from './form.ts';

/** What the code of a function yields for arguments that are not NULL. */
export interface Result {
  readonly form: Form;
  /** JavaScript of the value: a local, a literal or an expression to be evaluated once; of text, the Uint8Array that holds it. */
  readonly code: string;
  /** Of text: first byte and byte count. */
  readonly start?: string;
  readonly length?: string;
  /** Of text: its address in the output arena, −1 where it has none; absent when it never has one. */
  readonly address?: string | null;
  /** Of int and exact: at least the largest absolute value. */
  readonly bound?: number;
}

export interface Operand {
  readonly type: PlanType;
  readonly form: Form;
  readonly code: string;
  readonly start: string;
  readonly length: string;
  readonly address: string | null;
  readonly bound: number;
  /** `true`, `false` or a boolean local: whether the value is not NULL. */
  readonly valid: string;
  /** Set where the operand is a constant; `null` is the constant NULL. */
  readonly constant: ConstantValue | undefined;
}

/** @returns an operand of a function's result. */
export function operandOf(type: PlanType, result: Result, valid: string, constant?: ConstantValue): Operand {
  return {
    type, valid, constant,
    form: result.form, code: result.code, start: result.start ?? '0', length: result.length ?? '0',
    address: result.address ?? null, bound: result.bound ?? Infinity,
  };
}

/** @returns a condition that all operands are not NULL: `true`, `false` or JavaScript. */
export function allValid(operands: readonly Operand[]): string {
  const names = new Set(operands.map((operand) => operand.valid).filter((valid) => valid !== 'true'));
  if (names.has('false')) return 'false';
  return names.size === 0 ? 'true' : [...names].join(' && ');
}

/** @returns the operand's value as a bigint expression. */
export function asBig(operand: Operand): string {
  if (operand.form === 'big') return operand.code;
  return typeof operand.constant === 'bigint' ? `${operand.constant < 0n ? `(${operand.constant}n)` : `${operand.constant}n`}` : `BigInt(${operand.code})`;
}
