/**
 * WITH (…) of tables: Paimon's own option names where Paimon has one, so that a table opens in other engines as it was declared;
 * values are checked here, and an option that nothing would act on is refused rather than stored.
 */
import {WarehouseError} from '../base/error.ts';
import {isNested, typeText, type LogicalType} from '../base/type.ts';
import {didYouMean} from '../kernel/statement/nearest.ts';
import type {TableStorage} from './spec.ts';

export type TableOptions = Readonly<Record<string, string>>;

/** The table that options are for; positions are in `columns`. */
export interface OptionScope {
  readonly storage: TableStorage;
  /** Its rows come from a query. */
  readonly dynamic: boolean;
  readonly columns: readonly {readonly name: string; readonly type: LogicalType}[];
  readonly key: readonly number[];
  readonly partition: readonly number[];
}

interface OptionRule {
  readonly expected: string;
  readonly accepts: (value: string) => boolean;
  /** Tables it has a meaning for. */
  readonly storage: readonly TableStorage[];
  /** Of no meaning where a query says what the rows are. */
  readonly base?: true;
  /** ALTER TABLE … SET may change it: nothing that is stored already depends on it. */
  readonly changeable?: true;
}

const all: readonly TableStorage[] = ['keyed', 'append', 'bag'];
const withKey: readonly TableStorage[] = ['keyed', 'bag'];
const oneOf = (...values: string[]): Pick<OptionRule, 'expected' | 'accepts'> =>
  ({expected: values.map((value) => `'${value}'`).join(' or '), accepts: (value) => values.includes(value.toLowerCase())});

const wholeNumber = (least: number, most: number): Pick<OptionRule, 'expected' | 'accepts'> =>
  ({expected: `a whole number from ${least} to ${most}`, accepts: (value) => /^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most});

const bucketsMax = 1024;
const namesRule: Pick<OptionRule, 'expected' | 'accepts'> = {expected: 'column names with commas between', accepts: (value) => optionNames(value).length > 0};
const statsRule: Pick<OptionRule, 'expected' | 'accepts'> = {
  expected: "'none', 'counts', 'full' or 'truncate(n)'", accepts: (value) => /^(none|counts|full|truncate\([1-9]\d{0,3}\))$/i.test(value.trim()),
};
const columnStatsRe = /^fields\.(.+)\.stats-mode$/;

const rules: Readonly<Record<string, OptionRule>> = {
  bucket: {
    expected: `a whole number from 1 to ${bucketsMax}`, storage: all,
    accepts: (value) => /^\d{1,4}$/.test(value) && Number(value) >= 1 && Number(value) <= bucketsMax,
  },
  'bucket-key': {...namesRule, storage: ['keyed', 'append']},
  'file.format': {...oneOf('parquet'), storage: all},
  'file.compression': {...oneOf('zstd', 'snappy', 'none'), storage: all, changeable: true},
  'append-only': {...oneOf('true', 'false'), storage: ['append', 'bag']},
  'merge-engine': {...oneOf('deduplicate', 'first-row'), storage: withKey},
  'changelog-producer': {...oneOf('input', 'none'), storage: withKey},
  'sequence.field': {...namesRule, storage: ['keyed'], base: true},
  'sequence.field.sort-order': {...oneOf('ascending', 'descending'), storage: ['keyed'], base: true},
  'ignore-delete': {...oneOf('true', 'false'), storage: ['keyed'], base: true},
  changelog: {...oneOf('full'), storage: withKey},
  'metadata.stats-mode': {...statsRule, storage: all, changeable: true},
  'history.retention': {expected: "a duration such as '24 h' or '7 d'", accepts: (value) => /^\s*\d{1,9}\s*(?:ms|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)\s*$/i.test(value), storage: all, changeable: true},
  'target-file-size': {expected: "a size from '1 mb' to '16 gb'", accepts: (value) => /^\s*\d{1,5}\s*(?:mb?|gb?)\s*$/i.test(value) && Number.parseInt(value, 10) > 0 && !(/g/i.test(value) && Number.parseInt(value, 10) > 16), storage: all, changeable: true},
  'num-sorted-run.compaction-trigger': {...wholeNumber(2, 100), storage: all, changeable: true},
  'num-sorted-run.stop-trigger': {...wholeNumber(3, 200), storage: all, changeable: true},
  'compaction.max-size-amplification-percent': {...wholeNumber(1, 10_000), storage: withKey, changeable: true},
  'compaction.size-ratio': {...wholeNumber(1, 1000), storage: all, changeable: true},
  'partition.default-name': {expected: 'a name without "/"', accepts: (value) => /^[^/\s]+$/.test(value), storage: all},
  'partition.legacy-name': {...oneOf('true', 'false'), storage: all},
};

