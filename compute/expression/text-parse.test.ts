import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {Kernel} from '../../kernel/duckdb.ts';
import {timestampInfinity, timestampMin} from './calendar.ts';
import type {TextScratch as Scratch} from './text-scratch.ts';
import {TextScratch} from './text-scratch.ts';
import {parseBoolean, parseDate, parseDecimal, parseDouble, parseFailed, parseOther, parseOutOfRange, parseTimestamp, parsedBig} from './text-parse.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);

/** What a parser read, as DuckDB would print it in the target's plain form: null where the cast raises, undefined where it is left to DuckDB. */
type Read = (scratch: Scratch, bytes: Uint8Array) => string | null | undefined;

function integerWithin(scratch: Scratch, bytes: Uint8Array, scale: number, min: bigint, max: bigint, hexadecimal: boolean): string | null | undefined {
  const state = parseDecimal(scratch, bytes, 0, bytes.length, scale, scale === 0, hexadecimal);
  if (state === parseOther) return undefined;
  if (state === parseFailed) return null;
  const value = state === parsedBig ? scratch.parsedBig : BigInt(scratch.parsed);
  assert.ok(!Object.is(scratch.parsed, -0));
  return value < min || value > max ? null : String(value);
}

function micros(state: number, scratch: Scratch): string | null | undefined {
  if (state === parseOther) return undefined;
  if (state === parseFailed || state === parseOutOfRange) return null;
  return String(state === parsedBig ? scratch.parsedBig : scratch.parsed);
}

const bits = new Float64Array(1);
const bitWord = new BigUint64Array(bits.buffer);

const readers: readonly {readonly sql: string; readonly read: Read}[] = [
  {sql: 'TRY_CAST(s AS TINYINT)::VARCHAR', read: (scratch, bytes) => integerWithin(scratch, bytes, 0, -128n, 127n, true)},
  {sql: 'TRY_CAST(s AS BIGINT)::VARCHAR', read: (scratch, bytes) => integerWithin(scratch, bytes, 0, -(2n ** 63n), 2n ** 63n - 1n, true)},
  {sql: 'TRY_CAST(s AS HUGEINT)::VARCHAR', read: (scratch, bytes) => integerWithin(scratch, bytes, 0, -(2n ** 127n), 2n ** 127n - 1n, false)},
  {sql: "replace(TRY_CAST(s AS DECIMAL(4,2))::VARCHAR, '.', '')::INTEGER::VARCHAR", read: (scratch, bytes) => integerWithin(scratch, bytes, 2, -9999n, 9999n, false)},
  {sql: "replace(TRY_CAST(s AS DECIMAL(18,3))::VARCHAR, '.', '')::HUGEINT::VARCHAR", read: (scratch, bytes) => integerWithin(scratch, bytes, 3, -(10n ** 18n - 1n), 10n ** 18n - 1n, false)},
  {sql: "replace(TRY_CAST(s AS DECIMAL(38,10))::VARCHAR, '.', '')::HUGEINT::VARCHAR", read: (scratch, bytes) => integerWithin(scratch, bytes, 10, -(10n ** 38n - 1n), 10n ** 38n - 1n, false)},
  {sql: 'TRY_CAST(s AS BOOLEAN)::VARCHAR', read: (scratch, bytes) => (parseBoolean(scratch, bytes, 0, bytes.length) === parseFailed ? null : String(scratch.parsed === 1))},
  {sql: "(TRY_CAST(s AS DATE) - DATE '1970-01-01')::VARCHAR", read: (scratch, bytes) => micros(parseDate(scratch, bytes, 0, bytes.length), scratch)},
  {sql: 'epoch_us(TRY_CAST(s AS TIMESTAMP))::VARCHAR', read: (scratch, bytes) => {
    const found = micros(parseTimestamp(scratch, bytes, 0, bytes.length), scratch);
    return typeof found === 'string' && (BigInt(found) >= timestampInfinity || BigInt(found) < timestampMin) ? null : found;
  }},
];

const spaces = fc.constantFrom('', '', '', ' ', '  ', '\t', '\n');
const digits = (max: number): fc.Arbitrary<string> => fc.string({unit: fc.constantFrom(...'0123456789'), maxLength: max});
const numberText = fc.tuple(spaces, fc.constantFrom('', '', '-', '+'), fc.oneof(digits(4), digits(22), digits(42)), fc.constantFrom('', '.', '.'), fc.oneof(digits(4), digits(14)), fc.oneof({weight: 4, arbitrary: fc.constant('')}, {weight: 1, arbitrary: fc.tuple(fc.constantFrom('e', 'E', 'e-', 'e+'), digits(2)).map((parts) => parts.join(''))}), spaces).map((parts) => parts.join(''));
const two = fc.integer({min: 0, max: 64}).map((value) => (value % 3 === 0 ? String(value) : String(value).padStart(2, '0')));
const separator = fc.constantFrom('-', '-', '-', '/', ' ', '\\');
const dateText = fc.tuple(spaces, fc.constantFrom('', '', '', '-'), fc.oneof(fc.integer({min: 0, max: 3000}), fc.integer({min: 0, max: 300_000})), separator, fc.integer({min: 0, max: 14}), separator, fc.integer({min: 0, max: 33}), fc.constantFrom('', '', '', ' (BC)', ' ', 'x'), fc.boolean())
  .map(([space, sign, year, first, month, second, day, behind, same]) => `${space}${sign}${year}${first}${month % 2 === 0 ? String(month).padStart(2, '0') : month}${same ? first : second}${String(day).padStart(2, '0')}${behind}`);
