/** Numbers: operators and functions from number to number. */
import {absolute, checkNarrow, integerArithmetic, integerDivision, modulo, negation} from './arithmetic-code.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import type {Expression} from '../../kernel/plan/tree.ts';
import type {Operand, Result} from './operand.ts';
import {asBig} from './operand.ts';
import type {CompiledFunction} from './registry.ts';
import {exactKinds, floatKinds, integerKinds, pairs} from './registry.ts';
import {scaledDown} from './scale-code.ts';
import type {Writer} from './writer.ts';

/** FLOAT results are rounded to float; one rounding of an exact double operation gives the float operation's own result. */
function rounded(kind: string, code: string): string {
  return kind === 'float' ? `Math.fround(${code})` : code;
}

function floating(names: readonly string[], operator: string, note?: string): CompiledFunction[] {
  return names.map((name) => ({
    name, signatures: pairs(floatKinds), ...(note === undefined ? {} : {note}),
    emit: (_, [a, b], type) => ({form: 'double', code: rounded(type.kind, `${a!.code} ${operator} ${b!.code}`)}),
  }));
}

/**
 * Decimals too long for a decimal remainder are taken as doubles, and then a divisor of 0 gives NULL instead of NaN. The tree does
 * not tell the two apart, unless one side is a double by itself.
 */
function floatModuloRefusal(args: readonly Expression[]): string | null {
  const floating = args.some((arg) => arg.kind !== 'constant' && !(arg.kind === 'cast' && (exactKinds as readonly string[]).includes(arg.child.type.kind)));
  return floating ? null : 'a remainder of decimals as doubles';
}

/** Names that are one function. */
function alias(names: readonly string[], entry: Omit<CompiledFunction, 'name'>): CompiledFunction[] {
  return names.map((name) => ({name, ...entry}));
}

type WholeRounding = 'floor' | 'ceil' | 'trunc';

/** A decimal without its fraction. */
function wholeDecimal(writer: Writer, operand: Operand, rounding: WholeRounding): Result {
  const {type, form, code, bound} = operand;
  const scale = type.kind === 'decimal' ? type.scale : 0;
  if (scale === 0) return operand;
  if (form !== 'big' && scale <= 15) return {form: 'exact', code: writer.local(`Math.${rounding}(${code} / ${10 ** scale}) + 0`), bound: bound / 10 ** scale + 1};
  const power = `${10n ** BigInt(scale)}n`;
  const value = asBig(operand);
  const quotient = writer.local(`${value} / ${power}`);
  if (rounding === 'trunc') return {form: 'big', code: quotient};
  const moved = rounding === 'floor' ? `${value} < 0n && ${quotient} * ${power} !== ${value} ? ${quotient} - 1n` : `${value} > 0n && ${quotient} * ${power} !== ${value} ? ${quotient} + 1n`;
  return {form: 'big', code: writer.local(`${moved} : ${quotient}`)};
}

function whole(names: readonly string[], rounding: WholeRounding): CompiledFunction[] {
  return [
    ...alias(names, {signatures: ['decimal'], emit: (w, [a]) => wholeDecimal(w, a!, rounding)}),
    ...alias(names, {signatures: floatKinds, emit: (_, [a]) => ({form: 'double', code: `Math.${rounding}(${a!.code})`})}),
  ];
}

/** Largest |digits| for which 10^digits is exact as a double. */
const roundDigitsMax = 22;

function digitsOf(expression: Expression | undefined): bigint | null {
  return expression?.kind === 'constant' && typeof expression.value === 'bigint' ? expression.value : null;
}

/** round(decimal, digits); the result has the scale of its type. */
function roundDecimal(writer: Writer, operand: Operand, digits: number): Result {
  const scale = operand.type.kind === 'decimal' ? operand.type.scale : 0;
  if (digits >= scale) return operand;
  if (digits >= 0) return scaledDown(writer, operand, scale - digits);
  // Digits before the point: to a multiple of a power of ten, whole.
  const power = 10n ** BigInt(-digits);
  const quotient = scaledDown(writer, operand, scale - digits);
  if (quotient.form !== 'big' && (quotient.bound ?? Infinity) * Number(power) <= NARROW_BOUND) {
    return {form: 'exact', code: `${quotient.code} * ${power} + 0`, bound: quotient.bound! * Number(power)};
  }
  if (quotient.form !== 'big' && !writer.wide) {
    const value = writer.local(`${quotient.code} * ${power} + 0`);
    checkNarrow(writer, value);
    return {form: 'exact', code: value, bound: NARROW_BOUND};
  }
  return {form: 'big', code: `${quotient.form === 'big' ? quotient.code : `BigInt(${quotient.code})`} * ${power}n`};
}

/** Where no digit is left, DuckDB answers 0 even for NULL. */
function roundRefusal([value, digits]: readonly Expression[]): string | null {
  const type = value!.type;
  const dropped = -Number(digitsOf(digits));
  return type.kind === 'decimal' && dropped > 0 && dropped >= type.precision - type.scale ? 'all digits dropped' : null;
}

