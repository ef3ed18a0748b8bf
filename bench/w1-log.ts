/**
 * W1: appending 100-byte records to the log, 1,000 a batch, against the least that any durable log must do: one write of the same
 * bytes and one fdatasync. Ours takes the records as references into the bytes they came in, encodes the frame (text column, Arrow
 * layout, checksums) and appends it. Both sides alternate in blocks within one run on the same file system, and both are read back
 * and compared record by record.
 *
 *     node --import tsx bench/w1-log.ts [batches] [directory]
 */
import fs from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Arena} from '../base/arena.ts';
import {systemClock} from '../base/clock.ts';
import {epoch} from '../base/epoch.ts';
import {invariant} from '../base/invariant.ts';
import type {LogicalType} from '../base/type.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {decodeFrame, decodeTable, encodeFrame} from '../storage/log/frame.ts';
import {emptyHeader} from '../storage/log/frame-header.ts';
import {Log} from '../storage/log/log.ts';

export interface W1Options {
  readonly batches?: number;
  readonly recordsPerBatch?: number;
  readonly recordBytes?: number;
  /** Batches of one side before the other has its turn. */
  readonly blockBatches?: number;
  /** Where to write; a fresh directory below it is removed at the end. */
  readonly directory?: string;
}

export interface W1Result {
  readonly id: 'W1';
  readonly batches: number;
  readonly recordsPerBatch: number;
  readonly recordBytes: number;
  readonly logRecordsPerSecond: number;
  readonly rawRecordsPerSecond: number;
  /** log / raw; the goal is 0.4 or more. */
  readonly ratio: number;
  readonly logBatchMs: {readonly p50: number; readonly p99: number};
  readonly rawBatchMs: {readonly p50: number; readonly p99: number};
  readonly verifiedRecords: number;
}

const types: readonly LogicalType[] = [{kind: 'varchar'}];

/** Record i: its number in decimal, then letters that follow from it. */
function fillRecord(bytes: Uint8Array, at: number, length: number, record: number): void {
  let rest = record;
  for (let i = 0; i < length; i++) {
    bytes[at + i] = i < 10 ? 48 + (rest % 10) : 97 + ((record * 7 + i * 11) % 26);
    rest = Math.floor(rest / 10);
  }
}

/** Runs W1. @returns figures of both sides; throws if anything read back differs. */
export async function run(options: W1Options = {}): Promise<W1Result> {
  const {batches = 1000, recordsPerBatch = 1000, recordBytes = 100, blockBatches = 20, directory = tmpdir()} = options;
  const root = await mkdtemp(join(directory, 'millrace-w1-'));
  try {
    const {log, recovered} = await Log.open({directory: join(root, 'log'), fileSystem: nodeFileSystem, afterEpoch: epoch(0)});
    for await (const frame of recovered) invariant(false, `a fresh log holds epoch ${frame.epoch}`);
    const rawPath = join(root, 'raw');
    const raw = fs.openSync(rawPath, 'w');
    const batchBytes = recordsPerBatch * recordBytes;
    const source = new Uint8Array(batchBytes);
    const fill = (batch: number): void => {
      for (let i = 0; i < recordsPerBatch; i++) fillRecord(source, i * recordBytes, recordBytes, batch * recordsPerBatch + i);
    };
    const arena = Arena.wrap(source);
    const address = new Float64Array(recordsPerBatch);
    const length = new Int32Array(recordsPerBatch).fill(recordBytes);
    const ops = new Uint8Array(recordsPerBatch);
    const logMs: number[] = [];
    const rawMs: number[] = [];

    const appendToLog = async (batch: number): Promise<void> => {
      for (let i = 0; i < recordsPerBatch; i++) address[i] = i * recordBytes;
      const columns = [{kind: 'bytes' as const, arena, address, length, valid: null}];
      await log.append([encodeFrame({epoch: epoch(batch + 1), header: emptyHeader, tables: [{tableId: 1, schemaId: 0, types, rowCount: recordsPerBatch, ops, columns}]})]);
    };
    for (let block = 0; block < batches; block += blockBatches) {
      const end = Math.min(batches, block + blockBatches);
      for (let batch = block; batch < end; batch++) {
        fill(batch);
        const start = systemClock.monotonicMs();
        await appendToLog(batch);
        logMs.push(systemClock.monotonicMs() - start);
      }
      for (let batch = block; batch < end; batch++) {
        fill(batch);
        const start = systemClock.monotonicMs();
        fs.writeSync(raw, source, 0, batchBytes, batch * batchBytes);
        fs.fdatasyncSync(raw);
        rawMs.push(systemClock.monotonicMs() - start);
      }
    }
    await log.close();
    fs.closeSync(raw);

    const verifiedRecords = await verify(join(root, 'log'), rawPath, recordBytes);
    invariant(verifiedRecords === batches * recordsPerBatch, `read back ${verifiedRecords} records of ${batches * recordsPerBatch}`);
    const perSecond = (times: readonly number[]): number => Math.round(batches * recordsPerBatch / times.reduce((sum, ms) => sum + ms, 0) * 1000);
    const [logRecordsPerSecond, rawRecordsPerSecond] = [perSecond(logMs), perSecond(rawMs)];
    return {
      id: 'W1', batches, recordsPerBatch, recordBytes, logRecordsPerSecond, rawRecordsPerSecond,
      ratio: round(logRecordsPerSecond / rawRecordsPerSecond), logBatchMs: quantiles(logMs), rawBatchMs: quantiles(rawMs), verifiedRecords,
    };
  } finally {
    await rm(root, {recursive: true});
  }
}

/** Opens the log anew and compares every record with its number and with the raw file. @returns how many. */
async function verify(logDirectory: string, rawPath: string, recordBytes: number): Promise<number> {
  const raw = fs.openSync(rawPath, 'r');
  const {log, recovered} = await Log.open({directory: logDirectory, fileSystem: nodeFileSystem, afterEpoch: epoch(0)});
  const expected = Buffer.alloc(recordBytes);
  let records = 0;
  for await (const {bytes} of recovered) {
    const frame = decodeFrame(bytes);
    for (const batch of decodeTable(frame, frame.tables[0]!, types)) {
      const column = batch.columns[0]!;
      invariant(column.kind === 'bytes', 'records are text');
      const rawBatch = Buffer.alloc(batch.rowCount * recordBytes);
      fs.readSync(raw, rawBatch, 0, rawBatch.length, records * recordBytes);
      for (let i = 0; i < batch.rowCount; i++, records++) {
        fillRecord(expected, 0, recordBytes, records);
        invariant(expected.equals(column.arena.view(column.address[i]!, column.length[i]!)), `the log's record ${records} differs`);
        invariant(expected.equals(rawBatch.subarray(i * recordBytes, (i + 1) * recordBytes)), `the raw file's record ${records} differs`);
      }
    }
  }
  await log.close();
  fs.closeSync(raw);
  return records;
}

function quantiles(times: readonly number[]): {p50: number; p99: number} {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (q: number): number => round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!);
  return {p50: at(0.5), p99: at(0.99)};
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , batches, directory] = process.argv;
  console.log(JSON.stringify(await run({...(batches === undefined ? {} : {batches: Number(batches)}), ...(directory === undefined ? {} : {directory})})));
}
