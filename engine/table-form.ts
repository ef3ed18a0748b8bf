/** The catalog's tables as files have them. */
import {formsOf, highestFieldId} from '../catalog/forms.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {PaimonTable} from '../storage/lsm/paimon-table.ts';
import {writeSchemas, type TableForm} from '../storage/lsm/table-form.ts';

/** Options that keep another engine's expiry from outrunning ours: it alone knows what tags, subscriptions and reads still need. */
function retentionOptions(options: TableSpec['options']): Readonly<Record<string, string>> {
  const forever = '2147483647';
  return {'snapshot.num-retained.min': forever, 'snapshot.num-retained.max': forever, 'snapshot.time-retained': options['history.retention'] ?? '24 h'};
}

/** @returns the form under which a table's files are written and read. Its key there holds the partition columns, a bag's too: a copy lies in one partition. */
export function tableForm(table: TableSpec): TableForm {
  const {schemaId, columns, key, partition, options, comment, past} = table;
  const before = past?.at(-1)?.options;
  const partitionKeys = (partition ?? []).map((index) => columns[index]!.name);
  const keyNames = key.map((index) => columns[index]!.name);
  return {
    schemaId, highestFieldId: highestFieldId(table), options: {...retentionOptions(options), ...options}, partitionKeys,
    primaryKey: keyNames.length === 0 ? [] : [...partitionKeys.filter((name) => !keyNames.includes(name)), ...keyNames],
    columns: columns.map(({id, name, type, nullable, comment: text}) => ({id, name, type, nullable, ...(text === undefined ? {} : {comment: text})})),
    ...(before === undefined ? {} : {optionsBefore: before}), ...(comment === undefined ? {} : {comment}),
  };
}

/** @returns what the table was when it was made, as far as that is known: what its directory begins with. */
export function firstForm(table: TableSpec): TableForm {
  return tableForm(formsOf(table)[0]!);
}

/** @returns the table on disk with the schema files of all forms that the table took since; throws as `writeSchemas`. */
export function inForm(table: TableSpec, paimon: PaimonTable): Promise<PaimonTable> {
  return writeSchemas(paimon, formsOf(table).map(tableForm).filter(({schemaId}) => schemaId > paimon.schema.id));
}
