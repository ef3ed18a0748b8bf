/** The two ways in which a table on disk can fail us: its bytes are wrong, or it uses a feature that we do not have yet. */
import {WarehouseError} from '../../base/error.ts';

/** @returns `MR_PAIMON_DAMAGED` (data): `where` holds what the format does not allow. */
export function damaged(where: string, found: string, cause?: unknown): WarehouseError {
  return new WarehouseError('data', 'MR_PAIMON_DAMAGED', `${where}: ${found}`, {
    cause, hint: 'run `millrace check` on the table, then restore the named file from a backup',
  });
}

/** @returns `MR_PAIMON_UNSUPPORTED` (invalid): refused by name, because guessing would give wrong rows. */
export function unsupported(where: string, feature: string, hint?: string): WarehouseError {
  return new WarehouseError('invalid', 'MR_PAIMON_UNSUPPORTED', `${where}: ${feature} is not supported`, {hint});
}
