/**
 * The read cache over a clean close: `_millrace/live/live.json` says what `live.duckdb` beside it holds, and is there only while nobody
 * writes to it. An opening takes the note away before it uses the cache; what was killed leaves none, and its cache is made anew.
 *
 * The cache is used again only if all of this holds: the note is whole (CRC) and this warehouse's; the same version of DuckDB wrote
 * it; the newest checkpoint is of the note's epoch; the database says that epoch; its row counts are the note's; and the worker
 * found the positions of the rows (position-image.ts).
 */
import {mkdir, readdir, readFile, rm, writeFile, rename} from 'node:fs/promises';
import {join} from 'node:path';
import {crc32} from 'node:zlib';
import type {Epoch} from '../base/epoch.ts';
import type {TableId} from '../catalog/spec.ts';
import {duckdbVersion} from '../kernel/duckdb.ts';
import type {LiveRelation} from '../query/live.ts';
import type {CachedTable} from '../query/live-kept.ts';
import {checkpointDirectory, liveDirectory} from './layout.ts';

export interface LiveImage {
  readonly warehouse: string;
  readonly duckdb: string;
  readonly epoch: Epoch;
  readonly tables: readonly CachedTable[];
}

const formatVersion = 1;
const notePath = (directory: string): string => join(liveDirectory(directory), 'live.json');

/** Where an opening finds what. */
export interface LivePlace {
  readonly directory: string;
  readonly warehouseId: string;
  /** Of the read cache's database: its folder is there; without an image it is not. */
  readonly databasePath: string;
  /** What the database holds. */
  readonly image: LiveImage | null;
}

/** Starts with the cache of the process before, if there is one that can be right; if that fails, once more without. */
export async function withLiveImage<T>(directory: string, warehouse: string, wanted: boolean, start: (place: LivePlace) => Promise<T>): Promise<T> {
  const {image, databasePath} = await takeLiveImage(directory, warehouse);
  if (image !== null && wanted) {
    try {
      return await start({directory, warehouseId: warehouse, databasePath, image});
    } catch {
      // Whatever it was: without that cache it must go, or say why it cannot.
    }
  }
  if (image !== null) await clearLive(directory);
  return start({directory, warehouseId: warehouse, databasePath, image: null});
}

/** Takes the note, if there is one that can be right; otherwise clears the cache away. */
async function takeLiveImage(directory: string, warehouse: string): Promise<Pick<LivePlace, 'databasePath' | 'image'>> {
  const live = liveDirectory(directory);
  const databasePath = join(live, 'live.duckdb');
  const image = await readNote(directory).catch(() => null);
  const usable = image !== null && image.warehouse === warehouse && image.duckdb === duckdbVersion() && image.epoch === await newestCheckpointEpoch(directory);
  await rm(notePath(directory), {force: true});
  if (!usable) await clearLive(directory);
  for (const name of ['temp', 'maintain']) await rm(join(live, name), {recursive: true, force: true});
  await mkdir(join(live, 'temp'), {recursive: true});
  return {image: usable ? image : null, databasePath};
}

/** Clears the cache away: it will be made anew. */
async function clearLive(directory: string): Promise<void> {
  await rm(liveDirectory(directory), {recursive: true, force: true});
  await mkdir(join(liveDirectory(directory), 'temp'), {recursive: true});
}

/** Leaves the read cache to the next opening, if it is whole and stands where the warehouse does: nobody writes to it any more. */
export async function saveLiveImage({directory, warehouseId: warehouse}: LivePlace, live: LiveRelation, epoch: number, positioned: readonly TableId[]): Promise<void> {
  const known = new Set(positioned);
  const saved = await live.save();
  if (saved === null || saved.epoch !== epoch) return;
  const image: LiveImage = {warehouse, duckdb: duckdbVersion(), epoch: saved.epoch, tables: saved.tables.filter(({id}) => known.has(id))};
  const body = JSON.stringify({format: formatVersion, ...image});
  const path = notePath(directory);
  await writeFile(`${path}.tmp`, `${JSON.stringify({crc: crc32(Buffer.from(body)), body})}\n`, {flush: true});
  await rename(`${path}.tmp`, path);
}

async function readNote(directory: string): Promise<LiveImage | null> {
  const {crc, body} = JSON.parse(await readFile(notePath(directory), 'utf8')) as {crc: number; body: string};
  if (crc32(Buffer.from(body)) !== crc) return null;
  const {format, ...image} = JSON.parse(body) as {format: number} & LiveImage;
  return format === formatVersion ? image : null;
}

async function newestCheckpointEpoch(directory: string): Promise<number> {
  const names = await readdir(checkpointDirectory(directory));
  return names.reduce((newest, name) => Math.max(newest, Number(/^(\d+)\.json$/.exec(name)?.[1] ?? -1)), -1);
}

/** @returns the ids of the tables of an image that the worker found the positions of. */
export function keptTables(image: LiveImage | null, positioned: readonly TableId[]): CachedTable[] {
  const known = new Set(positioned);
  return image === null ? [] : image.tables.filter(({id}) => known.has(id));
}
