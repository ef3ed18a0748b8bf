/** Options of a table that name its columns: such a column stays, and a new name of it goes into the option. */
import type {TableOptions} from './table-options.ts';

/** Values are lists of columns. */
const listOptions: ReadonlySet<string> = new Set(['bucket-key', 'sequence.field', 'rowkind.field', 'partition.timestamp-pattern']);
/** `fields.<column>.<rest>`, where several columns may stand with commas between. */
const fieldOption = /^fields\.([^.]+)\.(.+)$/;

const statsMode = 'stats-mode';

/** @returns option and column, for every column that an option holds. */
export function columnsOfOptions(options: TableOptions): [option: string, column: string][] {
  return Object.entries(options).flatMap(([option, value]): [string, string][] => {
    if (listOptions.has(option)) return value.split(',').map((column) => [option, column.trim()]);
    const field = fieldOption.exec(option);
    // How a column is counted binds nobody: such an option goes with it.
    return field === null || field[2] === statsMode ? [] : field[1]!.split(',').map((column) => [option, column.trim()]);
  });
}

/** @returns the options with another name for a column. */
export function renamedInOptions(options: TableOptions, name: string, to: string): TableOptions {
  const rename = (list: string): string => list.split(',').map((column) => (column.trim() === name ? to : column)).join(',');
  return Object.fromEntries(Object.entries(options).map(([option, value]) => {
    if (listOptions.has(option)) return [option, rename(value)];
    const field = fieldOption.exec(option);
    return field === null ? [option, value] : [`fields.${rename(field[1]!)}.${field[2]!}`, value];
  }));
}

/** @returns the options without what they say of a column that goes; none of those that hold it (`columnsOfOptions`) is among it. */
export function withoutColumn(options: TableOptions, name: string): TableOptions {
  return Object.fromEntries(Object.entries(options).filter(([option]) => option !== `fields.${name}.${statsMode}`));
}
