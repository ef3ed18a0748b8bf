/**
 * Random SELECTs within what is maintained incrementally: projections and filters of scalar expressions, UNION ALL, inner and left
 * equi-joins, GROUP BY with count, sum, avg, min, max and count(DISTINCT), TUMBLE, and all of these nested in FROM.
 *
 * Every query is valid over any rows of its tables, with three bounds on them: dates and timestamps lie in the years 0001 … 9999,
 * doubles are below 1e100, strings are short. Integer arithmetic never overflows: each expression carries the bits it may need.
 */
import {typeText, type LogicalType} from '../../base/type.ts';
import {Random} from './random.ts';
import {ExpressionGenerator, type TypedText} from './expression-generator.ts';

export interface GeneratorTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly {readonly name: string; readonly type: LogicalType}[];
  /** Names of the key columns: joins prefer them, so that results stay small. */
  readonly key: readonly string[];
}

/** What queries may use; everything by default except float sums. */
export interface QueryScope {
  readonly joins?: boolean;
  readonly leftJoins?: boolean;
  readonly aggregates?: boolean;
  readonly unions?: boolean;
  readonly tumbles?: boolean;
  readonly subqueries?: boolean;
  /** sum and avg over FLOAT and DOUBLE: their answer depends on the order of the rows. */
  readonly floatSums?: boolean;
  /** Levels of nesting in FROM. */
  readonly depthMax?: number;
}

export type QueryFeature = 'filter' | 'inner-join' | 'left-join' | 'group' | 'global-aggregate' | 'having' | 'union' | 'tumble' | 'subquery' | 'count' | 'sum' | 'avg' | 'min' | 'max' | 'count-distinct' | 'unnest';

export interface GeneratedQuery {
  readonly sql: string;
  /** What it uses, for asserting that a generator's run covered everything. */
  readonly features: ReadonlySet<QueryFeature>;
}

/** @returns the query of this seed: the same for the same seed, tables and scope. */
export function randomSelect(seed: number, tables: readonly GeneratorTable[], scope: QueryScope = {}): GeneratedQuery {
  const generator = new QueryGenerator(new Random(seed), tables, scope);
  const {sql} = generator.select(scope.depthMax ?? 2);
  return {sql, features: generator.features};
}

/** Something in FROM: its columns are written `alias.name`. */
interface Relation {readonly text: string; readonly columns: readonly TypedText[]; readonly keys: readonly TypedText[]}
interface Select {readonly sql: string; readonly columns: readonly Omit<TypedText, 'sql'>[]}

class QueryGenerator {
  readonly features = new Set<QueryFeature>();
  readonly #random: Random;
  readonly #tables: readonly GeneratorTable[];
  readonly #scope: QueryScope;
  #aliasCount = 0;
  #joinsLeft = 3;

  constructor(random: Random, tables: readonly GeneratorTable[], scope: QueryScope) {
    this.#random = random;
    this.#tables = tables;
    this.#scope = scope;
  }

  select(depth: number): Select {
    const shape = this.#random.unit();
    if (depth > 0 && shape < 0.15 && this.#scope.unions !== false) return this.#union(depth);
    const from = this.#from(depth);
    if (shape < 0.55 && this.#scope.aggregates !== false) return this.#aggregate(from);
    const count = this.#random.integer(1, 5);
    return this.#project(from, Array.from({length: count}, () => this.#scalar(from)));
  }

  #project({text, columns}: Relation, items: readonly TypedText[]): Select {
    return {sql: `SELECT ${named(items)} FROM ${text}${this.#where(columns)}`, columns: items.map(withoutText)};
  }

  #where(columns: readonly TypedText[]): string {
    if (!this.#random.chance(0.5)) return '';
    this.features.add('filter');
    return ` WHERE ${this.#expressions(columns).predicate(2)}`;
  }

  #scalar({columns}: Relation): TypedText {
    return this.#random.chance(0.5) ? this.#random.pick(columns) : this.#expressions(columns).any(2);
  }

  #expressions(columns: readonly TypedText[]): ExpressionGenerator {
    return new ExpressionGenerator(this.#random, columns);
  }

