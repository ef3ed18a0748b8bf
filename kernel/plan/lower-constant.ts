/** DuckDB's serialised `Value` → constant expression. */
import {PlanFields, planInteger, unsupported} from './plan-json.ts';
import {lowerType, printType} from './plan-type.ts';
import type {ConstantValue, Expression, PlanType} from './tree.ts';

/** @param json `{type, is_null, value}`. Nested constants become calls of `list_value`. */
export function lowerValue(json: unknown): Expression {
  const fields = new PlanFields(json, 'constant');
  const type = lowerType(fields.take('type'));
  if (fields.flag('is_null')) {
    fields.ignore('value');
    fields.end();
    return {kind: 'constant', type, value: null};
  }
  const value = fields.take('value');
  fields.end();
  if (type.kind === 'list' || (type.kind === 'other' && type.text.endsWith('[]'))) return lowerList(value, type);
  return {kind: 'constant', type, value: lowerScalar(value, type)};
}

function lowerList(value: unknown, type: PlanType): Expression {
  const fields = new PlanFields(value, 'constant list');
  const args = fields.list('children').map(lowerValue);
  fields.end();
  const list: Expression = {kind: 'function', type, name: 'list_value', args, infix: false};
  // An empty list_value() is of type "NULL"[]; the cast says which list it is.
  return args.length > 0 ? list : {kind: 'cast', type, try: false, child: {...list, type: {kind: 'other', text: '"NULL"[]'}}};
}

function lowerScalar(value: unknown, type: PlanType): ConstantValue {
  const where = `constant of type ${printType(type)}`;
  switch (type.kind) {
    case 'boolean':
      if (typeof value === 'boolean') return value;
      break;
    case 'varchar':
      if (typeof value === 'string') return value;
      break;
    case 'float': case 'double':
      if (typeof value === 'number') return value;
      if (typeof value === 'string' && value !== '') return Number(value);
      break;
    case 'tinyint': case 'smallint': case 'integer': case 'bigint': case 'utinyint': case 'usmallint': case 'uinteger': case 'ubigint':
    case 'date': case 'time': case 'timestamp': case 'timestamptz': case 'timestamp_s': case 'timestamp_ms': case 'timestamp_ns':
      return planInteger(value, where);
    case 'hugeint': case 'uhugeint': case 'decimal':
      return typeof value === 'object' && value !== null ? lowerWords(new PlanFields(value, where)) : planInteger(value, where);
    case 'interval': {
      const parts = new PlanFields(value, where);
      const interval = {months: Number(parts.integer('months')), days: Number(parts.integer('days')), micros: parts.integer('micros')};
      parts.end();
      return interval;
    }
    default:
  }
  throw unsupported(where);
}

/** 128-bit integers come as two words. */
function lowerWords(words: PlanFields): bigint {
  const value = words.integer('upper') * 2n ** 64n + words.integer('lower');
  words.end();
  return value;
}
