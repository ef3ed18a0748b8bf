/**
 * CPU of 1,000 upserts over uniform keys, of a table's state alone: all in memory; rows in the page file; rows and index there. Each
 * batch is an epoch. In the last two nothing that was brought into memory stays for the next one (`cold`), or blocks of the index and
 * rows do until they are many, as under a budget that has room for them (`paged`). Memory is what the state says of itself, a row.
 *
 * `node --import tsx bench/state-upserts.ts [rows] [epochs]` prints one JSON line a case.
 */
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Column} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';
import {MemoryBudget} from '../compute/state/memory-budget.ts';
import {TableState} from '../compute/state/table-state.ts';
import {DiskPageFile} from '../storage/file/page-file.ts';
import {quantile} from './statistics.ts';

const rowCount = Number(process.argv[2] ?? '1000000');
const epochs = Number(process.argv[3] ?? '300');
const batchRows = 1000;
const chunkRows = 2048;
const types: LogicalType[] = [{kind: 'bigint'}, {kind: 'integer'}, {kind: 'integer'}, {kind: 'integer'}, {kind: 'bigint'}, {kind: 'bigint'}];

let state = 20_260_101;
function key(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % rowCount;
}

function columns(keys: Float64Array, version: number): Column[] {
  const word = Int32Array.from(keys, (k) => k % 1003);
  const words: Column = {kind: 'i32', data: word, valid: null};
  return [
    {kind: 'f64', data: keys, valid: null, bound: rowCount}, words, {kind: 'i32', data: new Int32Array(keys.length).fill(version), valid: null}, words,
    {kind: 'f64', data: keys, valid: null, bound: rowCount}, {kind: 'f64', data: keys.map((k) => k * 7), valid: null, bound: 7 * rowCount},
  ];
}

const cpuMs = (): number => {
  const {user, system} = process.cpuUsage();
  return (user + system) / 1000;
};

type Case = 'resident' | 'rows out, paged' | 'rows out, cold' | 'rows and index out, paged' | 'rows and index out, cold';

function measure(name: Case): object {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-state-'));
  const budget = new MemoryBudget(2 ** 40);
  const table = new TableState({types, storage: 'keyed', key: [0], hidden: []}, {share: budget.register('t'), ...(name === 'resident' ? {} : {pageFile: () => new DiskPageFile(join(folder, 'pages'))})});
  try {
    const start = cpuMs();
    for (let at = 0; at < rowCount; at += chunkRows) {
      const keys = Float64Array.from({length: Math.min(chunkRows, rowCount - at)}, (_, i) => at + i);
      table.load(columns(keys, 0), keys.length);
      if (name.startsWith('rows') && at % (chunkRows * 64) === 0) table.store.evict(Infinity);
      if (name.startsWith('rows and index') && at % (chunkRows * 64) === 0) table.evictIndexes(Infinity);
    }
    if (name.startsWith('rows')) table.store.evict(Infinity);
    table.find([{kind: 'f64', data: Float64Array.of(0), valid: null, bound: rowCount}], null, 1, new Int32Array(1));
    if (name.startsWith('rows and index')) table.evictIndexes(Infinity);
    const loadMs = cpuMs() - start;
    const bytes = table.bytes();
    const times: number[] = [];
    const countsBefore = {...table.blockCounts};
    let washMs = 0;
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const input = columns(Float64Array.from({length: batchRows}, key), epoch);
      const before = cpuMs();
      table.upsert(input, batchRows);
      table.endEpoch();
      if (table.spilled) table.maintain();
      times.push(cpuMs() - before);
      if (!name.endsWith('cold')) continue;
      const wash = cpuMs();
      table.store.dropFrames();
      if (name.startsWith('rows and index')) table.evictIndexes(Infinity);
      washMs += cpuMs() - wash;
    }
    const mean = times.reduce((sum, ms) => sum + ms, 0) / epochs;
    const counts = table.blockCounts;
    return {
      case: name, rows: rowCount, loadSeconds: Number((loadMs / 1000).toFixed(1)), bytesARow: Number((bytes / rowCount).toFixed(2)), p10Ms: Number(quantile(times, 0.1).toFixed(2)), p50Ms: Number(quantile(times, 0.5).toFixed(2)), meanMs: Number(mean.toFixed(2)),
      washMs: Number((washMs / epochs).toFixed(2)), blocksRead: Math.round(((counts?.blocksRead ?? 0) - (countsBefore.blocksRead ?? 0)) / epochs), blocksWritten: Math.round(((counts?.blocksWritten ?? 0) - (countsBefore.blocksWritten ?? 0)) / epochs), fileMiB: Math.round(table.pageFileBytes.used / 2 ** 20),
    };
  } finally {
    table.close();
    rmSync(folder, {recursive: true, force: true});
  }
}

for (const name of (process.argv[4]?.split(';') ?? ['resident', 'rows out, paged', 'rows out, cold', 'rows and index out, paged', 'rows and index out, cold']) as Case[]) process.stdout.write(`${JSON.stringify(measure(name))}\n`);
