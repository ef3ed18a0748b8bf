/** The named limits of the house. Relations between them are checked when this module loads. */
import {invariant} from './invariant.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** A request body or statement text above this is refused (`MR_TOO_LARGE`). */
export const requestBytesMax = 64 * MiB;
/** A line of ndjson or csv above this is rejected; the stream goes on after it. */
export const lineBytesMax = 1 * MiB;
/** Rows and bytes of waiting writes that one epoch takes at most; the rest waits for the next. */
export const epochRowsMax = 65_536;
export const epochBytesMax = 32 * MiB;
/** Bytes of writes accepted but not yet committed and visible; writers wait beyond it (back-pressure). */
export const inFlightBytesMax = 128 * MiB;
/** A delta above this travels by reference: it is written as files of its table, which the frame names. */
export const referenceBytesMin = 8 * MiB;
/** Bytes of rows that one file of a delta by reference is made of: what is held in memory of it at a time. */
export const referenceFileBytes = 32 * MiB;
/** Rows of one chunk of a large statement: a message, a step of compute. */
export const bulkChunkRows = 65_536;
/** Rows that one statement sorts when a table is read from end to end in its order. */
export const orderedScanRows = 262_144;
/** Changes since the last checkpoint that trigger the next one. */
export const checkpointBytes = 64 * MiB;
export const checkpointMs = 60_000;
/**
 * Checkpoints within the time that history is kept that had less than `checkpointBytes` of changes: each adds small files to every
 * table that changed. So they come `historyRetentionMs` / this apart where that is longer than `checkpointMs`.
 */
