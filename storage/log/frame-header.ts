/**
 * What stands at the head of a frame: everything of an epoch but the rows. On disk it is JSON in UTF-8 with one-letter names for
 * what every frame has; whatever is empty is left out, so that a frame of one row has a header of some 60 bytes.
 */
import {WarehouseError} from '../../base/error.ts';

/** Values that travel in the header without being looked at. Times in µs and other 64-bit values go as strings. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | {readonly [name: string]: JsonValue};

/** A file that holds rows of this epoch (a delta by reference). */
export interface FrameFile {
  /** Relative to the warehouse. */
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  /** As the writer of the file defines it, e.g. `crc32:89abcdef`. */
  readonly checksum: string;
}

/** What happened to the rows that a source or statement brought for a table; law 8: in = applied + late + rejected. */
export interface FrameCounts {
  readonly source: string;
  readonly in: number;
  readonly late: number;
  readonly rejected: number;
}

/** An epoch apart from its rows. */
export interface FrameHeader {
  /** Wall time of the epoch in ms since 1970: what `now()` is in it. */
  readonly timeMs: number;
  /** Source positions after this epoch, of the sources it moved: name → whatever the source's connector wrote. */
  readonly positions: Readonly<Record<string, JsonValue>>;
  /** Watermarks after this epoch, of the tables whose watermark it moved. */
  readonly watermarks: Readonly<Record<string, JsonValue>>;
  /** Changes of the catalog, in order, before the rows. */
  readonly ddl: readonly JsonValue[];
  readonly counts: readonly FrameCounts[];
  /** Further decisions of the engine that replay has to repeat (processing times, idle partitions …). */
  readonly notes: Readonly<Record<string, JsonValue>>;
}

/** One table's part in a frame, as it stands in the header. */
export interface FrameTableEntry {
  readonly tableId: number;
  readonly schemaId: number;
  /** Rows in this frame's own batches. */
  readonly rowCount: number;
  /** Byte length of each batch. */
  readonly batchBytes: readonly number[];
  readonly files: readonly FrameFile[];
}

/** A header with nothing in it, to spread into one's own. */
export const emptyHeader: FrameHeader = {timeMs: 0, positions: {}, watermarks: {}, ddl: [], counts: [], notes: {}};

type Compact = Record<string, unknown>;

function empty(record: Readonly<Record<string, JsonValue>>): boolean {
  for (const name in record) if (Object.hasOwn(record, name)) return false;
  return true;
}

/** @returns the header's text as it goes into the frame. */
export function headerText(header: FrameHeader, tables: readonly FrameTableEntry[]): string {
  const compact: Compact = {m: header.timeMs};
  if (tables.length > 0) compact['t'] = tables.map((t) => (t.files.length === 0
    ? [t.tableId, t.schemaId, t.rowCount, t.batchBytes]
    : [t.tableId, t.schemaId, t.rowCount, t.batchBytes, t.files.map((f) => [f.path, f.rows, f.bytes, f.checksum])]));
  if (!empty(header.positions)) compact['p'] = header.positions;
  if (!empty(header.watermarks)) compact['w'] = header.watermarks;
  if (header.ddl.length > 0) compact['d'] = header.ddl;
  if (header.counts.length > 0) compact['c'] = header.counts.map((c) => [c.source, c.in, c.late, c.rejected]);
  if (!empty(header.notes)) compact['n'] = header.notes;
  return JSON.stringify(compact);
}

/**
 * Reads a header's text. Its crc was right, so anything unexpected is a frame of another make.
 *
 * @throws {WarehouseError} `MR_LOG_DAMAGED` (data) saying what was expected; `where` says in which frame.
 */
export function parseHeader(text: string, where: string): {header: FrameHeader; tables: readonly FrameTableEntry[]} {
  const fail = (what: string): never => {
    throw new WarehouseError('data', 'MR_LOG_DAMAGED', `header of ${where}: ${what}`);
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new WarehouseError('data', 'MR_LOG_DAMAGED', `header of ${where}: expected JSON`, {cause});
  }
  const compact = objectOf(parsed, 'the header', fail);
  const tables = listOf(compact['t'] ?? [], 'tables', fail).map((entry): FrameTableEntry => {
    const [tableId, schemaId, rowCount, batchBytes, files] = listOf(entry, 'a table', fail);
    return {
      tableId: countOf(tableId, 'a table id', fail), schemaId: countOf(schemaId, 'a schema id', fail), rowCount: countOf(rowCount, 'a row count', fail),
      batchBytes: listOf(batchBytes, 'batches', fail).map((bytes) => countOf(bytes, 'a batch length', fail)),
      files: listOf(files ?? [], 'files', fail).map((file): FrameFile => {
        const [path, rows, bytes, checksum] = listOf(file, 'a file', fail);
        return {path: textOf(path, 'a path', fail), rows: countOf(rows, 'a row count', fail), bytes: countOf(bytes, 'a file length', fail), checksum: textOf(checksum, 'a checksum', fail)};
      }),
    };
  });
  const counts = listOf(compact['c'] ?? [], 'counts', fail).map((entry): FrameCounts => {
    const [source, into, late, rejected] = listOf(entry, 'counts', fail);
    return {source: textOf(source, 'a source', fail), in: countOf(into, 'a count', fail), late: countOf(late, 'a count', fail), rejected: countOf(rejected, 'a count', fail)};
  });
  const header: FrameHeader = {
    timeMs: typeof compact['m'] === 'number' ? compact['m'] : fail('expected a time'),
    positions: objectOf(compact['p'] ?? {}, 'positions', fail),
    watermarks: objectOf(compact['w'] ?? {}, 'watermarks', fail),
    ddl: listOf(compact['d'] ?? [], 'catalog changes', fail) as readonly JsonValue[],
    counts,
    notes: objectOf(compact['n'] ?? {}, 'notes', fail),
  };
  return {header, tables};
}

type Fail = (what: string) => never;

function objectOf(value: unknown, what: string, fail: Fail): Readonly<Record<string, JsonValue>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(`expected ${what} as an object`);
  return value as Readonly<Record<string, JsonValue>>;
}

function listOf(value: unknown, what: string, fail: Fail): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : fail(`expected ${what} as a list`);
}

function countOf(value: unknown, what: string, fail: Fail): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : fail(`expected ${what}, found ${JSON.stringify(value)}`);
}

function textOf(value: unknown, what: string, fail: Fail): string {
  return typeof value === 'string' ? value : fail(`expected ${what}, found ${JSON.stringify(value)}`);
}
