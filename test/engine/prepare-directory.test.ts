/** A warehouse's folder: made once, a newer format refused, a folder of other things left alone. */
import assert from 'node:assert/strict';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {prepareDirectory} from '../../engine/prepare-directory.ts';
import {formatVersion} from '../../engine/upgrade-steps.ts';
import {temporaryFolder} from '../support/temporary.ts';

test('folder: made once with an id that stays, newer and damaged formats are refused', async (t) => {
  const folder = temporaryFolder(t);
  const {warehouse, version} = await prepareDirectory(folder);
  assert.deepEqual(await prepareDirectory(folder), {warehouse, version: formatVersion});
  assert.equal(version, formatVersion);
  const file = join(folder, '_millrace', 'format');
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), {version, warehouse});
  writeFileSync(file, JSON.stringify({version: version + 1, warehouse}));
  await assert.rejects(prepareDirectory(folder), {code: 'MR_FORMAT_NEWER'});
  for (const text of ['', '{"version":1}', '{"version":0,"warehouse":"x"}', '{"version":1.5,"warehouse":"x"}']) {
    writeFileSync(file, text);
    await assert.rejects(prepareDirectory(folder), {code: 'MR_FORMAT_DAMAGED'}, text);
  }
});

test('folder: one with other things in it is refused and left as it is; so is a file', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'photos'));
  await assert.rejects(prepareDirectory(folder), {code: 'MR_NOT_A_WAREHOUSE'});
  writeFileSync(join(folder, 'file'), '');
  await assert.rejects(prepareDirectory(join(folder, 'file')), {code: 'MR_NOT_A_WAREHOUSE'});
});
