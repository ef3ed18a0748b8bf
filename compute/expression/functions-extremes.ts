/** greatest and least: the extreme of the arguments that are not NULL; NULL only if all are. */
import type {PlanType} from '../../kernel/plan/tree.ts';
import {lessCode} from './compare-code.ts';
import type {Generator} from './generator.ts';
import type {Operand} from './operand.ts';
import type {CompiledFunction} from './registry.ts';
import {comparableKinds} from './registry.ts';
import type {Writer} from './writer.ts';

function extreme(generator: Generator, writer: Writer, args: readonly Operand[], type: PlanType, less: (left: Operand, right: Operand) => string): Operand {
  const present = args.filter((arg) => arg.valid !== 'false');
  const [first, ...others] = present;
  if (first === undefined) return generator.constant(type, null);
  const form = present.some((arg) => arg.form === 'big') ? 'big' : first.form;
  const target = generator.target(type, form, present.some((arg) => arg.address !== null), present.every((arg) => arg.valid === 'true') ? 'true' : null);
  const best = generator.operandOfTarget(target, present.reduce((bound, arg) => Math.max(bound, arg.bound), 0));
  writer.line(generator.assign(target, first));
  for (const arg of others) {
    // Of equal values the earlier one stays.
    const better = less(best, arg);
    const condition = best.valid === 'true' ? better : `${arg.valid === 'true' ? '' : `${arg.valid} && `}(!${best.valid} || ${better})`;
    writer.line([`if (${condition}) {`, generator.assign(target, arg), '}']);
  }
  // DuckDB compares FLOATs by a sort key, from which −0 comes back as 0.
  return type.kind === 'float' && args.length > 1 ? {...best, code: writer.local(`${best.code} + 0`)} : best;
}

const signatures = comparableKinds.map((kind) => `${kind}…`);
const never = (): never => {
  throw new Error('has its own rule about NULL');
};

export const extremeFunctions: readonly CompiledFunction[] = [
  {name: 'greatest', signatures, emit: never, ownNulls: (g, w, args, type) => extreme(g, w, args, type, lessCode), note: 'ignores NULLs'},
  {name: 'least', signatures, emit: never, ownNulls: (g, w, args, type) => extreme(g, w, args, type, (best, arg) => lessCode(arg, best)), note: 'ignores NULLs'},
];
