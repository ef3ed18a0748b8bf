/**
 * The SQL that reads a plan: current rows of a table, merged, over `read_parquet`.
 *
 * All sections of one kind are read together. No two sections of a partition share a key; where a table has several partitions each
 * row is tagged with its group (bucket of a partition), and keys are compared beside the tag:
 *
 *   rows of raw files
 *   UNION ALL  young := newer runs of layered sections; of each key the row with the highest sequence number, if it is +I or +U
 *   UNION ALL  oldest runs of layered sections, +I and +U, ANTI JOIN the keys of young
 *   UNION ALL  mixed sections by row_number(), which is slow and only met after several writers
 *
 * Order, when asked for: keyed tables by (partition, bucket, key), which is unique; append tables by (partition, bucket, file, row).
 * Both depend on the plan's files alone, so the same plan gives the same order everywhere and always. Where files stand in that order
 * anyway there is no ORDER BY: DuckDB keeps the order of files and rows unless `preserve_insertion_order` is switched off, which a
 * kernel must not do.
 */
import {quoteIdentifier} from '../../kernel/quote.ts';
import type {DataField} from '../paimon/data-type.ts';
import {KIND_COLUMN, readSql, SEQUENCE_COLUMN} from './column-sql.ts';
import {filesSql, NO_COLUMNS, type SourceFile} from './files-sql.ts';
import type {PaimonTable} from './paimon-table.ts';
import type {PlannedFile, ScanPlan, Section} from './scan-plan.ts';

export interface ScanOptions {
  /** Names in the order wanted; all columns of the table unless given. */
  readonly columns?: readonly string[];
  /** Adds `_SEQUENCE_NUMBER` as last column (keyed tables). */
  readonly withSequence?: boolean;
  /** Rows in the stable order of the header, or by key whatever their partition and bucket ('key'); otherwise in any. */
  readonly ordered?: boolean | 'key';
  /** Only rows whose key column lies in it. Keyed tables. */
  readonly range?: KeyRange;
}

/** A range of one key column: from `from` on, below `to`; both are SQL of the column's type. */
export interface KeyRange {
  /** Quoted. */
  readonly column: string;
  readonly from?: string;
  readonly to?: string;
}

const GROUP_TAG = '_mr_group';
const RUN_TAG = '_mr_run';

/** @returns a SELECT that gives the table's rows at the plan's snapshot. */
export function scanSql(table: PaimonTable, plan: ScanPlan, options: ScanOptions = {}): string {
  const names = options.columns ?? table.schema.fields.map((field) => field.name);
  const fields = names.map((name) => table.field(name));
  if (table.keyFields.length === 0 || plan.buckets.length === 0) return appendSql(table, plan, fields);
  return new MergeSql(table, plan, fields, options).text();
}

function appendSql(table: PaimonTable, plan: ScanPlan, fields: readonly DataField[]): string {
  const files = plan.buckets.flatMap((bucket) => bucket.sections.flatMap((section) => section.runs.flat()));
  if (files.length > 0) return filesSql(table, files, {fields}, true);
  const empty = fields.map((field) => `${readSql({...field, name: '_mr_null'})} AS ${quoteIdentifier(field.name)}`);
  return `SELECT ${empty.join(', ') || NO_COLUMNS} FROM (SELECT NULL AS _mr_null) AS nothing WHERE false`;
}

class MergeSql {
  readonly #table: PaimonTable;
  readonly #plan: ScanPlan;
  readonly #fields: readonly DataField[];
  readonly #ordered: boolean;
  readonly #byKey: boolean;
  readonly #withSequence: boolean;
  readonly #range: KeyRange | undefined;
  readonly #keys: readonly string[];
  readonly #sections: readonly Section[];
  /** Number of the group of each file. */
  readonly #groups = new Map<SourceFile, number>();
  /** Rows carry their group's number: for the order, and for keys that several partitions may hold. */
  readonly #tagged: boolean;

