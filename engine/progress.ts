/**
 * How far the stream of epochs is: when each epoch was sealed and how much was logged by then, and when each table last changed. Since the warehouse was opened, from the epochs as they come; before, as the checkpoint says
 * that the opening began with (an old one does not: then the commit identifier of its snapshot bounds it). (Marks of epochs before
 * the opening: those of that checkpoint.)
 */
import {systemClock} from '../base/clock.ts';
import type {StreamPosition, TableId} from '../catalog/spec.ts';
import {EpochMarks} from '../query/epoch-marks.ts';
import type {SealedEpoch} from '../query/sealed-epoch.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {PaimonTable} from '../storage/lsm/paimon-table.ts';
import type {CheckpointView} from './protocol.ts';

export class Progress {
  readonly marks: EpochMarks;
  readonly #opened: CheckpointView;
  readonly #changed = new Map<TableId, number>();
  readonly #before = new Map<TableId, Promise<number>>();

  /** @param opened the checkpoint that this opening began from. @param position what it says of its epoch. */
  constructor(opened: CheckpointView, position: StreamPosition) {
    this.marks = new EpochMarks(position);
    this.#opened = opened;
  }

  note({epoch, timeMs, loggedBytes, ddl, tables}: SealedEpoch): void {
    this.marks.append(epoch, timeMs, loggedBytes);
    for (const {table} of tables) this.#changed.set(table, epoch);
    for (const record of ddl) {
      if (record.kind !== 'drop-table') continue;
      this.#changed.delete(record.id);
      this.#before.delete(record.id);
    }
  }

  /** @returns the newest epoch that changed a table; a later one, up to the checkpoint's, where that is all that is known; 0 for never. */
  async changedAt(table: TableId): Promise<number> {
    const known = this.#changed.get(table);
    if (known !== undefined) return known;
    const before = this.#before.get(table) ?? this.#atOpening(table);
    this.#before.set(table, before);
    return before;
  }

  async #atOpening(table: TableId): Promise<number> {
    const entry = this.#opened.tables.find((candidate) => candidate.table === table);
    if (entry === undefined || entry.snapshot === null) return 0;
    if (entry.changed !== undefined) return entry.changed;
    try {
      const paimon = await PaimonTable.open({files: nodeFileSystem, clock: systemClock}, entry.directory);
      const identifier = Number((await paimon.snapshots.read(entry.snapshot)).commitIdentifier);
      return Math.min(identifier, this.#opened.epoch);
    } catch {
      return this.#opened.epoch; // the snapshot is gone or unreadable: the checkpoint bounds it
    }
  }
}
