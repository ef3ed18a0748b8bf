/**
 * The log's tail as an opening finds it: the frames after the newest checkpoint. Until state is loaded, and where a table is not in the read
 * cache, a table's rows are its files and what the tail says of them; both threads read it so, each from its own decoding of the same
 * shared bytes. Nothing is decoded twice at once: a scan of a table's changes decodes batch after batch, by column, and lets go of each.
 *
 * A table's changes are numbered 0, 1, 2 … from the first frame on (`_seq`), however they travelled: what both threads number alike.
 */
import {gatherColumns} from '../base/columns.ts';
import {OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE, type Column} from '../base/delta.ts';
import type {Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import {evolveColumns, sameFields} from '../base/widen.ts';
import {formOf} from '../catalog/forms.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import type {RelationSource} from '../kernel/relation.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {Session} from '../kernel/session.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import type {Frame, FrameTable} from '../storage/log/frame.ts';
import {fileChecksum} from './bulk-delta.ts';
import {deltaPaths} from './bulk-files.ts';
import {deltaSql} from './delta-sql.ts';
import {typesOf} from './frame-batch.ts';
import {numberedColumns} from './numbered-changes.ts';

/** One table's part of one frame. */
interface TailPart {
  readonly epoch: Epoch;
  readonly part: FrameTable;
  /** Number of its first change, and how many there are. */
  readonly first: number;
  readonly rowCount: number;
}

/** A table's changes as SQL reads them. */
export interface TailChanges {
  /** A table expression: `_op`, `_seq` (rising), all columns. */
  readonly sql: string;
  readonly rowCount: number;
}

export class RecoveredTail {
  /** The checkpoint's epoch: the tail begins after it. */
  readonly since: Epoch;
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #parts = new Map<TableId, TailPart[]>();
  #until: Epoch;

  /** @param directory the warehouse's. */
  constructor(files: FileSystem, directory: string, since: Epoch) {
    this.#files = files;
    this.#directory = directory;
    this.since = since;
    this.#until = since;
  }

  /** The newest epoch of the tail; `since` where there is none. */
  get until(): Epoch {
    return this.#until;
  }

  /** Takes the next frame; its bytes are kept. @param left tables whose changes are not wanted. */
  add(frame: Frame, left: ReadonlySet<TableId> = new Set()): void {
    invariant(frame.epoch === this.#until + 1, () => `epoch ${frame.epoch} of the tail after ${this.#until}`);
    this.#until = frame.epoch;
    for (const part of frame.tables) {
      const id = part.tableId as TableId;
      if (left.has(id)) continue;
      const rowCount = partRows(part);
      const known = this.#parts.get(id);
      if (known === undefined) this.#parts.set(id, [{epoch: frame.epoch, part, first: 0, rowCount}]);
      else {
        const last = known.at(-1)!;
        known.push({epoch: frame.epoch, part, first: last.first + last.rowCount, rowCount});
      }
    }
  }

  /** @returns the tables that it changes, dropped ones too. */
  changedTables(): TableId[] {
    return [...this.#parts.keys()];
  }

  /** @returns how many changes of a table it has. */
  rowsOf(table: TableId): number {
    const last = this.#parts.get(table)?.at(-1);
    return last === undefined ? 0 : last.first + last.rowCount;
  }

  /** Reads the files that its frames name for a table. @throws {WarehouseError} `MR_DELTA_GONE`, `MR_DELTA_DAMAGED` (data) naming the file. */
  async verifyFiles(table: TableId): Promise<void> {
    for (const {epoch, part} of this.#parts.get(table) ?? []) {
      if (part.files.length === 0) continue;
      const paths = await deltaPaths(this.#files, this.#directory, table, part.files);
      for (const [index, path] of paths.entries()) {
        const found = await fileChecksum(this.#files, path);
        const {checksum} = part.files[index]!;
        if (found !== checksum) throw new WarehouseError('data', 'MR_DELTA_DAMAGED', `epoch ${epoch} of the log names '${path}' with checksum ${checksum}, found ${found}`, {hint: 'restore the file from a backup'});
      }
    }
  }

  /**
   * @param table in the form that its changes are wanted in; its past forms are known to it.
   * @param bind gives a name to what lies in frames; it is read by the thread that called.
   * @returns the changes up to `until`; null if there are none.
   */
  async changes(table: TableSpec, until: Epoch, bind: (source: RelationSource) => string): Promise<TailChanges | null> {
    const parts = (this.#parts.get(table.id) ?? []).filter((part) => part.epoch <= until);
    const last = parts.at(-1);
    if (last === undefined) return null;
    const texts = await this.#referenced(table, parts);
    const inline = parts.filter(({part}) => part.files.length === 0);
    if (inline.length > 0) texts.push(`SELECT _op, _seq, ${namesOf(table)} FROM mr_rows('${bind(relationOfFrames(table, inline, {}))}')`);
    return {sql: `(${texts.join(' UNION ALL ')})`, rowCount: last.first + last.rowCount};
  }

  /**
   * What the tail says last of each key that it touches, of a keyed table or a bag: two passes over the changes, the first over keys alone.
   *
   * @param name of a table to be made on `session`, qualified; a temporary one in `temp.main`: keys, and `_seq` of the last change of each.
   * @returns the rest of it: the changes that are the last of their key, in files as SQL and in frames as a relation or by column.
   */
  async lastChanges(table: TableSpec, session: Session, name: string, bind: (source: RelationSource) => string): Promise<LastChanges | null> {
    const parts = this.#parts.get(table.id);
    if (parts === undefined) return null;
    const inline = parts.filter(({part}) => part.files.length === 0);
    const texts = await this.#referenced(table, parts);
    const keys = table.key.map((index) => quoteIdentifier(table.columns[index]!.name)).join(', ');
    // A −U stands before the +U of its key: nobody need look at it.
    const numbered = [...texts.map((sql) => `SELECT ${keys}, _seq FROM (${sql}) WHERE _op <> 1`), ...(inline.length === 0 ? [] : [`SELECT ${keys}, _seq FROM mr_rows('${bind(relationOfFrames(table, inline, {but: OP_UPDATE_BEFORE}))}')`])];
    await session.run(`CREATE OR REPLACE ${name.startsWith('temp.') ? 'TEMP ' : ''}TABLE ${name} AS SELECT ${keys}, max(_seq) AS _seq FROM (${numbered.join(' UNION ALL ')}) GROUP BY ${keys}`);
    const rowCount = this.rowsOf(table.id);
    const last = new Uint8Array(rowCount);
    const stream = await session.stream(`SELECT _seq::DOUBLE AS s FROM ${name}`, [], {types: [{kind: 'double'}]});
    try {
      for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
        const column = chunk.columns[0]!;
        invariant(column.kind === 'f64', 'numbers of changes are doubles');
        for (let i = 0; i < chunk.rowCount; i++) last[column.data[i]!] = 1;
      }
    } finally {
      await stream.close();
    }
    return {
      rowCount,
      inFiles: texts.length === 0 ? null : `SELECT c.* FROM (${texts.join(' UNION ALL ')}) c SEMI JOIN ${name} k ON k._seq = c._seq`,
      inFrames: inline.length === 0 ? null : relationOfFrames(table, inline, {last}),
      columns: () => decoded(table, inline, {last, rowsOnly: true}),
    };
  }

  /** @returns a SELECT for each part that lies in files. */
  async #referenced(table: TableSpec, parts: readonly TailPart[]): Promise<string[]> {
    const texts: string[] = [];
    for (const {part, first} of parts) {
      if (part.files.length === 0) continue;
      const paths = await deltaPaths(this.#files, this.#directory, table.id, part.files);
      texts.push(`SELECT _op, ${first} - 1 + row_number() OVER () AS _seq, ${namesOf(table)} FROM (${deltaSql(formOfPart(table, part), paths, table)})`);
    }
    return texts;
  }
}

/** @see RecoveredTail.lastChanges */
export interface LastChanges {
  /** Changes of the table in the whole tail. */
  readonly rowCount: number;
  /** A SELECT of `_op`, `_seq` and all columns; null: none lie in files. */
  readonly inFiles: string | null;
  /** The same as a relation; null: none lie in frames. */
  readonly inFrames: RelationSource | null;
  /** Those of `inFrames` that are rows (+I, +U) by column, batch by batch. */
  readonly columns: () => Generator<{readonly rowCount: number; readonly columns: readonly Column[]; readonly sequences: Float64Array}, void, undefined>;
}

function namesOf(table: TableSpec): string {
  return table.columns.map((column) => quoteIdentifier(column.name)).join(', ');
}

/** @returns how many changes one table's part of a frame has, wherever they lie. */
export function partRows(part: FrameTable): number {
  return part.files.reduce((sum, file) => sum + file.rows, part.rowCount);
}

function formOfPart(table: TableSpec, part: FrameTable): TableSpec {
  const form = formOf(table, part.schemaId);
  invariant(form !== undefined, () => `schema ${part.schemaId} of table ${table.id} of a frame is unknown`);
  return form;
}

/** Which changes are wanted; all unless said. */
interface Wanted {
  /** 1 for the numbers of those that are. */
  readonly last?: Uint8Array;
  /** Only +I and +U. */
  readonly rowsOnly?: boolean;
  /** All operations but this. */
  readonly but?: number;
  /** By column of the table, whether it is read; of the others nothing may be used. */
  readonly columns?: readonly boolean[] | undefined;
}

/** Changes that lie in frames as a relation: each scan decodes them anew, one batch at a time, and of it the columns that it reads. */
function relationOfFrames(table: TableSpec, parts: readonly TailPart[], wanted: Wanted): RelationSource {
  return {
    columns: numberedColumns(table),
    ...(wanted.last === undefined ? {rowCount: parts.reduce((sum, {rowCount}) => sum + rowCount, 0)} : {}),
    open: (read) => {
      const batches = decoded(table, parts, {...wanted, columns: read === undefined ? undefined : table.columns.map((_, index) => read.includes(index + 2))});
      let piece = batches.next();
      let start = 0;
      return {
        next: (maxRows) => {
          while (!piece.done && start >= piece.value.rowCount) {
            piece = batches.next();
            start = 0;
          }
          if (piece.done) return null;
          const {op, sequences, columns, bound} = piece.value;
          const head: Column[] = [{kind: 'i32', data: op, valid: null}, {kind: 'f64', data: sequences, valid: null, bound}];
          const rows = {columns: [...head, ...columns], start, rowCount: Math.min(maxRows, piece.value.rowCount - start)};
          start += rows.rowCount;
          return rows;
        },
      };
    },
  };
}

interface DecodedChanges {
  readonly rowCount: number;
  readonly op: Int32Array;
  readonly sequences: Float64Array;
  /** Above all sequences. */
  readonly bound: number;
  readonly columns: readonly Column[];
}

function* decoded(table: TableSpec, parts: readonly TailPart[], {last, rowsOnly = false, but = -1, columns: read}: Wanted): Generator<DecodedChanges, void, undefined> {
  for (const {part, first} of parts) {
    const form = formOfPart(table, part);
    const types = typesOf(form);
    const same = sameFields(form.columns, table.columns);
    // What becomes of a column in another form is the columns' together.
    const wanted = same ? read : undefined;
    let sequence = first;
    for (let index = 0; index < part.batchCount; index++) {
      const batch = part.batch(index, types, undefined, wanted);
      const rows = new Int32Array(batch.rowCount);
      const op = new Int32Array(batch.rowCount);
      const sequences = new Float64Array(batch.rowCount);
      let count = 0;
      for (let i = 0; i < batch.rowCount; i++) {
        const kind = batch.ops[i]!;
        if (kind === but || (last !== undefined && last[sequence + i] === 0)) continue;
        if (rowsOnly && kind !== OP_INSERT && kind !== OP_UPDATE_AFTER) continue;
        rows[count] = i;
        op[count] = kind;
        sequences[count++] = sequence + i;
      }
      sequence += batch.rowCount;
      if (count === 0) continue;
      const kept = count === batch.rowCount ? batch.columns : batch.columns.map((column, at) => (wanted === undefined || wanted[at] === true ? gatherColumns([column], rows, count)[0]! : column));
      yield {rowCount: count, op, sequences: sequences.subarray(0, count), bound: sequence, columns: same ? kept : evolveColumns(kept, form.columns, table.columns, count)};
    }
  }
}
