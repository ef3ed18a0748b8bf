/**
 * A24: does a checkpoint disturb ingest? Epochs of 1 row (ten of eleven) and of 1,000 rows are offered every `everyMs`, each measured from
 * the moment that it was due to the answer (logged and visible), outside of checkpoints and while one is written, in turn in one run:
 * rounds of `tailMiB` of upserts, then a checkpoint of all of it, and as long without one. Compaction runs in the background as it does. The
 * table is read back at the end, over a restart.
 */
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {scheduler} from 'node:timers/promises';
import {join} from 'node:path';
import type {Column} from '../base/delta.ts';
import {invariant} from '../base/invariant.ts';
import {Warehouse} from '../engine/warehouse.ts';
import {quantile} from './statistics.ts';

const fillRows = 20_000;

/** Rows with keys from `keys`, of about 60 bytes. */
function rows(keys: Int32Array, round: number): readonly Column[] {
  const rowCount = keys.length;
  const values = (factor: number): Column => ({kind: 'f64', data: Float64Array.from(keys, (key) => (key * factor + round) % 1_000_000), valid: null, bound: 1_000_000});
  invariant(rowCount > 0, 'rows of no keys');
  return [{kind: 'i32', data: keys, valid: null}, values(3), values(7), values(11), values(13), values(17)];
}

/** @param options.rounds checkpoints; `tailMiB` changes of each; `tableRows` rows of the table. */
export async function run({rounds = 20, tailMiB = 48, tableRows = 1_000_000, everyMs = 4}: {rounds?: number; tailMiB?: number; tableRows?: number; everyMs?: number} = {}): Promise<object> {
  const path = mkdtempSync(join(tmpdir(), 'millrace-a24-'));
  try {
    const options = {path, checkpointMs: 3_600_000, checkpointBytes: 1 << 30};
    const warehouse = await Warehouse.open(options);
    await warehouse.sql('CREATE TABLE t (id INTEGER PRIMARY KEY, a BIGINT, b BIGINT, c BIGINT, d BIGINT, e BIGINT)');
    const latest = new Int32Array(tableRows);
    let random = 42;
    const nextKey = (): number => {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      return random % tableRows;
    };
    let round = 0;
    const write = async (count: number): Promise<number> => {
      const keys = new Int32Array(count);
      const seen = new Set<number>();
      for (let i = 0; i < count;) {
        const key = nextKey();
        if (seen.has(key)) continue;
        seen.add(key);
        keys[i++] = key;
      }
      round++;
      for (const key of keys) latest[key] = round;
      const startMs = performance.now();
      await warehouse.insertColumns('t', rows(keys, round), count);
      return performance.now() - startMs;
    };
    for (let from = 0; from < tableRows; from += fillRows) {
      await warehouse.insertColumns('t', rows(Int32Array.from({length: Math.min(fillRows, tableRows - from)}, (_, i) => from + i), 0), Math.min(fillRows, tableRows - from));
    }
    await warehouse.checkpoint();
    const ms = {outside: {one: [] as number[], thousand: [] as number[]}, during: {one: [] as number[], thousand: [] as number[]}};
    const checkpointMs: number[] = [];
    const measure = async (into: {readonly one: number[]; readonly thousand: number[]}, going: () => boolean): Promise<void> => {
      for (let due = performance.now(), turn = 0; going(); turn++) {
        const late = performance.now() - due;
        const ms = late + await write(turn % 11 === 10 ? 1000 : 1);
        (turn % 11 === 10 ? into.thousand : into.one).push(ms);
        due += everyMs;
        const left = due - performance.now();
        if (left > 0) await scheduler.wait(left);
      }
    };
    for (let i = 0; i < rounds; i++) {
      for (let bytes = 0; bytes < tailMiB * 2 ** 20; bytes += fillRows * 2 * 48) await write(fillRows);
      // What the filling left to be published is no part of what is measured.
      await warehouse.sql('SELECT count(*) FROM t');
      const outside = async (): Promise<void> => {
        const until = performance.now() + (checkpointMs.at(-1) ?? 0);
        await measure(ms.outside, () => performance.now() < until);
      };
      // What the filling left to be collected falls to either in turn.
      if (i % 2 === 1) await outside();
      const before = performance.now();
      let done = false;
      const checkpoint = warehouse.checkpoint().finally(() => {
        done = true;
      });
      await measure(ms.during, () => !done);
      await checkpoint;
      checkpointMs.push(performance.now() - before);
      if (i % 2 === 0) await outside();
    }
    const metrics = new Map((await warehouse.metrics()).map(({name, value}) => [name, value]));
    await warehouse.close();
    const again = await Warehouse.open(options);
    const {rows: found} = await again.sql('SELECT count(*)::INTEGER AS n, sum(a)::BIGINT AS a FROM t');
    let expected = 0;
    for (let key = 0; key < tableRows; key++) expected += (key * 3 + latest[key]!) % 1_000_000;
    invariant(found[0]!['n'] === tableRows && Number(found[0]!['a']) === expected, () => `read back ${JSON.stringify(found, (_, value: unknown) => String(value))}, expected ${tableRows} rows, sum ${expected}`);
    await again.close();
    const figures = (values: readonly number[]): object => ({epochs: values.length, p50: quantile(values, 0.5), p99: quantile(values, 0.99), most: quantile(values, 1)});
    return {
      id: 'A24', rounds, tableRows, checkpointMs: checkpointMs.map(Math.round), compactions: metrics.get('millrace_compactions_total'),
      oneRow: {outside: figures(ms.outside.one), during: figures(ms.during.one)}, thousandRows: {outside: figures(ms.outside.thousand), during: figures(ms.during.thousand)},
      /** p99 during a checkpoint / outside; the goal is 1.2 or less. */
      ratio: {oneRow: quantile(ms.during.one, 0.99) / quantile(ms.outside.one, 0.99), thousandRows: quantile(ms.during.thousand, 0.99) / quantile(ms.outside.thousand, 0.99)},
      verifiedRows: tableRows,
    };
  } finally {
    rmSync(path, {recursive: true, force: true});
  }
}
