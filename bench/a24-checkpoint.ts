/**
 * A24: does a checkpoint disturb ingest? Epochs of 1 row (32 of 33) and of 1,000 rows are offered every `everyMs`, each measured from
 * the moment that it was due to the answer (logged and visible), while the checkpoint is written that the warehouse begins by itself after
 * `tailMiB` of upserts, and without one, in turn in one run. The first `warm` checkpoints are not measured: V8 compiles then what runs in
 * checkpoints only. With `--asked 1` the checkpoint is asked for: then it makes no
 * rests. Compaction runs in the background as it does. The table is read back at the end, over a restart.
 */
import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {scheduler} from 'node:timers/promises';
import {join} from 'node:path';
import type {Column} from '../base/delta.ts';
import {invariant} from '../base/invariant.ts';
import {checkpointDirectory} from '../engine/layout.ts';
import {Warehouse} from '../engine/warehouse.ts';
import {quantile} from './statistics.ts';

const fillRows = 20_000;
/** Each spell is led in by the load that it measures: what the filling left to be done (publishing, sweeps, collections) is over then. */
const leadInBytes = 2 << 20;
/** Epochs between two looks at whether a checkpoint has ended. */
const looks = 10;
/** One epoch of so many is of 1,000 rows. */
const thousandEvery = 33;
/** A spell outside of checkpoints: as long as the one before, and not so long that the tail calls for the next. */
const outsideMsMax = 12_000;

/** Rows with keys from `keys`, of about 60 bytes. */
function rows(keys: Int32Array, round: number): readonly Column[] {
  const rowCount = keys.length;
  const values = (factor: number): Column => ({kind: 'f64', data: Float64Array.from(keys, (key) => (key * factor + round) % 1_000_000), valid: null, bound: 1_000_000});
  invariant(rowCount > 0, 'rows of no keys');
  return [{kind: 'i32', data: keys, valid: null}, values(3), values(7), values(11), values(13), values(17)];
}

interface Measured {
  readonly one: number[];
  readonly thousand: number[];
  /** Where in `one` each spell ends. */
  readonly ends: number[];
}

/** @returns p99 of the epochs of one row, spell by spell: shows which of them a pause of the machine was in. Those beside checkpoints are longer, so more of them have one. */
function spells({one, ends}: Measured): number[] {
  return ends.map((end, i) => Number(quantile(one.slice(ends[i - 1] ?? 0, end), 0.99).toFixed(2)));
}

