/** Numbers: operators and functions from number to number. */
import {absolute, integerArithmetic, integerDivision, modulo, negation} from './arithmetic-code.ts';
import type {CompiledFunction} from './registry.ts';
import {exactKinds, floatKinds, integerKinds, pairs} from './registry.ts';

/** FLOAT results are rounded to float; one rounding of an exact double operation gives the float operation's own result. */
function rounded(kind: string, code: string): string {
  return kind === 'float' ? `Math.fround(${code})` : code;
}

export const arithmeticFunctions: readonly CompiledFunction[] = [
  {name: '+', signatures: pairs(exactKinds), emit: (w, [a, b], type) => integerArithmetic(w, '+', a!, b!, type)},
  {name: '-', signatures: pairs(exactKinds), emit: (w, [a, b], type) => integerArithmetic(w, '-', a!, b!, type)},
  {name: '*', signatures: pairs(exactKinds), emit: (w, [a, b], type) => integerArithmetic(w, '*', a!, b!, type)},
  {name: '+', signatures: pairs(floatKinds), emit: (_, [a, b], type) => ({form: 'double', code: rounded(type.kind, `${a!.code} + ${b!.code}`)})},
  {name: '-', signatures: pairs(floatKinds), emit: (_, [a, b], type) => ({form: 'double', code: rounded(type.kind, `${a!.code} - ${b!.code}`)})},
  {name: '*', signatures: pairs(floatKinds), emit: (_, [a, b], type) => ({form: 'double', code: rounded(type.kind, `${a!.code} * ${b!.code}`)})},
  {name: '/', signatures: pairs(floatKinds), emit: (_, [a, b], type) => ({form: 'double', code: rounded(type.kind, `${a!.code} / ${b!.code}`)}), note: 'x / 0 is ±Infinity or NaN'},
  {name: '//', signatures: pairs(integerKinds), emit: (w, [a, b], type) => integerDivision(w, a!, b!, type), note: 'truncates; NULL where the divisor is 0'},
  {name: '%', signatures: pairs(exactKinds), emit: (w, [a, b], type) => modulo(w, a!, b!, type), note: 'NULL where the divisor is 0'},
  {name: '-', signatures: exactKinds, emit: (w, [a], type) => negation(w, a!, type)},
  {name: '-', signatures: floatKinds, emit: (_, [a]) => ({form: 'double', code: `-${a!.code}`})},
  {name: '+', signatures: [...exactKinds, ...floatKinds], emit: (_, [a]) => a!},
  {name: 'abs', signatures: exactKinds, emit: (w, [a], type) => absolute(w, a!, type)},
  {name: 'abs', signatures: floatKinds, emit: (_, [a]) => ({form: 'double', code: `Math.abs(${a!.code})`})},
];
