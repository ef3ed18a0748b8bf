import assert from 'node:assert/strict';
import test from 'node:test';
import {Kernel} from '../../kernel/duckdb.ts';
import type {Session} from '../../kernel/session.ts';
import {lowerText, upperText} from './text-case.ts';
import {peculiarDouble, writeDouble} from './text-format.ts';
import {TextScratch} from './text-scratch.ts';

async function eachRow(session: Session, sql: string, visit: (columns: Awaited<ReturnType<Awaited<ReturnType<Session['stream']>>['next']>>) => void): Promise<void> {
  await using stream = await session.stream(sql);
  for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) visit(chunk);
}

test('text: lower and upper of every code point are those of DuckDB', async () => {
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 1 << 28});
  const session = await kernel.connect();
  const scratch = new TextScratch();
  let count = 0;
  // 1,000 code points a row; surrogates are no characters.
  const sql = `SELECT s, lower(s), upper(s) FROM (SELECT string_agg(chr(i::INTEGER), '' ORDER BY i) AS s FROM range(1, 1114112) t(i) WHERE i NOT BETWEEN 55296 AND 57343 GROUP BY i // 1000)`;
  await eachRow(session, sql, (chunk) => {
    const [text, lower, upper] = chunk!.columns;
    for (let row = 0; row < chunk!.rowCount; row++) {
      assert.ok(text?.kind === 'bytes' && lower?.kind === 'bytes' && upper?.kind === 'bytes');
      const bytes = text.arena.view(text.address[row]!, text.length[row]!);
      for (const [convert, expected] of [[lowerText, lower], [upperText, upper]] as const) {
        scratch.used = 0;
        const start = convert(scratch, bytes, 0, bytes.length);
        assert.deepEqual(Buffer.from(scratch.bytes.subarray(start, scratch.used)).toString(), Buffer.from(expected.arena.view(expected.address[row]!, expected.length[row]!)).toString());
      }
      count += [...new TextDecoder().decode(bytes)].length;
    }
  });
  assert.equal(count, 0x110000 - 1 - 2048);
});

test('text: doubles of every magnitude are written as DuckDB writes them', async () => {
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 1 << 28});
  const session = await kernel.connect();
  const scratch = new TextScratch();
  await session.run('SELECT setseed(0.42)');
  let count = 0;
  for (const values of [
    'SELECT (random() * 2 - 1) * pow(10, random() * 600 - 300) AS d FROM range(40000)',
    'SELECT (random() * 9e18)::BIGINT::DOUBLE AS d FROM range(20000)',
    'SELECT round(random() * 1e6) / 1000 AS d FROM range(20000)',
    "SELECT (i::VARCHAR || 'e' || j::VARCHAR)::DOUBLE AS d FROM range(1, 30) t(i), range(-320, 308) u(j)",
    'SELECT pow(2, i)::DOUBLE AS d FROM range(-1074, 1024) t(i)',
  ]) {
    await eachRow(session, `SELECT d, d::VARCHAR FROM (${values})`, (chunk) => {
      const [double, text] = chunk!.columns;
      for (let row = 0; row < chunk!.rowCount; row++) {
        assert.ok(double?.kind === 'f64' && text?.kind === 'bytes');
        if (peculiarDouble(double.data[row]!)) continue;
        scratch.used = 0;
        const start = writeDouble(scratch, double.data[row]!);
        assert.equal(Buffer.from(scratch.bytes.subarray(start, scratch.used)).toString(), Buffer.from(text.arena.view(text.address[row]!, text.length[row]!)).toString());
        count++;
      }
    });
  }
  assert.ok(count > 95_000);
});
