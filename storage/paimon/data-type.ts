/**
 * Paimon's types: their text and JSON forms, what they are in Millrace and how DuckDB writes and reads them.
 * An unknown word is refused, never guessed: a wrong guess shows as wrong values, not as an error.
 */
import {InvariantError, unreachable} from '../../base/invariant.ts';
import type {LogicalType, StructField} from '../../base/type.ts';
import {damaged, unsupported} from './failure.ts';
import {JsonReader} from './json-reader.ts';
import type {ExactJson} from './exact-json.ts';

export type PaimonType = {readonly nullable: boolean} & (
  | {readonly root: 'BOOLEAN' | 'TINYINT' | 'SMALLINT' | 'INT' | 'BIGINT' | 'FLOAT' | 'DOUBLE' | 'DATE'}
  | {readonly root: 'DECIMAL'; readonly precision: number; readonly scale: number}
  | {readonly root: 'CHAR' | 'VARCHAR' | 'BINARY' | 'VARBINARY'; readonly length: number}
  | {readonly root: 'TIME' | 'TIMESTAMP' | 'TIMESTAMP_LTZ'; readonly precision: number}
  | {readonly root: 'ARRAY' | 'MULTISET'; readonly element: PaimonType}
  | {readonly root: 'VECTOR'; readonly element: PaimonType; readonly length: number}
  | {readonly root: 'MAP'; readonly key: PaimonType; readonly value: PaimonType}
  | {readonly root: 'ROW'; readonly fields: readonly DataField[]}
);

export interface DataField {
  readonly id: number;
  readonly name: string;
  readonly type: PaimonType;
  readonly description?: string;
  readonly defaultValue?: string;
}

/** STRING is VARCHAR and BYTES is VARBINARY of this length. */
export const LENGTH_MAX = 2_147_483_647;

const simpleWords: Readonly<Record<string, PaimonType['root'] & ('BOOLEAN' | 'TINYINT' | 'SMALLINT' | 'INT' | 'BIGINT' | 'FLOAT' | 'DOUBLE' | 'DATE')>> = {
  BOOLEAN: 'BOOLEAN', TINYINT: 'TINYINT', SMALLINT: 'SMALLINT', INT: 'INT', INTEGER: 'INT', BIGINT: 'BIGINT',
  FLOAT: 'FLOAT', DOUBLE: 'DOUBLE', 'DOUBLE PRECISION': 'DOUBLE', DATE: 'DATE',
};
const laterWords = /^(VARIANT|BLOB|GEOMETRY|GEOGRAPHY)\b/;

/**
 * Reads a type in its JSON form: text for scalars, an object for nested ones.
 *
 * @throws {WarehouseError} `MR_PAIMON_UNSUPPORTED` for types of newer releases, `MR_PAIMON_DAMAGED` for anything unknown.
 */
export function parseType(json: unknown, where: string): PaimonType {
  if (typeof json === 'string') return parseTypeWords(json, where);
  const reader = new JsonReader(json, `${where}: type`);
  const [word, nullable] = splitNullable(reader.string('type'));
  switch (word) {
    case 'ARRAY': case 'MULTISET': return {root: word, nullable, element: parseType(reader.raw('element'), where)};
    case 'VECTOR': return {root: word, nullable, element: parseType(reader.raw('element'), where), length: reader.integer('length')};
    case 'MAP': return {root: word, nullable, key: parseType(reader.raw('key'), where), value: parseType(reader.raw('value'), where)};
    case 'ROW': return {root: word, nullable, fields: reader.array('fields').map((field) => parseField(field, where))};
    default: throw damaged(where, `unknown type word "${reader.string('type')}"`);
  }
}

export function parseField(json: unknown, where: string): DataField {
  const reader = new JsonReader(json, where);
  const name = reader.string('name');
  const description = reader.optionalString('description');
  const defaultValue = reader.optionalString('defaultValue');
  return {
    id: reader.integer('id'), name, type: parseType(reader.raw('type'), `${where}: column "${name}"`),
    ...(description === undefined ? {} : {description}), ...(defaultValue === undefined ? {} : {defaultValue}),
  };
}

