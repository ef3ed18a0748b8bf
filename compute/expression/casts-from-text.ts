/** Casts from VARCHAR. */
import {NARROW_BOUND} from '../../base/delta.ts';
import type {PlanType} from '../../kernel/plan/tree.ts';
import {checkLimits} from './arithmetic-code.ts';
import {timestampInfinity, timestampMin} from './calendar.ts';
import {narrowForm, physicalName} from './form.ts';
import type {Operand, Result} from './operand.ts';
import type {CompiledCast} from './registry.ts';
import {parseFailed, parseOther, parseOutOfRange, parsedBig} from './text-parse.ts';
import type {Writer} from './writer.ts';

/** Emits the call of a parser and the ways out of what it does not read. @param wanted JavaScript of the message's two ends. */
function parse(writer: Writer, text: Operand, call: string, before: string, after: string): string {
  const state = writer.local(call);
  writer.line(`if (${state} === ${parseOther}) ${writer.fallBack('a spelling of a value that only DuckDB reads')}`);
  writer.line(`if (${state} === ${parseFailed}) ${failure(writer, text, before, after)}`);
  return state;
}

function failure(writer: Writer, {code, start, length}: Operand, before: string, after: string): string {
  return writer.fail(`unreadable(r, ${code}, ${start}, ${length}, ${JSON.stringify(before)}, ${JSON.stringify(after)})`);
}

function toNumber(writer: Writer, text: Operand, to: PlanType): Result {
  const scratch = writer.scratch();
  const decimal = to.kind === 'decimal';
  const [before, after] = decimal ? ['Could not convert string "', `" to DECIMAL(${to.precision},${to.scale})`] : ["Could not convert string '", `' to ${physicalName(to)}`];
  const state = parse(writer, text, `parseDecimal(${scratch}, ${text.code}, ${text.start}, ${text.length}, ${decimal ? to.scale : 0}, ${!decimal}, ${!decimal && to.kind !== 'hugeint'})`, before, after);
  const outside = (): string => failure(writer, text, before, after);
  if (narrowForm(to) === 'int') {
    writer.line(`if (${state} === ${parsedBig}) ${outside()}`);
    const code = writer.local(`${scratch}.parsed`);
    checkLimits(writer, code, false, Infinity, to, outside);
    return {form: 'int', code, bound: 2 ** 31};
  }
  if (!writer.wide) {
    writer.line(`if (${state} === ${parsedBig}) ${writer.widen()}`);
    const code = writer.local(`${scratch}.parsed`);
    checkLimits(writer, code, false, Infinity, to, outside);
    return {form: 'exact', code, bound: NARROW_BOUND};
  }
  const code = writer.local(`${state} === ${parsedBig} ? ${scratch}.parsedBig : BigInt(${scratch}.parsed)`);
  checkLimits(writer, code, true, Infinity, to, outside);
  return {form: 'big', code};
}

const toInteger: CompiledCast['emit'] = (writer, [text], to) => toNumber(writer, text!, to);

const toDouble: CompiledCast['emit'] = (writer, [text]) => {
  const scratch = writer.scratch();
  parse(writer, text!, `parseDouble(${scratch}, ${text!.code}, ${text!.start}, ${text!.length})`, "Could not convert string '", "' to DOUBLE");
  return {form: 'double', code: writer.local(`${scratch}.parsed`)};
};

const toBoolean: CompiledCast['emit'] = (writer, [text]) => {
  const scratch = writer.scratch();
  parse(writer, text!, `parseBoolean(${scratch}, ${text!.code}, ${text!.start}, ${text!.length})`, "Could not convert string '", "' to BOOL");
  return {form: 'flag', code: writer.local(`${scratch}.parsed === 1`)};
};

const toDate: CompiledCast['emit'] = (writer, [text]) => {
  const scratch = writer.scratch();
  const state = parse(writer, text!, `parseDate(${scratch}, ${text!.code}, ${text!.start}, ${text!.length})`, 'invalid date field format: "', '", expected format is (YYYY-MM-DD)');
  writer.line(`if (${state} === ${parseOutOfRange}) ${failure(writer, text!, 'date field value out of range: "', '"')}`);
  return {form: 'int', code: writer.local(`${scratch}.parsed`), bound: 2 ** 31};
};

const toTimestamp: CompiledCast['emit'] = (writer, [text]) => {
  const scratch = writer.scratch();
  const state = parse(writer, text!, `parseTimestamp(${scratch}, ${text!.code}, ${text!.start}, ${text!.length})`, 'invalid timestamp field format: "', '", expected format is (YYYY-MM-DD HH:MM:SS[.US][±HH[:MM[:SS]]| ZONE])');
  const outside = failure(writer, text!, 'timestamp field value out of range: "', '"');
  writer.line(`if (${state} === ${parseOutOfRange}) ${outside}`);
  if (!writer.wide) {
    writer.line(`if (${state} === ${parsedBig}) ${writer.widen()}`);
    return {form: 'exact', code: writer.local(`${scratch}.parsed`), bound: NARROW_BOUND};
  }
  const code = writer.local(`${state} === ${parsedBig} ? ${scratch}.parsedBig : BigInt(${scratch}.parsed)`);
  writer.line(`if (${code} >= ${timestampInfinity}n || ${code} < ${timestampMin}n) ${outside}`);
  return {form: 'big', code};
};

export const fromTextCasts: readonly CompiledCast[] = [
  ...['tinyint', 'smallint', 'integer', 'bigint', 'hugeint', 'decimal'].map((to): CompiledCast => ({from: 'varchar', to, emit: toInteger})),
  {from: 'varchar', to: 'double', emit: toDouble},
  {from: 'varchar', to: 'boolean', emit: toBoolean},
  {from: 'varchar', to: 'date', emit: toDate},
  {from: 'varchar', to: 'timestamp', emit: toTimestamp},
];
