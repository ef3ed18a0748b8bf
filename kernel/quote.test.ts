import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {Kernel} from './duckdb.ts';
import {quoteIdentifier, quoteLiteral} from './quote.ts';

test('quote: any name and any text come back from DuckDB as they were', async () => {
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 64 << 20});
  await using session = await kernel.connect();
  const text = fc.oneof(fc.string({minLength: 1}), fc.constantFrom(`"`, `'`, `a"b'c`, 'select', 'A', `\\'; DROP TABLE t; --`, ' ')).filter(value => !value.includes('\0'));
  await fc.assert(fc.asyncProperty(text, text, async (name, value) => {
    const {columns, rows} = await session.rows(`SELECT ${quoteLiteral(value)} AS ${quoteIdentifier(name)}`);
    assert.deepEqual([columns[0]!.name, rows], [name, [[value]]]);
  }), {seed: Number(process.env['MR_SEED'] ?? 20_260_101), numRuns: 200});
});