function roundFloating(writer: Writer, operand: Operand, digits: number): Result {
  const power = 10 ** Math.abs(digits);
  const near = digits < 0 ? `roundHalfAway(${operand.code} / ${power}) * ${power}` : `roundHalfAway(${operand.code} * ${power}) / ${power}`;
  const value = writer.local(near);
  // What overflows on the way stays as it is, or is 0 where digits before the point are dropped.
  return {form: 'double', code: rounded(operand.type.kind, `(Number.isFinite(${value}) ? ${value} : ${digits < 0 ? '0' : operand.code})`)};
}

export const arithmeticFunctions: readonly CompiledFunction[] = [
  ...alias(['+', 'add'], {signatures: pairs(exactKinds), emit: (w, [a, b], type) => integerArithmetic(w, '+', a!, b!, type)}),
  ...alias(['-', 'subtract'], {signatures: pairs(exactKinds), emit: (w, [a, b], type) => integerArithmetic(w, '-', a!, b!, type)}),
  ...alias(['*', 'multiply'], {signatures: pairs(exactKinds), emit: (w, [a, b], type) => integerArithmetic(w, '*', a!, b!, type)}),
  ...floating(['+', 'add'], '+'), ...floating(['-', 'subtract'], '-'), ...floating(['*', 'multiply'], '*'), ...floating(['/'], '/', 'x / 0 is ±Infinity or NaN'),
  ...alias(['//', 'divide'], {signatures: pairs(integerKinds), emit: (w, [a, b], type) => integerDivision(w, a!, b!, type), note: 'truncates; NULL where the divisor is 0'}),
  ...alias(['%', 'mod'], {signatures: pairs(exactKinds), emit: (w, [a, b], type) => modulo(w, a!, b!, type), note: 'NULL where the divisor is 0'}),
  ...floating(['%', 'mod'], '%', 'x % 0 is NaN').map((entry) => ({...entry, refuse: floatModuloRefusal})),
  {name: '-', signatures: exactKinds, emit: (w, [a], type) => negation(w, a!, type)},
  {name: '-', signatures: floatKinds, emit: (_, [a]) => ({form: 'double', code: `-${a!.code}`})},
  {name: '+', signatures: [...exactKinds, ...floatKinds], emit: (_, [a]) => a!},
  ...alias(['abs', '@'], {signatures: exactKinds, emit: (w, [a], type) => absolute(w, a!, type)}),
  ...alias(['abs', '@'], {signatures: floatKinds, emit: (_, [a]) => ({form: 'double', code: `Math.abs(${a!.code})`})}),
  ...whole(['floor'], 'floor'), ...whole(['ceil', 'ceiling'], 'ceil'), ...whole(['trunc'], 'trunc'),
  {name: 'round', signatures: integerKinds, emit: (_, [a]) => a!},
  {name: 'round', signatures: ['decimal'], emit: (w, [a]) => roundDecimal(w, a!, 0), note: 'half away from zero'},
  {name: 'round', signatures: floatKinds, emit: (_, [a]) => ({form: 'double', code: `roundHalfAway(${a!.code})`}), note: 'half away from zero'},
  {name: 'round', signatures: ['decimal,const integer'], refuse: roundRefusal, emit: (w, [a, digits]) => roundDecimal(w, a!, Number(digits!.constant))},
  {
    name: 'round', signatures: floatKinds.map((kind) => `${kind},const integer`),
    refuse: ([, digits]) => (Math.abs(Number(digitsOf(digits))) > roundDigitsMax ? `more than ${roundDigitsMax} digits` : null),
    emit: (w, [a, digits]) => roundFloating(w, a!, Number(digits!.constant)),
  },
  {name: 'sign', signatures: integerKinds, emit: (_, [a]) => ({form: 'int', code: a!.form === 'big' ? `(${a!.code} > 0n ? 1 : ${a!.code} < 0n ? -1 : 0)` : `Math.sign(${a!.code})`, bound: 1})},
  {name: 'sign', signatures: floatKinds, emit: (_, [a]) => ({form: 'int', code: `(${a!.code} > 0 ? 1 : ${a!.code} < 0 ? -1 : 0)`, bound: 1})},
  {name: 'sqrt', signatures: ['double'], emit: (w, [a]) => {
    w.line(`if (${a!.code} < 0) ${w.fail(`outOfRange(r, 'cannot take square root of a negative number')`)}`);
    return {form: 'double', code: `Math.sqrt(${a!.code})`};
  }},
  {name: 'isnan', signatures: floatKinds, emit: (_, [a]) => ({form: 'flag', code: `${a!.code} !== ${a!.code}`})},
  {name: 'isinf', signatures: floatKinds, emit: (_, [a]) => ({form: 'flag', code: `(${a!.code} === Infinity || ${a!.code} === -Infinity)`})},
  {name: 'isfinite', signatures: floatKinds, emit: (_, [a]) => ({form: 'flag', code: `Number.isFinite(${a!.code})`})},
];
