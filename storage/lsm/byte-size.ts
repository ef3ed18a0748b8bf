/** Sizes in table options: `128 mb`, `4 GB`, `1024`. */
import {WarehouseError} from '../../base/error.ts';

const units: Readonly<Record<string, number>> = {'': 1, b: 1, bytes: 1, k: 1024, kb: 1024, m: 1024 ** 2, mb: 1024 ** 2, g: 1024 ** 3, gb: 1024 ** 3, t: 1024 ** 4, tb: 1024 ** 4};

/** @returns bytes; undefined for undefined. @throws {WarehouseError} `MR_PAIMON_OPTION` (invalid) */
export function parseByteSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^\s*(\d+)\s*([a-z]*)\s*$/i.exec(text);
  const unit = match === null ? undefined : units[match[2]!.toLowerCase()];
  if (match === null || unit === undefined || Number(match[1]) === 0) throw new WarehouseError('invalid', 'MR_PAIMON_OPTION', `expected a size such as '128 mb', found '${text}'`);
  return Number(match[1]) * unit;
}
