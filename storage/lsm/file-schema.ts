/**
 * How a file of one schema is read under another: by field id, never by name or place.
 *
 * For each column that the reader wants: the field of the same id in the file's own schema gives the physical name; its value is cast
 * if the type has changed; no such id means that the column is younger than the file, and reads NULL. So a column that was renamed
 * keeps its values, and one that was dropped and added again under its old name does not get the old values back. Fields inside rows
 * follow the same rule, at any depth; elements of arrays and values of maps are cast one by one.
 *
 * Only casts that give what every other reader of the format gives are done: those that lose nothing, and a few to text. Any other
 * change of type is refused by name, since engines differ in how they round, cut or fail.
 */
import {quoteIdentifier, quoteLiteral} from '../../kernel/quote.ts';
import {type DataField, type PaimonType, paimonTypeText} from '../paimon/data-type.ts';
import {unsupported} from '../paimon/failure.ts';
import type {TableSchema} from '../paimon/table-schema.ts';
import {readSql, readTypeText} from './column-sql.ts';

type Scalar = Exclude<PaimonType, {readonly root: 'ARRAY' | 'MULTISET' | 'MAP' | 'ROW' | 'VECTOR'}>;

const integerDigits: Readonly<Record<string, number>> = {TINYINT: 3, SMALLINT: 5, INT: 10, BIGINT: 19};
const integerOrder = ['TINYINT', 'SMALLINT', 'INT', 'BIGINT'];

/** @returns the type without whether it may be NULL, at any depth: what decides if values are the same. */
export function typeShape(type: PaimonType): string {
  switch (type.root) {
    case 'ARRAY': case 'MULTISET': return `${type.root}<${typeShape(type.element)}>`;
    case 'VECTOR': return `VECTOR<${typeShape(type.element)}, ${type.length}>`;
    case 'MAP': return `MAP<${typeShape(type.key)}, ${typeShape(type.value)}>`;
    case 'ROW': return `ROW<${type.fields.map((field) => `${field.id} ${JSON.stringify(field.name)} ${typeShape(field.type)}`).join(', ')}>`;
    default: return paimonTypeText({...type, nullable: true});
  }
}

/** @returns what two schemas have in common if files of one can be read as files of the other: ids, names and types in order. */
export function columnsSignature(schema: TableSchema): string {
  return schema.fields.map((field) => `${field.id} ${JSON.stringify(field.name)} ${typeShape(field.type)}`).join(', ');
}

/**
 * @param from the schema that the file was written under.
 * @param field of the schema that it is read under.
 * @returns SQL over the file's physical columns that gives the field's values, of the type that `readSql` gives.
 * @throws {WarehouseError} `MR_PAIMON_UNSUPPORTED` naming column and types when they cannot be cast.
 */
export function fileColumnSql(from: TableSchema, field: DataField, where: string): string {
  const old = from.fields.find(({id}) => id === field.id);
  if (old === undefined) return nullSql(field.type);
  if (typeShape(old.type) === typeShape(field.type)) return readSql({...field, name: old.name});
  const column = castSql(old.type, field.type, readSql(old), 0);
  if (column !== undefined) return column;
  const renamed = old.name === field.name ? '' : `, then called "${old.name}"`;
  throw unsupported(where, `reading column "${field.name}" ${typeText(field.type)} from files of schema ${from.id}, where it is ${typeText(old.type)}${renamed}`);
}

function typeText(type: PaimonType): string {
  return paimonTypeText({...type, nullable: true});
}

function nullSql(type: PaimonType): string {
  const text = readTypeText(type);
  return text === undefined ? 'NULL' : `CAST(NULL AS ${text})`;
}

/** @returns SQL that makes a value of one type one of the other; undefined where readers of the format do not agree how. */
function castSql(from: PaimonType, to: PaimonType, value: string, depth: number): string | undefined {
  if (typeShape(from) === typeShape(to)) return value;
  if (from.root === 'ROW' && to.root === 'ROW') {
    const fields = to.fields.map((field) => {
      const old = from.fields.find(({id}) => id === field.id);
      const part = old === undefined ? nullSql(field.type) : castSql(old.type, field.type, `struct_extract(${value}, ${quoteLiteral(old.name)})`, depth);
      return part === undefined ? undefined : `${quoteIdentifier(field.name)} := ${part}`;
    });
    return fields.includes(undefined) ? undefined : `CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
  }
  const item = `_mr_item${depth}`;
  if (from.root === 'ARRAY' && to.root === 'ARRAY') {
    const element = castSql(from.element, to.element, item, depth + 1);
    return element === undefined ? undefined : `list_transform(${value}, lambda ${item}: ${element})`;
  }
  if (from.root === 'MAP' && to.root === 'MAP') {
    const [key, mapped] = [castSql(from.key, to.key, `${item}.key`, depth + 1), castSql(from.value, to.value, `${item}.value`, depth + 1)];
    return key === undefined || mapped === undefined ? undefined : `map_from_entries(list_transform(map_entries(${value}), lambda ${item}: struct_pack(k := ${key}, v := ${mapped})))`;
  }
  const target = readTypeText(to);
  return target !== undefined && losesNothing(from, to) ? `CAST(${value} AS ${target})` : undefined;
}

/** @returns whether every value of `from` is one of `to`, and all readers of the format agree which. Both are scalars of different types. */
export function losesNothing(from: PaimonType, to: PaimonType): boolean {
  if (!scalar(from) || !scalar(to)) return false;
  const digits = integerDigits[from.root];
  switch (to.root) {
    case 'TINYINT': case 'SMALLINT': case 'INT': case 'BIGINT': return digits !== undefined && integerOrder.indexOf(from.root) < integerOrder.indexOf(to.root);
    case 'FLOAT': return from.root === 'TINYINT' || from.root === 'SMALLINT';
    case 'DOUBLE': return from.root === 'FLOAT' || (digits !== undefined && from.root !== 'BIGINT');
    case 'DECIMAL':
      if (from.root === 'DECIMAL') return to.scale >= from.scale && to.precision - to.scale >= from.precision - from.scale;
      return digits !== undefined && to.precision - to.scale >= digits;
    // Text of whole numbers, decimals, days and booleans is one and the same everywhere; that of floating numbers and times is not.
    case 'VARCHAR':
      if (from.root === 'CHAR' || from.root === 'VARCHAR') return to.length >= from.length;
      return to.length >= textLengthMax && (digits !== undefined || from.root === 'DECIMAL' || from.root === 'BOOLEAN' || from.root === 'DATE');
    case 'VARBINARY': return (from.root === 'BINARY' || from.root === 'VARBINARY') && to.length >= from.length;
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ': return from.root === to.root && to.precision >= from.precision;
    case 'BOOLEAN': case 'CHAR': case 'BINARY': case 'DATE': case 'TIME': return false;
    default: return false;
  }
}

/** Characters that the text of a number, a day or a truth value may have. */
const textLengthMax = 64;

function scalar(type: PaimonType): type is Scalar {
  return type.root !== 'ARRAY' && type.root !== 'MULTISET' && type.root !== 'MAP' && type.root !== 'ROW' && type.root !== 'VECTOR';
}
