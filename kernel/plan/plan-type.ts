/** Types of a bound plan: DuckDB's type JSON → `PlanType` → SQL text. */
import type {LogicalType, NestedType, StructField} from '../../base/type.ts';
import {typeText} from '../../base/type.ts';
import {PlanFields, planList, unsupported} from './plan-json.ts';
import type {PlanType} from './tree.ts';
import {printName} from './print-name.ts';
import {quoteLiteral} from '../quote.ts';

type SimpleKind = Exclude<PlanType['kind'], 'decimal' | 'other' | NestedType['kind']>;

const simpleKinds: Readonly<Record<string, SimpleKind>> = {
  BOOLEAN: 'boolean', TINYINT: 'tinyint', SMALLINT: 'smallint', INTEGER: 'integer', BIGINT: 'bigint', HUGEINT: 'hugeint',
  UTINYINT: 'utinyint', USMALLINT: 'usmallint', UINTEGER: 'uinteger', UBIGINT: 'ubigint', UHUGEINT: 'uhugeint',
  FLOAT: 'float', DOUBLE: 'double', VARCHAR: 'varchar', BLOB: 'blob', DATE: 'date', TIME: 'time', INTERVAL: 'interval', NULL: 'null',
  TIMESTAMP: 'timestamp', 'TIMESTAMP WITH TIME ZONE': 'timestamptz', TIMESTAMP_S: 'timestamp_s', TIMESTAMP_MS: 'timestamp_ms', TIMESTAMP_NS: 'timestamp_ns',
};
/** Types that have no kind of their own: carried by their text. */
const opaqueTypes: ReadonlySet<string> = new Set(['UUID', 'BIT', 'BIGNUM', 'TIME WITH TIME ZONE', 'TIME_NS']);

/**
 * @param json DuckDB's serialised LogicalType: `{id, type_info}`.
 * @throws {WarehouseError} `MR_PLAN_UNSUPPORTED` for collations, user types and ids that are not known.
 */
export function lowerType(json: unknown): PlanType {
  const type = new PlanFields(json, 'type');
  const id = type.text('id');
  const info = type.optionalObject('type_info', `type ${id}`);
  type.end();
  if (info === undefined) {
    const kind = simpleKinds[id];
    if (kind !== undefined) return {kind};
    if (opaqueTypes.has(id)) return {kind: 'other', text: id};
    throw unsupported(`type ${id}`);
  }
  info.expect('extension_info', null);
  if (info.has('modifiers')) info.expect('modifiers', 'empty list');
  const infoType = info.text('type');
  const alias = info.text('alias');
  if (alias !== '') {
    if (alias === 'JSON' && id === 'VARCHAR' && infoType === 'GENERIC_TYPE_INFO') return {kind: 'other', text: 'JSON'};
    throw unsupported(`type ${alias}`);
  }
  const lowered = lowerTypeInfo(id, infoType, info);
  info.end();
  return lowered;
}

function lowerTypeInfo(id: string, infoType: string, info: PlanFields): PlanType {
  switch (`${id} ${infoType}`) {
    case 'DECIMAL DECIMAL_TYPE_INFO': return {kind: 'decimal', precision: info.index('width'), scale: info.index('scale')};
    case 'LIST LIST_TYPE_INFO': return listType(lowerType(info.take('child_type')));
    case 'ARRAY ARRAY_TYPE_INFO': return {kind: 'other', text: `${printType(lowerType(info.take('child_type')))}[${info.index('size')}]`};
    case 'STRUCT STRUCT_TYPE_INFO': return structType(structMembers(info.take('child_types')));
    // The first member of a UNION is its tag.
    case 'UNION STRUCT_TYPE_INFO': return {kind: 'other', text: `UNION(${memberTexts(info).slice(1).join(', ')})`};
    case 'MAP LIST_TYPE_INFO': {
      const entry = new PlanFields(new PlanFields(info.take('child_type'), 'MAP entry').take('type_info'), 'MAP entry');
      const [key, value] = structMembers(entry.take('child_types'));
      return mapType(key!.type, value!.type);
    }
    case 'ENUM ENUM_TYPE_INFO': {
      info.ignore('values_count');
      const values = info.list('values').map(value => quoteLiteral(String(value)));
      if (values.length === 0) throw unsupported('an ENUM without words'); // it cannot be written as a type
      return {kind: 'other', text: `ENUM(${values.join(', ')})`};
    }
    case 'VARCHAR STRING_TYPE_INFO': throw unsupported(`collation ${info.text('collation')}`);
    default: throw unsupported(`type ${id} with ${infoType}`);
  }
}

/** @returns the type of lists of `element`, by its parts if they can be stored, else by its text. */
export function listType(element: PlanType): PlanType {
  if (storable(element)) return {kind: 'list', element};
  const inner = storedForm(element);
  return {kind: 'other', text: `${printType(element)}[]`, ...(inner === undefined ? {} : {stored: {kind: 'list', element: inner}})};
}

