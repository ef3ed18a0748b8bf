/**
 * What a table's options say of rows of one key: which of two stands, and whether rows may go. Options are checked when the table is
 * made (table-options.ts); here they are read.
 */
import {WarehouseError} from '../base/error.ts';
import type {TableSpec} from './spec.ts';
import {optionNames} from './table-options.ts';

/** Which of two rows of one key stands, where that is not the one that came last; positions of columns. */
export type StandingRule = {readonly kind: 'first'} | {readonly kind: 'sequence'; readonly columns: readonly number[]; readonly descending: boolean};

type Ruled = Pick<TableSpec, 'columns' | 'options'>;

/** @returns undefined where the row that came last stands. */
export function standingRule({columns, options}: Ruled): StandingRule | undefined {
  if (options['merge-engine']?.toLowerCase() === 'first-row') return {kind: 'first'};
  const names = optionNames(options['sequence.field'] ?? '');
  if (names.length === 0) return undefined;
  return {kind: 'sequence', columns: names.map((name) => columns.findIndex((column) => column.name === name)), descending: options['sequence.field.sort-order']?.toLowerCase() === 'descending'};
}

/**
 * @param what DELETE, or what else takes a row away or changes it in place.
 * @throws {WarehouseError} `MR_MERGE_ENGINE` naming the option, for a table whose rows do not go.
 */
export function checkRemoval(table: TableSpec, what: 'DELETE' | 'UPDATE'): void {
  const {options} = table;
  const name = `${table.schema}.${table.name}`;
  const refuse = (option: string, because: string, hint: string): WarehouseError => new WarehouseError('invalid', 'MR_MERGE_ENGINE', `expected no ${what} on ${name}, which has ${option}: ${because}`, {hint});
  if (options['merge-engine']?.toLowerCase() === 'first-row') throw refuse("'merge-engine' = 'first-row'", 'the first row of a key stands for ever', 'make a table with the merge engine deduplicate');
  if (what === 'UPDATE') return;
  if (options['ignore-delete']?.toLowerCase() === 'true') throw refuse("'ignore-delete' = 'true'", 'it keeps rows that are deleted', 'mark rows as deleted in a column');
  if (options['sequence.field'] !== undefined) {
    throw refuse(`'sequence.field' = '${options['sequence.field']}'`, 'whether an older row that comes later may stand again would depend on when files are compacted', 'mark rows as deleted in a column, which a newer row sets');
  }
}