export const timedCheckpointsMax = 480;
/** How long content and changes of the past are kept unless told otherwise (`history.retention`). */
export const historyRetentionMs = 24 * 3_600_000;
/** Expiry runs after a checkpoint, at most so often (four times within the retention where that is more); so many snapshots of a table go at once. */
export const expiryMs = 60_000;
export const expirySnapshotsMax = 50;
/** A file of a table that nothing names goes at this age (`orphan age`): before, another engine may be about to name it. */
export const orphanAgeMs = 24 * 3_600_000;
/** Files that this process has made are left alone at least so long, whatever the age of orphans: they may be under way. */
export const underWayMsMax = 3_600_000;
/** Orphans are looked for at opening and so often. */
export const orphanSearchMs = 6 * 3_600_000;
/** The log reaches back to the oldest of so many newest checkpoints: 512 MiB of changes at the default size. */
export const logCheckpoints = 8;
/** Part of the time that a checkpoint works that nobody waits for, while there is room (checkpoint-pace.ts), and its longest rest after a statement. */
export const checkpointShare = 0.03;
export const checkpointRestMsMax = 10_000;
/** Niceness of V8's helper threads: a third of the weight of others. What a collection has begun on them the JS thread waits for, so they go before statements in the background. */
export const helperNiceness = 5;
/** Niceness of statements that nobody waits for: a tenth of the weight of others. With less, one that somebody comes to wait for would not end on a busy machine. */
export const backgroundNiceness = 10;
/** Part of the time that compaction works; it rests between steps, unless somebody waits for it. */
export const compactionShare = 0.5;
/** The longest rest after a step of compaction. */
export const compactionRestMsMax = 5000;
/** Bytes of compacted input after which what was merged is committed: what an abort loses at most, and several small buckets share. */
export const compactionCommitBytes = 256 * MiB;
/** Times that a compaction is planned again at once after others overtook it; then it waits as after a failure. */
export const compactionRetriesMax = 3;
/** A failed compaction is tried again after the first, doubled from failure to failure up to the second. */
export const compactionRetryMsMin = 1000;
export const compactionRetryMsMax = 600_000;
/** Checkpoints are refused while compaction fails and a bucket has so many times the sorted runs of its stop trigger: 64 by default. */
export const stopFactorMax = 8;
/** Bytes of a large file between two syncs, so that appends to the log pass between them. */
export const pacedWriteBytes = 512 * 1024;
/** Recent frames kept in memory for subscribers; older ones are read from the log. */
export const historyBytesMax = 64 * MiB;
/** Checkpoints of the past that a thread holds decoded. */
export const checkpointCacheCount = 8;
/** Tags of a warehouse. */
export const tagsMax = 1_000;
/** Reads, subscriptions and leases that hold history at once, tags apart. */
export const historyHoldsMax = 10_000;
/** Rows waiting to be published to the read cache before it is done without a reader: few, so that the main thread answers in between. */
export const publishRowsMax = 16_384;
/** Rows waiting to be published at which writers wait until half of them are. */
export const unpublishedRowsMax = 262_144;
/** Changes that a read of the near past takes back from the read cache; beyond it reads files. */
export const takenBackRowsMax = 65_536;
/** Rows of pending epochs decoded for a publish before others have the thread. */
export const publishDecodeRows = 8192;
/** Rows handed to DuckDB in one call of a table function, so that the main thread's lag stays bounded. */
export const publishSliceRows = 512;
/** Changes in one item of a subscription. */
export const subscriptionItemRowsMax = 10_000;
/** Durable subscriptions of a warehouse, and tables of one of them. */
export const subscriptionsMax = 1000;
export const subscriptionTablesMax = 100;
/** How far behind the consumer of a durable subscription may be, unless it says otherwise (lag_max, lag_max_bytes): beyond either its lease on history ends. */
export const subscriptionLagMsMax = 7 * 24 * 3_600_000;
export const subscriptionLagBytesMax = 8 * 1024 * MiB;
/** ms between two looks at the lag of subscriptions. */
export const subscriptionSweepMs = 30_000;
/** Rows of a FETCH that names no number; it takes whole epochs, so it may give more. */
export const fetchRowsDefault = 10_000;
/** Changes that are taken together for their net change at once, when a subscription conflates what waits. */
export const conflateRowsMax = 1_000_000;
/** Marks that say when an epoch was sealed and how much was logged by then; older ones grow sparse. */
export const epochMarksMax = 4096;
/** Times a statement is evaluated again after another epoch changed one of its keys, before `MR_CONFLICT`. */
export const dmlRetriesMax = 10;
/** Statements that run at once in the serve instance; the next ones wait. */
export const readsMax = 8;
/** Rows that one statement answers as objects; more is refused with the hint to stream or to add LIMIT. */
export const resultRowsMax = 5_000_000;
/** Bytes of values that one statement answers as objects. */
export const resultBytesMax = 256 * MiB;
/** Bytes of rows that one transaction holds until COMMIT. */
export const transactionBytesMax = 256 * MiB;
/** Statements that may wait for one of `readsMax`; the next one is refused (`MR_BUSY`). */
export const readsWaitingMax = 10_000;
/** Statements that may wait while state is loaded after an opening; the next one is refused (`MR_BUSY`). */
export const warmWaitersMax = 10_000;
/** Snapshots of subscriptions that are read at once, of `readsMax`: the rest of the reads stays for queries. */
export const snapshotReadsMax = 2;
/** Bytes of a snapshot that wait in memory for a slow subscriber; what follows waits in a temporary file. */
export const snapshotMemoryBytes = 16 * MiB;
/** ms after which a stream of changes on which nothing came gives a sign of life. */
export const heartbeatMs = 15_000;
/** ms of encoding an answer after which other requests get a turn. */
export const encodeMsMax = 8;
/** Time a user statement may take unless told otherwise. */
export const statementMsMax = 300_000;
/** How deep a column's type may nest: `INTEGER[]` is 1. */
export const nestedDepthMax = 16;
/** Fields and types that the type of one column may have in all. */
export const nestedTypesMax = 1_000;
/** Bytes of one nested value as the log holds it; each of its elements takes one at least. */
export const nestedBytesMax = 16 * MiB;
/** Bytes of the nested values of one column that are put together at a time. */
export const nestedColumnBytesMax = 1024 * MiB;
/** Time for which a transaction may hold its epoch. */
export const transactionMsMax = 3_600_000;
/** Forms of one table that are known at once: the present one and those that epochs which can still be read have. */
export const tableFormsMax = 256;
/** Overwritten rows in the read cache before they are deleted physically. */
export const sweepRowsMin = 100_000;
/** Rows that came into the read cache since it was last written to its file; an eighth of all its rows if that is more. Four row groups of DuckDB. */
export const compressRowsMin = 4 * 122_880;
/** Rows of a table in the read cache below which holes that sweeps leave are not worth a rewrite. */
export const rewriteRowsMin = 100_000;

invariant(lineBytesMax <= requestBytesMax, 'a line must fit a request');
invariant(epochBytesMax <= inFlightBytesMax, 'an epoch must fit what may be in flight');
invariant(snapshotReadsMax < readsMax, 'snapshots must leave reads for queries');
invariant(publishSliceRows <= publishRowsMax, 'a slice must fit a publish');
invariant(publishRowsMax <= unpublishedRowsMax / 2, 'writers must wait for what is published without readers');
invariant(referenceBytesMin <= epochBytesMax, 'what is too large for an epoch must go by reference');
invariant(nestedBytesMax <= epochBytesMax, 'a nested value must fit an epoch');
invariant(nestedColumnBytesMax <= 0x7fff_ffff, 'offsets in nested columns are Int32');
