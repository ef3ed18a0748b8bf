/** What operators keep beside tables, while it lies in a page file: the same as in memory, and a read that fails changes nothing. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type {LogicalType} from '../../base/type.ts';
import {OperatorPages} from '../state/operator-pages.ts';
import {type Cell, columnsOf, FailingReads, MemoryPageFile, rowsOf, rowText} from '../state/test-rows.ts';
import {GroupDirectory} from './group-directory.ts';
import {RowMultiset} from './row-multiset.ts';

const types: LogicalType[] = [{kind: 'integer'}, {kind: 'varchar'}];
const rowOf = (i: number): Cell[] => [i % 5 === 0 ? null : i, `text ${i % 3}`];

function allOut(pages: OperatorPages): void {
  pages.evictRows(Infinity);
  pages.evictIndexes(Infinity);
}

function weightsIn(rows: RowMultiset): Map<string, number> {
  const all = new Map<string, number>();
  for (const {rows: numbers, columns, count} of rows.store.content([0, 1])) rowsOf(types, columns, count).forEach((row, i) => all.set(rowText(row), rows.weight(numbers[i]!)));
  return new Map([...all].sort());
}

test('row multiset: each row has its weight and stands in its chain while rows and indexes go out between any two steps, also after what a failed read refused', () => {
  let refused = 0;
  for (let failing = -1; failing < 12; failing++) {
    const file = new FailingReads();
    const pages = new OperatorPages(() => file);
    const rows = new RowMultiset(types, pages);
    const index = rows.index([1], 'group');
    const model = new Map<string, number>();
    const add = (from: number, to: number, weight: number): void => {
      const cells = Array.from({length: to - from}, (_, i) => rowOf(from + i));
      rows.add(columnsOf(types, cells), new Int32Array(cells.length).fill(weight), cells.length);
      for (const row of cells) {
        const sum = (model.get(rowText(row)) ?? 0) + weight;
        if (sum === 0) model.delete(rowText(row));
        else model.set(rowText(row), sum);
      }
    };
    for (const [from, to, weight] of [[0, 300, 1], [50, 200, 1], [100, 150, -2], [140, 320, 1], [0, 60, -1], [300, 320, -1]] as const) {
      allOut(pages);
      file.left = failing < 0 ? Infinity : failing;
      try {
        add(from, to, weight);
      } catch (cause) {
        assert.equal((cause as {code: string}).code, 'MR_PAGE_FILE_FAILED');
        refused++;
        file.left = Infinity;
        assert.deepEqual(weightsIn(rows), new Map([...model].sort()));
        add(from, to, weight);
      }
      file.left = Infinity;
      rows.endEpoch();
      pages.endEpoch();
      allOut(pages);
      assert.deepEqual(weightsIn(rows), new Map([...model].sort()));
      const heads = new Int32Array(3);
      index.find(columnsOf([types[1]!], [['text 0'], ['text 1'], ['text 2']]), null, 3, heads);
      assert.equal(heads.reduce((sum, head) => sum + index.chainLength(head), 0), model.size);
    }
    assert.ok(file.reads > 20);
    pages.close();
    assert.ok(file.closed);
  }
  assert.ok(refused > 5, `${refused} steps were refused`);
});

test('group directory: groups keep their numbers while keys and index go out, and groups that were assigned are dropped without a read', () => {
  let refused = 0;
  for (let failing = -1; failing < 12; failing++) {
    const file = new FailingReads();
    const pages = new OperatorPages(() => file);
    const directory = new GroupDirectory(types, pages);
    const model = new Map<string, number>();
    for (const [from, to, dropped] of [[0, 200, 0], [100, 260, 30], [0, 400, 200], [390, 420, 0]] as const) {
      allOut(pages);
      const cells = Array.from({length: to - from}, (_, i) => rowOf(from + i));
      const groups = new Int32Array(cells.length);
      file.left = failing < 0 ? Infinity : failing;
      try {
        directory.assign(columnsOf(types, cells), cells.length, groups);
      } catch (cause) {
        assert.equal((cause as {code: string}).code, 'MR_PAGE_FILE_FAILED');
        refused++;
        file.left = Infinity;
        assert.equal(directory.count, model.size);
        directory.assign(columnsOf(types, cells), cells.length, groups);
      }
      cells.forEach((row, i) => {
        const known = model.get(rowText(row));
        if (known !== undefined) assert.equal(groups[i], known);
        model.set(rowText(row), groups[i]!);
      });
      assert.equal(new Set(model.values()).size, model.size);
      file.left = Infinity;
      const {reads} = file;
      const gone = Int32Array.from(new Set(groups.subarray(0, dropped)));
      directory.drop(gone, gone.length);
      assert.equal(file.reads, reads);
      for (const row of cells.slice(0, dropped)) model.delete(rowText(row));
      pages.endEpoch();
      assert.equal(directory.count, model.size);
      const found: string[] = [];
      for (const {rows, count} of directory.scan()) found.push(...rowsOf(types, directory.keys(rows, count), count).map((row) => rowText(row)));
      assert.deepEqual(found.sort(), [...model.keys()].sort());
    }
    pages.close();
  }
  assert.ok(refused > 5, `${refused} steps were refused`);
});

test('operator pages: what a full disk does not take stays in memory', () => {
  const file = new MemoryPageFile();
  const pages = new OperatorPages(() => file);
  const rows = new RowMultiset(types, pages);
  rows.add(columnsOf(types, Array.from({length: 100}, (_, i) => rowOf(i))), new Int32Array(100).fill(1), 100);
  rows.endEpoch();
  const before = weightsIn(rows);
  for (const evict of [() => pages.evictRows(Infinity), () => pages.evictIndexes(Infinity)]) {
    file.failures.write = 1;
    assert.throws(evict, {code: 'MR_PAGE_FILE_FAILED'});
    assert.deepEqual(weightsIn(rows), before);
    assert.ok(evict() > 0);
    assert.deepEqual(weightsIn(rows), before);
  }
});
