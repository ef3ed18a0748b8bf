/**
 * What exists: a fold over DDL records. Both threads fold the same records into one of these. Names are found in any case, as in
 * DuckDB, and kept as written; no two differ only by case.
 */
import {invariant, unreachable} from '../base/invariant.ts';
import {sameFields} from '../base/widen.ts';
import {followInput} from './evolve-inputs.ts';
import {decodeJson, encodeJson, type Json} from './record-json.ts';
import {MAIN_SCHEMA, type DdlRecord, type SubscriptionSpec, type TableId, type TableSpec, type TagSpec} from './spec.ts';

const snapshotVersion = 1;

export class Catalog {
  /** Lower-case name → name as written. */
  readonly #schemas = new Map<string, string>([[MAIN_SCHEMA, MAIN_SCHEMA]]);
  readonly #tables = new Map<TableId, TableSpec>();
  readonly #byName = new Map<string, TableId>();
  readonly #dependents = new Map<TableId, Set<TableId>>();
  /** By lower-case name. */
  readonly #subscriptions = new Map<string, SubscriptionSpec>();
  /** By lower-case name. */
  readonly #tags = new Map<string, TagSpec>();
  #nextTableId = 1;
  #version = 0;

  /** The id that the next table takes. */
  get nextTableId(): TableId {
    return this.#nextTableId as TableId;
  }

  /** Counts applied records: equal versions of one catalog mean equal contents. */
  get version(): number {
    return this.#version;
  }

