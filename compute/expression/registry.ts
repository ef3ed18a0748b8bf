/** How a compiled function is declared and found: a name, the kinds of its arguments one signature each, and the code it becomes. */
import type {Expression, PlanType} from '../../kernel/plan/tree.ts';
import type {Generator} from './generator.ts';
import type {Operand, Result} from './operand.ts';
import type {Writer} from './writer.ts';

export interface CompiledFunction {
  readonly name: string;
  /**
   * Kinds of the arguments, e.g. `decimal,decimal`. `const varchar` wants a constant; a last `varchar…` stands for one or more.
   * What is not listed here has no differential test and is not compiled.
   */
  readonly signatures: readonly string[];
  /** A further condition on the arguments, answered with the reason why they are not compiled. */
  readonly refuse?: (args: readonly Expression[]) => string | null;
  /** Code for arguments that are not NULL; a NULL argument makes the result NULL. */
  readonly emit: (writer: Writer, args: readonly Operand[], type: PlanType) => Result;
  /** In place of `emit`, for functions that have their own rule about NULL. */
  readonly ownNulls?: (generator: Generator, writer: Writer, args: readonly Operand[], type: PlanType) => Operand;
  /** What a reader of docs/compiled-functions.md should know. */
  readonly note?: string;
}

export interface CompiledCast {
  readonly from: string;
  readonly to: string;
  readonly emit: (writer: Writer, args: readonly Operand[], type: PlanType) => Result;
  readonly note?: string;
}

function fits(pattern: string, arg: Expression): boolean {
  const constant = pattern.startsWith('const ');
  const kind = constant ? pattern.slice('const '.length) : pattern;
  return arg.type.kind === kind && (!constant || (arg.kind === 'constant' && arg.value !== null));
}

/** @returns whether arguments fit a signature. */
export function fitsSignature(signature: string, args: readonly Expression[]): boolean {
  const patterns = signature === '' ? [] : signature.split(',');
  const last = patterns.at(-1);
  if (last?.endsWith('…')) {
    const fixed = patterns.slice(0, -1);
    return args.length > fixed.length && fixed.every((pattern, index) => fits(pattern, args[index]!))
      && args.slice(fixed.length).every((arg) => fits(last.slice(0, -1), arg));
  }
  return patterns.length === args.length && patterns.every((pattern, index) => fits(pattern, args[index]!));
}

/** @returns every signature of `kinds` with itself, e.g. `tinyint,tinyint`. */
export function pairs(kinds: readonly string[]): string[] {
  return kinds.map((kind) => `${kind},${kind}`);
}

export const integerKinds = ['tinyint', 'smallint', 'integer', 'bigint', 'hugeint'] as const;
export const exactKinds = [...integerKinds, 'decimal'] as const;
export const floatKinds = ['float', 'double'] as const;
export const numberKinds = [...exactKinds, ...floatKinds] as const;
export const comparableKinds = ['boolean', ...numberKinds, 'date', 'timestamp', 'timestamptz', 'varchar', 'blob'] as const;
