/**
 * The SQL that reads a plan: current rows of a table, merged, over `read_parquet`.
 *
 * All sections of one kind are read together, since no two sections (and no two buckets) share a key:
 *
 *   rows of raw files
 *   UNION ALL  young := newer runs of layered sections; of each key the row with the highest sequence number, if it is +I or +U
 *   UNION ALL  oldest runs of layered sections, +I and +U, ANTI JOIN the keys of young
 *   UNION ALL  mixed sections by row_number(), which is slow and only met after several writers
 *
 * Files of other schemas than the table's stand among the others, their columns found by field id (file-schema.ts).
 *
 * Order, when asked for: keyed tables by (bucket, key), which is unique; append tables by (file, row). Both depend on the plan's files
 * alone, so the same plan gives the same order everywhere and always. Where files stand in that order anyway there is no ORDER BY:
 * DuckDB keeps the order of files and rows unless `preserve_insertion_order` is switched off, which a kernel must not do.
 */
import {quoteIdentifier} from '../../kernel/quote.ts';
import type {DataField} from '../paimon/data-type.ts';
import type {TableSchema} from '../paimon/table-schema.ts';
import {KIND_COLUMN, pathListSql, readSql, SEQUENCE_COLUMN} from './column-sql.ts';
import {columnsSignature, fileColumnSql} from './file-schema.ts';
import type {PaimonTable} from './paimon-table.ts';
import type {PlannedFile, ScanPlan, Section} from './scan-plan.ts';

export interface ScanOptions {
  /** Names in the order wanted; all columns of the table unless given. */
  readonly columns?: readonly string[];
  /** Adds `_SEQUENCE_NUMBER` as last column (keyed tables). */
  readonly withSequence?: boolean;
  /** Rows in the stable order of the header; otherwise in any. */
  readonly ordered?: boolean;
}

const BUCKET_ALIAS = '_mr_bucket';
/** A row without columns, for counting. */
const NO_COLUMNS = '1 AS _mr_one';

/** @returns a SELECT that gives the table's rows at the plan's snapshot. */
export function scanSql(table: PaimonTable, plan: ScanPlan, options: ScanOptions = {}): string {
  const names = options.columns ?? table.schema.fields.map((field) => field.name);
  const fields = names.map((name) => table.field(name));
  const keyed = table.keyFields.length > 0;
  if (!keyed || plan.buckets.length === 0) return appendSql(table, plan, fields);
  const output = [...names, ...(options.withSequence === true ? [SEQUENCE_COLUMN] : [])].map(quoteIdentifier).join(', ') || NO_COLUMNS;
  const ordered = options.ordered === true;
  const inOrder = plan.buckets.flatMap((bucket) => bucket.sections);
  if (ordered && inOrder.every((section) => section.kind === 'raw' && section.runs[0]![0]!.deletedRows === undefined) && sameColumns(table, inOrder)) {
    // Sections stand in the order of their keys, files are sorted, and DuckDB keeps the order of files and rows.
    return `SELECT ${output} FROM (${mergedParts(table, inOrder, fields, options, 'young')[0]!}) AS merged`;
  }
  const keys = table.keyFields.map((field) => quoteIdentifier(field.name));
  // A bucket needs a query of its own only where its number is an order key.
  const groups = ordered && plan.buckets.length > 1
    ? plan.buckets.map(({bucket, sections}) => ({literal: bucket as number | undefined, sections}))
    : [{literal: undefined, sections: plan.buckets.flatMap((bucket) => bucket.sections)}];
  const parts: string[] = [];
  for (const [i, {literal, sections}] of groups.entries()) {
    for (const part of mergedParts(table, sections, fields, options, `young${i}`)) parts.push(literal === undefined ? part : `SELECT *, ${literal} AS ${BUCKET_ALIAS} FROM (${part})`);
  }
  const common = groups.map(({sections}, i) => youngSql(table, sections, fields, options, `young${i}`)).filter((sql) => sql !== undefined);
  const head = common.length === 0 ? '' : `WITH ${common.join(', ')} `;
  const body = `SELECT ${output} FROM (${parts.join(' UNION ALL ')}) AS merged`;
  if (!ordered) return head + body;
  return `${head}${body} ORDER BY ${[...(groups.length > 1 ? [BUCKET_ALIAS] : []), ...keys.map((key) => `${key} ASC NULLS FIRST`)].join(', ')}`;
}

