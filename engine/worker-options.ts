/** What an opening asks for, as the engine's worker takes it. */
import {checkpointBytes, logCheckpoints, orphanAgeMs, referenceBytesMin} from '../base/limit.ts';
import type {SharedTurns} from '../base/turns.ts';
import type {OpenOptions} from './api.ts';
import type {LivePlace} from './live-image.ts';
import type {MemoryShares} from './memory.ts';
import type {WorkerOptions} from './protocol.ts';

/** @param place whose image, if it has one, says what the read cache holds. */
export function workerOptions(options: OpenOptions, {directory, warehouseId, image}: LivePlace, shares: MemoryShares, historyRetentionMs: number, turns: SharedTurns): WorkerOptions {
  return {
    directory, warehouseId, memoryBytes: options.stateBytes ?? shares.state, ...(options.stateRestBytes === undefined ? {} : {restBytes: options.stateRestBytes}), maintainThreads: 1, maintainMemoryBytes: shares.maintain, turns: turns.shared,
    checkpointBytes: options.checkpointBytes ?? checkpointBytes, checkpointMs: options.checkpointMs ?? null,
    historyRetentionMs, logCheckpoints: options.logCheckpoints ?? logCheckpoints, orphanAgeMs: options.orphanAgeMs ?? orphanAgeMs, maintenance: 'background',
    epochIntervalMs: options.epochIntervalMs ?? 0, referenceBytes: options.referenceBytes ?? referenceBytesMin,
    ...(options.logSegmentBytesMax === undefined ? {} : {logSegmentBytesMax: options.logSegmentBytesMax}),
    ...(options.loadingGate === undefined ? {} : {loadingGate: options.loadingGate}),
    ...(image === null ? {} : {cached: {epoch: image.epoch, tables: image.tables.map(({id}) => id)}}),
  };
}
