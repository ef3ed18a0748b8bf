import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import test from 'node:test';

/** Runs `ending` in a process of its own, once an endless statement was asked for. A process that hangs is killed by SIGTERM. */
function exitOf(sql: string, ending: string): {status: number | null; signal: string | null; stderr: string} {
  const here = (name: string): string => JSON.stringify(join(import.meta.dirname, name));
  const script = `
    import {Kernel} from ${here('duckdb.ts')};
    import {relationOf} from ${here('relation.ts')};
    const kernel = await Kernel.open({threads: 2, memoryBytes: 64 << 20});
    const session = await kernel.connect();
    const rowCount = 500000;
    if (${sql.includes('mr_rows')}) session.bindRelation('zeros', relationOf([{kind: 'f64', data: new Float64Array(rowCount), valid: null, bound: 0}], rowCount, [{name: 'a', type: {kind: 'bigint'}}]));
    ${sql === '' ? '' : `session.run(${JSON.stringify(sql)}).catch(() => undefined);`}
    setImmediate(() => { ${ending} });`;
  const {status, signal, stderr} = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {timeout: 20_000, encoding: 'utf8', cwd: join(import.meta.dirname, '..')});
  return {status, signal, stderr};
}

test('exit: a process that ends without closing its kernels does not hang', () => {
  const onRelation = `SELECT sum(a.a * b.a) FROM mr_rows('zeros') a, range(100000000) b(a)`;
  const alone = 'SELECT sum(a.a * b.a) FROM range(100000000) a(a), range(100000000) b(a)';
  assert.deepEqual(exitOf('', 'process.exit(3)'), {status: 3, signal: null, stderr: ''});
  assert.deepEqual(exitOf('', ''), {status: 0, signal: null, stderr: ''});
  assert.deepEqual(exitOf(alone, 'process.exit(3)'), {status: 3, signal: null, stderr: ''});
  assert.deepEqual(exitOf(onRelation, 'process.exit(3)'), {status: null, signal: 'SIGKILL', stderr: ''});
  const thrown = exitOf(onRelation, `throw new Error('nobody catches this')`);
  assert.equal(thrown.signal, 'SIGKILL');
  assert.match(thrown.stderr, /nobody catches this/);
  assert.deepEqual(exitOf(onRelation, 'void kernel.close().then(() => process.exit(4))'), {status: 4, signal: null, stderr: ''});
});
