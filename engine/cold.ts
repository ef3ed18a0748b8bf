/**
 * Cold reads: a table's content from its files and the log alone, never from the cache. The first filling of the cache starts from
 * it, VERIFY reads both of its sides by it, so that it proves what is on disk, and it answers for any epoch of the past:
 *
 *   a checkpoint's epoch        its files
 *   between two checkpoints     the files of the one before and the changes up to the epoch, or the files of the one after without the
 *                               changes since, whichever are fewer: changelog files are cut at the epoch by sequence numbers
 *   after the newest            its files and the log
 *
 * So a table that did not change between two checkpoints is read from its files alone, and no changelog file is opened for it.
 */
import type {Epoch} from '../base/epoch.ts';
import {epoch as toEpoch} from '../base/epoch.ts';
import {publishSliceRows} from '../base/limit.ts';
import {systemClock} from '../base/clock.ts';
import {WarehouseError} from '../base/error.ts';
import {typeText} from '../base/type.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import {numberedColumns, numberedPiece} from './numbered-changes.ts';
import {relationOfPieces, type RelationPiece} from '../kernel/relation-pieces.ts';
import type {RelationSource} from '../kernel/relation.ts';
import type {Session} from '../kernel/session.ts';
import type {EpochHistory} from '../query/history.ts';
import {changesAs} from '../query/change-rows.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {changelogSql} from '../storage/lsm/changelog-sql.ts';
import type {Checkpoint, CheckpointTable} from '../storage/lsm/checkpoint-file.ts';
import {numberAfter} from '../storage/lsm/epoch-numbers.ts';
import {PaimonTable} from '../storage/lsm/paimon-table.ts';
import {scanPlan, type ScanPlan} from '../storage/lsm/scan-plan.ts';
import {scanSql} from '../storage/lsm/scan-sql.ts';
import type {Past} from './past.ts';
import type {CheckpointView} from './protocol.ts';
import {laidOver, rolledBack, rolledForward} from './roll-sql.ts';
import {tableForm} from './table-form.ts';
import type {RecoveredTail} from './recovered-tail.ts';
import {tableContent, type ContentPiece} from './table-content.ts';
import type {TailNets} from './tail-nets.ts';
import {tableHome, tableOfSnapshot} from './table-home.ts';

/** Where a table lies, at which snapshot. */
interface Place {
  readonly directory: string;
  readonly snapshot: number | null;
}

export class ColdReader {
  readonly #directory: string;
  readonly #past: Past;
  readonly #history: () => EpochHistory;
  #relations = 0;

  /** The tail that the opening found, and its last changes where it is large; null when a checkpoint has covered it. */
  tail: {readonly changes: RecoveredTail; readonly nets: TailNets | null} | null = null;

  /** @param directory the warehouse's. */
  constructor(directory: string, past: Past, history: () => EpochHistory) {
    this.#directory = directory;
    this.#past = past;
    this.#history = history;
  }

  /** A checkpoint of that epoch is there: the files say what the tail said. */
  checkpointed(epoch: number): void {
    if (this.tail === null || epoch < this.tail.changes.until) return;
    this.tail.nets?.retire();
    this.tail = null;
  }

  /** @param tail after that checkpoint. @returns a table's rows with their positions, as the opening found them: what the read cache is filled with. */
  async content(table: TableSpec, checkpoint: CheckpointView, tail: RecoveredTail, nets: TailNets | null, session: Session, bound: string[]): Promise<readonly ContentPiece[]> {
    const place = checkpoint.tables.find((candidate) => candidate.table === table.id);
    const found = place === undefined ? null : await this.#planOf(table, place);
    const bind = this.#bind(session, bound);
    if (table.storage === 'append') {
      const changes = await tail.changes(table, tail.until, bind);
      return (await tableContent(session, table, found, changes === null ? null : {kind: 'append', changes})).pieces;
    }
    let net = nets === null ? null : await nets.lastOf(table);
    if (net === null) {
      const last = await tail.lastChanges(table, session, `temp.main.mr_last_${table.id}`, bind);
      if (last !== null) net = [...(last.inFiles === null ? [] : [last.inFiles]), ...(last.inFrames === null ? [] : [`FROM mr_rows('${bind(last.inFrames)}')`])].join(' UNION ALL ');
    }
    return (await tableContent(session, table, found, net === null ? null : {kind: 'keyed', touched: `(${net})`, rows: [net]})).pieces;
  }

