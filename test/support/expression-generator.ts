/** Random scalar expressions over given columns, valid for any values of them (see query-generator.ts for the bounds). */
import {unreachable} from '../../base/invariant.ts';
import {isNested, typeText, type LogicalType, type NestedType} from '../../base/type.ts';
import type {Random} from './random.ts';

export type GeneratedType = LogicalType | {readonly kind: 'hugeint'};

/** An expression with its type; `bits` bounds the magnitude of integers: |v| < 2^bits. */
export interface TypedText {readonly sql: string; readonly type: GeneratedType; readonly bits: number}

const integerBits: Readonly<Record<string, number>> = {tinyint: 7, smallint: 15, integer: 31, bigint: 63};

/** Integers that stay below this need no thought about overflow. */
const bitsMax = 60;

export class ExpressionGenerator {
  readonly #random: Random;
  readonly #columns: readonly TypedText[];

  constructor(random: Random, columns: readonly TypedText[]) {
    this.#random = random;
    this.#columns = columns;
  }

  /** @returns an expression of any type. */
  any(depth: number): TypedText {
    const types: LogicalType[] = [{kind: 'bigint'}, {kind: 'integer'}, {kind: 'decimal', precision: 12, scale: 2}, {kind: 'double'}, {kind: 'boolean'}, {kind: 'date'}, {kind: 'timestamp'}, {kind: 'varchar'}];
    const nested = this.#columns.filter(({type}) => type.kind !== 'hugeint' && isNested(type));
    if (nested.length > 0 && this.#random.chance(0.3)) return this.ofType(this.#random.pick(nested).type, depth);
    return this.ofType(this.#random.pick(types), depth);
  }

  /** @returns an expression of exactly this type. */
  ofType(type: GeneratedType, depth: number): TypedText {
    const wrap = (sql: string, bits = 0): TypedText => ({sql, type, bits});
    if (depth > 0 && this.#random.chance(0.2)) return this.#branch(type, depth);
    const columns = this.#columns.filter(column => textOf(column.type) === textOf(type));
    if (columns.length > 0 && this.#random.chance(0.4)) return this.#random.pick(columns);
    const inside = depth > 0 ? this.#inside(type) : [];
    if (inside.length > 0 && this.#random.chance(0.5)) return wrap(this.#random.pick(inside), type.kind === 'hugeint' ? 0 : (integerBits[type.kind] ?? 0));
    const own = depth > 0 ? this.#own(type, depth) : undefined;
    if (own !== undefined) return own;
    return columns.length > 0 && this.#random.chance(0.7) ? this.#random.pick(columns) : wrap(this.#literal(type), 10);
  }

  /** @returns a boolean. */
  predicate(depth: number): string {
    const column = this.#random.pick(this.#columns);
    // DuckDB makes a BETWEEN of two bounds of one column, and has none for nested values: they have one bound here.
    const nested = column.type.kind !== 'hugeint' && isNested(column.type);
    if (depth === 0) return `${column.sql} IS ${this.#random.chance(0.5) ? 'NOT ' : ''}NULL`;
    switch (this.#random.integer(0, 9)) {
      case 0: return `(${this.predicate(depth - 1)} AND ${this.predicate(depth - 1)})`;
      case 1: return `(${this.predicate(depth - 1)} OR ${this.predicate(depth - 1)})`;
      case 2: return `(NOT ${this.predicate(depth - 1)})`;
      case 3: return `(${column.sql} IS ${this.#random.chance(0.5) ? 'NOT ' : ''}NULL)`;
      case 4: return `(${column.sql} IN (${this.#literal(column.type)}, ${this.#literal(column.type)}, NULL))`;
      case 5: return nested ? `(${column.sql} < ${this.#literal(column.type)})` : `(${column.sql} BETWEEN ${this.#literal(column.type)} AND ${this.#literal(column.type)})`;
      case 6: return `(${this.ofType({kind: 'varchar'}, depth - 1).sql} ${this.#random.pick(['LIKE', 'NOT LIKE'])} ${this.#random.pick(["'x%'", "'%y'", "'_'", "'%a%'"])})`;
      default: {
        const other = this.ofType(column.type, depth - 1);
        return `(${column.sql} ${this.#random.pick(nested ? ['=', '<>', '<', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM'] : ['=', '<>', '<', '<=', '>', '>=', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM'])} ${other.sql})`;
      }
    }
  }

  #branch(type: GeneratedType, depth: number): TypedText {
    const [a, b] = [this.ofType(type, depth - 1), this.ofType(type, depth - 1)];
    const bits = Math.max(a.bits, b.bits);
    switch (this.#random.integer(0, 2)) {
      case 0: return {sql: `CASE WHEN ${this.predicate(depth - 1)} THEN ${a.sql} ELSE ${b.sql} END`, type, bits};
      case 1: return {sql: `CASE WHEN ${this.predicate(depth - 1)} THEN ${a.sql} WHEN ${this.predicate(depth - 1)} THEN ${b.sql} END`, type, bits};
      default: return {sql: `coalesce(${a.sql}, ${b.sql})`, type, bits};
    }
  }

  /** @returns what takes a value of the type out of columns of nested types. */
  #inside(type: GeneratedType): string[] {
    const wanted = textOf(type);
    return this.#columns.flatMap(({sql, type: nested}): string[] => {
      switch (nested.kind) {
        case 'list': return typeText(nested.element) === wanted ? [`${sql}[${this.#random.pick([1, 2, -1])}]`] : [];
        case 'struct': return nested.fields.filter((field) => typeText(field.type) === wanted).map((field) => `struct_extract(${sql}, '${field.name}')`);
        case 'map': return typeText(nested.value) === wanted ? [`map_extract_value(${sql}, ${this.#literal(nested.key, false)})`] : [];
        default: return [];
      }
    });
  }

  /** A list, struct or map of values made of others. */
  #nested(type: NestedType, depth: number): string {
    const part = (inner: LogicalType): string => this.ofType(inner, depth - 1).sql;
    switch (type.kind) {
      case 'list': return this.#random.pick([
        () => `list_append(${part(type)}, ${part(type.element)})`, () => `list_reverse(${part(type)})`, () => `list_distinct(list_sort(${part(type)}))`,
        () => `CAST([${part(type.element)}, ${part(type.element)}] AS ${typeText(type)})`, () => `list_slice(${part(type)}, 1, 2)`, () => `list_filter(${part(type)}, lambda x: x IS NOT NULL)`,
      ])();
      case 'struct': return `CAST({${type.fields.map((field) => `'${field.name}': ${part(field.type)}`).join(', ')}} AS ${typeText(type)})`;
      case 'map': return `CAST(MAP {${this.#literal(type.key, false)}: ${part(type.value)}} AS ${typeText(type)})`;
      default: return unreachable(type);
    }
  }

  /** What makes a value of the type out of others; undefined where there is nothing. */
  #own(type: GeneratedType, depth: number): TypedText | undefined {
    const of = (kind: 'bigint' | 'varchar' | 'date' | 'timestamp' | 'double' | 'boolean'): string => this.ofType({kind}, depth - 1).sql;
    const wrap = (sql: string, bits = 0): TypedText => ({sql, type, bits});
    switch (type.kind) {
      case 'bigint': return this.#bigint(depth);
      case 'integer': return this.#random.chance(0.5) ? wrap(`CAST(${this.#bigint(depth - 1).sql} % 1000 AS INTEGER)`, 10) : wrap(`CAST(length(${of('varchar')}) AS INTEGER)`, 20);
      case 'double': return wrap(this.#random.pick([() => `(${of('double')} + 0.5::DOUBLE)`, () => `(${of('double')} * 2)`, () => `abs(${of('double')})`, () => `CAST(${this.ofType({kind: 'integer'}, depth - 1).sql} AS DOUBLE)`, () => `(${of('double')} / 4)`])());
      case 'boolean': return wrap(this.predicate(depth));
      case 'date': return wrap(this.#random.pick([() => `CAST(${of('timestamp')} AS DATE)`, () => `(${of('date')} + ${this.#random.integer(-3, 3)})`, () => `CAST(date_trunc('month', ${of('date')}) AS DATE)`])());
      case 'timestamp': return wrap(this.#random.pick([() => `(${of('timestamp')} + INTERVAL ${this.#random.integer(1, 90)} MINUTE)`, () => `date_trunc('hour', ${of('timestamp')})`, () => `CAST(${of('date')} AS TIMESTAMP)`])());
      case 'varchar': return wrap(this.#random.pick([() => `lower(${of('varchar')})`, () => `upper(${of('varchar')})`, () => `(${of('varchar')} || '-')`, () => `substring(${of('varchar')}, 1, 2)`, () => `CAST(${of('bigint')} AS VARCHAR)`, () => `concat(${of('varchar')}, ${of('date')})`, () => `CAST(${of('boolean')} AS VARCHAR)`])());
      case 'decimal': return this.#decimal(type, depth);
      case 'list': case 'struct': case 'map': return wrap(this.#nested(type, depth));
      default: return undefined;
    }
  }

  #bigint(depth: number): TypedText {
    const type: LogicalType = {kind: 'bigint'};
    const wrap = (sql: string, bits: number): TypedText => ({sql, type, bits});
    const operand = (): TypedText => {
      const inner = depth > 0 && this.#random.chance(0.5) ? this.ofType(type, depth - 1) : this.#integerColumn();
      if (inner.bits <= 40) return inner.type.kind === 'bigint' ? inner : wrap(`CAST(${inner.sql} AS BIGINT)`, inner.bits);
      return wrap(`(${inner.sql} % ${this.#random.pick([7, 100, 1009])})`, 10);
    };
    const [a, b] = [operand(), operand()];
    const lists = this.#columns.filter((column) => column.type.kind === 'list');
    if (lists.length > 0 && this.#random.chance(0.2)) return wrap(`len(${this.#random.pick(lists).sql})`, 20);
    switch (this.#random.integer(0, 5)) {
      case 0: return wrap(`(${a.sql} + ${b.sql})`, Math.max(a.bits, b.bits) + 1);
      case 1: return wrap(`(${a.sql} - ${b.sql})`, Math.max(a.bits, b.bits) + 1);
      case 2: return a.bits + b.bits < bitsMax ? wrap(`(${a.sql} * ${b.sql})`, a.bits + b.bits) : a;
      case 3: return wrap(`(${a.sql} // ${this.#random.pick([2, 3, 0])})`, a.bits);
      case 4: return wrap(`abs(${a.sql})`, a.bits);
      default: return this.#random.chance(0.5) ? wrap(`(-${a.sql})`, a.bits) : wrap(`year(${this.ofType({kind: 'date'}, Math.max(depth - 1, 0)).sql})`, 20);
    }
  }

  #integerColumn(): TypedText {
    const columns = this.#columns.filter(({type: {kind}}) => kind === 'bigint' || kind === 'integer' || kind === 'smallint' || kind === 'tinyint');
    return columns.length > 0 ? this.#random.pick(columns) : {sql: `CAST(${this.#random.integer(-9, 9)} AS BIGINT)`, type: {kind: 'bigint'}, bits: 4};
  }

  /** Sums of two decimals with digits to spare, cast back to the type asked for where one digit more came out. */
  #decimal(type: Extract<LogicalType, {kind: 'decimal'}>, depth: number): TypedText | undefined {
    const sql = typeText(type);
    const wrap = (text: string): TypedText => ({sql: `CAST(${text} AS ${sql})`, type, bits: 0});
    if (type.precision - type.scale < 6) return undefined;
    // Three whole digits at most, so that the cast cannot overflow.
    const small = (): string => `(${this.#bigint(Math.max(depth - 1, 0)).sql} % 1000)`;
    return this.#random.chance(0.5) ? wrap(`${small()} + 0.25`) : wrap(`${small()}`);
  }

  #literal(type: GeneratedType, nullable = true): string {
    const random = this.#random;
    if (nullable && random.chance(0.05)) return `CAST(NULL AS ${textOf(type)})`;
    switch (type.kind) {
      case 'boolean': return random.pick(['true', 'false']);
      case 'varchar': return random.pick(["'x'", "'y'", "'xy'", "''", "'it''s'", "'é😀'"]);
      case 'date': return `DATE '2024-01-${String(random.integer(1, 31)).padStart(2, '0')}'`;
      case 'timestamp': return `TIMESTAMP '2024-01-${String(random.integer(1, 31)).padStart(2, '0')} ${String(random.integer(0, 23)).padStart(2, '0')}:30:00'`;
      case 'timestamptz': return `TIMESTAMPTZ '2024-01-${String(random.integer(1, 31)).padStart(2, '0')} 12:00:00Z'`;
      case 'blob': return "'\\xAB'::BLOB";
      case 'double': case 'float': return `CAST(${random.integer(-40, 40) / 4} AS ${textOf(type)})`;
      case 'decimal': return `CAST(${type.precision - type.scale < 2 ? 0 : random.integer(-9, 9)} AS ${typeText(type)})`;
      case 'tinyint': case 'smallint': case 'integer': case 'bigint': case 'hugeint': return `CAST(${random.integer(-9, 9)} AS ${textOf(type)})`;
      case 'list': return `CAST([${random.chance(0.3) ? '' : [this.#literal(type.element), this.#literal(type.element)].join(', ')}] AS ${typeText(type)})`;
      case 'struct': return `CAST({${type.fields.map((field) => `'${field.name}': ${this.#literal(field.type)}`).join(', ')}} AS ${typeText(type)})`;
      case 'map': return random.chance(0.3) ? `CAST(MAP {} AS ${typeText(type)})` : `CAST(MAP {${this.#literal(type.key, false)}: ${this.#literal(type.value)}} AS ${typeText(type)})`;
      default: return 'NULL';
    }
  }
}

function textOf(type: GeneratedType): string {
  return type.kind === 'hugeint' ? 'HUGEINT' : typeText(type);
}
