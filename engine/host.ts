/** What the statement runner needs of an open warehouse; keeps `sql-*.ts` free of how the warehouse is put together. */
import type {Epoch} from '../base/epoch.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {DdlRecord, TableSpec} from '../catalog/spec.ts';
import type {Binder} from '../kernel/plan/binder.ts';
import type {EpochHistory} from '../query/history.ts';
import type {Session} from '../kernel/session.ts';
import type {LiveRelation} from '../query/live.ts';
import type {Metric} from './metrics.ts';
import type {Past} from './past.ts';
import type {EncodedRows, RejectedRow, ReplyBody, Spool, TableWrite} from './protocol.ts';
import type {Warming} from './warming.ts';
import type {Subscriptions} from './subscriptions.ts';
import type {TableId} from '../catalog/spec.ts';

export interface Host {
  readonly catalog: Catalog;
  readonly live: LiveRelation;
  readonly history: EpochHistory;
  readonly binder: Binder;
  /** The warehouse's folder. */
  readonly directory: string;
  readonly allowDirectories: readonly string[];
  /** Commits writes as one epoch (or as part of one). Waits for room in flight. */
  write(writes: readonly TableWrite[], rejected: readonly {readonly table: TableId; readonly rows: readonly RejectedRow[]}[]): Promise<ReplyBody>;
  /** Commits the writes of one large statement as one epoch; the caller removes the spool. */
  bulk(spool: Spool): Promise<ReplyBody>;
  /** Where spools lie, and above how many bytes a statement's rows go there. */
  readonly spoolDirectory: string;
  readonly referenceBytes: number;
  /** ms for which BEGIN holds its epoch. */
  readonly transactionMsMax: number;
  /** Runs `work` alone among statements that change the catalog. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  define(records: readonly DdlRecord[]): Promise<ReplyBody>;
  createView(table: TableSpec, executor: 'code' | 'sql'): Promise<ReplyBody>;
  checkpoint(): Promise<ReplyBody>;
  /** Rows of a keyed table by key, from its state: no scan. @param keys by column. @see worker-lookup.ts */
  lookUp(table: TableId, keys: EncodedRows): Promise<ReplyBody>;
  readonly subscriptions: Subscriptions;
  setEpochInterval(ms: number): Promise<void>;
  /** Merges each bucket of a table into one sorted run, after a checkpoint. */
  optimize(table: TableId): Promise<ReplyBody>;
  /** ms for which history is kept. */
  historyRetentionMs(): number;
  /** @param ms null: the default. */
  setHistoryRetention(ms: number | null): Promise<void>;
  nowMs(): number;
  /** Whether state is loaded: what needs it waits. */
  readonly warming: Warming;
  metrics(): Promise<readonly Metric[]>;
  readonly past: Past;
  /** SQL of a table's content at an epoch from files and log alone, never from the cache: see `ColdReader.sqlAt`. */
  cold(table: TableSpec, epoch: Epoch, session: Session, bound: string[]): Promise<string>;
}