function splitNullable(text: string): [string, boolean] {
  const words = text.trim().toUpperCase().replace(/\s+/g, ' ');
  if (words.endsWith(' NOT NULL')) return [words.slice(0, -9), false];
  return [words.endsWith(' NULL') ? words.slice(0, -5) : words, true];
}

function parseTypeWords(text: string, where: string): PaimonType {
  const [words, nullable] = splitNullable(text);
  const collection = /^(.+) (ARRAY|MULTISET)$/.exec(words);
  if (collection) return {root: collection[2] as 'ARRAY' | 'MULTISET', nullable, element: parseTypeWords(collection[1]!, where)};
  const simple = simpleWords[words];
  if (simple !== undefined) return {root: simple, nullable};
  if (words === 'STRING') return {root: 'VARCHAR', nullable, length: LENGTH_MAX};
  if (words === 'BYTES') return {root: 'VARBINARY', nullable, length: LENGTH_MAX};
  const match = /^([A-Z_]+) ?(?:\( ?(\d+) ?(?:, ?(\d+) ?)?\))? ?(WITHOUT TIME ZONE|WITH LOCAL TIME ZONE)?$/.exec(words);
  if (match === null || laterWords.test(words)) {
    if (laterWords.test(words)) throw unsupported(where, `type ${text}`);
    throw damaged(where, `unknown type "${text}"`);
  }
  const [, word = '', first, second, zone] = match;
  const argument = first === undefined ? undefined : Number(first);
  const plain = second === undefined && zone === undefined;
  switch (word) {
    case 'DECIMAL': case 'DEC': case 'NUMERIC': {
      const precision = argument ?? 10;
      const scale = second === undefined ? 0 : Number(second);
      if (zone !== undefined || precision < 1 || precision > 38 || scale > precision) break;
      return {root: 'DECIMAL', nullable, precision, scale};
    }
    case 'CHAR': case 'VARCHAR': case 'BINARY': case 'VARBINARY':
      if (!plain || argument === 0 || (argument ?? 1) > LENGTH_MAX) break;
      return {root: word, nullable, length: argument ?? 1};
    case 'TIME':
      if (second !== undefined || zone === 'WITH LOCAL TIME ZONE' || (argument ?? 0) > 9) break;
      return {root: word, nullable, precision: argument ?? 0};
    case 'TIMESTAMP':
      if (second !== undefined || (argument ?? 6) > 9) break;
      return {root: zone === 'WITH LOCAL TIME ZONE' ? 'TIMESTAMP_LTZ' : word, nullable, precision: argument ?? 6};
    case 'TIMESTAMP_LTZ':
      if (!plain || (argument ?? 6) > 9) break;
      return {root: word, nullable, precision: argument ?? 6};
    default: break;
  }
  throw damaged(where, `unknown type "${text}"`);
}

/** @returns the JSON form that Java writes. */
export function typeJson(type: PaimonType): ExactJson {
  const suffix = type.nullable ? '' : ' NOT NULL';
  switch (type.root) {
    case 'ARRAY': case 'MULTISET': return {type: type.root + suffix, element: typeJson(type.element)};
    case 'VECTOR': return {type: type.root + suffix, element: typeJson(type.element), length: type.length};
    case 'MAP': return {type: type.root + suffix, key: typeJson(type.key), value: typeJson(type.value)};
    case 'ROW': return {type: type.root + suffix, fields: type.fields.map(fieldJson)};
    default: return scalarText(type) + suffix;
  }
}

export function fieldJson(field: DataField): ExactJson {
  return {id: field.id, name: field.name, type: typeJson(field.type), description: field.description, defaultValue: field.defaultValue};
}

/** @returns the type in one line, for messages. */
export function paimonTypeText(type: PaimonType): string {
  const json = typeJson(type);
  return typeof json === 'string' ? json : JSON.stringify(json);
}

