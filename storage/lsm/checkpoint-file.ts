/**
 * Checkpoint files `_millrace/checkpoint/<epoch>.json`: the cut across all tables at one epoch. docs/formats/checkpoint.md is the
 * format; in short
 *
 *   JSON of `Checkpoint`, epochs delta-coded, ending `,"crc32":<of all bytes before this comma>}` and a newline
 *
 * A checkpoint also tells of the epochs since the one before it, all that their frames said beside rows: when they were sealed, which
 * sequence numbers they took, what they defined. With the tables' changelog files that is the log in another form, so the log may go.
 *
 * A file appears whole or not at all (temporary name, fsync, rename). One without its end was cut off by a crash and is passed
 * over; one with its end that does not verify is damage and is refused: the log before it may be gone, so an older checkpoint
 * would not be a whole warehouse.
 */
import {join} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import {crc32} from 'node:zlib';
import {epoch, type Epoch} from '../../base/epoch.ts';
import {WarehouseError} from '../../base/error.ts';
import {invariant} from '../../base/invariant.ts';
import {makeDirectoryDurably, writeDurably} from '../file/durable.ts';
import type {FileSystem} from '../file/file-system.ts';
import {codedText, decodeEpochNumbers, epochsBetween, noEpochs, type EpochNumbers} from './epoch-numbers.ts';

/** JSON as it came from elsewhere, kept as it is. */
export type PlainJson = null | boolean | number | string | readonly PlainJson[] | {readonly [key: string]: PlainJson};

export interface CheckpointTable {
  readonly id: number;
  /** Directory of the table, relative to the warehouse. */
  readonly path: string;
  readonly schemaId: number;
  /** Newest snapshot that belongs to this checkpoint; 0 while the table has none. */
  readonly snapshotId: number;
  /** The sequence number that the table's next change takes. */
  readonly nextSequence: number;
  /** Epochs after the checkpoint before this one that changed the table, each with the number of its first change. */
  readonly epochs: EpochNumbers;
  /** The newest epoch that changed the table; absent where nobody noted it. */
  readonly changed?: number;
}

/** What one epoch defined. */
export interface CheckpointDdl {
  readonly epoch: Epoch;
  /** DDL records, in the catalog's own format. */
  readonly records: readonly PlainJson[];
}

/** The beginning of a checkpoint file. */
export interface CheckpointHead {
  readonly epoch: Epoch;
  /** When its epoch was sealed, ms since 1970: the time of `epoch-times.ts`, which never falls. */
  readonly timeMs: number;
  /** The checkpoint before it, 0 if it is the first: it tells of all epochs after that. null: of none (it was written in format 1). */
  readonly previous: Epoch | null;
}

export interface Checkpoint extends CheckpointHead {
  /** When the file was written, ms since 1970. */
  readonly createdMs: number;
  /** The oldest epoch from which everything can be read. What lies below goes after this file is there, never before. */
  readonly oldest: Epoch;
  /** Times of the epochs since `previous` (epoch-times.ts). */
  readonly times: EpochNumbers;
  /** What the epochs since `previous` defined; rising. */
  readonly ddl: readonly CheckpointDdl[];
  readonly tables: readonly CheckpointTable[];
  /** Tables that were dropped since `previous` with changes after it, as their last changes left them. */
  readonly dropped: readonly CheckpointTable[];
  /** All dropped tables whose files are kept aside, by id, each with the newest checkpoint that may name it. */
  readonly aside: readonly (readonly [id: number, through: Epoch])[];
  /** The catalog at this epoch. */
  readonly catalog: PlainJson;
  /** Source positions at this epoch. */
  readonly sources: PlainJson;
  /** Bytes logged up to this epoch since the warehouse was made; absent where nobody counted. */
  readonly loggedBytes?: number;
}

export const CHECKPOINT_FORMAT = 2;
const trailerRe = /,"crc32":(\d{1,10})\}\n$/;

/** @param home the directory `_millrace`. */
export function checkpointPath(home: string, at: Epoch): string {
  return join(home, 'checkpoint', `${at}.json`);
}

/** @returns the bytes of the file. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  return Buffer.concat([...encodedPieces(checkpoint)]);
}

/** Characters of the text that are encoded at once. */
const pieceLength = 16_384;
/** Epochs with definitions that are encoded at once. */
const sliceRecords = 256;

/** The file piece by piece, none of them large for the number of epochs. */
function* encodedPieces(checkpoint: Checkpoint): Generator<Uint8Array> {
  let [checksum, waiting] = [0, ''];
  for (const text of bodyText(checkpoint)) {
    waiting += text;
    if (waiting.length < pieceLength) continue;
    checksum = crc32(waiting, checksum);
    yield Buffer.from(waiting);
    waiting = '';
  }
  yield Buffer.from(`${waiting},"crc32":${crc32(waiting, checksum)}}\n`);
}

