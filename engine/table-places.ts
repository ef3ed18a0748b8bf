/**
 * Whose the place of a table is. Tables follow each other at one name, and so at one folder, faster than checkpoints come: of a dropped
 * table changes may be in the tail that its folder is still to take up, a younger one may have files there that no snapshot names yet
 * (deltas by reference), and one that never had files must not take another's folder for its own.
 */
import {join, relative} from 'node:path';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import type {Checkpoint} from '../storage/lsm/checkpoint-file.ts';
import type {TableDoors} from '../storage/lsm/paimon-table.ts';
import {directoryOf} from './layout.ts';
import {moveAside, ownerOf, tableHome} from './table-home.ts';

export class TablePlaces {
  readonly #doors: TableDoors;
  readonly #directory: string;
  readonly #newest: () => Checkpoint | null;
  /** Tables whose folders hold files that no snapshot may name yet, by folder. */
  readonly #claimed = new Map<string, TableId>();
  readonly #moved = new Set<TableId>();

  /** @param directory the warehouse's. @param newest its newest checkpoint. */
  constructor(doors: TableDoors, directory: string, newest: () => Checkpoint | null) {
    this.#doors = doors;
    this.#directory = directory;
    this.#newest = newest;
  }

  /** From now on files of a table lie at its place, or are about to. */
  claim(table: TableSpec): void {
    this.#claimed.set(directoryOf(this.#directory, table), table.id);
  }

  /** A table did not come to be, or lies elsewhere. @returns whether it had claimed its place. */
  release(table: TableSpec): boolean {
    const at = directoryOf(this.#directory, table);
    return this.#claimed.get(at) === table.id && this.#claimed.delete(at);
  }

  /** Whether what lies at a dropped table's place, if anything does, is to go aside as its own: no files of another one are there. */
  async isOf(table: TableSpec): Promise<boolean> {
    const at = directoryOf(this.#directory, table);
    const claimed = this.#claimed.get(at);
    if (claimed !== undefined) return claimed === table.id;
    if (this.#newest()?.tables.some(({id}) => id === table.id) === true) return true;
    if (await this.#isNamed(at)) return false;
    // A checkpoint that did not come to its end may have made a folder for it. One without a snapshot may be a younger one's, but has nothing in it.
    const owner = await ownerOf(this.#doors, at);
    return owner === table.id || owner === 'nobody';
  }

  /** Whether a table's folder was moved aside: its place may be another's. */
  hasMoved(id: TableId): boolean {
    return this.#moved.has(id);
  }

  async moveAside(table: TableSpec): Promise<void> {
    this.#moved.add(table.id);
    await moveAside(this.#doors, this.#directory, table);
    this.release(table); // its place may be the next one's, not before
  }

  /** Whether anything relies on the folder at a place: files that frames name, the newest checkpoint, or a snapshot. */
  async isReliedOn(at: string): Promise<boolean> {
    const claimed = this.#claimed.get(at);
    if (claimed !== undefined && await this.#isAt(at, claimed)) return true;
    return await this.#isNamed(at) || await ownerOf(this.#doors, at) !== 'nobody';
  }

  /** Whether the newest checkpoint names a table that lies there. */
  async #isNamed(at: string): Promise<boolean> {
    for (const {id, path} of this.#newest()?.tables ?? []) if (join(this.#directory, path) === at && await this.#isAt(at, id)) return true;
    return false;
  }

  async #isAt(at: string, id: number): Promise<boolean> {
    return await tableHome(this.#doors.files, this.#directory, {id, path: relative(this.#directory, at)}) === at;
  }
}
