/**
 * Whether what a stopped warehouse says of its past holds together: checkpoints with each other and with the tables' folders, the log
 * with the newest checkpoint, the catalog through the log's tail, the files that the tail names, the positions of subscriptions. Reads
 * only, collects what is wrong, and throws nothing of what is on disk.
 */
import {systemClock} from '../base/clock.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import {InvariantError} from '../base/invariant.ts';
import {Catalog} from '../catalog/catalog.ts';
import {decodeRecord} from '../catalog/record-json.ts';
import {formOf} from '../catalog/forms.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import type {LogReport} from '../storage/log/check-log.ts';
import type {Frame} from '../storage/log/frame.ts';
import {checkpointPath, listCheckpoints, loadCheckpoint, type Checkpoint} from '../storage/lsm/checkpoint-file.ts';
import {TablePaths} from '../storage/lsm/table-paths.ts';
import type {PreparedFiles} from '../storage/lsm/flush.ts';
import {fileChecksum} from './bulk-delta.ts';
import {deltaPaths, preparedOf} from './bulk-files.ts';
import {tagProblems, type CheckProblem} from './check-tags.ts';
import {logDirectory, metaDirectory} from './layout.ts';
import {tableHome} from './table-home.ts';

/** The files of a delta by reference. */
export interface PreparedDelta {
  /** As it was when they were written. */
  readonly table: TableSpec;
  readonly prepared: PreparedFiles;
  readonly epoch: number;
}

export class HistoryCheck {
  readonly problems: CheckProblem[] = [];
  readonly #files: FileSystem;
  readonly #directory: string;
  /** Whole ones, rising. */
  readonly #checkpoints: Checkpoint[] = [];
  #checkpointCount = 0;
  #catalog: Catalog | null = null;
  /** Of the newest frame whose changes of the catalog fit; the tail ends there. */
  #folded = 0;
  #foldable = true;
  #aside = new Set<TableId>();

