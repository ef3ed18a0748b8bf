/**
 * Chunks that wait for a slow reader: some in memory, the rest in a temporary file. A snapshot holds a read transaction only as
 * long as it takes to read it, however slowly its subscriber takes it.
 *
 * One writer, one reader, in order. The file is made when it is first needed and has no name once it is open, so that nothing is
 * left of it however the process ends.
 */
import {open, unlink, type FileHandle} from 'node:fs/promises';
import {join} from 'node:path';
import {columnsBytes} from '../base/columns.ts';
import {uuid} from '../base/id.ts';
import {snapshotMemoryBytes} from '../base/limit.ts';
import type {LogicalType} from '../base/type.ts';
import type {ColumnChunk} from '../kernel/session-stream.ts';
import {decodeColumns, encodeColumns} from '../storage/log/columns.ts';

/** `source` says which of the snapshot's tables the rows are of. */
export interface SpooledChunk {
  readonly source: number;
  readonly chunk: ColumnChunk;
}

type Entry = {readonly source: number; readonly bytes: number} & ({readonly chunk: ColumnChunk} | {readonly at: number; readonly types: readonly LogicalType[]});

export class ChunkSpool {
  readonly #directory: string;
  readonly #memoryBytesMax: number;
  #entries: Entry[] = [];
  #memoryBytes = 0;
  #file: FileHandle | null = null;
  #fileEnd = 0;
  #ended = false;
  #failure: unknown = null;
  #wake: (() => void) | null = null;

  /** @param directory where the file is made. */
  constructor(directory: string, memoryBytesMax: number = snapshotMemoryBytes) {
    this.#directory = directory;
    this.#memoryBytesMax = memoryBytesMax;
  }

  /** Bytes that wait in the file. */
  get fileBytes(): number {
    return this.#fileEnd;
  }

  async push(source: number, types: readonly LogicalType[], chunk: ColumnChunk): Promise<void> {
    const bytes = columnsBytes(chunk.columns, chunk.rowCount);
    if (this.#memoryBytes + bytes <= this.#memoryBytesMax) {
      this.#memoryBytes += bytes;
      this.#entries.push({source, bytes, chunk});
    } else {
      const encoded = encodeColumns(chunk.columns, types, chunk.rowCount);
      this.#file ??= await unnamedFile(this.#directory);
      const at = this.#fileEnd;
      await this.#file.write(encoded, 0, encoded.byteLength, at);
      this.#fileEnd = at + encoded.byteLength;
      this.#entries.push({source, bytes: encoded.byteLength, at, types});
    }
    this.#notify();
  }

  /** Nothing more comes. @param failure what the reader is told after the last chunk, if the writer failed. */
  end(failure: unknown = null): void {
    this.#ended = true;
    this.#failure ??= failure;
    this.#notify();
  }

  /** @returns the next chunk, waiting for it; null at the end. */
  async next(): Promise<SpooledChunk | null> {
    for (;;) {
      const entry = this.#entries.shift();
      if (entry !== undefined) return this.#take(entry);
      if (this.#failure !== null) throw this.#failure;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async close(): Promise<void> {
    this.#entries = [];
    await this.#file?.close();
    this.#file = null;
  }

  async #take(entry: Entry): Promise<SpooledChunk> {
    if ('chunk' in entry) {
      this.#memoryBytes -= entry.bytes;
      return {source: entry.source, chunk: entry.chunk};
    }
    const bytes = new Uint8Array(entry.bytes);
    await this.#file!.read(bytes, 0, entry.bytes, entry.at);
    return {source: entry.source, chunk: decodeColumns(bytes, entry.types)};
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

async function unnamedFile(directory: string): Promise<FileHandle> {
  const path = join(directory, `spool-${uuid()}`);
  const file = await open(path, 'wx+');
  await unlink(path);
  return file;
}
