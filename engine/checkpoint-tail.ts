/**
 * The tail: what was committed and is covered by no checkpoint yet. Kept by table and by column as epochs come, so that nobody goes through
 * hundreds of thousands of them when a checkpoint begins: rows of small epochs one behind the other in blocks, so that their frames, for one
 * row ten times as large, may go; of large epochs in their frames; of deltas by reference in files. What an opening finds stays in its
 * frames: decoding all of a log's tail would make it longer.
 */
import {columnsBytes} from '../base/columns.ts';
import type {Epoch} from '../base/epoch.ts';
import {GrowingRows, type ChangeRows} from '../base/growing-rows.ts';
import {invariant} from '../base/invariant.ts';
import {encodeJson} from '../catalog/record-json.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import type {CheckpointDdl} from '../storage/lsm/checkpoint-file.ts';
import {GrowingEpochNumbers, numberAfter, type EpochNumbers} from '../storage/lsm/epoch-numbers.ts';
import {EpochTimes} from '../storage/lsm/epoch-times.ts';
import type {PreparedFiles} from '../storage/lsm/flush.ts';

/** Rows of a block; what an epoch has more of is a block of its own. */
const blockRows = 2048;
/** Bytes of a table's rows that are copied: where there are more, decoding the frame costs no more than they do, and copying text would. */
const copiedBytesMax = 64 << 10;

/** A committed epoch. */
export interface TailEpoch {
  readonly epoch: Epoch;
  /** When it was sealed, ms since 1970. */
  readonly timeMs: number;
  /** What it defined. */
  readonly ddl: readonly DdlRecord[];
  readonly frame: Uint8Array;
  readonly tables: readonly TailPart[];
  /** Tables that the epoch dropped. */
  readonly dropped: readonly TableSpec[];
}

/** One table's changes of an epoch. */
export interface TailPart {
  readonly table: TableId;
  /** The form that the rows have. */
  readonly schemaId: number;
  readonly rowCount: number;
  /** The files that hold the rows, where the frame does not. */
  readonly prepared?: PreparedFiles | undefined;
  /** The rows, where somebody has them by column: read at once, if at all. */
  readonly rows?: ChangeRows | undefined;
}

/** Rows one behind the other: [start, end) of a block, or all that a frame has of the table. */
export type TailPiece = {readonly block: GrowingRows; readonly start: number; readonly end: number} | {readonly frame: Uint8Array; readonly rowCount: number};

/** Consecutive changes in one form of the table, numbered from `first`. */
export interface RowRun {
  readonly first: number;
  readonly schemaId: number;
  readonly rowCount: number;
  readonly pieces: readonly TailPiece[];
}

/** Consecutive changes: rows, or files that hold their numbers. */
export type TailRun = RowRun | PreparedFiles;

/** What a checkpoint covers of one table. */
export interface CoveredTable {
  /** The epochs that changed it, each with the number of its first change. */
  readonly epochs: EpochNumbers;
  /** The number that the next change takes. */
  readonly nextSequence: number;
  /** @returns the changes of the epochs after `through`, in order. */
  readonly runsAfter: (through: Epoch) => TailRun[];
}

/** The part of the tail that a checkpoint covers. */
export interface CoveredTail {
  /** As those of the tail. */
  readonly bytes: number;
  readonly times: EpochNumbers;
  /** The time of the newest epoch. */
  readonly timeMs: number;
  readonly ddl: readonly CheckpointDdl[];
  /** Tables that were dropped, in order. */
  readonly dropped: readonly TableSpec[];
  readonly changes: ReadonlyMap<TableId, CoveredTable>;
}

export class Tail {
  readonly #times: EpochTimes;
  /** For each epoch the bytes of all before it since the opening: of its frame, or of what is held of it where that is more. */
  readonly #offsets = new GrowingEpochNumbers();
  #endBytes = 0;
  #newest = 0;
  #ddl: {readonly epoch: Epoch; readonly records: readonly DdlRecord[]}[] = [];
  #dropped: {readonly epoch: Epoch; readonly table: TableSpec}[] = [];
  readonly #tables = new Map<TableId, TableTail>();

