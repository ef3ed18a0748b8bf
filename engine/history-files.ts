/**
 * Epochs whose frames are gone from the log, told again from files. What a frame said beside rows (definitions, times, which sequence
 * numbers an epoch took) stands in the checkpoint after it; rows stand in changelog files, of append tables in data files, which the
 * sequence numbers cut into epochs. An epoch read so holds the same rows in the same order as its frame did.
 *
 * Small epochs are read many at once: a *span* is consecutive epochs of at most `spanRowsMax` rows, one query a table, and nothing is
 * held open between two spans, so a slow reader keeps neither memory nor files. A large epoch is handed on as a delta by reference.
 */
import {concatBatches} from '../base/columns.ts';
import type {ChangeBatch} from '../base/delta.ts';
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {systemClock} from '../base/clock.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import {decodeRecords} from '../catalog/record-json.ts';
import {formAt} from '../catalog/forms.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import {expired} from '../query/history.ts';
import {lazily, type SealedEpoch, type SealedTable} from '../query/sealed-epoch.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {changelogSql} from '../storage/lsm/changelog-sql.ts';
import type {Checkpoint, CheckpointTable} from '../storage/lsm/checkpoint-file.ts';
import {indexAfter} from '../storage/lsm/epoch-numbers.ts';
import {PaimonTable} from '../storage/lsm/paimon-table.ts';
import {entryOf} from './cold.ts';
import {deltaBatches, sliceBatch} from './delta-sql.ts';
import {typesOf} from './frame-batch.ts';
import type {Past} from './past.ts';
import {asReadersSee, pairedRowsMax} from './sealed.ts';
import {tableForm} from './table-form.ts';
import {tableHome} from './table-home.ts';

export interface FileSource {
  /** The warehouse's folder. */
  readonly directory: string;
  /** Where files are read. */
  readonly kernel: Kernel;
  readonly past: Past;
}

/** Rows of small epochs that are read at once: a larger epoch is one whose changes are not paired. */
const spanRowsMax = pairedRowsMax;

/** One epoch's changes of a table: those with numbers [start, end). */
interface Piece {
  readonly source: TableFiles;
  readonly start: number;
  readonly end: number;
}

/**
 * Epochs (since, until] as far as there are checkpoints, in order, none left out; those that changed none of `tables` are empty.
 *
 * @throws {WarehouseError} `MR_EPOCH_EXPIRED` when files do not reach back to `since`, or no longer do.
 */
export async function* epochsOfFiles(source: FileSource, since: Epoch, until: Epoch, tables: readonly TableSpec[]): AsyncGenerator<SealedEpoch> {
  for (let at = since; at < until;) {
    const after = await source.past.checkpointAfter(at);
    if (after === undefined) return;
    if (after.previous === null || after.previous > at) throw expired(at, source.past.oldest);
    const end = toEpoch(Math.min(until, after.epoch));
    if (after.previous !== 0 && (await source.past.checkpoint(after.previous)) === undefined) throw expired(at, source.past.oldest);
    const files: TableFiles[] = [];
    for (const table of tables) {
      const entry = entryOf(after, table.id);
      if (entry !== undefined && entry.epochs.epochs.length > 0) files.push(new TableFiles(source, table, after, entry));
    }
    yield* epochsOfCheckpoint(source, after, files, at, end);
    at = end;
  }
}

async function* epochsOfCheckpoint(source: FileSource, after: Checkpoint, files: readonly TableFiles[], since: Epoch, until: Epoch): AsyncGenerator<SealedEpoch> {
  const ddl = new Map(after.ddl.map(({epoch, records}) => [epoch, records]));
  const ids = new Set(files.map(({table}) => table.id));
  const altered = new Set(after.ddl.flatMap(({epoch, records}) => (decodeRecords(records).some((record) => record.kind === 'alter-table' && ids.has(record.table.id)) ? [epoch] : [])));
  const pieces = piecesOf(files, since, until);
  let time = 0;
  const {times} = after;
  let timeMs = times.numbers[0] ?? after.timeMs;
  for (let at = since; at < until;) {
    // A span: epochs up to the one with which their rows would be too many, or a table has another form. One always goes.
    const first = toEpoch(at + 1);
    const taken = new Map<TableFiles, {start: number; end: number}>();
    let rows = 0;
    let last = at;
    for (let epoch = first; epoch <= until; epoch = toEpoch(epoch + 1)) {
      if (epoch > first && altered.has(epoch)) break;
      const small = (pieces.get(epoch) ?? []).filter(({start, end}) => end - start <= spanRowsMax);
      const count = small.reduce((sum, {start, end}) => sum + end - start, 0);
      if (rows > 0 && rows + count > spanRowsMax) break;
      for (const {source: of, start, end} of small) taken.set(of, {start: taken.get(of)?.start ?? start, end});
      rows += count;
      last = epoch;
    }
    const spans = new Map<TableFiles, Span>();
    const release = await source.past.hold(at, 'onward');
    try {
      for (const [of, {start, end}] of taken) spans.set(of, await of.read(start, end, pieces, first, last));
    } finally {
      release();
    }
    for (let epoch = first; epoch <= last; epoch = toEpoch(epoch + 1)) {
      while (time < times.epochs.length && times.epochs[time]! <= epoch) timeMs = times.numbers[time++]!;
      const parts = (pieces.get(epoch) ?? []).map((piece) => spans.get(piece.source)?.take(piece) ?? piece.source.large(piece, epoch));
      yield {epoch, timeMs, ddl: decodeRecords(ddl.get(epoch) ?? []), tables: parts, bytes: 0, loggedBytes: 0};
    }
    at = last;
  }
}

