/**
 * ALTER TABLE as values: checks wanted changes of a table against the rules, its readers and each other, and gives the record to log:
 * the table as it is from that epoch on, with what it was. Pure.
 *
 * A column is its field id: a new one takes an id that the table never had, so rows that are there read NULL in it, whatever its name
 * was before. A change that would take a column away from a dynamic table that reads it is refused, naming both. What a bag's row hash
 * is made of (the order of its columns, and their values) stays, since the hash is the key in its files (docs/formats/row-hash.md).
 */
import {WarehouseError} from '../base/error.ts';
import {tableFormsMax} from '../base/limit.ts';
import {sameType, structFieldCount, typeText, type LogicalType} from '../base/type.ts';
import {keepsRowHash, widens, widerTypes} from '../base/widen.ts';
import {didYouMean} from '../kernel/statement/nearest.ts';
import type {Catalog} from './catalog.ts';
import {checkNesting} from './create.ts';
import {columnsReadOf} from './evolve-inputs.ts';
import {highestFieldId} from './forms.ts';
import {checkColumnName} from './names.ts';
import {columnsOfOptions, renamedInOptions, withoutColumn} from './option-columns.ts';
import type {ColumnSpec, DdlRecord, PastForm, TableSpec} from './spec.ts';
import {checkOptionsChange, type OptionScope, type TableOptions} from './table-options.ts';

export type Place = {readonly first: true} | {readonly after: string};

/** A change with its types read. */
export type TableChange =
  | {readonly kind: 'add-column'; readonly name: string; readonly type: LogicalType; readonly ifNotExists: boolean; readonly place: Place | undefined; readonly comment: string | undefined}
  | {readonly kind: 'drop-column'; readonly name: string; readonly ifExists: boolean}
  | {readonly kind: 'rename-column'; readonly name: string; readonly to: string}
  | {readonly kind: 'set-type'; readonly name: string; readonly type: LogicalType}
  | {readonly kind: 'move-column'; readonly name: string; readonly place: Place}
  | {readonly kind: 'drop-not-null'; readonly name: string}
  | {readonly kind: 'comment-column'; readonly name: string; readonly comment: string | undefined}
  | {readonly kind: 'comment-table'; readonly comment: string | undefined}
  | {readonly kind: 'set-options'; readonly options: TableOptions};

export interface AlterOptions {
  /** The oldest epoch that can be read: what the table was before it is forgotten. */
  readonly oldestEpoch: number;
}

/**
 * @param changes made one after the other; all of them or none.
 * @returns the record; undefined when the table is as wanted already. `until` of what it was is 0: who commits it knows the epoch.
 * @throws {WarehouseError} `MR_DYNAMIC_TABLE`, `MR_UNKNOWN_COLUMN`, `MR_DUPLICATE_COLUMN`, `MR_BAD_NAME`, `MR_KEY_COLUMN`, `MR_LAST_COLUMN`,
 *   `MR_DEPENDENTS`, `MR_TYPE_NARROWS`, `MR_UNSUPPORTED`; those of options; `MR_FORMS_FULL` (unavailable).
 */
