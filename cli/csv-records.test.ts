/** CSV as streams bring it: any cut of the bytes gives the same rows; what was written comes back; bad records are named and passed. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import {lineBytesMax} from '../base/limit.ts';
import {csvRecords, type CsvRecord} from './csv-records.ts';

async function read(text: string, cuts: readonly number[] = []): Promise<CsvRecord[]> {
  const bytes = Buffer.from(text);
  const ends = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let start = 0;
    for (const end of ends) {
      await Promise.resolve();
      yield bytes.subarray(start, end);
      start = end;
    }
  }
  const records: CsvRecord[] = [];
  for await (const some of csvRecords(chunks())) records.push(...some);
  return records;
}

const cell = fc.oneof({weight: 2, arbitrary: fc.constant(null)}, fc.constantFrom('', '"', '""', ',', '\n', '\n\n', 'a"b', ' ', 'é\u{1F600}', '\uFEFF', 'x;y|z'), fc.string({maxLength: 6}).filter((text) => !text.includes('\r')));

test('csv: what was written comes back, wherever the stream is cut', async () => {
  let seen = 0;
  await fc.assert(fc.asyncProperty(fc.array(fc.array(cell, {minLength: 2, maxLength: 2}), {minLength: 1, maxLength: 6}), fc.constantFrom(',', ';', '\t', '|'), fc.array(fc.nat(200), {maxLength: 5}), async (rows, separator, cuts) => {
    const quoted = (value: string | null): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
    const text = `k${separator}v\n${rows.map((row) => `${row.map(quoted).join(separator)}\n`).join('')}`;
    const found = await read(text, cuts);
    assert.deepEqual(found.map(({row}) => [row?.['k'], row?.['v']]), rows);
    let line = 2;
    for (const [index, row] of rows.entries()) {
      assert.equal(found[index]!.line, line);
      line += 1 + row.reduce((sum, value) => sum + (value ?? '').split('\n').length - 1, 0);
    }
    if (rows.some((row) => row.some((value) => value?.includes('\n')))) seen++;
  }), {seed: Number(process.env['MR_SEED'] ?? 20_260_104), numRuns: 300});
  assert.ok(seen > 30, `${seen} with line ends in values`);
});

test('csv: a record that is none is named by its line, and the next ones are read', async () => {
  const shown = async (text: string): Promise<string[]> => (await read(text)).map(({line, row, problem}) => (problem === null ? JSON.stringify(row) : `${line} ${problem.code} ${problem.reason}`));
  assert.deepEqual(await shown('\uFEFFa,b\r\n1,2\r\n\r\n3\r\n4,5,6\r\n"x"y,7\r\n8,9'), [
    '{"a":"1","b":"2"}', '4 MR_CSV line 4: expected 2 values, found 1', '5 MR_CSV line 5: expected 2 values, found 3', '6 MR_CSV line 6: text follows the quote that ends value 1', '{"a":"8","b":"9"}']);
  assert.deepEqual(await shown('a,b\n1,5" disk\n2,"open\n3,x\n4,y'), ['{"a":"1","b":"5\\" disk"}', '3 MR_CSV line 3: a quote that opens there is not closed', '{"a":"3","b":"x"}', '{"a":"4","b":"y"}']);
  assert.deepEqual(await shown(''), []);
  assert.deepEqual(await shown('a\n1\n\n2'), ['{"a":"1"}', '{"a":"2"}']);
  const long = await read(`a,b\n1,${'x'.repeat(lineBytesMax + 5)}\n2,"${`${'y'.repeat(1000)}\n`.repeat(lineBytesMax / 1000 + 2)}\n3,z\n`);
  assert.deepEqual([long[0]?.problem?.code, long[1]?.problem?.code, long.at(-1)?.row], ['MR_LINE_TOO_LONG', 'MR_CSV', {a: '3', b: 'z'}]);
  assert.ok(long.slice(2, -1).every(({problem}) => problem?.code === 'MR_CSV'), 'lines behind it are no rows of two values');
});

test('csv: a header that cannot be used is refused', async () => {
  for (const [text, message] of [['a,a\n', /column "a" stands there twice/], ['a,\n', /a column has no name/], ['"a\nb', /not closed/], ['"a"b,c\n', /text follows/]] as const) await assert.rejects(read(text), {code: 'MR_CSV', message}, text);
});
