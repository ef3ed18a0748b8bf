/**
 * Which tables we can read and write. Options of the format that change what rows mean are refused by name until they are built:
 * a table read without its merge engine or its deletion vectors gives rows that nobody wrote.
 */
import {keyable} from '../paimon/binary-row.ts';
import {logicalType, paimonTypeText} from '../paimon/data-type.ts';
import {unsupported} from '../paimon/failure.ts';
import {partitionable} from '../paimon/partition.ts';
import {optionNames, partitionFields, type TableSchema, trimmedKey} from '../paimon/table-schema.ts';
import {exactInside} from './column-sql.ts';

const formats = new Set(['parquet']);
/** Parquet codecs by Paimon's name, with DuckDB's. */
export const CODECS: Readonly<Record<string, string>> = {zstd: 'zstd', snappy: 'snappy', gzip: 'gzip', none: 'uncompressed'};
/** Manifest codecs by Paimon's name, with Avro's. */
export const MANIFEST_CODECS: Readonly<Record<string, 'null' | 'deflate' | 'zstandard'>> = {zstd: 'zstandard', zstandard: 'zstandard', deflate: 'deflate', null: 'null'};

/** Options whose value must be one of those listed; absent is always fine. */
const readableValues: Readonly<Record<string, readonly string[]>> = {
  type: ['table'], 'merge-engine': ['deduplicate', 'first-row'], 'row-tracking.enabled': ['false'], 'data-evolution.enabled': ['false'],
  'deletion-vectors.merge-on-read': ['false'], 'sequence.snapshot-ordering': ['false'], 'pk-clustering-override': ['false'], 'primary-key.nullable': ['false'], 'bucket-function.type': ['default'],
};
/** Codecs of Parquet that DuckDB cannot read: Hadoop's own framing of LZ4 among them. */
const unreadableCodecs = ['lz4', 'lzo'];
const refusedOptions = ['rowkind.field', 'query-auth.enabled', 'chain-table.enabled'];

/** @throws {WarehouseError} `MR_PAIMON_UNSUPPORTED` naming table and option. */
export function checkReadable(schema: TableSchema, where: string): void {
  for (const field of partitionFields(schema)) {
    if (!partitionable(field, schema.options)) throw unsupported(where, `partition column "${field.name}" of type ${paimonTypeText(field.type)}`);
  }
  for (const [option, allowed] of Object.entries(readableValues)) {
    const value = schema.options[option];
    if (value !== undefined && !allowed.includes(value.toLowerCase())) throw unsupported(where, `option '${option}' = '${value}'`);
  }
  for (const option of refusedOptions) {
    const value = schema.options[option];
    if (value !== undefined && value !== 'false') throw unsupported(where, `option '${option}' = '${value}'`);
  }
  const codec = schema.options['file.compression']?.toLowerCase();
  if (codec !== undefined && unreadableCodecs.includes(codec)) throw unsupported(where, `'file.compression' = '${codec}'`);
  for (const field of trimmedKey(schema)) {
    if (!keyable(field.type)) throw unsupported(where, `key column "${field.name}" of type ${paimonTypeText(field.type)}`);
  }
}

const nestedRoots: ReadonlySet<string> = new Set(['ARRAY', 'MAP', 'ROW']);