/** The file's text up to its checksum. */
function* bodyText(checkpoint: Checkpoint): Generator<string> {
  const {epoch: at, timeMs, previous, createdMs, oldest, times, ddl, tables, dropped, aside, catalog, sources, loggedBytes} = checkpoint;
  yield `${JSON.stringify({format: CHECKPOINT_FORMAT, epoch: at, timeMs, previous, createdMs, oldest}).slice(0, -1)},"times":[`;
  yield* codedText(times);
  yield '],"ddl":[';
  for (let at = 0; at < ddl.length; at += sliceRecords) {
    yield `${at === 0 ? '' : ','}${JSON.stringify(ddl.slice(at, at + sliceRecords).map((entry) => [entry.epoch, ...entry.records])).slice(1, -1)}`;
  }
  yield '],"tables":[';
  yield* tablesText(tables);
  yield '],"dropped":[';
  yield* tablesText(dropped);
  yield `],"aside":${JSON.stringify(aside)},"catalog":${JSON.stringify(catalog)},"sources":${JSON.stringify(sources)}${loggedBytes === undefined ? '' : `,"loggedBytes":${loggedBytes}`}`;
}

function* tablesText(tables: readonly CheckpointTable[]): Generator<string> {
  for (const [i, {id, path, schemaId, snapshotId, nextSequence, epochs, changed}] of tables.entries()) {
    yield `${i === 0 ? '' : ','}${JSON.stringify({id, path, schemaId, snapshotId, nextSequence}).slice(0, -1)},"epochs":[`;
    yield* codedText(epochs);
    yield `]${changed === undefined ? '' : `,"changed":${changed}`}}`;
  }
}

/**
 * @returns the checkpoint, or undefined when the file was cut off.
 * @throws {WarehouseError} `MR_CHECKPOINT_DAMAGED` (data), `MR_FORMAT_NEWER` (invalid).
 */
export function decodeCheckpoint(bytes: Uint8Array, path: string): Checkpoint | undefined {
  const text = Buffer.from(bytes).toString('utf8');
  const trailer = trailerRe.exec(text);
  if (trailer === null) return undefined;
  const checksum = crc32(text.slice(0, trailer.index));
  if (checksum !== Number(trailer[1])) throw damagedCheckpoint(path, `checksum is ${checksum} where ${trailer[1]} is written`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw damagedCheckpoint(path, 'is not JSON', cause);
  }
  const file = new Fields(json, path, '');
  const format = file.integer('format');
  if (format > CHECKPOINT_FORMAT) {
    throw new WarehouseError('invalid', 'MR_FORMAT_NEWER', `'${path}' has format ${format}, this release reads up to ${CHECKPOINT_FORMAT}`, {hint: 'open it with the release that wrote it, or a newer one'});
  }
  const tables = file.array('tables').map((table, i) => checkpointTable(new Fields(table, path, `tables[${i}].`)));
  const plain = {epoch: epoch(file.integer('epoch')), createdMs: file.integer('createdMs'), tables, catalog: file.json('catalog'), sources: file.json('sources'), ...(file.has('loggedBytes') ? {loggedBytes: file.integer('loggedBytes')} : {})};
  // Format 1 says nothing of the epochs before it: history begins with it.
  if (format === 1) return checkedTables({...plain, timeMs: plain.createdMs, previous: null, oldest: plain.epoch, times: noEpochs, ddl: [], dropped: [], aside: []}, path);
  const times = decodeEpochNumbers(file.array('times'));
  if (typeof times === 'string') throw file.wrong('times', 'rising epochs with rising times', times);
  const dropped = file.array('dropped').map((table, i) => checkpointTable(new Fields(table, path, `dropped[${i}].`)));
  const previous = file.json('previous') === null ? null : epoch(file.integer('previous'));
  if (previous !== null && previous >= plain.epoch) throw file.wrong('previous', `an epoch before ${plain.epoch}`, previous);
  const ddl = file.array('ddl').map((entry) => ddlEntry(entry, file));
  const aside = file.array('aside').map((entry) => asideEntry(entry, file));
  return checkedTables({...plain, timeMs: file.integer('timeMs'), previous, oldest: epoch(file.integer('oldest')), times, ddl, dropped, aside}, path);
}