  #aggregate(from: Relation): Select {
    const groups = this.#random.chance(0.15) ? [] : Array.from({length: this.#random.integer(1, 3)}, () => this.#scalar(from)).filter(group => !isConstant(group.sql));
    this.features.add(groups.length === 0 ? 'global-aggregate' : 'group');
    const calls = Array.from({length: this.#random.integer(1, 4)}, () => this.#call(from));
    const where = this.#where(from.columns);
    const by = groups.length === 0 ? '' : ` GROUP BY ${groups.map(group => group.sql).join(', ')}`;
    const having = groups.length > 0 && this.#random.chance(0.2) ? ' HAVING count(*) > 1' : '';
    if (having !== '') this.features.add('having');
    const items = [...groups, ...calls];
    return {sql: `SELECT ${named(items)} FROM ${from.text}${where}${by}${having}`, columns: items.map(withoutText)};
  }

  #call({columns}: Relation): TypedText {
    const bigint: LogicalType = {kind: 'bigint'};
    const kind = this.#random.pick(['count', 'sum', 'sum', 'avg', 'min', 'max', 'count-distinct'] as const);
    const argument = this.#random.chance(0.7) ? this.#random.pick(columns) : this.#expressions(columns).any(1);
    const numbers = columns.filter(column => this.#summable(column.type));
    switch (kind) {
      case 'count':
        this.features.add('count');
        return {sql: this.#random.chance(0.6) ? 'count(*)' : `count(${argument.sql})`, type: bigint, bits: 40};
      case 'count-distinct':
        this.features.add('count-distinct');
        return {sql: `count(DISTINCT ${argument.sql})`, type: bigint, bits: 40};
      case 'min': case 'max':
        this.features.add(kind);
        return {...argument, sql: `${kind}(${argument.sql})`};
      case 'sum': case 'avg': {
        if (numbers.length === 0) return {sql: 'count(*)', type: bigint, bits: 40};
        const number = this.#random.pick(numbers);
        this.features.add(kind);
        if (kind === 'avg' || number.type.kind === 'double' || number.type.kind === 'float') return {sql: `${kind}(${number.sql})`, type: {kind: 'double'}, bits: 0};
        // Sums of integers are HUGEINT, which no table stores: half of them say as what.
        if (number.type.kind === 'decimal') return {sql: `sum(${number.sql})`, type: {kind: 'decimal', precision: 38, scale: number.type.scale}, bits: 0};
        const stored = number.bits <= 40 && this.#random.chance(0.5);
        return stored ? {sql: `CAST(sum(${number.sql}) AS BIGINT)`, type: bigint, bits: 63} : {sql: `sum(${number.sql})`, type: {kind: 'hugeint'}, bits: 0};
      }
      default: return argument;
    }
  }

  #summable(type: TypedText['type']): boolean {
    switch (type.kind) {
      case 'tinyint': case 'smallint': case 'integer': case 'bigint': return true;
      case 'decimal': return type.precision <= 30;
      case 'double': case 'float': return this.#scope.floatSums === true;
      default: return false;
    }
  }

  #union(depth: number): Select {
    this.features.add('union');
    const first = this.select(depth - 1);
    const branches = Array.from({length: this.#random.integer(1, 2)}, () => {
      const from = this.#from(depth - 1);
      const expressions = this.#expressions(from.columns);
      return this.#project(from, first.columns.map(column => expressions.ofType(column.type, 1)));
    });
    const text = [first, ...branches].map(branch => branch.sql).join(' UNION ALL ');
    return {sql: text, columns: first.columns.map((column, i) => ({type: column.type, bits: Math.max(column.bits, ...branches.map(branch => branch.columns[i]!.bits))}))};
  }

  #from(depth: number): Relation {
    const left = this.#relation(depth);
    if (this.#scope.joins === false || this.#joinsLeft === 0 || !this.#random.chance(0.4)) return left;
    this.#joinsLeft--;
    const right = this.#relation(depth - 1);
    const pair = this.#joinPair(left, right);
    if (pair === undefined) return left;
    const outer = this.#scope.leftJoins !== false && this.#random.chance(0.5);
    this.features.add(outer ? 'left-join' : 'inner-join');
    return {text: `${left.text} ${outer ? 'LEFT ' : ''}JOIN ${right.text} ON ${pair}`, columns: [...left.columns, ...right.columns], keys: left.keys};
  }