export function alterTableRecord(catalog: Catalog, table: TableSpec, changes: readonly TableChange[], {oldestEpoch}: AlterOptions): DdlRecord | undefined {
  const commentsOnly = changes.every(({kind}) => kind === 'comment-table' || kind === 'comment-column');
  if (table.definition !== undefined && !commentsOnly) {
    throw new WarehouseError('invalid', 'MR_DYNAMIC_TABLE', `${table.schema}.${table.name} is a dynamic table: its columns are those of its definition`, {hint: 'DROP DYNAMIC TABLE and CREATE it with another query; COMMENT ON is taken'});
  }
  if (table.name.includes('$')) throw new WarehouseError('invalid', 'MR_NOT_ALLOWED', `${table.schema}.${table.name} belongs to the warehouse and is not altered`);
  const altering = new Altering(catalog, table);
  for (const change of changes) altering.apply(change);
  const altered = altering.result();
  if (altered === undefined) return undefined;
  const {schemaId, columns, key, partition, options, comment} = table;
  const was: PastForm = {schemaId, until: 0, columns, key, options, highestFieldId: highestFieldId(table), ...(partition === undefined ? {} : {partition}), ...(comment === undefined ? {} : {comment})};
  const past = [...(table.past ?? []).filter(({until}) => until > oldestEpoch), was];
  if (past.length >= tableFormsMax) {
    throw new WarehouseError('unavailable', 'MR_FORMS_FULL', `${table.schema}.${table.name} has changed ${past.length - 1} times within the epochs that can be read, at most ${tableFormsMax - 1} may be`, {hint: 'put several changes into one ALTER TABLE, or wait until older epochs are no longer kept'});
  }
  return {kind: 'alter-table', table: {...altered, schemaId: schemaId + 1, past}};
}

/** Changes of one table under way. */
class Altering {
  readonly #catalog: Catalog;
  readonly #table: TableSpec;
  readonly #hidden: readonly ColumnSpec[];
  #visible: ColumnSpec[];
  #highest: number;
  #options: TableOptions;
  #comment: string | undefined;
  #changed = false;

  constructor(catalog: Catalog, table: TableSpec) {
    this.#catalog = catalog;
    this.#table = table;
    this.#visible = table.columns.filter((column) => !column.hidden);
    this.#hidden = table.columns.filter((column) => column.hidden);
    this.#highest = highestFieldId(table);
    this.#options = table.options;
    this.#comment = table.comment;
  }

  get #name(): string { return `${this.#table.schema}.${this.#table.name}`; }