function appendSql(table: PaimonTable, plan: ScanPlan, fields: readonly DataField[]): string {
  const columns = fields.map((field) => `${readSql(field)} AS ${quoteIdentifier(field.name)}`);
  const files = plan.buckets.flatMap((bucket) => bucket.sections.flatMap((section) => section.runs.flat()));
  if (files.length === 0) {
    const empty = fields.map((field) => `${readSql({...field, name: '_mr_null'})} AS ${quoteIdentifier(field.name)}`);
    return `SELECT ${empty.join(', ') || NO_COLUMNS} FROM (SELECT NULL AS _mr_null) AS nothing WHERE false`;
  }
  return `SELECT ${columns.join(', ') || NO_COLUMNS} FROM ${filesSql(table, files, fields)} AS data`;
}

/** The columns that every part yields: those asked for, keys for the order, the sequence number. */
function partColumns(table: PaimonTable, fields: readonly DataField[], options: ScanOptions, keys: boolean): string {
  const wanted = keys || options.ordered === true ? withKeys(table, fields) : fields;
  const columns = wanted.map((field) => `${readSql(field)} AS ${quoteIdentifier(field.name)}`);
  if (options.withSequence === true || keys) columns.push(SEQUENCE_COLUMN);
  if (keys) columns.push(KIND_COLUMN);
  return columns.join(', ') || NO_COLUMNS;
}

function withKeys(table: PaimonTable, fields: readonly DataField[]): readonly DataField[] {
  return [...new Map([...fields, ...table.keyFields].map((field) => [field.id, field])).values()];
}

function layered(sections: readonly Section[]): {readonly young: readonly PlannedFile[]; readonly oldest: readonly PlannedFile[]} {
  const chosen = sections.filter((section) => section.kind === 'layered');
  return {young: chosen.flatMap((section) => section.runs.slice(0, -1).flat()), oldest: chosen.flatMap((section) => section.runs.at(-1)!)};
}

/** The newer runs of layered sections as a common table: scanned for their rows and for their keys. */
function youngSql(table: PaimonTable, sections: readonly Section[], fields: readonly DataField[], options: ScanOptions, name: string): string | undefined {
  const {young} = layered(sections);
  return young.length === 0 ? undefined : `${name} AS (SELECT ${partColumns(table, fields, options, true)} FROM ${filesSql(table, young, withKeys(table, fields))} AS data)`;
}

function mergedParts(table: PaimonTable, sections: readonly Section[], fields: readonly DataField[], options: ScanOptions, young: string): string[] {
  const parts: string[] = [];
  const columns = partColumns(table, fields, options, false);
  // Parts are united by position, so each names the same columns in the same order.
  const outer = partNames(table, fields, options);
  const raw = sections.filter((section) => section.kind === 'raw').flatMap((section) => section.runs.flat());
  if (raw.length > 0) parts.push(`SELECT ${columns} FROM ${filesSql(table, raw, withKeys(table, fields))} AS data`);
  const {young: youngFiles, oldest} = layered(sections);
  const keys = table.keyFields.map((field) => quoteIdentifier(field.name));
  if (youngFiles.length > 0) {
    const match = [...keys, SEQUENCE_COLUMN].map((column) => `${young}.${column} = latest.${column}`).join(' AND ');
    const latest = `(SELECT ${keys.join(', ')}, max(${SEQUENCE_COLUMN}) AS ${SEQUENCE_COLUMN} FROM ${young} GROUP BY ${keys.join(', ')}) AS latest`;
    parts.push(`SELECT ${outer} FROM (SELECT ${young}.* FROM ${young} SEMI JOIN ${latest} ON ${match} WHERE ${KIND_COLUMN} IN (0, 2)) AS newest`);
  }
  if (oldest.length > 0) {
    const kept = `SELECT ${partColumns(table, fields, options, true)} FROM ${filesSql(table, oldest, withKeys(table, fields))} AS data WHERE ${KIND_COLUMN} IN (0, 2)`;
    const match = keys.map((key) => `oldest.${key} = ${young}.${key}`).join(' AND ');
    parts.push(youngFiles.length === 0 ? `SELECT ${outer} FROM (${kept}) AS oldest` : `SELECT ${outer} FROM (SELECT oldest.* FROM (${kept}) AS oldest ANTI JOIN ${young} ON ${match}) AS kept`);
  }
  for (const section of sections) {
    if (section.kind !== 'mixed') continue;
    // Equal numbers of two writers: the newer run wins, so that the answer does not change from read to read.
    const runs = section.runs.map((files, i) => `SELECT ${partColumns(table, fields, options, true)}, ${i} AS _mr_run FROM ${filesSql(table, files, withKeys(table, fields))} AS data`);
    parts.push(`SELECT ${outer} FROM (SELECT * FROM (${runs.join(' UNION ALL ')}) AS runs QUALIFY row_number() OVER (PARTITION BY ${keys.join(', ')} `
      + `ORDER BY ${SEQUENCE_COLUMN} DESC, _mr_run ASC) = 1) AS winners WHERE ${KIND_COLUMN} IN (0, 2)`);
  }
  return parts;
}

