import test from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {DuckDBInstance} from '@duckdb/node-api';
import {WarehouseError} from '../../base/error.ts';
import {tokenize} from './lexer.ts';
import {byteOffset, characterOffset, codePointOffset, placeOf} from './place.ts';
import {partText, splitScript} from './split.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);

function tokensOf(text: string): string[] {
  const tokens = tokenize(text);
  return Array.from({length: tokens.count}, (_, i) => `${tokens.kind(i)} ${tokens.text(i)}`);
}

function values(text: string): string[] {
  const tokens = tokenize(text);
  return Array.from({length: tokens.count}, (_, i) => tokens.value(i));
}

test('lexer: each kind of token is cut where DuckDB cuts it', () => {
  assert.deepEqual(tokensOf(`SELECT t$log.a, "a ""b""", 'it''s', E'it\\'s', $$x;'$$, $q$ $$ $q$ FROM größe`), [
    'word SELECT', 'word t$log', 'symbol .', 'word a', 'symbol ,', 'quoted "a ""b"""', 'symbol ,', `string 'it''s'`, 'symbol ,', `string E'it\\'s'`,
    'symbol ,', `string $$x;'$$`, 'symbol ,', 'string $q$ $$ $q$', 'word FROM', 'word größe',
  ]);
  assert.deepEqual(tokensOf('a<--b\n-1 /*x/*y*/z*/ ?1 ? $2 $name a$$b$$ 1_000.5e-3 .5 0xFf ::int'), [
    'word a', 'symbol <', 'symbol -', 'number 1', 'parameter ?1', 'parameter ?', 'parameter $2', 'parameter $name', 'word a$$b$$',
    'number 1_000.5e-3', 'number .5', 'number 0xFf', 'symbol ::', 'word int',
  ]);
  assert.deepEqual(tokensOf('a\u00a0b\u3000c'), ['word a', 'word b', 'word c']);
});

test('lexer: values are unquoted and unescaped', () => {
  assert.deepEqual(values(`"a ""b""" 'it''s' E'a\\'b\\n\\x41\\101' $t$x$$y$t$ Word`), ['a "b"', "it's", "a'b\nAA", 'x$$y', 'Word']);
});

test('lexer: what has no end is refused with its place', () => {
  for (const [text, place] of [["SELECT 'a", 'line 1, column 8'], ['a\n  "b', 'line 2, column 3'], ['/* /* */', 'line 1, column 1'], ['x $a$ $b$', 'line 1, column 3'], ["E'\\'", 'line 1, column 1']] as const) {
    assert.throws(() => tokenize(text), (error) => error instanceof WarehouseError && error.code === 'MR_SYNTAX' && error.message.includes(place), text);
  }
  for (const text of ['SELECT 1\0; DROP', "'a\0b'", '/*\0*/']) assert.throws(() => tokenize(text), {code: 'MR_SYNTAX'});
});

test('lexer: any text gives tokens in order, inside the text, or one MR_SYNTAX', () => {
  const pieces = fc.constantFrom("'", '"', '$', '$$', '$a$', '--', '/*', '*/', '\n', ' ', 'a', 'E', '\\', '1', '.', '?', ';', '(', ')', 'é', '💡', '\u00a0', '\0', ':', '=');
  let cut = 0, refused = 0;
  fc.assert(fc.property(fc.array(pieces, {maxLength: 20}), (parts) => {
    const text = parts.join('');
    try {
      const tokens = tokenize(text);
      let last = 0;
      for (let i = 0; i < tokens.count; i++) {
        assert.ok(tokens.start(i) >= last && tokens.end(i) > tokens.start(i) && tokens.end(i) <= text.length);
        assert.equal(tokens.at(tokens.start(i)), i);
        last = tokens.end(i);
      }
      cut++;
    } catch (error) {
      assert.ok(error instanceof WarehouseError && error.code === 'MR_SYNTAX');
      refused++;
    }
  }), {seed, numRuns: 500});
  assert.ok(cut > 50 && refused > 50);
});

test('split: statements are cut at the same semicolons as by DuckDB, when strings, comments and names hide others', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const hidden = fc.constantFrom("';'", "E'\\';'", '$$;$$', '$a$;$$;$a$', '";"', '1 -- ;\n', '1 /* ; /* ; */ ; */', "'it'';'", '1 AS t$a$$', "''", '2 <--;\n 3', 'é', '"é;💡"');
    const statement = fc.array(hidden, {minLength: 1, maxLength: 3}).map((parts) => `SELECT ${parts.join(' , ')}`);
    const script = fc.array(fc.tuple(statement, fc.constantFrom(';', ';;', ' ; -- ;\n', ';\n/* ; */')), {minLength: 1, maxLength: 4});
    let several = 0;
    await fc.assert(fc.asyncProperty(script, async (parts) => {
      const text = parts.map(([body, end]) => body + end).join('');
      const ours = splitScript(text);
      const theirs = await connection.extractStatements(text);
      assert.equal(ours.length, theirs.count, text);
      for (const part of ours) assert.equal((await connection.extractStatements(partText(part))).count, 1);
      if (ours.length > 1) several++;
    }), {seed, numRuns: 100});
    assert.ok(several > 20);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
});

test('place: characters and bytes are converted both ways', () => {
  const text = 'aé\n💡b';
  assert.deepEqual([0, 1, 2, 3, 5].map((offset) => byteOffset(text, offset)), [0, 1, 3, 4, 8]);
  assert.deepEqual([0, 1, 3, 4, 8].map((byte) => characterOffset(text, byte)), [0, 1, 2, 3, 5]);
  assert.deepEqual([0, 2, 3, 4, 9].map((count) => codePointOffset(text, count)), [0, 2, 3, 5, 6]);
  assert.deepEqual(placeOf(text, 5), {line: 2, column: 2});
});