  apply(change: TableChange): void {
    switch (change.kind) {
      case 'add-column': return this.#add(change);
      case 'drop-column': return this.#drop(change);
      case 'rename-column': return this.#rename(change.name, change.to);
      case 'set-type': return this.#setType(change.name, change.type);
      case 'move-column': return this.#move(change.name, change.place);
      case 'drop-not-null': {
        const column = this.#column(change.name);
        this.#requireNoKey(column, 'made nullable');
        if (!column.nullable) this.#replace(column, {...column, nullable: true});
        return;
      }
      case 'comment-column': {
        const {comment: before, ...column} = this.#column(change.name);
        if (before !== change.comment) this.#replace(column, {...column, ...(change.comment === undefined ? {} : {comment: change.comment})});
        return;
      }
      case 'comment-table':
        if (this.#comment !== change.comment) this.#changed = true;
        this.#comment = change.comment;
        return;
      case 'set-options':
        for (const [name, value] of Object.entries(change.options)) if (this.#options[name] !== value) this.#changed = true;
        checkOptionsChange(this.#options, change.options, this.#optionScope());
        this.#options = {...this.#options, ...change.options};
    }
  }

  /** Present positions of the columns that stood at `indexes`. */
  #places(columns: readonly ColumnSpec[], indexes: readonly number[]): number[] {
    return indexes.map((index) => columns.findIndex(({id}) => id === this.#table.columns[index]!.id));
  }

  #optionScope(): OptionScope {
    const {storage, key, partition = [], definition} = this.#table;
    const columns = [...this.#visible, ...this.#hidden];
    return {storage, dynamic: definition !== undefined, columns, key: this.#places(columns, key), partition: this.#places(columns, partition)};
  }

  /** @returns the table as it comes out, with the ids of its key where they stand now; undefined if nothing has changed. */
  result(): TableSpec | undefined {
    if (!this.#changed) return undefined;
    const {comment: _, ...table} = this.#table;
    const columns = [...this.#visible, ...this.#hidden];
    const key = this.#places(columns, table.key);
    return {...table, columns, key, ...(table.partition === undefined ? {} : {partition: this.#places(columns, table.partition)}), options: this.#options, highestFieldId: this.#highest, ...(this.#comment === undefined ? {} : {comment: this.#comment})};
  }

  #add({name, type, ifNotExists, place, comment}: Extract<TableChange, {kind: 'add-column'}>): void {
    if (ifNotExists && this.#find(name) !== undefined) return;
    this.#requireNewName(name);
    checkNesting({name, type}, `table "${this.#name}"`);
    const column: ColumnSpec = {id: this.#highest + 1, name, type, nullable: true, hidden: false, ...(comment === undefined ? {} : {comment})};
    this.#highest += 1 + structFieldCount(type);
    const at = place === undefined ? this.#visible.length : this.#placeOf(place, column);
    if (at < this.#visible.length) this.#requireNoBag('ADD COLUMN … FIRST | AFTER', 'add the column at the end');
    this.#visible = this.#visible.toSpliced(at, 0, column);
    this.#changed = true;
  }

  #drop({name, ifExists}: Extract<TableChange, {kind: 'drop-column'}>): void {
    if (ifExists && this.#find(name) === undefined) return;
    const column = this.#column(name);
    this.#requireNoKey(column, 'dropped');
    this.#requireNoOption(column, 'dropped');
    this.#requireUnread(column, 'dropped');
    if (this.#visible.length === 1) throw new WarehouseError('invalid', 'MR_LAST_COLUMN', `"${column.name}" is the last column of ${this.#name}`, {hint: 'DROP TABLE, or add another column first'});
    this.#requireNoBag('DROP COLUMN', 'CREATE a table without the column and INSERT … SELECT into it');
    this.#visible = this.#visible.filter(({id}) => id !== column.id);
    this.#options = withoutColumn(this.#options, column.name);
    this.#changed = true;
  }

  #rename(name: string, to: string): void {
    const column = this.#column(name);
    if (column.name === to) return;
    this.#requireNoPartition(column, 'renamed');
    this.#requireUnread(column, 'renamed');
    // In another case it is the same name.
    if (column.name.toLowerCase() !== to.toLowerCase()) this.#requireNewName(to);
    this.#options = renamedInOptions(this.#options, column.name, to);
    this.#replace(column, {...column, name: to});
  }

  #setType(name: string, type: LogicalType): void {
    const column = this.#column(name);
    if (sameType(column.type, type)) return;
    this.#requireNoKey(column, 'given another type');
    this.#requireNoOption(column, 'given another type');
    this.#requireUnread(column, 'given another type');
    if (!widens(column.type, type)) {
      throw new WarehouseError('invalid', 'MR_TYPE_NARROWS', `expected a type that holds every value of "${column.name}" ${typeText(column.type)} of ${this.#name} (${widerTypes(column.type)}), found ${typeText(type)}`,
        {hint: `ADD COLUMN with the type, UPDATE it with a cast, then DROP "${column.name}"`});
    }
    if (!keepsRowHash(column.type, type)) this.#requireNoBag(`ALTER COLUMN from ${typeText(column.type)} to ${typeText(type)}`, 'CREATE a table of the new type and INSERT … SELECT into it');
    this.#replace(column, {...column, type});
  }

  #move(name: string, place: Place): void {
    const column = this.#column(name);
    const rest = this.#visible.filter(({id}) => id !== column.id);
    if ('after' in place && this.#find(place.after)?.id === column.id) throw new WarehouseError('invalid', 'MR_UNKNOWN_COLUMN', `expected another column to put "${column.name}" after, found itself`);
    const at = 'after' in place ? rest.findIndex(({id}) => id === this.#column(place.after).id) + 1 : 0;
    const moved = rest.toSpliced(at, 0, column);
    if (moved.every(({id}, index) => this.#visible[index]!.id === id)) return;
    this.#requireNoBag('moving a column', 'name the columns in the order you want where you read them');
    this.#visible = moved;
    this.#changed = true;
  }

  #placeOf(place: Place, column: ColumnSpec): number {
    if (!('after' in place)) return 0;
    if (place.after.toLowerCase() === column.name.toLowerCase()) throw new WarehouseError('invalid', 'MR_UNKNOWN_COLUMN', `expected another column to put "${column.name}" after, found itself`);
    return this.#visible.findIndex(({id}) => id === this.#column(place.after).id) + 1;
  }

  #find(name: string): ColumnSpec | undefined {
    return this.#visible.find((column) => column.name.toLowerCase() === name.toLowerCase());
  }

  #column(name: string): ColumnSpec {
    const column = this.#find(name);
    if (column !== undefined) return column;
    const names = this.#visible.map((candidate) => candidate.name);
    throw new WarehouseError('invalid', 'MR_UNKNOWN_COLUMN', `expected a column of ${this.#name}, found "${name}"`, {hint: didYouMean(name, names) ?? `its columns are ${names.join(', ')}`});
  }

  #replace(column: Pick<ColumnSpec, 'id'>, by: ColumnSpec): void {
    this.#visible = this.#visible.map((one) => (one.id === column.id ? by : one));
    this.#changed = true;
  }

  #requireNewName(name: string): void {
    checkColumnName(name);
    const twin = this.#find(name);
    if (twin === undefined) return;
    const how = twin.name === name ? '' : `, which differs from "${twin.name}" only by case`;
    throw new WarehouseError('invalid', 'MR_DUPLICATE_COLUMN', `expected a new column of ${this.#name}, found "${name}"${how}`, {hint: 'choose another name, or write IF NOT EXISTS'});
  }

  #requireNoKey(column: ColumnSpec, what: string): void {
    this.#requireNoPartition(column, what);
    if (!this.#table.key.some((index) => this.#table.columns[index]!.id === column.id)) return;
    throw new WarehouseError('invalid', 'MR_KEY_COLUMN', `"${column.name}" is in the primary key of ${this.#name} and cannot be ${what}`, {hint: 'CREATE a table with the key you want and INSERT … SELECT into it'});
  }

  #requireNoPartition(column: ColumnSpec, what: string): void {
    if (this.#table.partition?.some((index) => this.#table.columns[index]!.id === column.id) !== true) return;
    throw new WarehouseError('invalid', 'MR_KEY_COLUMN', `${this.#name} is partitioned by "${column.name}", which cannot be ${what}`, {hint: 'CREATE a table with the partitions you want and INSERT … SELECT into it'});
  }

  #requireNoOption(column: ColumnSpec, what: string): void {
    const option = columnsOfOptions(this.#options).find(([, name]) => name === column.name)?.[0];
    if (option !== undefined) throw new WarehouseError('invalid', 'MR_KEY_COLUMN', `option "${option}" of ${this.#name} names "${column.name}", which cannot be ${what}`, {hint: 'CREATE a table without the option and INSERT … SELECT into it'});
  }

  #requireUnread(column: ColumnSpec, what: string): void {
    const visible = this.#table.columns.filter((one) => !one.hidden);
    const at = visible.findIndex(({id}) => id === column.id);
    const readers = this.#catalog.dependents(this.#table.id).filter((reader) => columnsReadOf(reader, this.#table).includes(at)).map((reader) => `"${reader.schema}.${reader.name}"`);
    if (at === -1 || readers.length === 0) return;
    throw new WarehouseError('invalid', 'MR_DEPENDENTS', `"${column.name}" of ${this.#name} is read by ${readers.join(', ')} and cannot be ${what}`, {hint: `drop ${readers.length === 1 ? 'it' : 'them'} first, and create ${readers.length === 1 ? 'it' : 'them'} again afterwards; a definition with * reads every column that it found`});
  }

  #requireNoBag(what: string, hint: string): void {
    if (this.#table.storage === 'bag') throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `${what} is not supported for ${this.#name}, whose rows have no key: their hash goes by the order and values of all columns`, {hint});
  }
}