function scalarText(type: Exclude<PaimonType, {readonly root: 'ARRAY' | 'MULTISET' | 'VECTOR' | 'MAP' | 'ROW'}>): string {
  switch (type.root) {
    case 'DECIMAL': return `DECIMAL(${type.precision}, ${type.scale})`;
    case 'VARCHAR': return type.length === LENGTH_MAX ? 'STRING' : `VARCHAR(${type.length})`;
    case 'VARBINARY': return type.length === LENGTH_MAX ? 'BYTES' : `VARBINARY(${type.length})`;
    case 'CHAR': case 'BINARY': return `${type.root}(${type.length})`;
    case 'TIME': case 'TIMESTAMP': return `${type.root}(${type.precision})`;
    case 'TIMESTAMP_LTZ': return `TIMESTAMP(${type.precision}) WITH LOCAL TIME ZONE`;
    default: return type.root;
  }
}

/**
 * @param ids gives the next field id: fields of a ROW have ids of the table's counter, inner ones before the field that holds them,
 *   and the column itself has taken its own before. What a value holds may always be NULL; only a key of a MAP never is one in fact.
 * @returns the type under which a column of ours is stored.
 */
export function paimonType(type: LogicalType, nullable: boolean, ids: () => number = noIds): PaimonType {
  switch (type.kind) {
    case 'list': return {root: 'ARRAY', nullable, element: paimonType(type.element, true, ids)};
    case 'map': return {root: 'MAP', nullable, key: paimonType(type.key, true, ids), value: paimonType(type.value, true, ids)};
    case 'struct':
      return {root: 'ROW', nullable, fields: type.fields.map((field) => {
        const inner = paimonType(field.type, true, ids);
        return {id: ids(), name: field.name, type: inner};
      })};
    case 'boolean': return {root: 'BOOLEAN', nullable};
    case 'tinyint': return {root: 'TINYINT', nullable};
    case 'smallint': return {root: 'SMALLINT', nullable};
    case 'integer': return {root: 'INT', nullable};
    case 'bigint': return {root: 'BIGINT', nullable};
    case 'float': return {root: 'FLOAT', nullable};
    case 'double': return {root: 'DOUBLE', nullable};
    case 'date': return {root: 'DATE', nullable};
    case 'varchar': return {root: 'VARCHAR', nullable, length: LENGTH_MAX};
    case 'blob': return {root: 'VARBINARY', nullable, length: LENGTH_MAX};
    case 'timestamp': return {root: 'TIMESTAMP', nullable, precision: 6};
    case 'timestamptz': return {root: 'TIMESTAMP_LTZ', nullable, precision: 6};
    case 'decimal': return {root: 'DECIMAL', nullable, precision: type.precision, scale: type.scale};
    default: return unreachable(type);
  }
}

function noIds(): number {
  throw new InvariantError('a ROW needs field ids');
}

/** @returns our type of a stored column; undefined for what a column of ours cannot be (TIME, MULTISET, nanoseconds). */
export function logicalType(type: PaimonType): LogicalType | undefined {
  switch (type.root) {
    case 'ARRAY': {
      const element = logicalType(type.element);
      return element === undefined ? undefined : {kind: 'list', element};
    }
    case 'MAP': {
      const key = logicalType(type.key);
      const value = logicalType(type.value);
      return key === undefined || value === undefined ? undefined : {kind: 'map', key, value};
    }
    case 'ROW': {
      const fields: StructField[] = [];
      for (const field of type.fields) {
        const inner = logicalType(field.type);
        if (inner === undefined) return undefined;
        fields.push({name: field.name, type: inner});
      }
      return fields.length === 0 ? undefined : {kind: 'struct', fields};
    }
    case 'BOOLEAN': return {kind: 'boolean'};
    case 'TINYINT': return {kind: 'tinyint'};
    case 'SMALLINT': return {kind: 'smallint'};
    case 'INT': return {kind: 'integer'};
    case 'BIGINT': return {kind: 'bigint'};
    case 'FLOAT': return {kind: 'float'};
    case 'DOUBLE': return {kind: 'double'};
    case 'DATE': return {kind: 'date'};
    case 'CHAR': case 'VARCHAR': return {kind: 'varchar'};
    case 'BINARY': case 'VARBINARY': return {kind: 'blob'};
    case 'TIMESTAMP': return type.precision <= 6 ? {kind: 'timestamp'} : undefined;
    case 'TIMESTAMP_LTZ': return type.precision <= 6 ? {kind: 'timestamptz'} : undefined;
    case 'DECIMAL': return {kind: 'decimal', precision: type.precision, scale: type.scale};
    default: return undefined;
  }
}
