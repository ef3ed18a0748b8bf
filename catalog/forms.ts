/**
 * The forms of a table: what it was before each change of it, so that epochs, frames and files of then are read as they were written.
 * A form is a whole `TableSpec` with the columns, key, options and comment of its schema id.
 */
import {structFieldCount} from '../base/type.ts';
import type {PastForm, TableSpec} from './spec.ts';

function formFrom(table: TableSpec, past: PastForm): TableSpec {
  const {schemaId, columns, key, options, highestFieldId} = past;
  const {comment: _, partition: __, ...rest} = table;
  const earlier = table.past!.filter((form) => form.schemaId < schemaId);
  return {...rest, schemaId, columns, key, options, highestFieldId, past: earlier, ...(past.partition === undefined ? {} : {partition: past.partition}), ...(past.comment === undefined ? {} : {comment: past.comment})};
}

/** @returns the table as it was under a schema id; undefined where that lies further back than epochs can be read. */
export function formOf(table: TableSpec, schemaId: number): TableSpec | undefined {
  if (table.schemaId === schemaId) return table;
  const past = table.past?.find((form) => form.schemaId === schemaId);
  return past === undefined ? undefined : formFrom(table, past);
}

/** @returns the table as it was at an epoch. */
export function formAt(table: TableSpec, epoch: number): TableSpec {
  const past = table.past?.find((form) => epoch < form.until);
  return past === undefined ? table : formFrom(table, past);
}

/** @returns all known forms, oldest first; the present one is the last. */
export function formsOf(table: TableSpec): TableSpec[] {
  return [...(table.past ?? []).map((past) => formFrom(table, past)), table];
}

/** @returns the largest field id that the table ever had: fields inside a column have those behind its own. */
export function highestFieldId(table: Pick<TableSpec, 'columns' | 'highestFieldId'>): number {
  return table.highestFieldId ?? table.columns.reduce((highest, {id, type}) => Math.max(highest, id + structFieldCount(type)), -1);
}