  private constructor(files: FileSystem, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /** Reads the checkpoints; the log is given frame by frame after that. */
  static async open(files: FileSystem, directory: string): Promise<HistoryCheck> {
    const check = new HistoryCheck(files, directory);
    await check.#readCheckpoints();
    return check;
  }

  get newest(): Checkpoint | null {
    return this.#checkpoints.at(-1) ?? null;
  }

  get checkpointCount(): number {
    return this.#checkpointCount;
  }

  async #readCheckpoints(): Promise<void> {
    const home = metaDirectory(this.#directory);
    const epochs = await listCheckpoints(this.#files, home);
    this.#checkpointCount = epochs.length;
    for (const epoch of epochs) {
      const where = checkpointPath(home, epoch);
      try {
        const checkpoint = await loadCheckpoint(this.#files, home, epoch);
        if (checkpoint === undefined) {
          this.problems.push({where, what: 'is cut off: it is ignored'});
          continue;
        }
        this.#catalog = foldable(() => Catalog.fromSnapshot(checkpoint.catalog));
        this.#checkpoints.push(checkpoint);
        this.#folded = epoch;
      } catch (cause) {
        this.problems.push({where, what: asWarehouseError(cause).message});
      }
    }
  }

  /** Takes a frame of the log, in order; those of epochs up to the newest checkpoint's say nothing new. */
  async frame(frame: Frame, where: string): Promise<void> {
    if (frame.epoch <= this.#folded || !this.#foldable) return;
    const catalog = (this.#catalog ??= new Catalog());
    try {
      foldable(() => {
        for (const text of frame.header.ddl) {
          const record = decodeRecord(String(text));
          if (record.kind === 'drop-table') this.#aside.add(record.id);
          catalog.apply(record);
        }
        for (const {tableId} of frame.tables) if (catalog.byId(tableId as TableId) === undefined) throw new WarehouseError('data', 'MR_CATALOG_DAMAGED', `rows of table ${tableId}, which does not exist`);
      });
      this.#folded = frame.epoch;
    } catch (cause) {
      // What follows cannot be judged: the catalog is not the one that it was made for.
      this.#foldable = false;
      this.problems.push({where, what: `epoch ${frame.epoch} does not fit what was before it: ${asWarehouseError(cause).message}`});
      return;
    }
    for (const {tableId, files} of frame.tables) {
      await this.#reference(frame, tableId as TableId, files, where);
      const table = catalog.byId(tableId as TableId)!;
      const prepared = preparedOf(frame.header, tableId);
      if (prepared !== undefined) this.#prepared.push({table: formOf(table, prepared.schemaId) ?? table, prepared, epoch: frame.epoch});
    }
  }

  /** Files that only frames of the tail name, of tables that are there at its end; to be verified like those of snapshots. */
  preparedFiles(): readonly PreparedDelta[] {
    return this.#prepared.filter(({table}) => this.#catalog?.byId(table.id) !== undefined);
  }
  readonly #prepared: PreparedDelta[] = [];

  /** The files of a delta by reference, which only the log names until the next checkpoint. */
  async #reference(frame: Frame, id: TableId, named: Frame['tables'][number]['files'], where: string): Promise<void> {
    if (named.length === 0) return;
    try {
      const paths = await deltaPaths(this.#files, this.#directory, id, named);
      for (const [index, path] of paths.entries()) {
        const found = await fileChecksum(this.#files, path);
        const {checksum} = named[index]!;
        if (found !== checksum) this.problems.push({where: path, what: `epoch ${frame.epoch} of the log names it with checksum ${checksum}, found ${found}`});
      }
    } catch (cause) {
      // A table that was dropped later may have taken its files along.
      if (cause instanceof WarehouseError && cause.code === 'MR_DELTA_GONE') this.#gone.push({id, where, what: `epoch ${frame.epoch}: ${cause.message}`});
      else this.problems.push({where, what: asWarehouseError(cause).message});
    }
  }
  readonly #gone: {readonly id: TableId; readonly where: string; readonly what: string}[] = [];

  /** Everything that takes the whole: after the last frame. */
  async finish(log: LogReport): Promise<void> {
    for (const {id, where, what} of this.#gone) if (!this.#aside.has(id)) this.problems.push({where, what});
    this.#joins(log);
    await this.#chain();
    this.#subscriptions(log);
    await this.#tags(log);
  }

  async #tags(log: LogReport): Promise<void> {
    if (this.#catalog === null || !this.#foldable) return;
    const newest = Math.max(this.#folded, log.segments.at(-1)?.lastEpoch ?? 0);
    this.problems.push(...await tagProblems({
      files: this.#files, directory: this.#directory, tags: this.#catalog.tags(), checkpoints: this.#checkpoints, newest, oldest: this.newest?.oldest ?? 0, nowMs: systemClock.nowMs(),
    }));
  }

  /** The log must go on where the newest checkpoint ends, and reach it. */
  #joins(log: LogReport): void {
    const where = logDirectory(this.#directory);
    const at = this.newest?.epoch ?? 0;
    const [first] = log.segments;
    const last = log.segments.at(-1);
    if (first === undefined || last === undefined) {
      if (at > 0) this.problems.push({where, what: `holds no segment, the newest checkpoint is at epoch ${at}`});
      return;
    }
    if (first.firstEpoch > at + 1) this.problems.push({where, what: `begins with epoch ${first.firstEpoch}, the newest whole checkpoint is at epoch ${at}: epochs between them are missing`});
    // What checkpoints of format 1 do not tell (untold-history.ts).
    const untold = this.#checkpoints.findLast(({previous}) => previous === null)?.epoch ?? 0;
    const oldest = this.newest?.previous === null ? untold : this.newest?.oldest ?? 0;
    if (oldest < untold && first.firstEpoch > oldest + 1) this.problems.push({where, what: `begins with epoch ${first.firstEpoch}, history is told to reach back to epoch ${oldest}, and checkpoints tell nothing of the epochs up to ${untold}`});
    if (last.lastEpoch < at) this.problems.push({where, what: `ends with epoch ${last.lastEpoch}, the newest checkpoint is at epoch ${at}`});
  }

  /** From the oldest readable epoch on every checkpoint has its predecessor, and the snapshots that it names. */
  async #chain(): Promise<void> {
    const {newest} = this;
    if (newest === null) return;
    const known = new Set<number>(this.#checkpoints.map(({epoch}) => epoch));
    const home = metaDirectory(this.#directory);
    for (const checkpoint of this.#checkpoints) {
      if (checkpoint.epoch < newest.oldest && checkpoint !== newest) continue;
      const {previous} = checkpoint;
      if (previous !== null && previous > 0 && previous >= newest.oldest && !known.has(previous)) this.problems.push({where: checkpointPath(home, checkpoint.epoch), what: `comes after checkpoint ${previous}, which is missing: history is told to reach back to epoch ${newest.oldest}`});
      for (const table of checkpoint.tables) {
        if (table.snapshotId === 0) continue;
        const at = await tableHome(this.#files, this.#directory, table);
        if (!(await this.#files.exists(new TablePaths(at).snapshot(table.snapshotId)))) this.problems.push({where: at, what: `snapshot ${table.snapshotId}, which checkpoint ${checkpoint.epoch} names, is missing`});
      }
    }
  }

  #subscriptions(log: LogReport): void {
    if (this.#catalog === null || !this.#foldable) return;
    const newest = Math.max(this.#folded, log.segments.at(-1)?.lastEpoch ?? 0);
    const oldest = this.newest?.oldest ?? 0;
    for (const {name, position: {epoch}, ended} of this.#catalog.subscriptions()) {
      if (ended !== undefined) continue;
      const where = `subscription ${name}`;
      if (epoch > newest) this.problems.push({where, what: `is committed through epoch ${epoch}, the newest is ${newest}`});
      else if (epoch < oldest) this.problems.push({where, what: `goes on after epoch ${epoch}, history is kept from epoch ${oldest} on only`});
    }
  }
}

/** Runs a fold of what came from disk: what does not fit is damage there, not a bug here. */
function foldable<T>(fold: () => T): T {
  try {
    return fold();
  } catch (cause) {
    if (!(cause instanceof InvariantError)) throw cause;
    throw new WarehouseError('data', 'MR_CATALOG_DAMAGED', cause.message, {cause, hint: 'restore the folder from a backup'});
  }
}
