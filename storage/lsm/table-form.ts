/**
 * A table changes form: every change is one more schema file, which never changes. The newest is the table's; files go on naming the
 * one that they were written under (file-schema.ts reads them).
 *
 * A schema file is written before the first snapshot or data file that names it, by put-if-absent. Repeated after a crash, the same
 * schema is found there; another one was made by somebody else, and is refused.
 */
import {WarehouseError} from '../../base/error.ts';
import {invariant} from '../../base/invariant.ts';
import {isNested, type LogicalType, sameType, structFieldCount} from '../../base/type.ts';
import {putIfAbsent} from '../file/durable.ts';
import {type DataField, logicalType, paimonType} from '../paimon/data-type.ts';
import {printSchema, type TableSchema} from '../paimon/table-schema.ts';
import type {NewTable, PaimonTable} from './paimon-table.ts';
import {checkWritable} from './table-features.ts';

/** What a table is from one change of it to the next. */
export interface TableForm extends NewTable {
  /** Rises by one from change to change. */
  readonly schemaId: number;
  /** The largest field id that the table ever had: ids are not used again. */
  readonly highestFieldId: number;
  /** Options of the form before it: those that are no longer among `options` go. */
  readonly optionsBefore?: Readonly<Record<string, string>>;
}

/** @returns the columns as fields of a schema. */
export function dataFields({columns, primaryKey}: Pick<NewTable, 'columns' | 'primaryKey'>): DataField[] {
  return columns.map((column): DataField => {
    let id = column.id;
    const type = paimonType(column.type, column.nullable && !primaryKey.includes(column.name), () => ++id);
    return {id: column.id, name: column.name, type, ...(column.comment === undefined ? {} : {description: column.comment})};
  });
}

/** @returns the largest field id that a column takes: those of fields inside it come after its own. */
export function lastFieldId({id, type}: {readonly id: number; readonly type: LogicalType}): number {
  return id + structFieldCount(type);
}

/** @returns the schema that follows `before` when the table takes the form. What `before` says beyond forms stays as it is. */
export function evolvedSchema(before: TableSchema, form: TableForm, where: string, nowMs: number): TableSchema {
  invariant(form.schemaId > before.id, () => `schema ${form.schemaId} of '${where}' cannot follow ${before.id}`);
  const fields = dataFields(form).map((field): DataField => {
    const old = before.fields.find(({id}) => id === field.id);
    if (old === undefined) return field;
    // Ids of fields inside a nested type are the schema's own.
    const [was, is] = [logicalType(old.type), logicalType(field.type)];
    return was === undefined || (is !== undefined && isNested(is) && sameType(was, is)) ? {...field, type: {...old.type, nullable: field.type.nullable}} : field;
  });
  const gone = Object.keys(form.optionsBefore ?? {}).filter((option) => form.options?.[option] === undefined);
  const kept = Object.fromEntries(Object.entries(before.options).filter(([option]) => !gone.includes(option)));
  const schema: TableSchema = {
    id: form.schemaId, fields, highestFieldId: Math.max(before.highestFieldId, form.highestFieldId),
    partitionKeys: form.partitionKeys ?? before.partitionKeys, primaryKeys: form.primaryKey, options: {...kept, ...form.options},
    ...(form.comment === undefined ? {} : {comment: form.comment}), timeMillis: nowMs,
  };
  checkWritable(schema, where);
  return schema;
}

/**
 * Writes the schema files of the forms that the table took since its present one, durably, oldest first.
 *
 * @param forms without gap: the first follows the table's schema.
 * @returns the table in its newest form.
 * @throws {WarehouseError} `MR_PAIMON_FOREIGN` (conflict) when another writer made a schema under one of the numbers.
 */
export async function writeSchemas(table: PaimonTable, forms: readonly TableForm[]): Promise<PaimonTable> {
  let {schema} = table;
  for (const form of forms) {
    invariant(form.schemaId === schema.id + 1, () => `schema ${form.schemaId} of '${table.directory}' after ${schema.id}`);
    const next = evolvedSchema(schema, form, table.directory, table.clock.nowMs());
    if (await putIfAbsent(table.files, table.paths.schema(next.id), Buffer.from(printSchema(next)))) schema = next;
    else {
      schema = await table.readSchema(next.id);
      const timeless = (one: TableSchema): string => printSchema({...one, timeMillis: 0});
      if (timeless(schema) !== timeless(next)) {
        throw new WarehouseError('conflict', 'MR_PAIMON_FOREIGN', `expected no schema ${next.id} of others at '${table.directory}', found one`, {hint: 'only Millrace may alter its tables; remove that schema file'});
      }
      // Whoever made it may have died before its name was durable.
      await table.files.syncDirectory(table.paths.schemaDirectory());
    }
  }
  return schema === table.schema ? table : table.under(schema);
}