function checkedTables(checkpoint: Checkpoint, path: string): Checkpoint {
  const all = [...checkpoint.tables, ...checkpoint.dropped];
  if (new Set(all.map((table) => table.id)).size !== all.length) throw damagedCheckpoint(path, 'names a table twice');
  return checkpoint;
}

function ddlEntry(entry: unknown, file: Fields): CheckpointDdl {
  const [at, ...records] = Array.isArray(entry) ? (entry as readonly PlainJson[]) : [];
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0) throw file.wrong('ddl', 'lists of an epoch and its records', entry);
  return {epoch: epoch(at), records};
}

function asideEntry(entry: unknown, file: Fields): readonly [number, Epoch] {
  const [id, through] = Array.isArray(entry) && entry.length === 2 ? (entry as readonly unknown[]) : [];
  if (typeof id !== 'number' || typeof through !== 'number' || !Number.isSafeInteger(id) || !Number.isSafeInteger(through) || id < 0 || through < 0) throw file.wrong('aside', 'pairs of a table and an epoch', entry);
  return [id, epoch(through)];
}

/**
 * Reads no more of a checkpoint file than its first bytes: enough to find one by time among many.
 * @returns undefined when the file begins otherwise (it was cut off, or is of format 1).
 */
export async function readCheckpointHead(files: FileSystem, home: string, at: Epoch): Promise<CheckpointHead | undefined> {
  await using file = await files.open(checkpointPath(home, at), 'r');
  const bytes = new Uint8Array(headBytes);
  const head = headRe.exec(Buffer.from(bytes.subarray(0, await file.read(bytes, 0))).toString('latin1'));
  return head === null ? undefined : {epoch: at, timeMs: Number(head[1]), previous: head[2] === 'null' ? null : epoch(Number(head[2]))};
}

