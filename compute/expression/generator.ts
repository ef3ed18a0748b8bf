/**
 * Expressions to JavaScript, for one row of one variant. Statements go to the writer, values come back as operands (names of locals).
 *
 * NULL: `valid` says whether a value counts; the value under a NULL is the form's zero, so that what reads it stays defined and
 * results can be compared by words. A strict function's code runs only where all arguments are valid.
 * Order: what DuckDB evaluates for every row is evaluated for every row (both sides of AND in a value), what it evaluates for
 * the remaining rows only (CASE, COALESCE, AND in a condition) stands in a block of its own: a row raises where it raises there.
 * Sharing: an expression already computed in an enclosing block is not computed again.
 */
import {invariant, unreachable} from '../../base/invariant.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import type {ComparisonOp, ConstantValue, Expression, PlanType} from '../../kernel/plan/tree.ts';
import {equalCode, compareCode} from './compare-code.ts';
import type {Form} from './form.ts';
import {narrowForm, zeroOf} from './form.ts';
import {findCast, findFunction} from './functions.ts';
import {membershipCode} from './membership-code.ts';
import type {Operand, Result} from './operand.ts';
import {allValid, asBig, operandOf} from './operand.ts';
import type {StructureIds} from './structure.ts';
import type {Line, Writer} from './writer.ts';

/** Gives the operand of an input column; emits its load. */
export type ColumnLoader = (index: number, type: PlanType) => Operand;

/** A local that several branches assign. */
export interface Target {readonly type: PlanType; readonly form: Form; readonly value: string; readonly start: string; readonly length: string; readonly address: string | null; readonly valid: string; /** whether `valid` is the target's own local */ readonly ownValid: boolean}

const textEncoder = new TextEncoder();

export class Generator {
  readonly #writer: Writer;
  readonly #load: ColumnLoader;
  readonly #ids: StructureIds;
  /** Operands by structure id, innermost block last. */
  readonly #known: Map<number, Operand>[] = [new Map()];
  readonly #texts = new Map<string, Operand>();

  constructor(writer: Writer, load: ColumnLoader, ids: StructureIds) {
    this.#writer = writer;
    this.#load = load;
    this.#ids = ids;
  }

  /** @returns the value of `expression` for the current row. */
  value(expression: Expression): Operand {
    const id = this.#ids.of(expression);
    for (let depth = this.#known.length - 1; depth >= 0; depth--) {
      const known = this.#known[depth]!.get(id);
      if (known !== undefined) return known;
    }
    const operand = this.#compile(expression);
    this.#known.at(-1)!.set(id, operand);
    return operand;
  }

