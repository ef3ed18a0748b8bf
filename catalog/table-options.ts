/**
 * WITH (…) of tables: Paimon's own option names where Paimon has one, so that a table opens in other engines as it was declared;
 * values are checked here, and an option that nothing would act on is refused rather than stored.
 */
import {WarehouseError} from '../base/error.ts';
import {didYouMean} from '../kernel/statement/nearest.ts';
import type {TableStorage} from './spec.ts';

export type TableOptions = Readonly<Record<string, string>>;

interface OptionRule {
  readonly expected: string;
  readonly accepts: (value: string) => boolean;
  /** Tables it has a meaning for. */
  readonly storage: readonly TableStorage[];
}

const all: readonly TableStorage[] = ['keyed', 'append', 'bag'];
const withKey: readonly TableStorage[] = ['keyed', 'bag'];
const oneOf = (...values: string[]): Pick<OptionRule, 'expected' | 'accepts'> =>
  ({expected: values.map((value) => `'${value}'`).join(' or '), accepts: (value) => values.includes(value.toLowerCase())});

const bucketsMax = 1024;

const rules: Readonly<Record<string, OptionRule>> = {
  bucket: {
    expected: `a whole number from 1 to ${bucketsMax}`, storage: withKey,
    accepts: (value) => /^\d{1,4}$/.test(value) && Number(value) >= 1 && Number(value) <= bucketsMax,
  },
  'file.format': {...oneOf('parquet'), storage: all},
  'file.compression': {...oneOf('zstd', 'snappy', 'none'), storage: all},
  'append-only': {...oneOf('true', 'false'), storage: ['append', 'bag']},
  'merge-engine': {...oneOf('deduplicate'), storage: withKey},
  'changelog-producer': {...oneOf('input'), storage: withKey},
  changelog: {...oneOf('full'), storage: withKey},
};

/** Known, with a meaning that this version does not give them. */
const unsupportedOptions: ReadonlySet<string> = new Set([
  'async', 'bucket-key', 'sequence.field', 'deletion-vectors.enabled', 'ignore-delete', 'late-rows', 'schema.evolution', 'history.retention', 'partition', 'primary-key',
  'rowkind.field', 'row-tracking.enabled', 'write-only', 'snapshot.time-retained', 'snapshot.num-retained.min', 'snapshot.num-retained.max', 'target-file-size', 'type',
]);
const unsupportedValues: Readonly<Record<string, readonly string[]>> = {
  'merge-engine': ['partial-update', 'aggregation', 'first-row'], 'changelog-producer': ['none', 'lookup', 'full-compaction'], changelog: ['after'], 'file.format': ['orc', 'avro'], bucket: ['-1', '-2'],
};

/**
 * Checks the options of a table.
 *
 * @throws {WarehouseError} `MR_UNKNOWN_OPTION`, `MR_BAD_OPTION` for a value that the option cannot have or a table it means
 *   nothing for, `MR_UNSUPPORTED` for what Paimon has and this version has not.
 */
export function checkTableOptions(options: TableOptions, storage: TableStorage): void {
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      if (unsupportedOptions.has(name)) throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `option "${name}" is not supported in this version`, {hint: 'leave it out'});
      const names = Object.keys(rules);
      throw new WarehouseError('invalid', 'MR_UNKNOWN_OPTION', `expected one of the options ${names.join(', ')}, found "${name}"`, {hint: didYouMean(name, names)});
    }
    if (unsupportedValues[name]?.includes(value.toLowerCase())) {
      throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `'${name}' = '${value}' is not supported in this version`, {hint: `use ${rule.expected}`});
    }
    if (!rule.accepts(value)) throw new WarehouseError('invalid', 'MR_BAD_OPTION', `expected ${rule.expected} for option "${name}", found "${value}"`);
    if (!rule.storage.includes(storage)) {
      const what = storage === 'append' ? 'a table without PRIMARY KEY' : 'a table with PRIMARY KEY';
      throw new WarehouseError('invalid', 'MR_BAD_OPTION', `expected no option "${name}" for ${what}, where it means nothing`, {hint: 'leave it out'});
    }
  }
}
