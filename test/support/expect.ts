/** Expectations that many tests share. */
import assert from 'node:assert/strict';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {WarehouseError, type ErrorKind} from '../../base/error.ts';

/** Expects `work` to fail with an error of ours. @returns it. */
export async function rejects(work: Promise<unknown>, kind: ErrorKind, code: string, message?: RegExp): Promise<WarehouseError> {
  const error = await work.then((value) => assert.fail(`expected ${code}, got ${JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one))}`), (cause: unknown) => cause);
  if (!(error instanceof WarehouseError)) throw error;
  assert.equal(`${error.kind} ${error.code}`, `${kind} ${code}`, error.message);
  if (message !== undefined) assert.match(error.message, message);
  return error;
}

/** A folder for all tests of a file; the file removes it at its end. */
export function sharedFolder(): {readonly path: string; remove(): void} {
  const path = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  return {path, remove: () => rmSync(path, {recursive: true, force: true})};
}