/** @param options.rounds checkpoints that are measured, after `warm` others; `tailMiB` changes of each; `tableRows` rows of the table; `asked` 1: checkpoints are asked for. */
export async function run({rounds = 20, warm = 3, tailMiB = 48, tableRows = 1_000_000, everyMs = 4, asked = 0}: {rounds?: number; warm?: number; tailMiB?: number; tableRows?: number; everyMs?: number; asked?: number} = {}): Promise<object> {
  const path = mkdtempSync(join(tmpdir(), 'millrace-a24-'));
  try {
    const tailBytes = tailMiB * 2 ** 20;
    const options = {path, checkpointMs: 3_600_000, checkpointBytes: asked === 1 ? 16 * tailBytes : tailBytes};
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
    const metric = async (name: string): Promise<number> => (await warehouse.metrics()).find((one) => one.name === `millrace_${name}`)!.value;
    const newestCheckpoint = (): number => Math.max(0, ...readdirSync(checkpointDirectory(path)).map((name) => Number.parseInt(name, 10)).filter((epoch) => epoch > 0));
    for (let from = 0; from < tableRows; from += fillRows) {
      await warehouse.insertColumns('t', rows(Int32Array.from({length: Math.min(fillRows, tableRows - from)}, (_, i) => from + i), 0), Math.min(fillRows, tableRows - from));
    }
    await warehouse.checkpoint();
    const ms: Readonly<Record<'outside' | 'during', Measured>> = {outside: {one: [], thousand: [], ends: []}, during: {one: [], thousand: [], ends: []}};
    const measure = async (into: Measured | null, going: () => boolean | Promise<boolean>): Promise<void> => {
      for (let due = performance.now(), turn = 0; turn % looks !== 0 || await going(); turn++) {
        const late = performance.now() - due;
        const large = turn % thousandEvery === thousandEvery - 1;
        const taken = late + await write(large ? 1000 : 1);
        if (into !== null) (large ? into.thousand : into.one).push(taken);
        due += everyMs;
        const left = due - performance.now();
        if (left > 0) await scheduler.wait(left);
      }
      into?.ends.push(into.one.length);
    };
    const leadIn = (bytes: number): Promise<void> => measure(null, async () => await metric('checkpoint_tail_bytes') < bytes);
    const checkpointMs: number[] = [];
    /** Bytes that the tail grew by outside of a checkpoint, most. */
    let grown = tailBytes / 4;
    const outside = async (): Promise<void> => {
      const until = performance.now() + Math.min(outsideMsMax, checkpointMs.at(-1) ?? 0);
      const [bytes, count] = [await metric('checkpoint_tail_bytes'), await metric('checkpoints_total')];
      // The same look, so that it costs both the same.
      await measure(ms.outside, () => newestCheckpoint() >= 0 && performance.now() < until);
      const left = await metric('checkpoint_tail_bytes');
      invariant(left < options.checkpointBytes && await metric('checkpoints_total') === count, 'a checkpoint began while none was to be under way: take fewer or smaller epochs');
      grown = Math.max(grown, left - bytes);
    };
    for (let i = 0; i < warm + rounds; i++) {
      if (i === warm) for (const {one, thousand, ends} of [ms.outside, ms.during]) one.length = thousand.length = ends.length = 0;
      // Room for what leads in and for what is measured before the checkpoint begins.
      const room = leadInBytes + (i % 2 === 1 ? 1.2 * grown : 0);
      while (await metric('checkpoint_tail_bytes') < tailBytes - room) await write(fillRows);
      await leadIn(tailBytes - room + leadInBytes);
      if (i % 2 === 1) await outside();
      if (asked === 0) await leadIn(tailBytes);
      const since = newestCheckpoint();
      const startMs = performance.now();
      if (asked === 0) await measure(ms.during, () => newestCheckpoint() === since);
      else {
        let done = false;
        const checkpoint = warehouse.checkpoint().finally(() => {
          done = true;
        });
        await measure(ms.during, () => newestCheckpoint() >= 0 && !done);
        await checkpoint;
      }
      checkpointMs.push(performance.now() - startMs);
      if (i % 2 === 0) await outside();
    }
    const compactions = await metric('compactions_total');
    await warehouse.close();
    const again = await Warehouse.open(options);
    const {rows: found} = await again.sql('SELECT count(*)::INTEGER AS n, sum(a)::BIGINT AS a FROM t');
    let expected = 0;
    for (let key = 0; key < tableRows; key++) expected += (key * 3 + latest[key]!) % 1_000_000;
    invariant(found[0]!['n'] === tableRows && Number(found[0]!['a']) === expected, () => `read back ${JSON.stringify(found, (_, value: unknown) => String(value))}, expected ${tableRows} rows, sum ${expected}`);
    await again.close();
    const figures = (values: readonly number[]): object => ({epochs: values.length, p50: quantile(values, 0.5), p99: quantile(values, 0.99), p999: quantile(values, 0.999), most: quantile(values, 1)});
    return {
      id: 'A24', rounds, warm, tableRows, asked, checkpointMs: checkpointMs.slice(warm).map(Math.round), compactions,
      oneRow: {outside: figures(ms.outside.one), during: figures(ms.during.one)}, thousandRows: {outside: figures(ms.outside.thousand), during: figures(ms.during.thousand)},
      spells: {outside: spells(ms.outside), during: spells(ms.during)},
      /** p99 during a checkpoint / outside; the goal is 1.2 or less. */
      ratio: {oneRow: quantile(ms.during.one, 0.99) / quantile(ms.outside.one, 0.99), thousandRows: quantile(ms.during.thousand, 0.99) / quantile(ms.outside.thousand, 0.99)},
      verifiedRows: tableRows,
    };
  } finally {
    rmSync(path, {recursive: true, force: true});
  }
}