  /** Takes one record in. Records were checked when they were made (create.ts, drop.ts): one that does not fit is a bug. */
  apply(record: DdlRecord): void {
    switch (record.kind) {
      case 'create-schema': this.#createSchema(record.name); break;
      case 'drop-schema': this.#dropSchema(record.name); break;
      case 'create-table': this.#createTable(record.table); break;
      case 'alter-table': this.#alterTable(record.table); break;
      case 'drop-table': this.#dropTable(record.id); break;
      case 'create-subscription': this.#createSubscription(record.subscription); break;
      case 'drop-subscription':
        this.#requireSubscription(record.name);
        this.#subscriptions.delete(record.name.toLowerCase());
        break;
      case 'move-subscription': {
        const subscription = this.#requireSubscription(record.name);
        invariant(record.position.epoch >= subscription.position.epoch, () => `subscription "${record.name}" moves from ${subscription.position.epoch} back to ${record.position.epoch}`);
        this.#subscriptions.set(record.name.toLowerCase(), {...subscription, start: record.start ?? null, position: record.position});
        break;
      }
      case 'end-subscription': {
        const {atMs, reason} = record;
        this.#subscriptions.set(record.name.toLowerCase(), {...this.#requireSubscription(record.name), ended: {atMs, reason}});
        break;
      }
      case 'create-tag':
        invariant(this.findTag(record.tag.name) === undefined, () => `tag "${record.tag.name}" exists`);
        this.#tags.set(record.tag.name.toLowerCase(), record.tag);
        break;
      case 'drop-tag':
        invariant(this.#tags.delete(record.name.toLowerCase()), () => `tag "${record.name}" does not exist`);
        break;
      case 'table-ids': this.#nextTableId = Math.max(this.#nextTableId, record.next); break;
      default: unreachable(record);
    }
    this.#version++;
  }

  #createSchema(name: string): void {
    invariant(!this.#schemas.has(name.toLowerCase()), () => `schema "${name}" exists`);
    this.#schemas.set(name.toLowerCase(), name);
  }

  #dropSchema(name: string): void {
    invariant(name.toLowerCase() !== MAIN_SCHEMA, 'the main schema is never dropped');
    invariant(this.tables(name).length === 0, () => `schema "${name}" holds tables`);
    invariant(this.#schemas.delete(name.toLowerCase()), () => `schema "${name}" does not exist`);
  }

  #createTable(table: TableSpec): void {
    const key = nameKey(table.schema, table.name);
    invariant(this.#schemas.has(table.schema.toLowerCase()), () => `schema "${table.schema}" does not exist`);
    invariant(!this.#byName.has(key), () => `table "${table.schema}.${table.name}" exists`);
    invariant(Number.isSafeInteger(table.id) && table.id >= this.#nextTableId, () => `table id ${table.id} is taken, the next is ${this.#nextTableId}`);
    for (const input of table.definition?.inputs ?? []) {
      invariant(this.#tables.has(input), () => `input ${input} of "${table.schema}.${table.name}" does not exist`);
    }
    this.#tables.set(table.id, table);
    this.#byName.set(key, table.id);
    this.#nextTableId = table.id + 1;
    for (const input of table.definition?.inputs ?? []) {
      const dependents = this.#dependents.get(input) ?? new Set();
      this.#dependents.set(input, dependents.add(table.id));
    }
  }

  #createSubscription(subscription: SubscriptionSpec): void {
    invariant(this.findSubscription(subscription.name) === undefined, () => `subscription "${subscription.name}" exists`);
    for (const id of subscription.tables) invariant(this.#tables.has(id), () => `table ${id} of subscription "${subscription.name}" does not exist`);
    this.#subscriptions.set(subscription.name.toLowerCase(), subscription);
  }

  #requireSubscription(name: string): SubscriptionSpec {
    const subscription = this.findSubscription(name);
    invariant(subscription !== undefined, () => `subscription "${name}" does not exist`);
    return subscription;
  }

  #alterTable(table: TableSpec): void {
    const before = this.byId(table.id);
    invariant(before !== undefined, () => `table ${table.id} does not exist`);
    invariant(before.definition === undefined || sameFields(before.columns, table.columns), () => `dynamic table "${before.schema}.${before.name}" takes other columns`);
    invariant(before.schema === table.schema && before.name === table.name, () => `table ${table.id} changes its name`);
    invariant(table.schemaId === before.schemaId + 1, () => `schema ${table.schemaId} of table ${table.id} after ${before.schemaId}`);
    const readers = this.dependents(table.id).map((reader) => followInput(reader, before, table));
    this.#tables.set(table.id, table);
    for (const reader of readers) this.#tables.set(reader.id, reader);
  }

  #dropTable(id: TableId): void {
    const table = this.byId(id);
    invariant(table !== undefined, () => `table ${id} does not exist`);
    invariant((this.#dependents.get(id)?.size ?? 0) === 0, () => `table "${table.schema}.${table.name}" has dependents`);
    const follower = this.subscriptionsOf(id)[0];
    invariant(follower === undefined, () => `table "${table.schema}.${table.name}" has the subscription "${follower!.name}"`);
    this.#tables.delete(id);
    this.#byName.delete(nameKey(table.schema, table.name));
    this.#dependents.delete(id);
    for (const input of table.definition?.inputs ?? []) this.#dependents.get(input)?.delete(id);
  }

  /** @returns schema names as written, `main` first, then in the order they were made. */
  schemas(): string[] {
    return [...this.#schemas.values()];
  }

  /** @returns the schema's name as written, or undefined; `name` in any case. */
  findSchema(name: string): string | undefined {
    return this.#schemas.get(name.toLowerCase());
  }

  /** @returns tables in the order they were made; of one schema if one is given. */
  tables(schema?: string): TableSpec[] {
    const all = [...this.#tables.values()];
    return schema === undefined ? all : all.filter((table) => table.schema.toLowerCase() === schema.toLowerCase());
  }

  /** @returns the table, or undefined; names in any case, no schema means `main`. */
  find(schema: string | undefined, name: string): TableSpec | undefined {
    const id = this.#byName.get(nameKey(schema ?? MAIN_SCHEMA, name));
    return id === undefined ? undefined : this.#tables.get(id);
  }

  byId(id: TableId): TableSpec | undefined {
    return this.#tables.get(id);
  }

  /** @returns the dynamic tables that read `id` themselves, in the order they were made. */
  dependents(id: TableId): TableSpec[] {
    return [...this.#dependents.get(id) ?? []].toSorted((a, b) => a - b).map((dependent) => this.#tables.get(dependent)!);
  }

  /** @returns the subscription, or undefined; `name` in any case. */
  findSubscription(name: string): SubscriptionSpec | undefined {
    return this.#subscriptions.get(name.toLowerCase());
  }

  /** @returns the tag, or undefined; `name` in any case. One whose time has ended is there until it is dropped. */
  findTag(name: string): TagSpec | undefined {
    return this.#tags.get(name.toLowerCase());
  }

  /** @returns tags in the order they were made. */
  tags(): TagSpec[] {
    return [...this.#tags.values()];
  }

  /** @returns subscriptions in the order they were made. */
  subscriptions(): SubscriptionSpec[] {
    return [...this.#subscriptions.values()];
  }

  /** @returns the subscriptions that follow a table. */
  subscriptionsOf(id: TableId): SubscriptionSpec[] {
    return this.subscriptions().filter(({tables}) => tables.includes(id));
  }

  /** @returns all tables such that every dynamic table stands after its inputs; else in the order they were made. */
  dependencyOrder(): TableSpec[] {
    const ordered: TableSpec[] = [];
    const state = new Map<TableId, 'open' | 'done'>();
    const visit = (table: TableSpec): void => {
      if (state.get(table.id) === 'done') return;
      invariant(state.get(table.id) !== 'open', () => `table "${table.schema}.${table.name}" reads itself`);
      state.set(table.id, 'open');
      for (const input of table.definition?.inputs ?? []) visit(this.#tables.get(input)!);
      state.set(table.id, 'done');
      ordered.push(table);
    };
    for (const table of this.#tables.values()) visit(table);
    return ordered;
  }

  /** @returns records that make this catalog anew from an empty one. */
  records(): DdlRecord[] {
    return [
      ...this.schemas().filter((name) => name !== MAIN_SCHEMA).map((name): DdlRecord => ({kind: 'create-schema', name})),
      // By id, so that each finds its inputs: ids only grow, and an input is older than what reads it.
      ...this.tables().toSorted((a, b) => a.id - b.id).map((table): DdlRecord => ({kind: 'create-table', table})),
      ...this.tags().map((tag): DdlRecord => ({kind: 'create-tag', tag})),
      ...this.subscriptions().map((subscription): DdlRecord => ({kind: 'create-subscription', subscription})),
      {kind: 'table-ids', next: this.#nextTableId},
    ];
  }

  /** @returns the whole catalog as JSON-safe values, for checkpoints. */
  snapshot(): Json {
    return encodeJson({version: snapshotVersion, records: this.records()});
  }

  /** @throws {WarehouseError} `MR_CATALOG_DAMAGED` (data) when `json` is not what `snapshot()` gave. */
  static fromSnapshot(json: unknown): Catalog {
    return Catalog.fromRecords(decodeJson(json, snapshotVersion));
  }

  static fromRecords(records: Iterable<DdlRecord>): Catalog {
    const catalog = new Catalog();
    for (const record of records) catalog.apply(record);
    return catalog;
  }
}

/** Names hold no dots (names.ts). */
function nameKey(schema: string, name: string): string {
  return `${schema}.${name}`.toLowerCase();
}
