/**
 * The engine: the epoch loop and all that it owns. Requests wait in one queue. When the loop is free it takes all waiting writes
 * that may share an epoch (adaptive: one when idle, many under load), seals them, appends one frame, and only then publishes and
 * answers. What is not a write runs alone between epochs.
 *
 * An epoch that fails leaves all state as before: tables and operators are taken back. If it carried several requests, each is
 * tried alone, so that only the wrong one is refused.
 */
import {join} from 'node:path';
import {systemClock} from '../base/clock.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import {epoch as toEpoch, nextEpoch, type Epoch} from '../base/epoch.ts';
import {epochBytesMax, epochRowsMax} from '../base/limit.ts';
import {nullColumn} from '../base/columns.ts';
import type {ChangeBatch} from '../base/delta.ts';
import {Catalog} from '../catalog/catalog.ts';
import {encodeRecord} from '../catalog/record-json.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import {Dataflow} from '../compute/dataflow.ts';
import {MemoryBudget, type MemoryShare} from '../compute/state/memory-budget.ts';
import type {PageFile} from '../compute/state/page-file.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {macroStatements} from '../kernel/macros.ts';
import type {Session} from '../kernel/session.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {makeDirectoryDurably} from '../storage/file/durable.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {DiskPageFile} from '../storage/file/page-file.ts';
import {encodeFrame, type TableChanges} from '../storage/log/frame.ts';
import type {Log} from '../storage/log/log.ts';
import type {PreparedFiles} from '../storage/lsm/flush.ts';
import {compactionDirectory, maintainDirectory, pageDirectory} from './layout.ts';
