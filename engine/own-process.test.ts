import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {getPriority} from 'node:os';
import test from 'node:test';
import {helperNiceness} from '../base/limit.ts';
import {firstThreads} from './own-process.ts';

test('own process: the threads that were made first are those after the main one, also where numbers began again', () => {
  assert.deepEqual(firstThreads(100, [103, 100, 101, 107, 102], 3), [101, 102, 103]);
  assert.deepEqual(firstThreads(32_766, [3, 32_767, 32_766, 300, 2], 3), [32_767, 2, 3]);
  assert.deepEqual(firstThreads(100, [101, 100, 102], 3), []);
  assert.deepEqual(firstThreads(100, [7, 8, 9, 10], 3), []);
});

test('own process: threads of V8 have a lower priority, the main one and those that come later have not', {skip: (process.platform !== 'linux' || getPriority() !== 0) && 'needs Linux, and a test run of ordinary priority'}, () => {
  const script = `
    import {readdirSync, readFileSync} from 'node:fs';
    import {stat} from 'node:fs/promises';
    import {setUpOwnProcess} from ${JSON.stringify(new URL('./own-process.ts', import.meta.url).href)};
    setUpOwnProcess();
    await Promise.all(Array.from({length: 8}, () => stat('/')));
    const fields = (thread) => readFileSync('/proc/self/task/' + thread + '/stat', 'utf8').split(') ')[1].split(' ');
    process.stdout.write(JSON.stringify(readdirSync('/proc/self/task').map(Number).map((thread) => ({main: thread === process.pid, nice: Number(fields(thread)[16])}))));
  `;
  const threads = JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {encoding: 'utf8'})) as {main: boolean; nice: number}[];
  assert.equal(threads.filter(({nice}) => nice === helperNiceness).length, 5);
  assert.equal(threads.find(({main}) => main)!.nice, 0);
  assert.ok(threads.filter(({nice}) => nice === 0).length >= 5, 'the pool that reads files keeps its priority');
});