function partNames(table: PaimonTable, fields: readonly DataField[], options: ScanOptions): string {
  const names = new Set(fields.map((field) => field.name));
  if (options.ordered === true) for (const field of table.keyFields) names.add(field.name);
  const columns = [...names].map(quoteIdentifier);
  if (options.withSequence === true) columns.push(SEQUENCE_COLUMN);
  return columns.join(', ') || NO_COLUMNS;
}

/** @returns whether all files of the sections hold the table's present columns. */
function sameColumns(table: PaimonTable, sections: readonly Section[]): boolean {
  const groups = table.byColumns(sections.flatMap((section) => section.runs.flat()), (file) => file.entry);
  return groups.every((group) => group.same);
}

/**
 * @param fields columns that are read, by their present names; a keyed table's sequence numbers and kinds come with them.
 * @returns a table expression over data files of any schemas, without the rows that deletion vectors mark. Of an append table the files
 *   come in their order.
 */
export function filesSql(table: PaimonTable, files: readonly PlannedFile[], fields: readonly DataField[]): string {
  const groups = table.byColumns(files, (file) => file.entry);
  if (groups.length === 1 && groups[0]!.same) return parquetSql(files);
  const system = table.keyFields.length > 0 ? [SEQUENCE_COLUMN, KIND_COLUMN] : [];
  const parts = (table.keyFields.length > 0 ? groups : inRuns(table, files)).map(({schema, files: some}) => {
    const columns = fields.map((field) => `${fileColumnSql(schema, field, table.directory)} AS ${quoteIdentifier(field.name)}`);
    return `SELECT ${[...columns, ...system].join(', ') || NO_COLUMNS} FROM ${parquetSql(some)} AS file`;
  });
  return `(${parts.join(' UNION ALL ')})`;
}

/** @returns files that stand together and hold the same columns. */
function inRuns(table: PaimonTable, files: readonly PlannedFile[]): {readonly schema: TableSchema; readonly files: PlannedFile[]}[] {
  const runs: {readonly schema: TableSchema; readonly signature: string; readonly files: PlannedFile[]}[] = [];
  for (const file of files) {
    const schema = table.fileSchema(file.entry);
    const last = runs.at(-1);
    const signature = last?.schema === schema ? last.signature : columnsSignature(schema);
    if (last?.signature === signature) last.files.push(file);
    else runs.push({schema, signature, files: [file]});
  }
  return runs;
}

/** @returns a table expression over data files that hold the same columns, as they are. */
function parquetSql(files: readonly PlannedFile[]): string {
  const plain = files.filter((file) => file.deletedRows === undefined);
  const parts = plain.length === 0 ? [] : [`SELECT * FROM read_parquet(${pathListSql(plain.map((file) => file.path))})`];
  for (const file of files) {
    if (file.deletedRows === undefined) continue;
    const from = `read_parquet(${pathListSql([file.path])}, file_row_number = true)`;
    parts.push(`SELECT * EXCLUDE (file_row_number) FROM ${from} WHERE file_row_number NOT IN (${file.deletedRows.length === 0 ? '-1' : file.deletedRows.join(', ')})`);
  }
  if (parts.length === 1 && plain.length > 0) return `read_parquet(${pathListSql(plain.map((file) => file.path))})`;
  return `(${parts.join(' UNION ALL ')})`;
}