function mapType(key: PlanType, value: PlanType): PlanType {
  if (storable(key) && storable(value)) return {kind: 'map', key, value};
  const [storedKey, storedValue] = [storedForm(key), storedForm(value)];
  return {kind: 'other', text: `MAP(${printType(key)}, ${printType(value)})`, ...(storedKey === undefined || storedValue === undefined ? {} : {stored: {kind: 'map', key: storedKey, value: storedValue}})};
}

function structType(members: readonly {readonly name: string; readonly type: PlanType}[]): PlanType {
  const named = members.every(({name}) => name !== '');
  const fields: StructField[] = [];
  let storedAsIs = named;
  for (const {name, type} of members) {
    const inner = named ? storedForm(type) : undefined;
    if (inner !== undefined) fields.push({name, type: inner});
    if (!storable(type)) storedAsIs = false;
  }
  if (storedAsIs) return {kind: 'struct', fields};
  const text = `STRUCT(${members.map((member) => `${printName(member.name)} ${printType(member.type)}`).join(', ')})`;
  return {kind: 'other', text, ...(fields.length === members.length ? {stored: {kind: 'struct', fields}} : {})};
}

/** Stored types that hold every value of a type exactly. HUGEINT is the type of sums: a DECIMAL(38,0) overflows loudly. */
const widened: Readonly<Record<string, LogicalType>> = {
  hugeint: {kind: 'decimal', precision: 38, scale: 0}, utinyint: {kind: 'smallint'}, usmallint: {kind: 'integer'}, uinteger: {kind: 'bigint'},
  ubigint: {kind: 'decimal', precision: 20, scale: 0}, timestamp_s: {kind: 'timestamp'}, timestamp_ms: {kind: 'timestamp'},
};

/** @returns the type as which values of `type` are stored: itself, or a wider one; undefined if there is none. */
export function storedForm(type: PlanType): LogicalType | undefined {
  if (storable(type)) return type;
  if (type.kind !== 'other') return widened[type.kind];
  return type.stored ?? (type.text === 'UUID' || type.text === 'JSON' || (type.text.startsWith('ENUM(') && type.text.endsWith(')')) ? {kind: 'varchar'} : undefined);
}

/** @returns names and types of a STRUCT's fields (a `row(…)` has empty names), a UNION's tag and members, or undefined for other types. */
export function structFields(json: unknown): readonly {readonly name: string; readonly type: PlanType}[] | undefined {
  const type = new PlanFields(json, 'type');
  const id = type.text('id');
  if (id !== 'STRUCT' && id !== 'UNION') return undefined;
  return structMembers(type.object('type_info').take('child_types'));
}

function structMembers(json: unknown): {name: string; type: PlanType}[] {
  return planList(json, 'child_types').map(entry => {
    const member = new PlanFields(entry, 'struct member');
    const lowered = {name: member.text('first'), type: lowerType(member.take('second'))};
    member.end();
    return lowered;
  });
}

function memberTexts(info: PlanFields): string[] {
  return structMembers(info.take('child_types')).map(member => `${printName(member.name)} ${printType(member.type)}`);
}

/** @returns the type as DuckDB reads it in a CAST, e.g. `DECIMAL(12,2)`, `STRUCT(a INTEGER)`, `"NULL"`. */
export function printType(type: PlanType): string {
  switch (type.kind) {
    case 'other': return type.text;
    case 'null': return '"NULL"';
    case 'hugeint': case 'interval': case 'time': case 'uhugeint': case 'utinyint': case 'usmallint': case 'uinteger': case 'ubigint':
    case 'timestamp_s': case 'timestamp_ms': case 'timestamp_ns': return type.kind.toUpperCase();
    default: return typeText(type);
  }
}

/** @throws {WarehouseError} `MR_PLAN_UNSUPPORTED` for a STRUCT without names: it has no text. */
export function printCastTarget(type: PlanType): string {
  const text = printType(type);
  if (type.kind === 'other' && /(?:\(|, )"" /.test(text)) throw unsupported(`a cast to ${text}`, 'name the fields of the STRUCT');
  return text;
}

export function samePlanType(a: PlanType, b: PlanType): boolean {
  return a.kind === b.kind && (a.kind === 'decimal' || a.kind === 'other' || isNestedPlan(a) ? printType(a) === printType(b) : true);
}

/** @returns whether values of `type` hold values, as far as trees tell types apart. */
export function isNestedPlan(type: PlanType): boolean {
  return type.kind === 'list' || type.kind === 'struct' || type.kind === 'map';
}

/** Kinds that a column of a table can have, in the sense of base/type.ts. */
const storedKinds: ReadonlySet<string> = new Set(['boolean', 'tinyint', 'smallint', 'integer', 'bigint', 'float', 'double', 'varchar', 'blob', 'date', 'timestamp', 'timestamptz', 'decimal', 'list', 'struct', 'map'] satisfies LogicalType['kind'][]);

/** Whether a column can be stored with this type as it is. */
export function storable(type: PlanType): type is LogicalType {
  return storedKinds.has(type.kind);
}
