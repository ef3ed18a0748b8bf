import test from 'node:test';
import assert from 'node:assert/strict';
import type {Column} from './delta.ts';
import {parseTypeText, type LogicalType} from './type.ts';
import {keepsRowHash, widenColumn, widens} from './widen.ts';

const type = (text: string): LogicalType => parseTypeText(text)!;

test('widen: only types that hold every value are wider', () => {
  const yes = ['TINYINT SMALLINT', 'TINYINT BIGINT', 'SMALLINT FLOAT', 'INTEGER BIGINT', 'INTEGER DOUBLE', 'INTEGER DECIMAL(10,0)', 'BIGINT DECIMAL(19,0)', 'FLOAT DOUBLE', 'DECIMAL(9,2) DECIMAL(10,2)', 'DECIMAL(18,2) DECIMAL(38,2)'];
  const no = ['INTEGER INTEGER', 'BIGINT INTEGER', 'BIGINT DOUBLE', 'INTEGER FLOAT', 'INTEGER DECIMAL(9,0)', 'INTEGER DECIMAL(12,2)', 'BIGINT DECIMAL(18,0)', 'DOUBLE FLOAT', 'DECIMAL(9,2) DECIMAL(9,2)', 'DECIMAL(9,2) DECIMAL(12,3)',
    'DECIMAL(9,2) DECIMAL(8,2)', 'VARCHAR BLOB', 'INTEGER VARCHAR', 'DATE TIMESTAMP', 'BOOLEAN TINYINT', 'TIMESTAMP TIMESTAMPTZ'];
  for (const pair of yes) assert.equal(widens(...(pair.split(' ').map(type) as [LogicalType, LogicalType])), true, pair);
  for (const pair of no) assert.equal(widens(...(pair.split(' ').map(type) as [LogicalType, LogicalType])), false, pair);
  assert.equal(keepsRowHash(type('INTEGER'), type('DOUBLE')), false);
  assert.equal(keepsRowHash(type('FLOAT'), type('DOUBLE')), true);
});

test('widen: values keep their form where it is the same, and take the wide one where it must be', () => {
  const small: Column = {kind: 'i32', data: Int32Array.of(-5, 7, 99), valid: Uint8Array.of(1, 0, 1)};
  const wide = widenColumn(small, type('INTEGER'), type('BIGINT'), 2);
  assert.ok(wide.kind === 'f64' && wide.bound === 2 ** 31);
  assert.deepEqual([...wide.data], [-5, 7]);
  assert.equal(widenColumn(small, type('TINYINT'), type('INTEGER'), 2), small);
  const double = widenColumn(small, type('INTEGER'), type('DOUBLE'), 2);
  assert.ok(double.kind === 'f64' && double.bound === Infinity);
  const long = widenColumn({kind: 'i64', data: BigInt64Array.of(-1n, 2n), valid: null}, type('BIGINT'), type('DECIMAL(38,0)'), 2);
  assert.ok(long.kind === 'i128');
  assert.deepEqual([...long.data], [-1n, -1n, 2n, 0n]);
  assert.throws(() => widenColumn(small, type('BIGINT'), type('INTEGER'), 2), /does not widen/);
});