  #bind(session: Session, bound: string[]): (source: RelationSource) => string {
    return (source) => {
      const relation = `mr_cold_${this.#relations++}`;
      bound.push(relation);
      session.bindRelation(relation, source);
      return relation;
    };
  }

  /**
   * SQL of a table's rows at an epoch, all columns in any order. What of it is in the log is bound to `session` under names of its own,
   * noted in `bound` for the caller to unbind. Whoever reads it must hold the epoch (`Past.hold`), unless nothing can expire.
   *
   * @throws {WarehouseError} `MR_EPOCH_EXPIRED`; `MR_TABLE_GONE` when the files turn out to be another table's.
   */
  async sqlAt(table: TableSpec, epoch: Epoch, session: Session, bound: string[]): Promise<string> {
    const {before, after} = await this.#past.around(epoch);
    const empty = `SELECT ${table.columns.map((column) => `NULL::${typeText(column.type)} AS ${quoteIdentifier(column.name)}`).join(', ')} WHERE false`;
    const filesOf = async (entry: CheckpointTable | undefined): Promise<string> => (entry === undefined ? null : await this.#filesSql(table, await this.#placeOf(entry))) ?? empty;
    const start = entryOf(before, table.id);
    if (after === null) {
      const files = await filesOf(start);
      const last = epoch === this.tail?.changes.until && (before?.epoch ?? 0) === this.tail.changes.since ? ((await this.tail.nets?.lastOf(table)) ?? null) : null;
      if (last !== null) return laidOver(table, files, last);
      const tail = await this.#tailSql(table, toEpoch(before?.epoch ?? 0), epoch, session, bound);
      return tail === null ? named(table, files) : rolledForward(table, files, tail);
    }
    const end = entryOf(after, table.id);
    if (after.epoch === epoch || end === undefined) return named(table, await filesOf(end ?? start));
    // Files of a later form may lack what a column held that has gone since: from them no way leads back.
    const later = end.schemaId > table.schemaId;
    const from = start?.nextSequence ?? 0;
    const cut = numberAfter(end.epochs, epoch) ?? end.nextSequence;
    if (cut === from) return named(table, await filesOf(start));
    if (cut === end.nextSequence && !later) return named(table, await filesOf(end));
    const paimon = await this.#open(table, end);
    const range = {afterSnapshot: start?.snapshotId ?? 0, untilSnapshot: end.snapshotId};
    const columns = {columns: table.columns.map((column) => column.name)};
    if (table.storage === 'append' || later || cut - from <= end.nextSequence - cut) return rolledForward(table, await filesOf(start), `(${await changelogSql(paimon, {...range, untilSequence: BigInt(cut)}, columns)})`);
    return rolledBack(table, await filesOf(end), `(${await changelogSql(paimon, {...range, fromSequence: BigInt(cut)}, columns)})`);
  }

  async #placeOf(entry: CheckpointTable): Promise<Place> {
    return {directory: await tableHome(nodeFileSystem, this.#directory, entry), snapshot: entry.snapshotId === 0 ? null : entry.snapshotId};
  }

  async #open(table: TableSpec, entry: CheckpointTable): Promise<PaimonTable> {
    return PaimonTable.open({files: nodeFileSystem, clock: systemClock}, await tableHome(nodeFileSystem, this.#directory, entry), tableForm(table));
  }

  async #filesSql(table: TableSpec, place: Place): Promise<string | null> {
    const found = await this.#planOf(table, place);
    return found === null ? null : scanSql(found.paimon, found.plan, {columns: table.columns.map((column) => column.name)});
  }

  async #planOf(table: TableSpec, {directory, snapshot}: Place): Promise<{readonly paimon: PaimonTable; readonly plan: ScanPlan} | null> {
    if (snapshot === null) return null;
    const paimon = await PaimonTable.open({files: nodeFileSystem, clock: systemClock}, directory, tableForm(table));
    const plan = await scanPlan(paimon, snapshot, {own: true});
    const owner = plan.snapshot === undefined ? undefined : tableOfSnapshot(plan.snapshot);
    // The table was dropped and another has taken its name since the read began.
    if (owner !== undefined && owner !== table.id) throw new WarehouseError('conflict', 'MR_TABLE_GONE', `table ${table.schema}.${table.name} was dropped meanwhile`);
    return {paimon, plan};
  }

  /** @returns a table expression of a table's changes in (since, until]: `_op`, `_seq`, all columns; null if there are none. */
  async #tailSql(table: TableSpec, since: Epoch, until: Epoch, session: Session, bound: string[]): Promise<string | null> {
    if (since >= until) return null;
    const names = table.columns.map((column) => quoteIdentifier(column.name)).join(', ');
    const bind = this.#bind(session, bound);
    const pieces: RelationPiece[] = [];
    const parts: string[] = [];
    let [sequence, from] = [0, since];
    // What the opening found lies in memory, decoded by nobody.
    const tail = this.tail?.changes;
    if (tail?.since === since) {
      const net = until < tail.until ? null : ((await this.tail?.nets?.lastOf(table)) ?? null);
      if (net !== null) parts.push(net);
      else {
        const found = await tail.changes(table, until, bind);
        if (found !== null) parts.push(`SELECT _op, _seq, ${names} FROM ${found.sql} t`);
      }
      [sequence, from] = [tail.rowsOf(table.id), toEpoch(Math.min(until, tail.until))];
    }
    for await (const sealed of this.#history().epochs(from, until, [table])) {
      const part = sealed.tables.find((candidate) => candidate.table === table.id);
      if (part === undefined) continue;
      if (part.reference !== null) {
        parts.push(`SELECT _op, ${sequence} - 1 + row_number() OVER () AS _seq, ${names} FROM (${await part.reference.sql(table)})`);
        sequence += part.rowCount;
        continue;
      }
      const batch = changesAs(part.batch(), part.form(), table);
      pieces.push(numberedPiece(batch, sequence));
      sequence += batch.rowCount;
    }
    if (pieces.length > 0) parts.push(`SELECT _op, _seq, ${names} FROM mr_rows('${bind(relationOfPieces(numberedColumns(table), pieces, publishSliceRows))}')`);
    return parts.length === 0 ? null : `(${parts.join(' UNION ALL ')})`;
  }
}

/** @returns where a table stands in a checkpoint, dropped or not. */
export function entryOf(checkpoint: Checkpoint | null, table: TableId): CheckpointTable | undefined {
  return checkpoint?.tables.find(({id}) => id === table) ?? checkpoint?.dropped.find(({id}) => id === table);
}

function named(table: TableSpec, files: string): string {
  return `SELECT ${table.columns.map((column) => quoteIdentifier(column.name)).join(', ')} FROM (${files})`;
}