  /** @param sinceMs the time of the checkpoint before. */
  constructor(sinceMs: number) {
    this.#times = new EpochTimes(sinceMs);
  }

  get isEmpty(): boolean {
    return this.#offsets.length === 0;
  }

  /** Of frames, or of what is held of an epoch where that is more. */
  get bytes(): number {
    return this.#endBytes - (this.#offsets.firstNumber ?? this.#endBytes);
  }

  /** Tables that were dropped, in order. */
  get dropped(): readonly TableSpec[] {
    return this.#dropped.map(({table}) => table);
  }

  /** @param nextSequence of a table that the tail does not know. */
  add({epoch, timeMs, ddl, frame, tables, dropped}: TailEpoch, nextSequence: (table: TableId) => number): void {
    invariant(epoch > this.#newest, () => `epoch ${epoch} after ${this.#newest}`);
    this.#newest = epoch;
    this.#times.add(epoch, timeMs);
    this.#offsets.push(epoch, this.#endBytes);
    if (ddl.length > 0) this.#ddl.push({epoch, records: ddl});
    for (const table of dropped) this.#dropped.push({epoch, table});
    let [copied, kept] = [0, 0];
    for (const part of tables) {
      let known = this.#tables.get(part.table);
      if (known === undefined) this.#tables.set(part.table, known = new TableTail(nextSequence(part.table)));
      const bytes = rowBytes(part);
      if (part.prepared !== undefined) known.addFiles(epoch, part, part.prepared);
      else if (part.rows !== undefined && bytes <= copiedBytesMax) {
        known.addRows(epoch, part, part.rows);
        copied += bytes;
      } else {
        known.addFrame(epoch, part, frame);
        kept = frame.byteLength;
      }
    }
    this.#endBytes += Math.max(frame.byteLength, copied + kept);
  }

  /** @returns the number of a table's next change; undefined if the tail does not know it. */
  nextSequence(table: TableId): number | undefined {
    return this.#tables.get(table)?.nextSequence;
  }

  /** @returns the files that hold rows. */
  prepared(): PreparedFiles[] {
    return [...this.#tables.values()].flatMap((table) => table.prepared());
  }

  /** @returns what a checkpoint of `epoch` covers; it stays as it is whatever comes meanwhile. */
  through(epoch: Epoch): CoveredTail {
    const changes = new Map<TableId, CoveredTable>();
    for (const [id, table] of this.#tables) {
      const covered = table.through(epoch);
      if (covered.epochs.epochs.length > 0) changes.set(id, covered);
    }
    const end = numberAfter(this.#offsets.view(), epoch) ?? this.#endBytes;
    return {
      bytes: end - (this.#offsets.firstNumber ?? end), ...this.#times.through(epoch), changes,
      ddl: this.#ddl.filter((entry) => entry.epoch <= epoch).map((entry) => ({epoch: entry.epoch, records: entry.records.map(encodeJson)})),
      dropped: this.#dropped.filter((entry) => entry.epoch <= epoch).map(({table}) => table),
    };
  }

  /** Forgets what a checkpoint of `epoch` covers. */
  dropThrough(epoch: Epoch): void {
    this.#times.dropThrough(epoch);
    this.#offsets.dropThrough(epoch);
    this.#ddl = this.#ddl.filter((entry) => entry.epoch > epoch);
    this.#dropped = this.#dropped.filter((entry) => entry.epoch > epoch);
    for (const [id, table] of this.#tables) if (table.dropThrough(epoch)) this.#tables.delete(id);
  }
}

interface HeldRows {readonly first: number; readonly schemaId: number; readonly rowCount: number}
/** A block that rows are still added to, a frame's rows, or files: all of them the table's changes from `first` on. */
type Held = {readonly first: number; readonly schemaId: number; readonly block: GrowingRows} | (HeldRows & {readonly frame: Uint8Array}) | (HeldRows & {readonly prepared: PreparedFiles});

function heldRows(held: Held): number {
  return 'block' in held ? held.block.rowCount : held.rowCount;
}

function rowBytes({rows, rowCount}: TailPart): number {
  return rows === undefined ? 0 : columnsBytes(rows.columns, rowCount) + rowCount;
}

/** One table's changes, numbered. */
class TableTail {
  readonly #epochs = new GrowingEpochNumbers();
  #held: Held[] = [];
  nextSequence: number;

  constructor(nextSequence: number) {
    this.nextSequence = nextSequence;
  }

  addFiles(epoch: Epoch, {schemaId, rowCount}: TailPart, prepared: PreparedFiles): void {
    this.#held.push({first: this.#number(epoch, rowCount), schemaId, rowCount, prepared});
  }

  addFrame(epoch: Epoch, {schemaId, rowCount}: TailPart, frame: Uint8Array): void {
    this.#held.push({first: this.#number(epoch, rowCount), schemaId, rowCount, frame});
  }

  addRows(epoch: Epoch, {schemaId, rowCount}: TailPart, rows: ChangeRows): void {
    this.#blockFor(schemaId, rowCount).append(rows);
    this.#number(epoch, rowCount);
  }

  /** @returns the number of the first of an epoch's changes. */
  #number(epoch: Epoch, rowCount: number): number {
    const first = this.nextSequence;
    this.#epochs.push(epoch, first);
    this.nextSequence += rowCount;
    return first;
  }

  #blockFor(schemaId: number, rowCount: number): GrowingRows {
    const last = this.#held.at(-1);
    const open = last !== undefined && 'block' in last ? last : undefined;
    if (open?.schemaId === schemaId && open.block.rowCount + rowCount <= blockRows) return open.block;
    // After a full one comes another, as far as anybody can tell.
    const block = new GrowingRows(rowCount > blockRows ? rowCount : open?.schemaId === schemaId ? blockRows : undefined);
    this.#held.push({first: this.nextSequence, schemaId, block});
    return block;
  }

  prepared(): PreparedFiles[] {
    return this.#held.flatMap((held) => ('prepared' in held ? [held.prepared] : []));
  }

  through(epoch: Epoch): CoveredTable {
    const epochs = this.#epochs.through(epoch);
    const nextSequence = numberAfter(this.#epochs.view(), epoch) ?? this.nextSequence;
    const held = this.#held.slice();
    return {epochs, nextSequence, runsAfter: (through) => runsOf(held, numberAfter(epochs, through) ?? nextSequence, nextSequence)};
  }

  /** @returns whether nothing is left. */
  dropThrough(epoch: Epoch): boolean {
    const from = numberAfter(this.#epochs.view(), epoch) ?? this.nextSequence;
    this.#epochs.dropThrough(epoch);
    const kept = this.#held.findIndex((held) => held.first + heldRows(held) > from);
    this.#held = kept === -1 ? [] : this.#held.slice(kept);
    return this.#epochs.length === 0;
  }
}

/** @returns the changes with numbers [from, until). */
function runsOf(all: readonly Held[], from: number, until: number): TailRun[] {
  const runs: (GrowingRun | PreparedFiles)[] = [];
  for (const held of all) {
    const [start, end] = [Math.max(held.first, from), Math.min(held.first + heldRows(held), until)];
    if (start >= end) continue;
    invariant('block' in held || end - start === held.rowCount, () => `changes ${start} to ${end} are a part of an epoch`);
    if ('prepared' in held) {
      runs.push(held.prepared);
      continue;
    }
    const last = runs.at(-1);
    let run = last !== undefined && 'pieces' in last && last.schemaId === held.schemaId ? last : undefined;
    if (run === undefined) runs.push(run = {first: start, schemaId: held.schemaId, rowCount: 0, pieces: []});
    run.rowCount += end - start;
    run.pieces.push('block' in held ? {block: held.block, start: start - held.first, end: end - held.first} : {frame: held.frame, rowCount: held.rowCount});
  }
  return runs;
}

interface GrowingRun {
  readonly first: number;
  readonly schemaId: number;
  rowCount: number;
  readonly pieces: TailPiece[];
}