/** @throws {WarehouseError} `MR_PAIMON_UNSUPPORTED` when we can read the table but must not write it. */
export function checkWritable(schema: TableSchema, where: string): void {
  checkReadable(schema, where);
  const keyed = schema.primaryKeys.length > 0;
  const bucket = Number(schema.options['bucket'] ?? '-1');
  if (keyed && !(Number.isInteger(bucket) && bucket > 0)) throw unsupported(where, `writing a keyed table with 'bucket' = '${schema.options['bucket'] ?? '-1'}'`, 'choose a fixed number of buckets');
  if (!keyed && bucket !== -1 && !(Number.isInteger(bucket) && bucket > 0)) throw unsupported(where, `writing an append table with 'bucket' = '${bucket}'`, 'choose a fixed number of buckets, or leave the option out');
  const outside = keyed ? schema.partitionKeys.find((name) => !schema.primaryKeys.includes(name)) : undefined;
  if (outside !== undefined) throw unsupported(where, `writing a keyed table whose key lacks the partition column "${outside}"`);
  if (keyed && trimmedKey(schema).length === 0) throw unsupported(where, 'a primary key of partition columns alone', 'one row a partition needs a further key column');
  checkBucketKey(schema, bucket, where);
  if (schema.options['deletion-vectors.enabled']?.toLowerCase() === 'true') throw unsupported(where, 'writing a table with deletion vectors');
  const format = schema.options['file.format'] ?? 'parquet';
  if (!formats.has(format)) throw unsupported(where, `writing 'file.format' = '${format}'`);
  const codec = schema.options['file.compression'] ?? 'zstd';
  if (CODECS[codec] === undefined) throw unsupported(where, `'file.compression' = '${codec}'`, `use one of ${Object.keys(CODECS).join(', ')}`);
  const manifestCodec = schema.options['manifest.compression'] ?? 'zstd';
  if (MANIFEST_CODECS[manifestCodec] === undefined) throw unsupported(where, `'manifest.compression' = '${manifestCodec}'`, `use one of ${Object.keys(MANIFEST_CODECS).join(', ')}`);
  checkMerging(schema, where);
  const producer = schema.options['changelog-producer'] ?? 'none';
  if (producer !== 'input' && producer !== 'none') throw unsupported(where, `writing with 'changelog-producer' = '${producer}'`);
  for (const field of schema.fields) {
    if (logicalType(field.type) === undefined || (nestedRoots.has(field.type.root) && !exactInside(field.type))) throw unsupported(where, `writing column "${field.name}" of type ${paimonTypeText(field.type)}`);
  }
}

/** Which row of a key stands. */
function checkMerging(schema: TableSchema, where: string): void {
  const firstRow = schema.options['merge-engine']?.toLowerCase() === 'first-row';
  const sequence = optionNames(schema.options['sequence.field']);
  if (firstRow && sequence.length > 0) throw unsupported(where, "'sequence.field' with 'merge-engine' = 'first-row'");
  // Readers of such a table see what compaction has taken in, and a changelog would tell of more.
  if (firstRow && (schema.options['changelog-producer'] ?? 'none') !== 'none') throw unsupported(where, `writing 'merge-engine' = 'first-row' with 'changelog-producer' = '${schema.options['changelog-producer']}'`);
  for (const name of sequence) {
    const field = schema.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw unsupported(where, `'sequence.field' with "${name}", which is no column`);
    if (!keyable(field.type) || field.type.root === 'FLOAT' || field.type.root === 'DOUBLE') throw unsupported(where, `'sequence.field' with column "${name}" of type ${paimonTypeText(field.type)}`);
  }
}

function checkBucketKey(schema: TableSchema, bucket: number, where: string): void {
  const named = optionNames(schema.options['bucket-key']);
  if (named.length === 0) {
    if (schema.primaryKeys.length === 0 && bucket > 0) throw unsupported(where, `an append table with 'bucket' = '${bucket}' and no 'bucket-key'`, "say which columns' hash is the bucket: 'bucket-key' = 'a,b'");
    return;
  }
  if (bucket < 1) throw unsupported(where, "'bucket-key' without a fixed 'bucket'");
  for (const name of named) {
    const field = schema.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw unsupported(where, `'bucket-key' with "${name}", which is no column`);
    if (!keyable(field.type)) throw unsupported(where, `'bucket-key' with column "${name}" of type ${paimonTypeText(field.type)}`);
    if (schema.partitionKeys.includes(name)) throw unsupported(where, `'bucket-key' with the partition column "${name}"`);
    if (schema.primaryKeys.length > 0 && !schema.primaryKeys.includes(name)) throw unsupported(where, `'bucket-key' with "${name}", which is not in the primary key`, 'rows of one key must lie in one bucket');
  }
}
