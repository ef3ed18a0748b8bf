/**
 * What an opening needs before it answers reads, on the main thread: the past, the changelog and the live relation at the newest epoch,
 * of what the engine found (worker-recovery.ts): a checkpoint and the log's tail. Tables that have rows are read from files and tail until
 * the read cache is filled from those; one that the process before left and that is current is used at once.
 */
import {WarehouseError} from '../base/error.ts';
import {epoch as toEpoch} from '../base/epoch.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {DdlRecord} from '../catalog/spec.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import type {Session} from '../kernel/session.ts';
import {EpochHistory} from '../query/history.ts';
import {LiveRelation} from '../query/live.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {decodeFrame} from '../storage/log/frame.ts';
import type {ColdReader} from './cold.ts';
import {epochsOfFiles} from './history-files.ts';
import {keptTables, type LivePlace} from './live-image.ts';
import {readLog} from './log-reader.ts';
import type {Past} from './past.ts';
import {Progress} from './progress.ts';
import {RecoveredTail} from './recovered-tail.ts';
import {sealedFromFrame, type SealedSource} from './sealed.ts';
import {TailNets} from './tail-nets.ts';
import {warmCache} from './warm-cache.ts';
import type {EngineEvent, WorkerClient} from './worker-client.ts';

/** A tail of fewer changes is read as it is; of more, what it says last of each key is put into tables first. */
const netRowsMin = 5_000;

export interface ReaderParts {
  readonly serve: Kernel;
  readonly client: WorkerClient;
  readonly place: LivePlace;
  readonly readCache: boolean;
  readonly past: Past;
  readonly cold: ColdReader;
  readonly source: SealedSource;
  readonly catalog: Catalog;
  /** Takes a record into the catalog. */
  readonly fold: (record: DdlRecord) => void;
  /** Whether the warehouse closes. */
  readonly stopped: () => boolean;
}

export interface Readers {
  readonly live: LiveRelation;
  readonly history: EpochHistory;
  readonly progress: Progress;
  /** Tables whose read cache of the process before is used again. */
  readonly reusedTables: number;
  /** Epochs after the checkpoint. */
  readonly tailEpochs: number;
  /** Fills the read cache; does not fail. */
  readonly fill: () => Promise<void>;
}

/** @throws {WarehouseError} `MR_CACHE_FAILED` (data) when the cache that was left is not what its note says: without it the opening succeeds. */
export async function openReaders({serve, client, place, readCache, past, cold, source, catalog, fold, stopped}: ReaderParts, found: Extract<EngineEvent, {kind: 'recovered'}>): Promise<Readers> {
  const {checkpoint, frames} = found;
  const since = toEpoch(checkpoint.epoch);
  for (const record of found.catalog) fold(record);
  await past.begin(since, toEpoch(found.oldest));
  const history = new EpochHistory({
    at: since, oldest: () => past.oldest, readLog: (from, until) => readLog(client, source, from, until),
    readFiles: (from, until, tables) => epochsOfFiles({directory: place.directory, kernel: serve, past}, from, until, tables),
  });
  const progress = new Progress(checkpoint, found.position);
  const tail = new RecoveredTail(nodeFileSystem, place.directory, since);
  for (const bytes of frames) {
    const frame = decodeFrame(bytes, true);
    const sealed = sealedFromFrame(frame, source);
    for (const record of sealed.ddl) fold(record);
    past.note(sealed.epoch, sealed.timeMs, sealed.ddl);
    progress.note(sealed);
    history.append(sealed);
    tail.add(frame);
  }
  const changed = tail.changedTables().flatMap((id) => catalog.byId(id) ?? []);
  const nets = changed.reduce((sum, {id}) => sum + tail.rowsOf(id), 0) < netRowsMin ? null : new TailNets(serve, tail, changed);
  if (frames.length > 0) cold.tail = {changes: tail, nets};
  const kept = keptTables(place.image, found.positioned);
  const live = await LiveRelation.open(serve, tail.until, {off: !readCache}, kept);
  const withRows = new Set([...checkpoint.tables.filter(({snapshot}) => snapshot !== null).map(({table}) => table), ...changed.map(({id}) => id)].filter((id) => catalog.byId(id) !== undefined));
  const reusedTables = await live.define(catalog.records(), withRows);
  // The engine has given their rows the positions of the process before already: the opening begins anew, without.
  if (reusedTables !== kept.length) throw new WarehouseError('data', 'MR_CACHE_FAILED', `the read cache has ${reusedTables} whole tables, its note names ${kept.length}`);
  const fill = async (): Promise<void> => {
    const bound: string[] = [];
    let last: Session | null = null;
    await warmCache(live, [...withRows], async (table, session) => {
      last = session;
      return cold.content(table, checkpoint, tail, nets, session, bound);
    }, stopped);
    if (live.coldTables.size === 0) nets?.retire();
    for (const name of bound) (last as Session | null)?.unbindRelation(name);
  };
  return {live, history, progress, reusedTables, tailEpochs: frames.length, fill: readCache ? fill : () => Promise.resolve()};
}
