/**
 * C1: space and write amplification after every key was rewritten twice, against one fully compacted zstd Parquet file of the same rows;
 * and the number of files over a run of small writes (`--minutes`, default 10), one checkpoint a second, with what bounds it.
 */
import {mkdtemp, readdir, rm, stat} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {invariant} from '../base/invariant.ts';
import {Warehouse} from '../engine/warehouse.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {quoteLiteral} from '../kernel/quote.ts';
import {Numbers} from './orders.ts';
import {shuffledKeys, wideColumns, wideRows, wideTable} from './wide-rows.ts';

export async function run(options: Record<string, number>): Promise<object> {
  const {rows = 1_000_000, minutes = 10} = options;
  const path = await mkdtemp(join(tmpdir(), 'millrace-c1-'));
  try {
    const space = await spaceAfterRewrites(join(path, 'space'), rows);
    const files = minutes === 0 ? 'not run' : await fileCounts(join(path, 'small'), minutes);
    return {id: 'C1', rows, ...space, goal: '≤ 1.3 × (live files; the cache and retained history apart)', smallWrites: files, verified: 'row counts after each run; check finds no problem'};
  } finally {
    await rm(path, {recursive: true, force: true});
  }
}

async function spaceAfterRewrites(path: string, rows: number): Promise<object> {
  const warehouse = await Warehouse.open({path});
  const numbers = new Numbers(5);
  let writtenBytes = 0;
  try {
    await warehouse.sql(wideTable);
    for (let pass = 0; pass < 3; pass++) {
      const order = shuffledKeys(numbers, rows);
      for (let start = 0; start < rows; start += 50_000) {
        const keys = order.slice(start, start + 50_000);
        await warehouse.insertColumns('wide', wideRows(numbers, keys), keys.length);
        writtenBytes += keys.length * (4 + 10 * wideColumns);
      }
    }
    await warehouse.sql('CHECKPOINT');
    await warehouse.sql('COMPACT TABLE wide');
    const [found] = (await warehouse.sql('SELECT count(*) AS n FROM wide')).rows;
    invariant(found!['n'] === BigInt(rows), () => `${String(found!['n'])} rows`);
    const live = (await warehouse.sql('SELECT * FROM wide$files')).rows;
    const liveBytes = live.reduce((sum, row) => sum + Number(row['file_size_in_bytes'] ?? row['bytes'] ?? row['file_bytes']), 0);
    await using kernel = await Kernel.open({threads: 2, memoryBytes: 2 ** 31});
    await using session = await kernel.connect();
    const file = join(path, '..', 'plain.parquet');
    const data = (await readFolder(join(path, 'default.db', 'wide'))).filter(({name}) => /data-.*\.parquet$/.test(name));
    const newest = data.filter(({name}) => live.some((row) => String(row['file_path'] ?? row['file'] ?? row['path']).endsWith(name.split('/').at(-1)!)));
    await session.run(`COPY (SELECT k, ${Array.from({length: wideColumns}, (_, index) => `c${index}`).join(', ')} FROM read_parquet([${newest.map(({name}) => quoteLiteral(name)).join(', ')}])) TO ${quoteLiteral(file)} (FORMAT parquet, COMPRESSION zstd)`);
    const plainBytes = (await stat(file)).size;
    const all = await readFolder(path);
    const onDisk = all.filter(({name}) => !name.includes('/_millrace/live/')).reduce((sum, {bytes}) => sum + bytes, 0);
    return {liveFiles: live.length, liveBytes, plainBytes, ratio: Number((liveBytes / plainBytes).toFixed(2)), withHistoryAndLog: Number((onDisk / plainBytes).toFixed(2)), rawBytesWritten: writtenBytes};
  } finally {
    await warehouse.close();
  }
}

async function fileCounts(path: string, minutes: number): Promise<object> {
  const warehouse = await Warehouse.open({path, checkpointMs: 1000, historyRetentionMs: 60_000});
  const counts: {second: number; data: number; changelog: number; manifest: number; snapshot: number; checkpoints: number}[] = [];
  try {
    await warehouse.sql('CREATE TABLE small (k BIGINT PRIMARY KEY, n BIGINT)');
    const startMs = performance.now();
    let written = 0;
    for (let sample = 0; performance.now() - startMs < minutes * 60_000;) {
      await warehouse.sql(`INSERT INTO small SELECT (hash(i, ${written}) % 100000)::BIGINT, ${written} FROM range(20) r(i)`);
      written++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (performance.now() - startMs < sample * 15_000) continue;
      sample++;
      const names = (await readFolder(path)).map(({name}) => name);
      const of = (pattern: RegExp): number => names.filter((name) => pattern.test(name)).length;
      counts.push({second: Math.round((performance.now() - startMs) / 1000), data: of(/\/data-[^/]*\.parquet$/), changelog: of(/\/changelog-[^/]*\.parquet$/), manifest: of(/\/manifest\//), snapshot: of(/\/snapshot-\d+$/), checkpoints: of(/\/checkpoint\/\d+\.json$/)});
    }
    const [found] = (await warehouse.sql('SELECT count(*) AS n FROM small')).rows;
    invariant(Number(found!['n']) > 0, 'rows of the small writes');
    const all = counts.map(({data, changelog}) => data + changelog);
    return {minutes, epochs: written, retentionMs: 60_000, dataAndChangelogMax: Math.max(...all), last: counts.at(-1), everyFourth: counts.filter((_, index) => index % 4 === 0)};
  } finally {
    await warehouse.close();
  }
}

async function readFolder(path: string): Promise<{name: string; bytes: number}[]> {
  const names = await readdir(path, {recursive: true, withFileTypes: true});
  const files: {name: string; bytes: number}[] = [];
  for (const entry of names) {
    if (!entry.isFile() || entry.name === 'lock.duckdb') continue;
    const name = join(entry.parentPath, entry.name);
    const found = await stat(name).catch(() => null); // it may have gone meanwhile
    if (found !== null) files.push({name, bytes: found.size});
  }
  return files;
}
