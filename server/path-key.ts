/** The key in the path of a point lookup: one part a key column, each percent-encoded, so that a key may hold a slash. */
import {WarehouseError} from '../base/error.ts';

/** @param url of `/v1/tables/{t}/rows/{a}/{b}`, as it came. @throws {WarehouseError} `MR_PARAMETER` for a part that cannot be decoded. */
export function keyOf(url: string): string[] {
  const path = url.split(/[?#]/, 1)[0]!;
  const parts = path.split('/').slice(5); // '', 'v1', 'tables', table, 'rows'
  return parts.map((part) => {
    try {
      return decodeURIComponent(part);
    } catch (cause) {
      throw new WarehouseError('invalid', 'MR_PARAMETER', `the key part "${part}" is not percent-encoded UTF-8`, {cause});
    }
  });
}
