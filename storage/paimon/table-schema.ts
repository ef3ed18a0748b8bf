/** The schema file `schema/schema-N`: columns with never reused ids, keys and options. */
import {damaged, unsupported} from './failure.ts';
import {type DataField, fieldJson, parseField} from './data-type.ts';
import {parseExactJson, printExactJson} from './exact-json.ts';
import {JsonReader} from './json-reader.ts';

export interface TableSchema {
  readonly id: number;
  readonly fields: readonly DataField[];
  readonly highestFieldId: number;
  readonly partitionKeys: readonly string[];
  readonly primaryKeys: readonly string[];
  readonly options: Readonly<Record<string, string>>;
  readonly comment?: string;
  readonly timeMillis: number;
}

/** The schema version that we write and the highest that we read. */
export const SCHEMA_VERSION = 3;

/** @throws {WarehouseError} `MR_PAIMON_DAMAGED`, `MR_PAIMON_UNSUPPORTED` */
export function parseSchema(text: string, where: string): TableSchema {
  let json: unknown;
  try {
    json = parseExactJson(text);
  } catch (cause) {
    throw damaged(where, 'is not JSON', cause);
  }
  const reader = new JsonReader(json, where);
  const version = reader.optionalInteger('version') ?? 1;
  if (version > SCHEMA_VERSION) throw unsupported(where, `schema version ${version}`, `this release reads up to version ${SCHEMA_VERSION}`);
  const options = {...reader.stringMap('options')};
  // Defaults that were others when the file was written are made explicit, so that nobody else needs to know the version.
  if (version <= 1) options['bucket'] ??= '1';
  if (version <= 2) options['file.format'] ??= 'orc';
  const comment = reader.optionalString('comment');
  const schema: TableSchema = {
    id: reader.integer('id'),
    fields: reader.array('fields').map((field) => parseField(field, where)),
    highestFieldId: reader.integer('highestFieldId'),
    partitionKeys: reader.strings('partitionKeys'),
    primaryKeys: reader.strings('primaryKeys'),
    options,
    ...(comment === undefined ? {} : {comment}),
    timeMillis: reader.optionalInteger('timeMillis') ?? 0,
  };
  for (const name of [...schema.primaryKeys, ...schema.partitionKeys]) {
    if (!schema.fields.some((field) => field.name === name)) throw damaged(where, `key column "${name}" is not among the fields`);
  }
  return schema;
}

export function printSchema(schema: TableSchema): string {
  return printExactJson({
    version: SCHEMA_VERSION, id: schema.id, fields: schema.fields.map(fieldJson), highestFieldId: schema.highestFieldId,
    partitionKeys: schema.partitionKeys, primaryKeys: schema.primaryKeys, options: schema.options, comment: schema.comment,
    timeMillis: schema.timeMillis,
  });
}

/** Primary key without partition columns, in key order: the key of files, runs and buckets. */
export function trimmedKey(schema: TableSchema): readonly DataField[] {
  return schema.primaryKeys.filter((name) => !schema.partitionKeys.includes(name))
    .map((name) => schema.fields.find((field) => field.name === name)!);
}

/** @returns the partition columns in declared order. */
export function partitionFields(schema: TableSchema): readonly DataField[] {
  return schema.partitionKeys.map((name) => schema.fields.find((field) => field.name === name)!);
}

/** @returns the columns whose hash is the bucket: option `bucket-key`, else the trimmed key. */
export function bucketKey(schema: TableSchema): readonly DataField[] {
  const named = optionNames(schema.options['bucket-key']);
  if (named.length === 0) return trimmedKey(schema);
  return named.map((name) => schema.fields.find((field) => field.name === name)).filter((field) => field !== undefined);
}

/** @returns the names in an option such as `bucket-key`, in order. */
export function optionNames(value: string | undefined): string[] {
  return (value ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '');
}