/** Known, with a meaning that this version does not give them. */
const unsupportedOptions: ReadonlySet<string> = new Set([
  'async', 'deletion-vectors.enabled', 'deletion-vectors.merge-on-read', 'deletion-vectors.bitmap64', 'late-rows', 'schema.evolution', 'partition', 'primary-key',
  'rowkind.field', 'row-tracking.enabled', 'data-evolution.enabled', 'write-only', 'snapshot.time-retained', 'snapshot.num-retained.min', 'snapshot.num-retained.max', 'type', 'bucket-function.type', 'sequence.snapshot-ordering',
  'pk-clustering-override', 'primary-key.nullable', 'query-auth.enabled', 'chain-table.enabled', 'data-file.thin-mode', 'data-file.path-directory', 'data-file.external-paths', 'file.format.per.level', 'file.compression.per.level', 'metadata.stats-dense-store',
  'dynamic-bucket.target-row-num', 'dynamic-bucket.initial-buckets', 'dynamic-bucket.max-buckets', 'partial-update.remove-record-on-delete', 'aggregation.remove-record-on-delete', 'fields.default-aggregate-function', 'local-merge-buffer-size', 'record-level.expire-time', 'record-level.time-field',
  'partition.expiration-time', 'metastore.partitioned-table', 'metadata.iceberg.storage', 'changelog-file.format',
]);
const unsupportedColumnOptions = /^fields\..+\.(sequence-group|aggregate-function|ignore-retract|default-value|list-agg-delimiter|distinct|nested-key)$/;
const unsupportedValues: Readonly<Record<string, readonly string[]>> = {
  'merge-engine': ['partial-update', 'aggregation'], 'changelog-producer': ['lookup', 'full-compaction'], changelog: ['after'], 'file.format': ['orc', 'avro'], bucket: ['-1', '-2'],
};

/** @returns the names in an option such as `bucket-key`. */
export function optionNames(value: string): string[] {
  return value.split(',').map((name) => name.trim()).filter((name) => name !== '');
}

/**
 * Checks the options of a table.
 *
 * @throws {WarehouseError} `MR_UNKNOWN_OPTION`, `MR_BAD_OPTION` for a value that the option cannot have or a table it means
 *   nothing for, `MR_UNSUPPORTED` for what Paimon has and this version has not.
 */
export function checkTableOptions(options: TableOptions, scope: OptionScope): void {
  for (const [name, value] of Object.entries(options)) {
    const ofColumn = columnStatsRe.exec(name);
    const rule = Object.hasOwn(rules, name) ? rules[name] : ofColumn === null ? undefined : {...statsRule, storage: all};
    if (rule === undefined) {
      if (unsupportedOptions.has(name) || unsupportedColumnOptions.test(name)) throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `option "${name}" is not supported in this version`, {hint: 'leave it out'});
      const names = Object.keys(rules);
      throw new WarehouseError('invalid', 'MR_UNKNOWN_OPTION', `expected one of the options ${names.join(', ')}, found "${name}"`, {hint: didYouMean(name, names)});
    }
    if (unsupportedValues[name]?.includes(value.toLowerCase())) {
      throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `'${name}' = '${value}' is not supported in this version`, {hint: `use ${rule.expected}`});
    }
    if (!rule.accepts(value)) throw new WarehouseError('invalid', 'MR_BAD_OPTION', `expected ${rule.expected} for option "${name}", found "${value}"`);
    if (!rule.storage.includes(scope.storage)) {
      const what = scope.storage === 'append' ? 'a table without PRIMARY KEY' : scope.storage === 'bag' ? 'a table whose rows have no key' : 'a table with PRIMARY KEY';
      throw new WarehouseError('invalid', 'MR_BAD_OPTION', `expected no option "${name}" for ${what}, where it means nothing`, {hint: 'leave it out'});
    }
    if (rule.base === true && scope.dynamic) throw new WarehouseError('invalid', 'MR_BAD_OPTION', `expected no option "${name}" for a dynamic table, whose rows are those of its query`, {hint: 'leave it out'});
    if (ofColumn !== null) optionColumn(scope, name, ofColumn[1]!);
  }
  checkBuckets(options, scope);
  checkMerging(options, scope);
}

/** @throws {WarehouseError} `MR_BAD_OPTION` unless there is such a column, spelled so: the format tells case apart. */
function optionColumn(scope: OptionScope, option: string, name: string): number {
  const index = scope.columns.findIndex((column) => column.name === name);
  if (index >= 0) return index;
  const names = scope.columns.map((column) => column.name);
  throw new WarehouseError('invalid', 'MR_BAD_OPTION', `expected a column of the table in option "${option}", found "${name}"`, {hint: didYouMean(name, names) ?? `its columns are ${names.join(', ')}`});
}