const headBytes = 256;
const headRe = /^\{"format":2,"epoch":\d{1,16},"timeMs":(\d{1,16}),"previous":(null|\d{1,16}),/;

function checkpointTable(fields: Fields): CheckpointTable {
  const table = {
    id: fields.integer('id'), path: fields.string('path'), schemaId: fields.integer('schemaId'), snapshotId: fields.integer('snapshotId'),
    nextSequence: fields.integer('nextSequence'),
  };
  if (table.path === '' || table.path.startsWith('/') || table.path.split('/').includes('..')) throw fields.wrong('path', 'a path inside the warehouse', table.path);
  const epochs = decodeEpochNumbers(fields.array('epochs'));
  if (typeof epochs === 'string') throw fields.wrong('epochs', 'rising epochs with sequence numbers', epochs);
  const last = epochs.numbers.at(-1);
  if (last !== undefined && last > table.nextSequence) throw fields.wrong('epochs', `sequence numbers up to ${table.nextSequence}`, last);
  return {...table, epochs, ...(fields.has('changed') ? {changed: fields.integer('changed')} : {})};
}

/** Makes the file of a checkpoint, durably. Everything it names must be durable already. */
export async function writeCheckpoint(files: FileSystem, home: string, checkpoint: Checkpoint): Promise<void> {
  const path = checkpointPath(home, checkpoint.epoch);
  await makeDirectoryDurably(files, join(home, 'checkpoint'));
  // Reading all of it back takes too long at once: what is no long list is read back, the lists' steps are verified as they are encoded.
  invariant(decodeCheckpoint(encodeCheckpoint(withLastEpochs(checkpoint)), path) !== undefined, () => `checkpoint ${checkpoint.epoch} does not read back`);
  const pieces: Uint8Array[] = [];
  for (const piece of encodedPieces(checkpoint)) {
    pieces.push(piece);
    await setImmediate();
  }
  const bytes = Buffer.concat(pieces);
  const end = endOf(bytes);
  invariant(end !== null && crc32(bytes.subarray(0, bytes.length - end[0].length)) === Number(end[1]), () => `checkpoint ${checkpoint.epoch} is not under its checksum`);
  await writeDurably(files, path, bytes);
}

/** @returns the checkpoint with the last entry of each of its lists of epochs. */
function withLastEpochs(checkpoint: Checkpoint): Checkpoint {
  const shortened = (table: CheckpointTable): CheckpointTable => ({...table, epochs: epochsBetween(table.epochs, -1)});
  return {...checkpoint, times: epochsBetween(checkpoint.times, -1), ddl: checkpoint.ddl.slice(-1), tables: checkpoint.tables.map(shortened), dropped: checkpoint.dropped.map(shortened)};
}

/** @returns the epochs for which there is a file, rising, whole or not. */
export async function listCheckpoints(files: FileSystem, home: string): Promise<Epoch[]> {
  const directory = join(home, 'checkpoint');
  if (!(await files.exists(directory))) return [];
  const names = (await files.readdir(directory)).map((entry) => /^(0|[1-9]\d{0,15})\.json$/.exec(entry.name)?.[1]);
  return names.filter((name) => name !== undefined).map((name) => epoch(Number(name))).sort((a, b) => a - b);
}

/**
 * @returns undefined when the file was cut off.
 * @throws {WarehouseError} `MR_CHECKPOINT_DAMAGED`, `MR_FORMAT_NEWER`, `MR_FILE_MISSING`.
 */
export async function loadCheckpoint(files: FileSystem, home: string, at: Epoch): Promise<Checkpoint | undefined> {
  const path = checkpointPath(home, at);
  const checkpoint = decodeCheckpoint(await files.readFile(path), path);
  if (checkpoint !== undefined && checkpoint.epoch !== at) throw damagedCheckpoint(path, `says it is of epoch ${checkpoint.epoch}`);
  return checkpoint;
}

/** @returns the newest whole checkpoint; undefined when there is none. @throws as {@link loadCheckpoint}. */
export async function newestCheckpoint(files: FileSystem, home: string): Promise<Checkpoint | undefined> {
  for (const at of (await listCheckpoints(files, home)).reverse()) {
    const checkpoint = await loadCheckpoint(files, home, at);
    if (checkpoint !== undefined) return checkpoint;
  }
  return undefined;
}

/**
 * Removes old checkpoints.
 *
 * @param options.keepLast whole ones that stay whatever else, at least 1.
 * @param options.keepFrom the oldest epoch that readers may still ask for: the newest checkpoint at or before it stays, and all after.
 * @returns the epochs removed.
 */
export async function removeOldCheckpoints(files: FileSystem, home: string, options: {readonly keepLast: number; readonly keepFrom?: Epoch}): Promise<Epoch[]> {
  invariant(options.keepLast >= 1, () => `keep at least one checkpoint, not ${options.keepLast}`);
  const epochs = await listCheckpoints(files, home);
  const whole: Epoch[] = [];
  for (const at of epochs) if (endOf(await files.readFile(checkpointPath(home, at))) !== null) whole.push(at);
  let first = whole[Math.max(0, whole.length - options.keepLast)];
  if (first === undefined) return [];
  const floor = options.keepFrom === undefined ? undefined : whole.filter((at) => at <= options.keepFrom!).at(-1) ?? whole[0]!;
  if (floor !== undefined && floor < first) first = floor;
  const removed = epochs.filter((at) => at < first);
  for (const at of removed) await files.unlink(checkpointPath(home, at));
  if (removed.length > 0) await files.syncDirectory(join(home, 'checkpoint'));
  return removed;
}

/** @returns the end of a whole file, its checksum as the first group. */
function endOf(bytes: Uint8Array): RegExpExecArray | null {
  return trailerRe.exec(Buffer.from(bytes.subarray(Math.max(0, bytes.length - 64))).toString('latin1'));
}

function damagedCheckpoint(path: string, found: string, cause?: unknown): WarehouseError {
  return new WarehouseError('data', 'MR_CHECKPOINT_DAMAGED', `checkpoint '${path}' ${found}`, {cause, hint: 'restore the file from a backup; the log alone may not reach back to an older checkpoint'});
}

/** Fields of a JSON object, each with its expected type. */
class Fields {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #prefix: string;

  constructor(value: unknown, path: string, prefix: string) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw damagedCheckpoint(path, `has no object at "${prefix}"`);
    this.#value = value as Readonly<Record<string, unknown>>;
    this.#path = path;
    this.#prefix = prefix;
  }

  integer(name: string): number {
    const value = this.#value[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw this.wrong(name, 'an integer of at least 0', value);
    return value;
  }

  string(name: string): string {
    const value = this.#value[name];
    if (typeof value !== 'string') throw this.wrong(name, 'a string', value);
    return value;
  }

  has(name: string): boolean {
    return this.#value[name] !== undefined;
  }

  array(name: string): readonly unknown[] {
    const value = this.#value[name];
    if (!Array.isArray(value)) throw this.wrong(name, 'an array', value);
    return value as readonly unknown[];
  }

  json(name: string): PlainJson {
    const value = this.#value[name];
    if (value === undefined) throw this.wrong(name, 'a value', value);
    return value as PlainJson;
  }

  wrong(name: string, expected: string, found: unknown): WarehouseError {
    return damagedCheckpoint(this.#path, `should have ${expected} at "${this.#prefix}${name}", found ${JSON.stringify(found)?.slice(0, 80) ?? 'nothing'}`);
  }
}