/** @returns what changed in each epoch of (since, until]. */
function piecesOf(files: readonly TableFiles[], since: Epoch, until: Epoch): Map<Epoch, Piece[]> {
  const pieces = new Map<Epoch, Piece[]>();
  for (const source of files) {
    const {epochs: {epochs, numbers}, nextSequence} = source.entry;
    for (let index = indexAfter(source.entry.epochs, since); index < epochs.length && epochs[index]! <= until; index++) {
      const epoch = toEpoch(epochs[index]!);
      const piece = {source, start: numbers[index]!, end: numbers[index + 1] ?? nextSequence};
      const others = pieces.get(epoch);
      if (others === undefined) pieces.set(epoch, [piece]);
      else others.push(piece);
    }
  }
  return pieces;
}

/** The changes of one table between two checkpoints. */
class TableFiles {
  readonly entry: CheckpointTable;
  readonly table: TableSpec;
  readonly #source: FileSource;
  readonly #after: Pick<Checkpoint, 'epoch' | 'previous'>;

  /** @param after the checkpoint that tells of the changes. @param entry the table in it. */
  constructor(source: FileSource, table: TableSpec, after: Checkpoint, entry: CheckpointTable) {
    this.#source = source;
    this.table = table;
    this.entry = entry;
    this.#after = {epoch: after.epoch, previous: after.previous};
  }

  /** Reads rows [start, end) of small epochs: without those that large epochs between them have. */
  async read(start: number, end: number, pieces: ReadonlyMap<Epoch, readonly Piece[]>, first: Epoch, last: Epoch): Promise<Span> {
    const form = formAt(this.table, first);
    const span = new Span(form);
    let from = start;
    for (let epoch = first; epoch <= last; epoch = toEpoch(epoch + 1)) {
      const large = pieces.get(epoch)?.find((piece) => piece.source === this && piece.end - piece.start > spanRowsMax);
      if (large === undefined || large.start >= end || large.end <= from) continue;
      if (large.start > from) span.add(from, await this.#rows(form, from, large.start));
      from = large.end;
    }
    if (from < end) span.add(from, await this.#rows(form, from, end));
    return span;
  }

  /** @returns a large epoch's changes, read when they are asked for. */
  large({start, end}: Piece, epoch: Epoch): SealedTable {
    const table = formAt(this.table, epoch);
    const reference = {sql: (form: TableSpec = table) => this.#sql(form, start, end).then((sql) => `SELECT * EXCLUDE (_seq) FROM (${sql})`), firstPosition: -1, freed: new Float64Array(0)};
    const {kernel, past} = this.#source;
    const batches = async function* (): AsyncGenerator<ChangeBatch, void, undefined> {
      const release = await past.hold(toEpoch(epoch - 1), 'onward');
      try {
        await using session = await kernel.connect();
        yield* deltaBatches(session, typesOf(table), await reference.sql());
      } finally {
        release();
      }
    };
    return {table: table.id, form: () => table, rowCount: end - start, reference, batches, batch: () => invariantBatch()};
  }

  async #rows(form: TableSpec, start: number, end: number): Promise<ChangeBatch> {
    const types = typesOf(form);
    const batches: ChangeBatch[] = [];
    await using session = await this.#source.kernel.connect();
    for await (const batch of deltaBatches(session, types, `SELECT * EXCLUDE (_seq) FROM (${await this.#sql(form, start, end)})`)) batches.push(batch);
    const all = concatBatches(types, batches);
    if (all.rowCount !== end - start) throw new WarehouseError('data', 'MR_HISTORY_DAMAGED', `expected ${end - start} changes of table ${form.schema}.${form.name} from number ${start} on in its files, found ${all.rowCount}`, {hint: 'run `millrace check`'});
    return all;
  }

  /** The checkpoints are looked up now, while the epoch is held: compaction may have told them anew (earlier-snapshots.ts). */
  async #sql(form: TableSpec, start: number, end: number): Promise<string> {
    const {past, directory} = this.#source;
    const entry = entryOf((await past.checkpoint(this.#after.epoch)) ?? null, this.table.id);
    const before = this.#after.previous === null || this.#after.previous === 0 ? null : await past.checkpoint(this.#after.previous);
    if (entry === undefined || before === undefined) throw expired(this.#after.previous ?? 0, past.oldest);
    const paimon = await PaimonTable.open({files: nodeFileSystem, clock: systemClock}, await tableHome(nodeFileSystem, directory, entry), tableForm(form));
    return changelogSql(paimon, {afterSnapshot: entryOf(before, this.table.id)?.snapshotId ?? 0, untilSnapshot: entry.snapshotId, fromSequence: BigInt(start), untilSequence: BigInt(end)}, {columns: form.columns.map((column) => column.name)});
  }
}

/** Rows of one table in memory, by number. */
class Span {
  readonly #table: TableSpec;
  readonly #parts: {readonly start: number; readonly batch: ChangeBatch}[] = [];

  constructor(table: TableSpec) {
    this.#table = table;
  }

  add(start: number, batch: ChangeBatch): void {
    this.#parts.push({start, batch});
  }

  /** @returns the changes of an epoch; undefined if they were not read. */
  take({start, end}: Piece): SealedTable | undefined {
    const part = this.#parts.find((one) => start >= one.start && end <= one.start + one.batch.rowCount);
    if (part === undefined) return undefined;
    const batch = lazily(() => asReadersSee(this.#table, sliceBatch(part.batch, start - part.start, end - part.start)));
    return {table: this.#table.id, form: () => this.#table, rowCount: end - start, batch, batches: () => [batch()], reference: null};
  }
}

function invariantBatch(): never {
  invariant(false, 'a large epoch is read by batches');
}