function checkBuckets(options: TableOptions, scope: OptionScope): void {
  const named = options['bucket-key'];
  if (named === undefined) {
    if (scope.storage === 'append' && options['bucket'] !== undefined) throw new WarehouseError('invalid', 'MR_BAD_OPTION', `expected option "bucket-key" beside "bucket" for a table without PRIMARY KEY, found none`, {hint: "say which columns' hash is the bucket: 'bucket-key' = 'a,b'"});
    return;
  }
  if (options['bucket'] === undefined) throw new WarehouseError('invalid', 'MR_BAD_OPTION', 'expected option "bucket" beside "bucket-key", found none', {hint: "say how many buckets: 'bucket' = '4'"});
  const names = optionNames(named);
  for (const [i, name] of names.entries()) {
    const index = optionColumn(scope, 'bucket-key', name);
    const {kind} = scope.columns[index]!.type;
    const refuse = (found: string): WarehouseError => new WarehouseError('invalid', 'MR_BAD_OPTION', `${found} in option "bucket-key"`);
    if (names.indexOf(name) !== i) throw refuse(`expected each column once, found "${name}" again`);
    if (isNested(scope.columns[index]!.type) || kind === 'float' || kind === 'double' || kind === 'blob') throw refuse(`expected columns of whole numbers, DECIMAL, text, dates, times or BOOLEAN, found "${name}" ${typeText(scope.columns[index]!.type)}`);
    if (scope.partition.includes(index)) throw refuse(`expected no partition column, found "${name}"`);
    if (scope.storage === 'keyed' && !scope.key.includes(index)) throw refuse(`expected columns of the primary key, found "${name}"`);
  }
}

/** Which row of a key stands, and what changelog tells of it. */
function checkMerging(options: TableOptions, scope: OptionScope): void {
  const refuse = (message: string, hint: string): WarehouseError => new WarehouseError('invalid', 'MR_BAD_OPTION', message, {hint});
  const firstRow = options['merge-engine']?.toLowerCase() === 'first-row';
  if (firstRow && (scope.dynamic || scope.storage !== 'keyed')) throw refuse(`expected 'merge-engine' = 'deduplicate' for a table whose rows change, found 'first-row'`, 'declare a PRIMARY KEY on a table of its own');
  const producer = options['changelog-producer']?.toLowerCase();
  if (producer !== undefined && (producer === 'none') !== firstRow) {
    throw refuse(`expected 'changelog-producer' = '${firstRow ? 'none' : 'input'}' with 'merge-engine' = '${firstRow ? 'first-row' : 'deduplicate'}', found '${producer}'`, 'leave it out');
  }
  const sequence = options['sequence.field'];
  if (sequence === undefined) {
    if (options['sequence.field.sort-order'] !== undefined) throw refuse('expected option "sequence.field" beside "sequence.field.sort-order", found none', "say which columns: 'sequence.field' = 'a,b'");
    return;
  }
  if (firstRow) throw refuse(`expected no option "sequence.field" with 'merge-engine' = 'first-row'`, 'the first row that comes stands');
  const names = optionNames(sequence);
  for (const [i, name] of names.entries()) {
    const {type} = scope.columns[optionColumn(scope, 'sequence.field', name)]!;
    if (names.indexOf(name) !== i) throw refuse(`expected each column once in option "sequence.field", found "${name}" again`, 'name it once');
    if (isNested(type) || type.kind === 'float' || type.kind === 'double' || type.kind === 'blob') {
      throw refuse(`expected columns of whole numbers, DECIMAL, text, dates, times or BOOLEAN in option "sequence.field", found "${name}" ${typeText(type)}`, 'declare the column as DECIMAL or TIMESTAMP');
    }
  }
}

/**
 * Checks options that ALTER TABLE … SET gives a table beside those it has.
 *
 * @throws {WarehouseError} as {@link checkTableOptions}; `MR_OPTION_FIXED` for one that stays as the table was made.
 */
export function checkOptionsChange(before: TableOptions, options: TableOptions, scope: OptionScope): void {
  checkTableOptions({...before, ...options}, scope);
  for (const [name, value] of Object.entries(options)) {
    if (before[name] === value || rules[name]?.changeable === true || columnStatsRe.test(name)) continue;
    const names = Object.keys(rules).filter((one) => rules[one]!.changeable === true);
    throw new WarehouseError('invalid', 'MR_OPTION_FIXED', `option "${name}" is what the table was made with and cannot be changed`, {hint: `CREATE a table with '${name}' = '${value}' and INSERT … SELECT into it; ${names.join(', ')} may be changed`});
  }
}
