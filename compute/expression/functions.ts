/**
 * The compiled set: every function, operator and cast that becomes code, by name and argument kinds. An entry may stand here only
 * with a differential test against DuckDB over edge values (functions.test.ts proves that every signature has one).
 * docs/compiled-functions.md is this list for readers.
 */
import {unreachable} from '../../base/invariant.ts';
import type {Expression, PlanType} from '../../kernel/plan/tree.ts';
import {casts} from './casts.ts';
import {arithmeticFunctions} from './functions-arithmetic.ts';
import {extremeFunctions} from './functions-extremes.ts';
import {spanFunctions} from './functions-span.ts';
import {textFunctions} from './functions-text.ts';
import {timeFunctions} from './functions-time.ts';
import type {CompiledCast, CompiledFunction} from './registry.ts';
import {comparableKinds, fitsSignature} from './registry.ts';

export const compiledFunctions: readonly CompiledFunction[] = [...arithmeticFunctions, ...extremeFunctions, ...textFunctions, ...timeFunctions, ...spanFunctions];

/** Kinds whose values compare, and so may stand in =, <, BETWEEN, IN, CASE, COALESCE. */
export const compiledKinds: readonly string[] = comparableKinds;

const byName = new Map<string, CompiledFunction[]>();
for (const entry of compiledFunctions) byName.set(entry.name, [...byName.get(entry.name) ?? [], entry]);

/** @returns the entry for a call, or null if the name with these argument kinds is not compiled. */
export function findFunction(name: string, args: readonly Expression[]): CompiledFunction | null {
  return byName.get(name)?.find((entry) => entry.signatures.some((signature) => fitsSignature(signature, args)) && (entry.refuse?.(args) ?? null) === null) ?? null;
}

/** @returns why a call is not compiled. */
export function functionRefusal(name: string, args: readonly Expression[]): string {
  const named = byName.get(name);
  const kinds = args.map((arg) => `${arg.kind === 'constant' ? 'constant ' : ''}${arg.type.kind}`).join(', ');
  if (named === undefined) return `function ${name}(${kinds})`;
  const fitting = named.filter((entry) => entry.signatures.some((signature) => fitsSignature(signature, args)));
  const reason = fitting.map((entry) => entry.refuse?.(args) ?? null).find((text) => text !== null);
  return reason === undefined ? `function ${name} with arguments (${kinds})` : `function ${name}: ${reason}`;
}

const castsByKinds = new Map<string, CompiledCast>(casts.map((cast) => [`${cast.from}→${cast.to}`, cast]));
const identity: CompiledCast = {from: 'any', to: 'itself', emit: (_, [a]) => a!};

/** @returns the entry for a cast, or null if it is not compiled. */
export function findCast(from: PlanType, to: PlanType): CompiledCast | null {
  const entry = castsByKinds.get(`${from.kind}→${to.kind}`);
  if (entry !== undefined) return entry;
  if (from.kind === 'null') return compiledKinds.includes(to.kind) ? identity : null; // only NULL is of that type
  return from.kind === to.kind && compiledKinds.includes(to.kind) ? identity : null;
}

/** Operators of the tree that are compiled for every kind in `compiledKinds`, as `entriesOf` names them. BETWEEN is two of them. */
export const compiledOperators = ['=', '<>', '<', '>', '<=', '>=', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM', 'IN', 'NOT IN', 'CASE', 'COALESCE', 'IS NULL', 'IS NOT NULL'] as const;

/** @returns every entry of the compiled set: functions with a signature, casts, operators with a kind, connectives. */
export function compiledEntries(): string[] {
  return [
    ...compiledFunctions.flatMap(({name, signatures}) => signatures.map((signature) => `${name}(${signature})`)),
    ...casts.map(({from, to}) => `${from} → ${to}`),
    ...compiledOperators.flatMap((operator) => compiledKinds.map((kind) => `${operator} (${kind})`)),
    'AND', 'OR', 'NOT', 'TRY', 'TRY_CAST',
  ];
}

/** @returns the entries that the head of an expression uses; none for columns, constants and casts that change nothing. */
export function entriesOf(expression: Expression): string[] {
  switch (expression.kind) {
    case 'column': case 'constant': return [];
    case 'and': case 'or': case 'not': case 'try': return [expression.kind.toUpperCase()];
    case 'cast': {
      const cast = castsByKinds.get(`${expression.child.type.kind}→${expression.type.kind}`);
      return [...cast === undefined ? [] : [`${cast.from} → ${cast.to}`], ...expression.try ? ['TRY_CAST'] : []];
    }
    case 'comparison': return [`${expression.op} (${expression.left.type.kind})`];
    case 'in': return [`${expression.negated ? 'NOT IN' : 'IN'} (${expression.child.type.kind})`];
    case 'is-null': return [`IS NULL (${expression.child.type.kind})`];
    case 'is-not-null': return [`IS NOT NULL (${expression.child.type.kind})`];
    case 'between': return [];
    case 'case': case 'coalesce': return [`${expression.kind.toUpperCase()} (${expression.type.kind})`];
    case 'function': {
      const signature = findFunction(expression.name, expression.args)?.signatures.find((candidate) => fitsSignature(candidate, expression.args));
      return signature === undefined ? [] : [`${expression.name}(${signature})`];
    }
    default: return unreachable(expression);
  }
}
