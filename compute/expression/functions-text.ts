/** Text: what looks at bytes, what takes a part of them, and what makes new ones (in the row's scratch, copied once if it is a result). */
import type {Expression} from '../../kernel/plan/tree.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import {LikePattern, likeRefusal} from './like-pattern.ts';
import type {Operand, Result} from './operand.ts';
import type {CompiledFunction} from './registry.ts';
import {lowerText} from './text-case.ts';
import {TextScratch} from './text-scratch.ts';
import {substringMax} from './text-slice.ts';
import type {Writer} from './writer.ts';

/** The three arguments by which a text is handed to a loop. */
function bytesOf(operand: Operand): string {
  return `${operand.code}, ${operand.start}, ${operand.length}`;
}

/** @returns the text that a function wrote to the scratch, whose call says where it begins. */
export function written(writer: Writer, call: string): Result {
  const scratch = writer.scratch();
  const start = writer.local(call);
  return {form: 'text', code: writer.local(`${scratch}.bytes`), start, length: writer.local(`${scratch}.used - ${start}`)};
}

/** @returns the part of `operand` that a call left in the scratch's slice. */
function slice(writer: Writer, operand: Operand, call: string): Result {
  const scratch = writer.scratch();
  writer.line(`${call};`);
  const start = writer.local(`${scratch}.sliceStart`);
  const part = {form: 'text', code: operand.code, start, length: writer.local(`${scratch}.sliceLength`)} as const;
  // A part of a text that lies in the output arena lies there too; a constant's copy there is not made for its parts.
  if (operand.address === null || operand.constant !== undefined) return part;
  const address = writer.local(operand.address);
  return {...part, address: `(${address} >= 0 ? ${address} + (${start} - ${operand.start}) : -1)`};
}

/** A count or offset as a number; what is beyond 2^53 is out of every range that functions take. */
function numberOf(operand: Operand): string {
  return operand.form === 'big' ? `Number(${operand.code})` : operand.code;
}

/** Offsets and lengths of `substring` that DuckDB refuses. */
function checkSubstring(writer: Writer, operand: Operand, what: string): string {
  const code = writer.local(numberOf(operand));
  if (operand.bound <= substringMax) return code;
  writer.line(`if (${code} > ${substringMax}) ${writer.fail(`outOfRange(r, 'Substring ${what} outside of supported range (> ${substringMax})')`)}`);
  writer.line(`if (${code} < ${-substringMax - 1}) ${writer.fail(`outOfRange(r, 'Substring ${what} outside of supported range (< ${-substringMax - 1})')`)}`);
  return code;
}

const substring: CompiledFunction['emit'] = (writer, [text, offset, count]) => {
  const from = checkSubstring(writer, offset!, 'offset');
  const take = count === undefined ? String(substringMax) : checkSubstring(writer, count, 'length');
  return slice(writer, text!, `substringSlice(${writer.scratch()}, ${bytesOf(text!)}, ${from}, ${take})`);
};

function trim(name: string, atStart: boolean, atEnd: boolean): CompiledFunction[] {
  return [
    {name, signatures: ['varchar'], emit: (w, [text]) => slice(w, text!, `trimSlice(${w.scratch()}, ${bytesOf(text!)}, ${atStart}, ${atEnd})`), note: 'removes space separators, not tabs'},
    {name, signatures: ['varchar,varchar'], emit: (w, [text, set]) => slice(w, text!, `trimSetSlice(${w.scratch()}, ${bytesOf(text!)}, ${bytesOf(set!)}, ${atStart}, ${atEnd})`)},
  ];
}

/** Joins texts in the scratch. */
function join(writer: Writer, texts: readonly Operand[]): Result {
  const scratch = writer.scratch();
  const start = writer.local(`${scratch}.reserve(${texts.map((text) => text.length).join(' + ') || '0'})`);
  const bytes = writer.local(`${scratch}.bytes`);
  let end = start;
  for (const text of texts) end = writer.local(`copyBytes(${bytes}, ${end}, ${bytesOf(text)})`);
  writer.line(`${scratch}.used = ${end};`);
  return {form: 'text', code: bytes, start, length: writer.local(`${end} - ${start}`)};
}

const concat: CompiledFunction['ownNulls'] = (generator, writer, args, type) => {
  // A NULL counts as an empty text: its length is 0.
  const {form, code, start, length} = join(writer, args.filter((arg) => arg.valid !== 'false'));
  return generator.operand(type, {form, code, start: start!, length: length!}, 'true');
};

function textOf(expression: Expression | undefined): string {
  return expression?.kind === 'constant' ? String(expression.value) : '';
}

function lowered(pattern: string): string {
  const scratch = new TextScratch();
  const bytes = new TextEncoder().encode(pattern);
  const start = lowerText(scratch, bytes, 0, bytes.length);
  return new TextDecoder().decode(scratch.bytes.subarray(start, scratch.used));
}

