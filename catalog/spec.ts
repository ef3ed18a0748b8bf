/**
 * What exists, as values. The catalog is a fold over `DdlRecord`s, which travel in the frames of the log; both threads fold the
 * same records into a `Catalog` of their own (catalog.ts).
 */
import type {LogicalType} from '../base/type.ts';
import type {PlanNode} from '../kernel/plan/tree.ts';

declare const tableIdTag: unique symbol;
/** Never used again after a drop. */
export type TableId = number & {readonly [tableIdTag]: true};

export interface ColumnSpec {
  /** Paimon's field id: never used again in its table. */
  readonly id: number;
  readonly name: string;
  readonly type: LogicalType;
  readonly nullable: boolean;
  /** `_mr_…`: stands last, in files and log, never in `*`. */
  readonly hidden: boolean;
  readonly comment?: string;
}

/**
 * keyed: one row a key (user's or provable). append: no key, INSERT only. bag: no key but retractions; stored as a keyed table on
 * the trailing hidden columns `_mr_row` (64-bit row hash) and `_mr_copy`.
 */
export type TableStorage = 'keyed' | 'append' | 'bag';

export interface Definition {
  /** The SELECT as written, after `AS`. */
  readonly sql: string;
  /** The lowered tree, `*` frozen; get nodes name tables. */
  readonly tree: PlanNode;
  /** Context it was bound in: always UTC; other settings that change its meaning. */
  readonly context: {readonly searchPath: readonly string[]; readonly nullOrder: string; readonly duckdb: string};
  /** Tables it reads, each once. */
  readonly inputs: readonly TableId[];
  /** How it was asked to be run; compiled code where there is some, unless said. */
  readonly executor?: 'code' | 'sql';
  /** Of a bag: columns that name a row, NULL among their values; readers see −U +U by them. */
  readonly pairBy?: readonly number[];
  /**
   * The visible columns that each input had when the definition was made, in order: what `*` and names in its text mean for ever.
   * `columnIndexes` of the tree's get nodes count in the input's present columns instead. Absent where no input has ever changed.
   */
  readonly bound?: readonly BoundInput[];
}

export interface BoundInput {
  readonly table: TableId;
  readonly columns: readonly Pick<ColumnSpec, 'id' | 'name' | 'type'>[];
}

/** What a table was until an epoch changed it. */
export interface PastForm {
  readonly schemaId: number;
  /** The epoch from which on it is another. */
  readonly until: number;
  readonly columns: readonly ColumnSpec[];
  readonly key: readonly number[];
  readonly partition?: readonly number[];
  readonly options: Readonly<Record<string, string>>;
  readonly highestFieldId: number;
  readonly comment?: string;
}

export interface TableSpec {
  readonly id: TableId;
  readonly schema: string;
  readonly name: string;
  readonly storage: TableStorage;
  /** Positions of the key columns in `columns`, in key order; the two hidden columns for a bag; empty for append. */
  readonly key: readonly number[];
  readonly columns: readonly ColumnSpec[];
  /** Positions of the partition columns in declared order; absent without. */
  readonly partition?: readonly number[];
  /** Paimon options of WITH (…), as written. */
  readonly options: Readonly<Record<string, string>>;
  /** Present on a dynamic table. */
  readonly definition?: Definition;
  /** Counts changes of what stands here; Paimon's schema id. */
  readonly schemaId: number;
  /** The largest field id that the table ever had; absent: the largest of `columns`. */
  readonly highestFieldId?: number;
  /** What it was before, oldest first, as far back as epochs can be read (forms.ts). */
  readonly past?: readonly PastForm[];
  readonly comment?: string;
  /** ms since 1970. */
  readonly createdMs: number;
}

/** A place in the stream of epochs, with what it takes to say later how far behind it is. */
export interface StreamPosition {
  readonly epoch: number;
  /** When that epoch was sealed, ms since 1970. */
  readonly timeMs: number;
  /** Bytes that the warehouse had logged up to it, ever. */
  readonly loggedBytes: number;
}

/** A durable subscription: what it follows, and how far its consumer has said that it came. */
export interface SubscriptionSpec {
  /** Of the warehouse, not of a schema; no two differ only by case. */
  readonly name: string;
  /** In the order of the statement, each once. */
  readonly tables: readonly TableId[];
  /** What comes before changes until something is committed: the content at the time of reading, or at the oldest readable epoch. */
  readonly start: 'snapshot' | 'beginning' | null;
  /** Committed through this epoch; before the first commit, where it was created. All later history is held for it. */
  readonly position: StreamPosition;
  /** Several epochs that wait are delivered as their net change per key. */
  readonly conflate: boolean;
  /** An epoch may be cut where a FETCH has its rows. */
  readonly split: boolean;
  /** How far behind its consumer may be before history is held for it no longer. */
  readonly lagMsMax: number;
  readonly lagBytesMax: number;
  readonly createdMs: number;
  /** The lease on history ended: what lies behind the position is not kept for it, and it delivers nothing any more. */
  readonly ended?: {readonly atMs: number; readonly reason: string};
}

/** A name for an epoch of the whole warehouse, which holds what reads of that epoch need. */
export interface TagSpec {
  readonly name: string;
  readonly epoch: number;
  /** The epoch is a checkpoint's: then its tables' snapshots hold all, and other engines see the tag in each table. */
  readonly checkpoint: boolean;
  /** ms since 1970. */
  readonly createdMs: number;
  /** ms since 1970 from which it is no more; null: it stays until it is dropped. */
  readonly untilMs: number | null;
}

export type DdlRecord =
  | {readonly kind: 'create-schema'; readonly name: string}
  | {readonly kind: 'drop-schema'; readonly name: string}
  | {readonly kind: 'create-table'; readonly table: TableSpec}
  /** The whole table as it is from this epoch on; the last of `past` is what it was. Definitions that read it follow (evolve-inputs.ts). */
  | {readonly kind: 'alter-table'; readonly table: TableSpec}
  | {readonly kind: 'drop-table'; readonly id: TableId}
  | {readonly kind: 'create-subscription'; readonly subscription: SubscriptionSpec}
  | {readonly kind: 'drop-subscription'; readonly name: string}
  /** Its position rises; nothing before it will be asked for again. `start`: what was to come first still does. */
  | {readonly kind: 'move-subscription'; readonly name: string; readonly position: StreamPosition; readonly start?: SubscriptionSpec['start']}
  | {readonly kind: 'end-subscription'; readonly name: string; readonly atMs: number; readonly reason: string}
  | {readonly kind: 'create-tag'; readonly tag: TagSpec}
  | {readonly kind: 'drop-tag'; readonly name: string}
  /** Says that ids below `next` are taken, by tables that are gone too: how a catalog is handed on as records. */
  | {readonly kind: 'table-ids'; readonly next: number};

/** The schema of unqualified names; Paimon's database `default`. */
export const MAIN_SCHEMA = 'main';
/** Prefix of names that are ours and refused elsewhere. */
export const RESERVED_PREFIX = '_mr_';
