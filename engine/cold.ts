/**
 * Cold reads: a table's content from its files and the log alone, never from the cache. The first filling of the cache starts from
 * it, and VERIFY reads both of its sides by it, so that it proves what is on disk.
 */
import type {Epoch} from '../base/epoch.ts';
import {epoch as toEpoch} from '../base/epoch.ts';
import type {Column} from '../base/delta.ts';
import {publishSliceRows} from '../base/limit.ts';
import {systemClock} from '../base/clock.ts';
import {WarehouseError} from '../base/error.ts';
import {typeText} from '../base/type.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import {relationOfPieces, type RelationPiece} from '../kernel/relation-pieces.ts';
import type {EpochHistory} from '../query/history.ts';
import type {PinnedRead} from '../query/live.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {PaimonTable} from '../storage/lsm/paimon-table.ts';
import {scanPlan} from '../storage/lsm/scan-plan.ts';
import {scanSql} from '../storage/lsm/scan-sql.ts';
import type {CheckpointView} from './protocol.ts';
import {tableOfSnapshot} from './table-home.ts';

export class ColdReader {
  readonly #checkpointAt: (epoch: Epoch) => CheckpointView | null;
  readonly #history: () => EpochHistory;
  #relations = 0;

  /** @param checkpointAt gives the newest checkpoint at or before an epoch. */
  constructor(checkpointAt: (epoch: Epoch) => CheckpointView | null, history: () => EpochHistory) {
    this.#checkpointAt = checkpointAt;
    this.#history = history;
  }

  /** @returns SQL of a table's rows at a checkpoint, all columns, in `_pos` order; null if it has none. */
  orderedSql(table: TableSpec, checkpoint: CheckpointView): Promise<string | null> {
    return this.#filesSql(table, checkpoint, true);
  }

  /** @returns SQL of a table's rows at a checkpoint; null if it has none. */
  contentSql(table: TableSpec, checkpoint: CheckpointView | null): Promise<string | null> {
    return this.#filesSql(table, checkpoint, false);
  }

  /**
   * SQL of a table's rows at the epoch of `read`, all columns: the files of the newest checkpoint at or before it, folded with the
   * log up to it. All tables of one read are read so, whatever checkpoints come meanwhile. The log's part
   * is bound to the session under a name of its own, which is noted in `bound` for the caller to unbind.
   */
  async sqlAt(table: TableSpec, read: PinnedRead, bound: string[]): Promise<string> {
    const checkpoint = this.#checkpointAt(read.epoch);
    const names = table.columns.map((column) => quoteIdentifier(column.name)).join(', ');
    const since = toEpoch(checkpoint?.epoch ?? 0);
    const empty = `SELECT ${table.columns.map((column) => `NULL::${typeText(column.type)} AS ${quoteIdentifier(column.name)}`).join(', ')} WHERE false`;
    const files = (await this.#filesSql(table, checkpoint, false)) ?? empty;
    const tail = since < read.epoch ? await this.#tailSql(table, since, read, bound) : null;
    if (tail === null) return `SELECT ${names} FROM (${files})`;
    if (table.storage === 'append') return `SELECT ${names} FROM (${files}) UNION ALL SELECT ${names} FROM ${tail} t`;
    const keys = table.key.map((index) => quoteIdentifier(table.columns[index]!.name));
    const touched = `SELECT DISTINCT ${keys.join(', ')} FROM ${tail} t`;
    const latest = `SELECT * FROM ${tail} t QUALIFY row_number() OVER (PARTITION BY ${keys.join(', ')} ORDER BY _seq DESC) = 1`;
    return `SELECT ${names} FROM (${files}) f ANTI JOIN (${touched}) k ON ${keys.map((key) => `k.${key} = f.${key}`).join(' AND ')} UNION ALL SELECT ${names} FROM (${latest}) WHERE _op IN (0, 2)`;
  }

  async #filesSql(table: TableSpec, checkpoint: CheckpointView | null, ordered: boolean): Promise<string | null> {
    const entry = checkpoint?.tables.find((candidate) => candidate.table === table.id);
    if (entry === undefined || entry.snapshot === null) return null;
    const paimon = await PaimonTable.open({files: nodeFileSystem, clock: systemClock}, entry.directory);
    const plan = await scanPlan(paimon, entry.snapshot, {own: true});
    const owner = plan.snapshot === undefined ? undefined : tableOfSnapshot(plan.snapshot);
    // The table was dropped and another has taken its name since the read began.
    if (owner !== undefined && owner !== table.id) throw new WarehouseError('conflict', 'MR_TABLE_GONE', `table ${table.schema}.${table.name} was dropped meanwhile`);
    return scanSql(paimon, plan, {ordered, columns: table.columns.map((column) => column.name)});
  }

  /** @returns SQL of a table's changes after `since`: `_op`, `_seq`, all columns; null if there are none. */
  async #tailSql(table: TableSpec, since: Epoch, read: PinnedRead, bound: string[]): Promise<string | null> {
    const names = table.columns.map((column) => quoteIdentifier(column.name)).join(', ');
    const pieces: RelationPiece[] = [];
    const parts: string[] = [];
    let sequence = 0;
    for await (const sealed of this.#history().epochs(since, read.epoch)) {
      const part = sealed.tables.find((candidate) => candidate.table === table.id);
      if (part === undefined) continue;
      if (part.reference !== null) {
        parts.push(`SELECT _op, ${sequence} - 1 + row_number() OVER () AS _seq, ${names} FROM (${await part.reference.sql()})`);
        sequence += part.rowCount;
        continue;
      }
      const {rowCount, ops, columns} = part.batch();
      const op = new Int32Array(rowCount);
      const seq = new Float64Array(rowCount);
      for (let i = 0; i < rowCount; i++) {
        op[i] = ops[i]!;
        seq[i] = sequence++;
      }
      const head: Column[] = [{kind: 'i32', data: op, valid: null}, {kind: 'f64', data: seq, valid: null, bound: sequence}];
      pieces.push({columns: [...head, ...columns], rowCount});
    }
    if (pieces.length > 0) {
      const relation = `mr_cold_${this.#relations++}`;
      bound.push(relation);
      read.session.bindRelation(relation, relationOfPieces([{name: '_op', type: {kind: 'tinyint'}}, {name: '_seq', type: {kind: 'bigint'}}, ...table.columns.map(({name, type}) => ({name, type}))], pieces, publishSliceRows));
      parts.push(`SELECT _op, _seq, ${names} FROM mr_rows('${relation}')`);
    }
    return parts.length === 0 ? null : `(${parts.join(' UNION ALL ')})`;
  }
}