  /** One or two equalities of columns of one type; a key on one side if there is a match. */
  #joinPair(left: Relation, right: Relation): string | undefined {
    const pairs = (lefts: readonly TypedText[], rights: readonly TypedText[]): string[] =>
      lefts.flatMap(a => rights.filter(b => sameKind(a, b)).map(b => `${a.sql} = ${b.sql}`));
    const keyed = [...pairs(left.keys, right.columns), ...pairs(left.columns, right.keys)];
    const all = pairs(left.columns, right.columns);
    if (all.length === 0) return undefined;
    const first = this.#random.pick(keyed.length > 0 && this.#random.chance(0.7) ? keyed : all);
    return this.#random.chance(0.2) ? `${first} AND ${this.#random.pick(all)}` : first;
  }

  #relation(depth: number): Relation {
    const alias = `r${++this.#aliasCount}`;
    if (depth > 0 && this.#scope.subqueries !== false && this.#random.chance(0.4)) {
      this.features.add('subquery');
      const {sql, columns} = this.select(depth - 1);
      return {text: `(${sql}) AS ${alias}`, columns: columns.map((column, i) => ({...column, sql: `${alias}.c${i + 1}`})), keys: []};
    }
    return this.#table(this.#random.pick(this.#tables), alias);
  }

  #table(table: GeneratorTable, alias: string): Relation {
    const column = (name: string, type: LogicalType): TypedText => ({sql: `${alias}.${quoted(name)}`, type, bits: bitsOf(type)});
    const columns = table.columns.map(({name, type}) => column(name, type));
    const keys = table.columns.filter(({name}) => table.key.includes(name)).map(({name, type}) => column(name, type));
    const name = `${quoted(table.schema)}.${quoted(table.name)}`;
    const lists = table.columns.filter(({type}) => type.kind === 'list');
    if (lists.length > 0 && this.#random.chance(0.25)) {
      this.features.add('unnest');
      const list = this.#random.pick(lists);
      const element = list.type.kind === 'list' ? list.type.element : list.type;
      return {text: `(SELECT *, unnest(${quoted(list.name)}) AS element FROM ${name}) AS ${alias}`, columns: [...columns, column('element', element)], keys};
    }
    const times = table.columns.filter(({type}) => type.kind === 'timestamp' || type.kind === 'timestamptz');
    if (times.length === 0 || this.#scope.tumbles === false || !this.#random.chance(0.3)) return {text: `${name} AS ${alias}`, columns, keys};
    this.features.add('tumble');
    const time = this.#random.pick(times);
    const size = this.#random.pick(['INTERVAL 1 HOUR', 'INTERVAL 7 MINUTE', 'INTERVAL 1 DAY', "INTERVAL '5 days'"]);
    const bounds = ['window_start', 'window_end'].map(bound => column(bound, time.type));
    return {text: `TUMBLE(${name}, ${quoted(time.name)}, ${size}) AS ${alias}`, columns: [...columns, ...bounds], keys};
  }
}

function named(items: readonly TypedText[]): string {
  return items.map((item, i) => `${item.sql} AS c${i + 1}`).join(', ');
}

function withoutText({type, bits}: TypedText): Omit<TypedText, 'sql'> {
  return {type, bits};
}

function sameKind(a: TypedText, b: TypedText): boolean {
  if (a.type.kind === 'hugeint' || b.type.kind === 'hugeint' || a.type.kind === 'double' || a.type.kind === 'float' || a.type.kind === 'boolean') return false;
  return a.type.kind === b.type.kind && typeText(a.type) === typeText(b.type);
}

/** A bare constant in GROUP BY would be a position. */
function isConstant(sql: string): boolean {
  return !/\br\d+\./.test(sql);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function bitsOf(type: LogicalType): number {
  return ({tinyint: 7, smallint: 15, integer: 31, bigint: 63} as Readonly<Record<string, number>>)[type.kind] ?? 0;
}