  constructor(table: PaimonTable, plan: ScanPlan, fields: readonly DataField[], options: ScanOptions) {
    this.#table = table;
    this.#plan = plan;
    this.#fields = fields;
    this.#ordered = options.ordered !== undefined && options.ordered !== false;
    this.#byKey = options.ordered === 'key' && plan.buckets.length > 1;
    this.#withSequence = options.withSequence === true;
    this.#range = options.range;
    this.#sections = plan.buckets.flatMap((bucket) => bucket.sections);
    this.#tagged = plan.buckets.length > 1 && (this.#ordered || table.partitionFields.length > 0);
    if (this.#tagged) for (const [group, {sections}] of plan.buckets.entries()) for (const {runs} of sections) for (const file of runs.flat()) this.#groups.set(file, group);
    this.#keys = [...(this.#tagged ? [GROUP_TAG] : []), ...table.keyFields.map((field) => quoteIdentifier(field.name))];
  }

  text(): string {
    const output = [...this.#fields.map((field) => quoteIdentifier(field.name)), ...(this.#withSequence ? [SEQUENCE_COLUMN] : [])].join(', ') || NO_COLUMNS;
    const raw = this.#sections.filter(({kind}) => kind === 'raw').flatMap(({runs}) => runs.flat());
    // Sections stand in the order of their keys, files are sorted, and DuckDB keeps the order of files and rows.
    const inOrder = !this.#byKey && this.#sections.every(({kind}) => kind === 'raw') && this.#plan.buckets.every((bucket) => bucket.inKeyOrder);
    const layered = this.#sections.filter(({kind}) => kind === 'layered');
    const young = layered.flatMap(({runs}) => runs.slice(0, -1).flat());
    const oldest = layered.flatMap(({runs}) => runs.at(-1)!);
    const parts: string[] = [];
    if (raw.length > 0) parts.push(this.#files(raw, false, this.#ordered && inOrder));
    if (young.length > 0) parts.push(this.#newest());
    if (oldest.length > 0) parts.push(this.#oldest(oldest, young.length > 0));
    const mixed = this.#sections.filter(({kind}) => kind === 'mixed');
    if (mixed.length > 0) parts.push(this.#mixed(mixed));
    const head = young.length === 0 ? '' : `WITH young AS (SELECT * FROM (${this.#files(young, true)}) AS files${this.#ignoresDeletes ? ` WHERE ${KIND_COLUMN} IN (0, 2)` : ''}) `;
    const body = `${head}SELECT ${output} FROM (${parts.join(' UNION ALL ')}) AS merged`;
    if (!this.#ordered || inOrder) return body;
    const order = this.#byKey ? [...this.#keys].sort((a, b) => Number(a === GROUP_TAG) - Number(b === GROUP_TAG)) : this.#keys;
    return `${body} ORDER BY ${order.map((key) => `${key} ASC NULLS FIRST`).join(', ')}`;
  }

  get #ignoresDeletes(): boolean { return this.#table.ignoresDeletes; }

  /** The columns that every part yields, in one order, since parts are united by position: those asked for, keys for the order, number, tag. */
  #names(merging: boolean): {readonly fields: readonly DataField[]; readonly system: readonly string[]} {
    const wanted = new Map(this.#fields.map((field) => [field.name, field]));
    if (merging || this.#ordered) for (const field of this.#table.keyFields) wanted.set(field.name, field);
    return {fields: [...wanted.values()], system: [...(this.#withSequence || merging ? [SEQUENCE_COLUMN] : []), ...(merging ? [KIND_COLUMN] : [])]};
  }

  #outer(): string {
    const {fields, system} = this.#names(false);
    return [...fields.map((field) => quoteIdentifier(field.name)), ...system, ...(this.#tagged ? [GROUP_TAG] : [])].join(', ') || NO_COLUMNS;
  }

  #files(files: readonly PlannedFile[], merging: boolean, inOrder = false): string {
    return this.#inRange(filesSql(this.#table, files, {...this.#names(merging), tags: this.#tagged ? [this.#groupTag] : []}, inOrder));
  }

  /** Of every file, before rows are merged: a key lies in one range with all its rows. */
  #inRange(sql: string): string {
    if (this.#range === undefined) return sql;
    const {column, from, to} = this.#range;
    const conditions = [...(from === undefined ? [] : [`${column} >= ${from}`]), ...(to === undefined ? [] : [`${column} < ${to}`])];
    return `SELECT * FROM (${sql}) AS ranged WHERE ${conditions.join(' AND ') || 'true'}`;
  }

  readonly #groupTag = {name: GROUP_TAG, of: (file: SourceFile) => this.#groups.get(file)!};

  #newest(): string {
    const match = [...this.#keys, SEQUENCE_COLUMN].map((column) => `young.${column} = latest.${column}`).join(' AND ');
    const latest = `(SELECT ${this.#keys.join(', ')}, max(${SEQUENCE_COLUMN}) AS ${SEQUENCE_COLUMN} FROM young GROUP BY ${this.#keys.join(', ')}) AS latest`;
    return `SELECT ${this.#outer()} FROM (SELECT young.* FROM young SEMI JOIN ${latest} ON ${match} WHERE ${KIND_COLUMN} IN (0, 2)) AS newest`;
  }

  #oldest(files: readonly PlannedFile[], covered: boolean): string {
    const kept = `SELECT * FROM (${this.#files(files, true)}) AS files WHERE ${KIND_COLUMN} IN (0, 2)`;
    if (!covered) return `SELECT ${this.#outer()} FROM (${kept}) AS oldest`;
    return `SELECT ${this.#outer()} FROM (SELECT oldest.* FROM (${kept}) AS oldest ANTI JOIN young ON ${this.#keys.map((key) => `oldest.${key} = young.${key}`).join(' AND ')}) AS kept`;
  }

  /** Equal numbers of two writers: the newer run wins, so that the answer does not change from read to read. */
  #mixed(sections: readonly Section[]): string {
    const runs = new Map<SourceFile, number>();
    for (const section of sections) for (const [run, files] of section.runs.entries()) for (const file of files) runs.set(file, run);
    const {fields, system} = this.#names(true);
    const sequence = this.#table.sequence;
    const wanted = new Map([...fields, ...(sequence?.fields ?? [])].map((field) => [field.name, field]));
    const tags = [...(this.#tagged ? [this.#groupTag] : []), {name: RUN_TAG, of: (file: SourceFile) => runs.get(file)!}];
    const rows = this.#inRange(filesSql(this.#table, [...runs.keys()], {fields: [...wanted.values()], system, tags}));
    // Of the values of `sequence.field` the last in their order wins; NULL comes first whatever the order.
    const order = [...(sequence?.fields ?? []).map((field) => `${quoteIdentifier(field.name)} ${sequence!.descending ? 'ASC' : 'DESC'} NULLS LAST`), `${SEQUENCE_COLUMN} DESC`, `${RUN_TAG} ASC`];
    const counted = this.#ignoresDeletes ? ` WHERE ${KIND_COLUMN} IN (0, 2)` : '';
    return `SELECT ${this.#outer()} FROM (SELECT * FROM (${rows}) AS runs${counted} QUALIFY row_number() OVER (PARTITION BY ${this.#keys.join(', ')} `
      + `ORDER BY ${order.join(', ')}) = 1) AS winners WHERE ${KIND_COLUMN} IN (0, 2)`;
  }
}