  /**
   * @returns JavaScript that is true where `expression` is TRUE (not FALSE, not NULL). AND and OR stop at the first child that decides,
   * as DuckDB does where it selects rows (WHERE, WHEN) and does not where it needs the value.
   */
  condition(expression: Expression): string {
    if (expression.kind !== 'and' && expression.kind !== 'or') return this.value(expression).code;
    const stopAt = expression.kind === 'and' ? '!' : '';
    const writer = this.#writer;
    const label = writer.name('B');
    const decided = writer.variable(expression.kind === 'and' ? 'false' : 'true', 'c');
    const {lines} = this.#block(() => {
      for (const child of expression.children) {
        const condition = this.condition(child);
        writer.line(`if (${stopAt}(${condition})) break ${label};`);
      }
      writer.line(`${decided} = ${expression.kind === 'and' ? 'true' : 'false'};`);
    });
    writer.line([`${label}: {`, lines, '}']);
    return decided;
  }

  #block<T>(body: () => T): {lines: Line[]; result: T} {
    this.#known.push(new Map());
    try {
      return this.#writer.nested(body);
    } finally {
      this.#known.pop();
    }
  }

  #compile(expression: Expression): Operand {
    const {type} = expression;
    switch (expression.kind) {
      case 'column': return this.#load(expression.index, type);
      case 'constant': return this.constant(type, expression.value);
      case 'cast': {
        const child = this.value(expression.child);
        const cast = findCast(child.type, type);
        invariant(cast !== null, () => `no compiled cast from ${child.type.kind} to ${type.kind}`);
        if (child.constant === null) return this.constant(type, null);
        return this.#strict([child], type, () => cast.emit(this.#writer, [child], type), expression.try);
      }
      case 'comparison': return this.#comparison(expression.op, this.value(expression.left), this.value(expression.right), type);
      case 'and': case 'or': return this.#connective(expression.kind, expression.children.map((child) => this.value(child)), type);
      case 'not': {
        const child = this.value(expression.child);
        return operandOf(type, {form: 'flag', code: this.#writer.local(child.valid === 'true' ? `!${child.code}` : `${child.valid} && !${child.code}`)}, child.valid);
      }
      case 'is-null': case 'is-not-null': {
        const child = this.value(expression.child);
        const notNull = expression.kind === 'is-not-null';
        const code = child.valid === 'true' ? String(notNull) : child.valid === 'false' ? String(!notNull) : notNull ? child.valid : `!${child.valid}`;
        return operandOf(type, {form: 'flag', code: this.#writer.local(code)}, 'true');
      }
      case 'coalesce': return this.#firstOf(expression.children, type);
      case 'in': return this.#in(expression.child, expression.list, expression.negated, type);
      case 'between': {
        const child = this.value(expression.child);
        const lower = this.value(expression.lower);
        const upper = this.value(expression.upper);
        return this.#connective('and', [
          this.#comparison(expression.lowerInclusive ? '>=' : '>', child, lower, type),
          this.#comparison(expression.upperInclusive ? '<=' : '<', child, upper, type),
        ], type);
      }
      case 'case': return this.#case(expression.branches, expression.otherwise, type);
      case 'try': return this.#try(expression.child, type);
      case 'function': {
        const args = expression.args.map((arg) => this.value(arg));
        const found = findFunction(expression.name, expression.args);
        invariant(found !== null, () => `no compiled function ${expression.name}(${args.map((arg) => arg.type.kind).join(', ')})`);
        if (found.ownNulls !== undefined) return found.ownNulls(this, this.#writer, args, type);
        return this.#strict(args, type, () => found.emit(this.#writer, args, type), false);
      }
      default: return unreachable(expression);
    }
  }

  /** @returns the operand of a constant of `type`. */
  constant(type: PlanType, value: ConstantValue): Operand {
    if (value !== null && typeof value === 'object') return operandOf(type, {form: 'int', code: '0'}, 'true', value); // an interval: only ever an argument
    const form = narrowForm(type) ?? 'int';
    if (value === null) return operandOf(type, {form, code: zeroOf(form), address: '0', bound: 0}, 'false', null);
    switch (form) {
      case 'flag': return operandOf(type, {form, code: String(value)}, 'true', value);
      case 'int': case 'exact': {
        const integer = BigInt(typeof value === 'string' ? 0 : value);
        const magnitude = Number(integer < 0n ? -integer : integer);
        if (magnitude > NARROW_BOUND) return operandOf(type, {form: 'big', code: integer < 0n ? `(${integer}n)` : `${integer}n`}, 'true', integer);
        return operandOf(type, {form, code: integer < 0n ? `(${integer})` : String(integer), bound: magnitude}, 'true', integer);
      }
      case 'double': {
        const number = Number(value);
        return operandOf(type, {form, code: Object.is(number, -0) ? '(-0)' : number < 0 ? `(${number})` : String(number)}, 'true', number);
      }
      case 'text': return this.#text(type, String(value));
      default: throw new Error(`constant of form ${form}`);
    }
  }

  #text(type: PlanType, value: string): Operand {
    const known = this.#texts.get(value);
    if (known !== undefined) return known;
    const bytes = textEncoder.encode(value);
    const name = this.#writer.constant(bytes);
    // Its copy in the output arena is made once per batch, by the preamble, and only where a result may refer to it.
    const address = `A${name}`;
    const operand = operandOf(type, {form: 'text', code: name, start: '0', length: String(bytes.length), address}, 'true', value);
    this.#texts.set(value, operand);
    return operand;
  }

  /** Runs `emit` where all arguments are valid. */
  #strict(args: readonly Operand[], type: PlanType, emit: () => Result, nullOnFailure: boolean): Operand {
    const writer = this.#writer;
    const valid = allValid(args);
    if (valid === 'false') return this.constant(type, null);
    const label = writer.name('L');
    const {lines, result, nullUsed} = writer.nullable(label, nullOnFailure, emit);
    if (valid === 'true' && !nullUsed) {
      writer.line(lines);
      return operandOf(type, {...result, code: writer.local(result.code)}, 'true');
    }
    const known = nullUsed ? null : writer.local(valid, 'k');
    const target = this.target(type, result.form, (result.address ?? null) !== null, known);
    const assignment = this.assign(target, operandOf(type, result, 'true'));
    if (known !== null) writer.line([`if (${known}) {`, lines, assignment, '}']);
    else writer.line([`${label}: {`, valid === 'true' ? [] : `if (!(${valid})) break ${label};`, lines, assignment, '}']);
    return this.operandOfTarget(target, result.bound ?? Infinity);
  }

  /** @returns a fresh local, NULL at first, for what branches assign. @param valid the local that holds its validity, if it exists already. */
  target(type: PlanType, form: Form, withAddress: boolean, valid: string | null): Target {
    const writer = this.#writer;
    const value = writer.variable(zeroOf(form));
    const text = form === 'text';
    return {
      type, form, value, ownValid: valid === null,
      start: text ? writer.variable('0') : '0',
      length: text ? writer.variable('0') : '0',
      address: text && withAddress ? writer.variable('0') : null,
      valid: valid ?? writer.variable('false', 'k'),
    };
  }

  /** @returns the lines that copy `from` to `to`. */
  assign(to: Target, from: Operand): Line[] {
    if (from.valid === 'false') return to.ownValid ? [`${to.valid} = false;`] : [];
    const lines: Line[] = [`${to.value} = ${to.form === 'big' ? asBig(from) : from.code};`];
    if (to.form === 'text') {
      lines.push(`${to.start} = ${from.start};`, `${to.length} = ${from.length};`);
      if (to.address !== null) lines.push(`${to.address} = ${this.address(from) ?? '-1'};`);
    }
    if (to.ownValid) lines.push(`${to.valid} = ${from.valid};`);
    return lines;
  }

  operand(type: PlanType, result: Result, valid: string): Operand {
    return operandOf(type, result, valid);
  }

  operandOfTarget({type, form, value, start, length, address, valid}: Target, bound: number): Operand {
    return {type, form, code: value, start, length, address, valid, bound, constant: undefined};
  }

  /** @returns the address of a text in the output arena (−1 where it has none), or null if it never has one. Places constants there. */
  address(operand: Operand): string | null {
    if (typeof operand.constant === 'string') this.#writer.placeText(operand.code, operand.length);
    return operand.address;
  }

  /** @returns one operand of what several branches yield; `assignments[i]` is filled with the lines that assign branch i. */
  #merge(type: PlanType, branches: readonly {readonly operand: Operand; readonly assignment: Line[]}[], before: Line[], alwaysAssigned: boolean): Operand {
    const operands = branches.map(({operand}) => operand);
    const form: Form = operands.some((operand) => operand.form === 'big') ? 'big' : operands.find((operand) => operand.valid !== 'false')?.form ?? operands[0]!.form;
    const withAddress = operands.some((operand) => operand.address !== null && operand.valid !== 'false');
    const neverNull = alwaysAssigned && operands.every((operand) => operand.valid === 'true');
    const {lines, result: target} = this.#writer.nested(() => this.target(type, form, withAddress, neverNull ? 'true' : null));
    before.push(lines);
    for (const {operand, assignment} of branches) assignment.push(this.assign(target, operand));
    return this.operandOfTarget(target, operands.reduce((bound, operand) => Math.max(bound, operand.bound), 0));
  }

  #case(branches: readonly {readonly when: Expression; readonly then: Expression}[], otherwise: Expression, type: PlanType): Operand {
    const writer = this.#writer;
    const label = writer.name('B');
    const before: Line[] = [];
    writer.line(before);
    const {lines, result: outcomes} = this.#block(() => {
      const found: {operand: Operand; assignment: Line[]}[] = [];
      for (const {when, then} of branches) {
        const condition = this.condition(when);
        const {lines: thenLines, result: operand} = this.#block(() => this.value(then));
        const assignment: Line[] = [];
        writer.line([`if (${condition}) {`, thenLines, assignment, `break ${label};`, '}']);
        found.push({operand, assignment});
      }
      const operand = this.value(otherwise);
      const assignment: Line[] = [];
      writer.line(assignment);
      found.push({operand, assignment});
      return found;
    });
    const merged = this.#merge(type, outcomes, before, true);
    writer.line([`${label}: {`, lines, '}']);
    return merged;
  }

  #firstOf(children: readonly Expression[], type: PlanType): Operand {
    const writer = this.#writer;
    const label = writer.name('B');
    const before: Line[] = [];
    writer.line(before);
    const {lines, result: outcomes} = this.#block(() => {
      const found: {operand: Operand; assignment: Line[]}[] = [];
      for (const child of children) {
        const operand = this.value(child);
        const assignment: Line[] = [];
        found.push({operand, assignment});
        if (operand.valid === 'true') {
          writer.line(assignment);
          break; // no later child is ever looked at
        }
        if (operand.valid !== 'false') writer.line([`if (${operand.valid}) {`, assignment, `break ${label};`, '}']);
      }
      return found;
    });
    const last = outcomes.at(-1)!.operand.valid === 'true';
    // A child that is assigned only where it is valid counts as never NULL, if one that is always valid ends the list.
    const merged = this.#merge(type, last ? outcomes.map(({operand, assignment}) => ({operand: {...operand, valid: operand.valid === 'false' ? 'false' : 'true'}, assignment})).filter(({operand}) => operand.valid === 'true') : outcomes, before, last);
    writer.line([`${label}: {`, lines, '}']);
    return merged;
  }

  #try(child: Expression, type: PlanType): Operand {
    const writer = this.#writer;
    const label = writer.name('B');
    const before: Line[] = [];
    writer.line(before);
    const assignment: Line[] = [];
    const {lines, result: operand} = writer.catching(label, () => this.#block(() => this.value(child)));
    const merged = this.#merge(type, [{operand, assignment}], before, false);
    writer.line([`${label}: {`, lines, assignment, '}']);
    return merged;
  }

  #comparison(op: ComparisonOp, left: Operand, right: Operand, type: PlanType): Operand {
    const writer = this.#writer;
    if (op === 'IS DISTINCT FROM' || op === 'IS NOT DISTINCT FROM') {
      const valid = allValid([left, right]);
      const equal = equalCode(left, right);
      const same = valid === 'true' ? equal : valid === 'false' ? `${left.valid} === ${right.valid}` : `(${valid} ? ${equal} : ${left.valid} === ${right.valid})`;
      return operandOf(type, {form: 'flag', code: writer.local(op === 'IS DISTINCT FROM' ? `!(${same})` : same)}, 'true');
    }
    const valid = allValid([left, right]);
    if (valid === 'false') return this.constant(type, null);
    const known = writer.local(valid, 'k');
    const code = compareCode(op, left, right);
    return operandOf(type, {form: 'flag', code: writer.local(known === 'true' ? code : `${known} && (${code})`)}, known);
  }

  #connective(kind: 'and' | 'or', operands: readonly Operand[], type: PlanType): Operand {
    const writer = this.#writer;
    const codes = operands.map((operand) => operand.code);
    const code = writer.local(codes.join(kind === 'and' ? ' && ' : ' || '));
    const valid = allValid(operands);
    if (valid === 'true') return operandOf(type, {form: 'flag', code}, 'true');
    // Decided by one child that is FALSE (and) or TRUE (or), whatever the others are.
    const deciding = operands.filter((operand) => operand.valid !== 'false')
      .map((operand) => (kind === 'or' ? operand.code : operand.valid === 'true' ? `!${operand.code}` : `(${operand.valid} && !${operand.code})`));
    return operandOf(type, {form: 'flag', code}, writer.local([`(${valid})`, ...deciding].join(' || '), 'k'));
  }

  #in(childExpression: Expression, list: readonly Expression[], negated: boolean, type: PlanType): Operand {
    const writer = this.#writer;
    const child = this.value(childExpression);
    const listed = list.flatMap((item) => (item.kind === 'constant' && item.value !== null && typeof item.value !== 'object' ? [item.value] : []));
    const others = list.filter((item) => item.kind !== 'constant').map((item) => this.value(item));
    if (child.valid === 'false') return this.constant(type, null); // the list was evaluated all the same, and may have raised
    const withNull = list.some((item) => item.kind === 'constant' && item.value === null);
    const found = [
      ...(listed.length === 0 ? [] : [membershipCode(writer, child, listed, (value) => this.constant(child.type, value))]),
      ...others.map((item) => (item.valid === 'true' ? equalCode(child, item) : `(${item.valid} && ${equalCode(child, item)})`)),
    ].join(' || ');
    const inside = writer.local(child.valid === 'true' ? found || 'false' : `${child.valid} && (${found || 'false'})`);
    const listValid = withNull ? 'false' : allValid(others);
    const valid = listValid === 'true' ? child.valid : writer.local(`${child.valid} && (${inside} || (${listValid}))`, 'k');
    if (!negated) return operandOf(type, {form: 'flag', code: inside}, valid);
    return operandOf(type, {form: 'flag', code: writer.local(valid === 'true' ? `!${inside}` : `${valid} && !${inside}`)}, valid);
  }
}