function like(name: string, negated: boolean, ignoreCase: boolean, withEscape: boolean): CompiledFunction {
  return {
    name,
    signatures: [withEscape ? 'varchar,const varchar,const varchar' : 'varchar,const varchar'],
    refuse: ([, pattern, escape]) => likeRefusal(textOf(pattern), withEscape ? textOf(escape) : null),
    emit: (writer, [text, pattern, escape]) => {
      const written = String(pattern!.constant);
      const escapeText = withEscape && escape!.constant !== '' ? String(escape!.constant) : null;
      const matcher = writer.constant(new LikePattern(ignoreCase ? lowered(written) : written, escapeText));
      let subject = bytesOf(text!);
      if (ignoreCase) {
        const scratch = writer.scratch();
        const start = writer.local(`lowerText(${scratch}, ${bytesOf(text!)})`);
        subject = `${scratch}.bytes, ${start}, ${scratch}.used - ${start}`;
      }
      return {form: 'flag', code: `${negated ? '!' : ''}${matcher}.matches(${subject})`};
    },
  };
}

/** `string_split(…)[i]` is taken as one function (fold.ts), so that no list is made. */
export const splitExtract = 'string_split[]';

/** Names that are one function. */
function alias(names: readonly string[], entry: Omit<CompiledFunction, 'name'>): CompiledFunction[] {
  return names.map((name) => ({name, ...entry}));
}

const never = (): never => {
  throw new Error('has its own rule about NULL');
};

export const textFunctions: readonly CompiledFunction[] = [
  ...alias(['length', 'len', 'char_length', 'character_length'], {signatures: ['varchar'], emit: (_, [text]) => ({form: 'exact', code: `codePointCount(${bytesOf(text!)})`, bound: NARROW_BOUND}), note: 'code points'}),
  ...alias(['strlen'], {signatures: ['varchar'], emit: (_, [text]) => ({form: 'exact', code: text!.length, bound: NARROW_BOUND}), note: 'bytes'}),
  ...alias(['octet_length'], {signatures: ['blob'], emit: (_, [bytes]) => ({form: 'exact', code: bytes!.length, bound: NARROW_BOUND})}),
  ...alias(['substring', 'substr'], {signatures: ['varchar,bigint', 'varchar,bigint,bigint'], emit: substring, note: 'code points'}),
  {name: 'left', signatures: ['varchar,bigint'], emit: (w, [text, count]) => {
    const take = w.local(numberOf(count!));
    if (count!.bound > substringMax) w.line(`if (${take} > ${substringMax}) ${w.fail(`outOfRange(r, 'Substring length outside of supported range (> ${substringMax})')`)}`);
    return slice(w, text!, `leftSlice(${w.scratch()}, ${bytesOf(text!)}, ${take})`);
  }},
  {name: 'right', signatures: ['varchar,bigint'], emit: (w, [text, count]) => slice(w, text!, `rightSlice(${w.scratch()}, ${bytesOf(text!)}, ${numberOf(count!)})`)},
  ...trim('trim', true, true), ...trim('ltrim', true, false), ...trim('rtrim', false, true),
  {name: splitExtract, signatures: ['varchar,varchar,bigint'], emit: (w, [text, separator, index]) => slice(w, text!, `if (!splitPartSlice(${w.scratch()}, ${bytesOf(text!)}, ${bytesOf(separator!)}, ${numberOf(index!)})) ${w.toNull()}`), note: 'string_split(x, separator)[index], which split_part is made of'},
  ...alias(['starts_with', 'prefix', '^@'], {signatures: ['varchar,varchar'], emit: (_, [text, part]) => ({form: 'flag', code: `(${part!.length} <= ${text!.length} && equalBytes(${text!.code}, ${text!.start}, ${part!.code}, ${part!.start}, ${part!.length}))`})}),
  ...alias(['ends_with', 'suffix'], {signatures: ['varchar,varchar'], emit: (_, [text, part]) => ({form: 'flag', code: `(${part!.length} <= ${text!.length} && equalBytes(${text!.code}, ${text!.start} + ${text!.length} - ${part!.length}, ${part!.code}, ${part!.start}, ${part!.length}))`})}),
  {name: 'contains', signatures: ['varchar,varchar'], emit: (_, [text, part]) => ({form: 'flag', code: `indexOfBytes(${bytesOf(text!)}, ${bytesOf(part!)}) !== -1`})},
  ...alias(['strpos', 'instr', 'position'], {signatures: ['varchar,varchar'], emit: (_, [text, part]) => ({form: 'exact', code: `positionOf(${bytesOf(text!)}, ${bytesOf(part!)})`, bound: NARROW_BOUND}), note: 'code points, from 1'}),
  ...alias(['lower', 'lcase'], {signatures: ['varchar'], emit: (w, [text]) => written(w, `lowerText(${w.scratch()}, ${bytesOf(text!)})`)}),
  ...alias(['upper', 'ucase'], {signatures: ['varchar'], emit: (w, [text]) => written(w, `upperText(${w.scratch()}, ${bytesOf(text!)})`)}),
  {name: 'replace', signatures: ['varchar,varchar,varchar'], emit: (w, [text, from, to]) => written(w, `replaceText(${w.scratch()}, ${bytesOf(text!)}, ${bytesOf(from!)}, ${bytesOf(to!)})`)},
  {name: '||', signatures: ['varchar,varchar'], emit: join},
  {name: 'concat', signatures: ['varchar…'], emit: never, ownNulls: concat, note: 'a NULL counts as empty'},
  like('~~', false, false, false), like('!~~', true, false, false), like('~~*', false, true, false), like('!~~*', true, true, false),
  like('like_escape', false, false, true), like('not_like_escape', true, false, true),
  like('ilike_escape', false, true, true), like('not_ilike_escape', true, true, true),
];
