/** Folders for tests, removed at the end of the test. */
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {TestContext} from 'node:test';

/** @returns a new empty folder that goes when the test ends. */
export function temporaryFolder(context: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  context.after(() => rmSync(folder, {recursive: true, force: true}));
  return folder;
}