const timeText = fc.tuple(fc.constantFrom('', ' ', 'T', '  ', 't'), two, fc.constantFrom(':', ':', ':', ':', ':', '.'), two, fc.constantFrom(':', ':', ':', ''), two, fc.constantFrom('', '', '.', '.'), digits(8), fc.constantFrom('', '', '', ' ', 'Z', 'x', ' x')).map((parts) => parts.join(''));
const mutated = (text: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.tuple(text, fc.nat(40), fc.constantFrom('', '', '', '', ' ', '_', 'x', '-', '.', '1', '(', 'é', '0'))
  .map(([base, at, inserted]) => `${base.slice(0, at % (base.length + 1))}${inserted}${base.slice(at % (base.length + 1))}`);
const words = fc.constantFrom('', 'true', 'F', 'Yes', 'n', 'no', 'abc', 'y', 'T', '1', '0', 'fals', 'truee', 'on', '२', '1_000', '1__0', '_1', '1_', '1._5', '1.5_5', '12e', '5.e', '.e1', '.', '-', '+', '--1', '+-1', '24:00:00');

test('text: casts to numbers, dates and times read what DuckDB reads, and raise where it raises', async () => {
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 1 << 28});
  const session = await kernel.connect();
  const texts = fc.sample(fc.oneof({weight: 4, arbitrary: mutated(numberText)}, {weight: 3, arbitrary: mutated(dateText)}, {weight: 4, arbitrary: mutated(fc.tuple(dateText, timeText).map((parts) => parts.join('')))}, {weight: 1, arbitrary: words}), {seed, numRuns: 20_000});
  const encoder = new TextEncoder();
  const scratch = new TextScratch();
  const read = readers.map(() => ({values: 0, failures: 0, others: 0}));
  for (let start = 0; start < texts.length; start += 1000) {
    const slice = texts.slice(start, start + 1000);
    const list = slice.map((text) => `'${text.replaceAll("'", "''")}'`).join(', ');
    const {rows} = await session.rows(`SELECT ${readers.map(({sql}) => sql).join(', ')} FROM (SELECT unnest([${list}]) AS s)`);
    slice.forEach((text, row) => readers.forEach(({sql, read: reader}, i) => {
      const found = reader(scratch, encoder.encode(text));
      const counts = read[i]!;
      if (found === undefined) counts.others++;
      else {
        if (found === null) counts.failures++;
        else counts.values++;
        assert.equal(found, rows[row]![i], `${sql} of ${JSON.stringify(text)}`);
      }
    }));
  }
  read.forEach(({values, failures, others}, i) => {
    const {sql} = readers[i]!;
    assert.ok(values > (sql.includes('BOOLEAN') ? 100 : 400) && failures > 1000, `${sql}: ${values} values, ${failures} failures`);
    assert.ok(others < texts.length / 20, `${sql}: ${others} texts were left to DuckDB`);
  });
});

test('text: casts to double read what DuckDB reads', async () => {
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 1 << 28});
  const session = await kernel.connect();
  const texts = fc.sample(fc.oneof({weight: 5, arbitrary: mutated(numberText)}, {weight: 1, arbitrary: fc.double().map(String)}, {weight: 1, arbitrary: words}), {seed, numRuns: 6000});
  const scratch = new TextScratch();
  let values = 0;
  let others = 0;
  for (let start = 0; start < texts.length; start += 1000) {
    const slice = texts.slice(start, start + 1000);
    const {rows} = await session.rows(`SELECT TRY_CAST(s AS DOUBLE) FROM (SELECT unnest([${slice.map((text) => `'${text.replaceAll("'", "''")}'`).join(', ')}]) AS s)`);
    slice.forEach((text, row) => {
      const bytes = new TextEncoder().encode(text);
      const state = parseDouble(scratch, bytes, 0, bytes.length);
      if (state === parseOther) others++;
      else if (state === parseFailed) assert.equal(rows[row]![0], null, JSON.stringify(text));
      else {
        values++;
        const expected = rows[row]![0];
        bits[0] = scratch.parsed;
        const found = bitWord[0];
        bits[0] = Number(expected);
        assert.ok(expected !== null && found === bitWord[0], `${JSON.stringify(text)}: ${scratch.parsed}, expected ${String(expected)}`);
      }
    });
  }
  assert.ok(values > 2000 && others < texts.length / 4, `${values} values, ${others} left to DuckDB`);
});
