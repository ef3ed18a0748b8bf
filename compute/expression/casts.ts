/** The compiled casts, from kind to kind. Rounding, ranges and what raises are DuckDB's: decimals round half away from zero, doubles half to even on their way to integers. */
import {NARROW_BOUND} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {PlanType} from '../../kernel/plan/tree.ts';
import {checkLimits, checkNarrow} from './arithmetic-code.ts';
import {limitsOf, narrowForm, physicalName, twoWords} from './form.ts';
import type {Result} from './operand.ts';
import {fromTextCasts} from './casts-from-text.ts';
import {textCasts} from './casts-text.ts';
import {timeCasts} from './casts-time.ts';
import type {CompiledCast} from './registry.ts';
import {exactKinds, floatKinds, integerKinds} from './registry.ts';
import {scaledDown, scaledUp} from './scale-code.ts';
import type {Writer} from './writer.ts';

type Emit = CompiledCast['emit'];

function scaleOf(type: PlanType): number {
  return type.kind === 'decimal' ? type.scale : 0;
}

function decimalName(type: PlanType): string {
  invariant(type.kind === 'decimal', () => `${type.kind} is no decimal`);
  return `DECIMAL(${type.precision},${type.scale})`;
}

/** An integer in the form that `to` has, its limits checked. `raiseWith` names DuckDB's message. */
export function toInteger(writer: Writer, value: Result, to: PlanType, failure: () => string): Result {
  const big = value.form === 'big';
  const code = writer.local(value.code);
  checkLimits(writer, code, big, value.bound ?? Infinity, to, failure);
  const form = narrowForm(to)!;
  if (!big) return {form, code, bound: Math.min(value.bound ?? Infinity, form === 'int' ? 2 ** 31 : NARROW_BOUND)};
  return form === 'int' ? {form, code: `Number(${code})`, bound: 2 ** 31} : {form: 'big', code};
}

const integerToInteger: Emit = (writer, [from], to) =>
  toInteger(writer, from!, to, () => writer.fail(`castRange(r, '${physicalName(from!.type)}', ${from!.code}, '${physicalName(to)}')`));

const toDecimal: Emit = (writer, [operand], to) => {
  const from = operand!;
  const factor = scaleOf(to) - scaleOf(from.type);
  const shown = from.type.kind === 'decimal'
    ? `castDecimal(r, ${from.code}, ${from.type.precision}, ${from.type.scale}, '${decimalName(to)}')`
    : `conversion(r, 'Could not cast value ' + ${from.code} + ' to ${decimalName(to)}')`;
  const failure = (): string => writer.fail(shown);
  if (factor < 0) return toInteger(writer, scaledDown(writer, from, -factor), to, failure);
  // The limit is checked before multiplying: an unscaled value may not pass 10^(precision − factor).
  invariant(to.kind === 'decimal', 'checked by the signature');
  const digits = to.precision - factor;
  const limit = digits < 0 ? 1n : 10n ** BigInt(digits);
  if (from.form === 'big') writer.line(`if (${from.code} >= ${limit}n || ${from.code} <= ${-limit}n) ${failure()}`);
  else if (from.bound >= Number(limit)) writer.line(`if (${from.code} >= ${limit} || ${from.code} <= ${-limit}) ${failure()}`);
  const bounded = from.form === 'big' ? from : {...from, bound: Math.min(from.bound, Number(limit))};
  const scaled = scaledUp(writer, bounded, factor);
  return scaled.form === 'big' ? scaled : {...scaled, form: 'exact'};
};

const decimalToInteger: Emit = (writer, [operand], to) => {
  const from = operand!;
  const rounded = scaledDown(writer, from, scaleOf(from.type));
  return toInteger(writer, rounded, to, () => writer.fail(`conversion(r, 'Failed to cast decimal value ' + ${rounded.code} + ' to type ${physicalName(to)}')`));
};

const integerToFloating: Emit = (_writer, [operand], to) => {
  const from = operand!;
  const float = to.kind === 'float';
  if (from.form === 'big') {
    const code = twoWords(from.type) ? (float ? 'hugeToFloat' : 'hugeToDouble') : float ? 'bigToFloat' : 'Number';
    return {form: 'double', code: `${code}(${from.code})`};
  }
  return {form: 'double', code: float ? `Math.fround(${from.code})` : from.code};
};

const decimalToFloating: Emit = (_writer, [operand], to) => {
  const from = operand!;
  const scale = scaleOf(from.type);
  if (to.kind === 'double') return {form: 'double', code: from.form === 'big' ? `bigDecimalToDouble(${from.code}, ${scale}, ${twoWords(from.type)})` : scale === 0 ? from.code : `${from.code} / 1e${scale}`};
  return {form: 'double', code: from.form === 'big' ? `bigDecimalToFloat(${from.code}, ${scale}, ${twoWords(from.type)})` : `decimalToFloat(${from.code}, ${scale}, ${twoWords(from.type)})`};
};

