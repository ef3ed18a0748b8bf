/**
 * Files that a read with conditions need not open. A condition holds for no NULL. What is left may hold rows beyond the conditions, never
 * fewer than they ask for: whoever reads applies them too.
 *
 * - A partition's values are those of all its rows, so any condition on them decides for its files.
 * - A row lies in the bucket of its bucket key's hash: if conditions fix the whole of it, only that bucket is read, by the bucket count
 *   that each file tells.
 * - In a keyed table a file without keys in range holds nothing that could matter, not even deletes of what is asked for. Other columns
 *   decide only where no other file can hold another row of the same keys: for a section of one file.
 * - In an append table the statistics of any column decide for each file.
 */
import {compareRows, decodeBinaryRow, encodeBinaryRow, type InternalValue} from '../paimon/binary-row.ts';
import type {ManifestEntry} from '../paimon/manifest.ts';
import {bucketOfHash, murmurHash} from '../paimon/murmur.ts';
import {typeShape} from './file-schema.ts';
import type {PaimonTable} from './paimon-table.ts';

/** `min` ≤ column ≤ `max`; one that is absent is open, both are no condition. Equality is both. */
export interface ScanCondition {
  readonly column: string;
  readonly min?: Exclude<InternalValue, null>;
  readonly max?: Exclude<InternalValue, null>;
}

export class Pruning {
  readonly #table: PaimonTable;
  readonly #conditions: ReadonlyMap<string, ScanCondition>;
  /** Hash of the bucket key, where conditions fix it. */
  readonly #bucketHash: number | undefined;

  /** @throws {WarehouseError} `MR_PAIMON_COLUMN` for a condition on no column. */
  constructor(table: PaimonTable, conditions: readonly ScanCondition[]) {
    this.#table = table;
    for (const {column} of conditions) table.field(column);
    // NaN has no place among numbers: such a condition decides nothing.
    this.#conditions = new Map(conditions.filter(({min, max}) => (min !== undefined || max !== undefined) && !Number.isNaN(min) && !Number.isNaN(max)).map((condition) => [condition.column, condition]));
    const fixed = table.bucketKeyFields.map(({name}) => this.#fixed(name));
    this.#bucketHash = fixed.length === 0 || fixed.includes(undefined) ? undefined
      : murmurHash(encodeBinaryRow(table.bucketKeyFields.map(({type}) => type), fixed as InternalValue[]).subarray(4));
  }

  #fixed(column: string): InternalValue | undefined {
    const {min, max} = this.#conditions.get(column) ?? {};
    return min !== undefined && max !== undefined && compareRows([min], [max]) === 0 ? min : undefined;
  }

  /** @returns whether a file may hold rows that meet the conditions, by its place and its keys. */
  mayHold(entry: ManifestEntry): boolean {
    if (this.#conditions.size === 0) return true;
    const {partitionFields, keyFields} = this.#table;
    if (this.#bucketHash !== undefined && entry.totalBuckets > 0 && bucketOfHash(this.#bucketHash, entry.totalBuckets) !== entry.bucket) return false;
    const where = this.#table.dataPath(entry);
    const partition = decodeBinaryRow(partitionFields.map(({type}) => type), entry.partition, `${where}: _PARTITION`);
    if (!partitionFields.every(({name}, i) => this.#meets(name, partition[i]!, partition[i]!))) return false;
    if (keyFields.length === 0) return this.mayHoldValues(entry);
    // Keys are ordered field by field: the first one's values lie between those of the first and of the last key.
    const types = keyFields.map(({type}) => type);
    return this.#meets(keyFields[0]!.name, decodeBinaryRow(types, entry.file.minKey, `${where}: _MIN_KEY`)[0]!, decodeBinaryRow(types, entry.file.maxKey, `${where}: _MAX_KEY`)[0]!);
  }

  /** @returns the same by the statistics of its columns: only for a file whose rows no other file can replace. */
  mayHoldValues(entry: ManifestEntry): boolean {
    const {valueStats, valueStatsColumns, rowCount} = entry.file;
    if (this.#conditions.size === 0) return true;
    // Statistics are of the columns as they were when the file was written: by their names of then, found by id as the columns are.
    const {fields} = this.#table.fileSchema(entry);
    const wanted = [...this.#conditions.keys()].map((name) => ({name, field: this.#table.field(name)})).map(({name, field}) => ({name, type: field.type, old: fields.find(({id}) => id === field.id)}));
    // A column that is younger than the file is NULL in all of its rows.
    if (wanted.some(({old}) => old === undefined)) return false;
    if (valueStats.nullCounts.length === 0) return true;
    const names = valueStatsColumns ?? fields.map(({name}) => name);
    const columns = names.map((name) => fields.find((field) => field.name === name));
    if (columns.includes(undefined)) return true;
    const types = columns.map((field) => ({...field!.type, nullable: true}));
    const where = this.#table.dataPath(entry);
    const min = decodeBinaryRow(types, valueStats.minValues, `${where}: _MIN_VALUES`);
    const max = decodeBinaryRow(types, valueStats.maxValues, `${where}: _MAX_VALUES`);
    return wanted.every(({name, type, old}) => {
      const i = names.indexOf(old!.name);
      if (i === -1 || typeShape(old!.type) !== typeShape(type)) return true;
      if (valueStats.nullCounts[i] === BigInt(rowCount)) return false;
      return min[i] === null || max[i] === null || this.#meets(name, min[i]!, max[i]!);
    });
  }

  /** @returns whether a value between two may meet the condition on a column; NULL alone meets none. */
  #meets(column: string, low: InternalValue, high: InternalValue): boolean {
    const condition = this.#conditions.get(column);
    if (condition === undefined) return true;
    if (high === null) return false;
    const {min, max} = condition;
    return (min === undefined || compareRows([high], [min]) >= 0) && (max === undefined || low === null || compareRows([low], [max]) <= 0);
  }
}