const floatingToInteger: Emit = (writer, [operand], to) => {
  const from = operand!;
  const {min, max} = limitsOf(to)!;
  const failure = writer.fail(`castRange(r, '${physicalName(from.type)}', ${from.code}, '${physicalName(to)}')`);
  // The range is that of the value before rounding; NaN and infinities are outside of it, and −2^127 of HUGEINT.
  writer.line(`if (!(${from.code} ${to.kind === 'hugeint' ? '>' : '>='} ${Number(min)} && ${from.code} < ${Number(max + 1n)})) ${failure}`);
  const rounded = writer.local(`roundHalfEven(${from.code})`);
  if (narrowForm(to) === 'int') {
    // 127.5 is in range, is rounded to 128 and wraps.
    const unused = to.kind === 'tinyint' ? 24 : to.kind === 'smallint' ? 16 : 0;
    return {form: 'int', code: writer.local(unused === 0 ? `${rounded} | 0` : `(${rounded} << ${unused}) >> ${unused}`), bound: Number(-min)};
  }
  if (writer.wide) return {form: 'big', code: `BigInt(${rounded})`};
  checkNarrow(writer, rounded);
  return {form: 'exact', code: rounded, bound: NARROW_BOUND};
};

const floatingToDecimal: Emit = (writer, [operand], to) => {
  const from = operand!;
  invariant(to.kind === 'decimal', 'checked by the signature');
  const failure = writer.fail(`conversion(r, 'Could not cast value ' + ${from.code} + ' to ${decimalName(to)}')`);
  const product = writer.local(`roundHalfAway(${from.code} * 1e${to.scale})`);
  writer.line(`if (!(${product} > -1e${to.precision} && ${product} < 1e${to.precision})) ${failure}`);
  const rounded = from.type.kind === 'float' ? writer.local(`Math.fround(${product})`) : product;
  if (to.precision <= 15) return {form: 'exact', code: `${rounded} + 0`, bound: 10 ** to.precision};
  if (writer.wide) return {form: 'big', code: `BigInt(${rounded})`};
  checkNarrow(writer, rounded);
  return {form: 'exact', code: `${rounded} + 0`, bound: NARROW_BOUND};
};

const toBoolean: Emit = (_writer, [from]) => ({form: 'flag', code: `${from!.code} !== ${from!.form === 'big' ? '0n' : '0'}`});

const fromBoolean: Emit = (_writer, [from], to) => {
  const one = to.kind === 'decimal' && to.precision > to.scale ? 10n ** BigInt(to.scale) : 1n;
  const form = narrowForm(to)!;
  if (form === 'exact' && one > BigInt(NARROW_BOUND)) return {form: 'big', code: `${from!.code} ? ${one}n : 0n`};
  return {form, code: `${from!.code} ? ${one} : 0`, bound: Number(one)};
};

function each(fromKinds: readonly string[], toKinds: readonly string[], emit: Emit, note?: string): CompiledCast[] {
  return fromKinds.flatMap((from) => toKinds.filter((to) => to !== from || to === 'decimal').map((to) => ({from, to, emit, ...(note === undefined ? {} : {note})})));
}

export const casts: readonly CompiledCast[] = [
  ...each(integerKinds, integerKinds, integerToInteger),
  ...each(exactKinds, ['decimal'], toDecimal, 'rounds half away from zero'),
  ...each(['decimal'], integerKinds, decimalToInteger, 'rounds half away from zero'),
  ...each(integerKinds, floatKinds, integerToFloating),
  ...each(['decimal'], floatKinds, decimalToFloating),
  ...each(floatKinds, integerKinds, floatingToInteger, 'rounds half to even'),
  ...each(floatKinds, ['decimal'], floatingToDecimal, 'rounds half away from zero'),
  {from: 'float', to: 'double', emit: (_, [a]) => a!},
  {from: 'double', to: 'float', emit: (w, [a]) => {
    const code = w.local(`Math.fround(${a!.code})`);
    w.line(`if (!Number.isFinite(${code}) && Number.isFinite(${a!.code})) ${w.fail(`castRange(r, 'DOUBLE', ${a!.code}, 'FLOAT')`)}`);
    return {form: 'double', code};
  }},
  ...each([...exactKinds, ...floatKinds], ['boolean'], toBoolean),
  ...each(['boolean'], [...exactKinds, ...floatKinds], fromBoolean),
  ...timeCasts,
  ...textCasts,
  ...fromTextCasts,
];
