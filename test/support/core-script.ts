/**
 * The engine's core in this thread, over a file system of the test's choosing: a script of definitions, writes, checkpoints and
 * compactions on three tables, one epoch a step, so that the epoch says which steps happened.
 */
import assert from 'node:assert/strict';
import {WarehouseError, type ErrorReport} from '../../base/error.ts';
import type {LogicalType} from '../../base/type.ts';
import type {Value} from '../../base/value.ts';
import {Catalog} from '../../catalog/catalog.ts';
import type {DdlRecord, SubscriptionSpec, TableId, TableSpec} from '../../catalog/spec.ts';
import type {PageFile} from '../../compute/state/page-file.ts';
import {encodeRows} from '../../engine/encode-rows.ts';
import type {Request, ReplyBody, TableWrite, ToMain, WorkerOptions} from '../../engine/protocol.ts';
import {WorkerCore} from '../../engine/worker-core.ts';
import {columnsFromRows} from '../../kernel/column-values.ts';
import {scanSql} from '../../storage/lsm/scan-sql.ts';
import type {FileSystem} from '../../storage/file/file-system.ts';

const integer: LogicalType = {kind: 'integer'};
const varchar: LogicalType = {kind: 'varchar'};

function tableSpec(id: number, name: string, columns: readonly LogicalType[], keyed: boolean, options: Readonly<Record<string, string>> = {}): TableSpec {
  return {
    id: id as TableId, schema: 'main', name, storage: keyed ? 'keyed' : 'append', key: keyed ? [0] : [],
    columns: columns.map((type, index) => ({id: index, name: `c${index}`, type, nullable: !(keyed && index === 0), hidden: false})),
    options, schemaId: 0, createdMs: 0,
  };
}

export const specs = {
  orders: tableSpec(1, 'orders', [integer, varchar], true),
  stock: tableSpec(2, 'stock', [integer, integer], true, {bucket: '2'}),
  events: tableSpec(3, 'events', [integer, varchar], false),
  /** Takes the name of the first after that was dropped. */
  again: tableSpec(4, 'orders', [integer, integer, varchar], true),
};

export type Step =
  | {readonly kind: 'ddl'; readonly records: readonly DdlRecord[]}
  | {readonly kind: 'write'; readonly writes: readonly {readonly table: TableSpec; readonly remove?: readonly number[]; readonly rows?: readonly (readonly Value[])[]}[]}
  | {readonly kind: 'checkpoint'}
  /** A checkpoint, then what compaction has to do. */
  | {readonly kind: 'compact'}
  | {readonly kind: 'expire'};

const upsert = (table: TableSpec, ...rows: (readonly Value[])[]): {table: TableSpec; rows: (readonly Value[])[]} => ({table, rows});

/** Definitions, changes of several tables in one epoch, a table replaced by another of its name, and checkpoints enough for a compaction. */
export const script: readonly Step[] = [
  {kind: 'ddl', records: [specs.orders, specs.stock, specs.events].map((table) => ({kind: 'create-table', table}))},
  {kind: 'write', writes: [upsert(specs.orders, [1, 'one'], [2, 'two'], [3, 'three']), upsert(specs.events, [1, 'first'])]},
  {kind: 'write', writes: [upsert(specs.stock, [1, 10], [2, 20], [3, 30], [4, 40])]},
  {kind: 'checkpoint'},
  {kind: 'write', writes: [upsert(specs.orders, [2, 'zwei']), {table: specs.stock, remove: [3]}, upsert(specs.events, [2, 'second'], [2, 'second'])]},
  {kind: 'ddl', records: [{kind: 'create-subscription', subscription: {name: 's', tables: [specs.stock.id], start: 'snapshot', position: {epoch: 3, timeMs: 1, loggedBytes: 9}, conflate: false, split: true, lagMsMax: 1e9, lagBytesMax: 1e9, createdMs: 5}}]},
  {kind: 'ddl', records: [{kind: 'drop-table', id: specs.orders.id}]},
  {kind: 'ddl', records: [{kind: 'create-table', table: specs.again}]},
  {kind: 'write', writes: [upsert(specs.again, [1, 100, 'new']), upsert(specs.stock, [5, 50])]},
  {kind: 'checkpoint'},
  {kind: 'write', writes: [upsert(specs.stock, [1, 11]), upsert(specs.again, [2, 200, 'newer'])]},
  {kind: 'checkpoint'},
  {kind: 'write', writes: [upsert(specs.stock, [1, 12], [6, 60])]},
  {kind: 'checkpoint'},
  {kind: 'ddl', records: [{kind: 'move-subscription', name: 's', position: {epoch: 6, timeMs: 2, loggedBytes: 99}}]},
  {kind: 'write', writes: [{table: specs.stock, remove: [2], rows: [[1, 13]]}]},
  {kind: 'checkpoint'},
  {kind: 'write', writes: [upsert(specs.stock, [1, 14], [7, 70]), upsert(specs.events, [3, 'third'])]},
  {kind: 'compact'},
  {kind: 'checkpoint'},
  {kind: 'write', writes: [upsert(specs.again, [1, 101, 'newest'])]},
];

/** The same life, kept tidy: after every checkpoint compaction at two runs, and expiry of all that no history holds; the subscription goes half way. */
export const tidyScript: readonly Step[] = script.flatMap((step): Step[] => {
  if (step.kind === 'compact') return [];
  if (step.kind === 'checkpoint') return [{kind: 'compact'}, {kind: 'checkpoint'}, {kind: 'expire'}];
  if (step.kind !== 'ddl') return [step];
  return [{kind: 'ddl', records: step.records.map((record) => (record.kind === 'move-subscription' ? {kind: 'drop-subscription' as const, name: record.name} : record.kind === 'create-table' ? {...record, table: {...record.table, options: {...record.table.options, 'num-sorted-run.compaction-trigger': '2'}}} : record))}];
});

/** Content of every table that exists, by id: sorted rows as text. */
export type Content = ReadonlyMap<TableId, readonly string[]>;

/** @returns the content after each epoch 0, 1, 2 … */
export function contents(steps: readonly Step[] = script): Content[] {
  const tables = new Map<TableId, {spec: TableSpec; rows: (readonly Value[])[]}>();
  const states: Content[] = [new Map()];
  for (const step of steps) {
    if (step.kind !== 'ddl' && step.kind !== 'write') continue;
    if (step.kind === 'ddl') {
      for (const record of step.records) {
        if (record.kind === 'create-table') tables.set(record.table.id, {spec: record.table, rows: []});
        else if (record.kind === 'drop-table') tables.delete(record.id);
      }
    } else {
      for (const {table, remove = [], rows = []} of step.writes) {
        const content = tables.get(table.id)!;
        const gone = new Set<Value>([...remove, ...(table.storage === 'keyed' ? rows.map((row) => row[0]!) : [])]);
        content.rows = [...content.rows.filter((row) => !gone.has(row[0]!)), ...rows];
      }
    }
    states.push(new Map([...tables].map(([id, {rows}]) => [id, rows.map((row) => row.join('|')).sort()])));
  }
  return states;
}

/** @returns what exists at an epoch of a script. */
export function catalogAt(epoch: number, steps: readonly Step[] = script): Catalog {
  let at = 0;
  const catalog = new Catalog();
  for (const step of steps) {
    if (step.kind !== 'ddl' && step.kind !== 'write') continue;
    if (++at > epoch) break;
    if (step.kind === 'ddl') for (const record of step.records) catalog.apply(record);
  }
  return catalog;
}

/** @returns where the script's subscription stands at an epoch; undefined before it is made. */
export function subscriptionAt(epoch: number): SubscriptionSpec | undefined {
  return catalogAt(epoch).findSubscription('s');
}

/** A core and its conversation. */
export class CoreHarness {
  readonly core: WorkerCore;
  readonly #waiting = new Map<number, {resolve: (body: ReplyBody) => void; reject: (error: WarehouseError) => void}>();
  #nextId = 1;

  /** @param newPageFile makes the files of state that memory has no room for. */
  constructor(directory: string, files: FileSystem, options: Partial<WorkerOptions> = {}, newPageFile?: (path: string) => PageFile) {
    this.core = new WorkerCore({
      directory, warehouseId: 'test', memoryBytes: 1 << 28, maintainThreads: 1, maintainMemoryBytes: 1 << 28,
      checkpointBytes: 1 << 30, checkpointMs: 3_600_000, epochIntervalMs: 0, historyRetentionMs: 24 * 3_600_000, logCheckpoints: 8, orphanAgeMs: 24 * 3_600_000, maintenance: 'asked', logSegmentBytesMax: 2048, referenceBytes: 8 << 20, ...options,
    }, (message) => this.#take(message), files, newPageFile);
  }

  #take(message: ToMain): void {
    if (message.kind !== 'reply' && message.kind !== 'error') return;
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === 'reply') waiting?.resolve(message.body);
    else waiting?.reject(WarehouseError.from(message.error satisfies ErrorReport));
  }

  async open(): Promise<void> {
    await this.core.open();
    this.core.loaded();
  }

  request(request: Request): Promise<ReplyBody> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {resolve, reject});
      this.core.receive(id, request);
    });
  }

  step(step: Step): Promise<ReplyBody> {
    if (step.kind === 'checkpoint') return this.request({kind: 'checkpoint'});
    if (step.kind === 'expire') return this.request({kind: 'expire'});
    if (step.kind === 'compact') return this.request({kind: 'checkpoint'}).then(() => this.request({kind: 'compact', tables: null, full: false}));
    if (step.kind === 'ddl') return this.request(step);
    const writes = step.writes.flatMap(({table, remove = [], rows = []}): TableWrite[] => {
      const types = table.columns.map(({type}) => type);
      const keys = [types[0]!];
      return [
        ...(remove.length === 0 ? [] : [{table: table.id, schemaId: table.schemaId, mode: 'delete' as const, rows: encodeRows(keys, columnsFromRows(keys, remove.map((key) => [key])), remove.length), expected: null, asOf: -1}]),
        ...(rows.length === 0 ? [] : [{table: table.id, schemaId: table.schemaId, mode: table.storage === 'keyed' ? 'upsert' as const : 'append' as const, rows: encodeRows(types, columnsFromRows(types, rows), rows.length), expected: null, asOf: -1}]),
      ];
    });
    return this.request({kind: 'write', writes, rejected: []});
  }

  /** Runs what of the script lies after the engine's epoch; checkpoints before it are run again, which changes nothing. */
  async goOn(onStep: (epoch: number) => void = () => undefined, steps: readonly Step[] = script): Promise<void> {
    let epoch = 0;
    for (const step of steps) {
      if (step.kind === 'write' || step.kind === 'ddl') {
        epoch++;
        if (epoch <= this.core.epoch) continue;
      } else if (epoch < this.core.epoch) continue;
      const answer = await this.step(step);
      if (step.kind === 'write' || step.kind === 'ddl') assert.equal(answer.epoch, epoch);
      onStep(answer.epoch);
    }
  }

  /** @returns what the files of a checkpoint of this moment hold. */
  async filesContent(): Promise<Content> {
    await this.request({kind: 'checkpoint'});
    assert.equal(this.core.checkpointer.epoch, this.core.epoch);
    const content = new Map<TableId, readonly string[]>();
    for (const table of this.core.catalog.tables()) {
      const found = await this.core.checkpointer.planOf(table);
      const {rows} = found === null ? {rows: []} : await this.core.session.rows(`SELECT ${table.columns.map(({name}) => name).join(', ')} FROM (${scanSql(found.paimon, found.plan)})`);
      content.set(table.id, rows.map((row) => row.join('|')).sort());
      assert.equal(this.core.dataflow.state(table.id).rowCount, rows.length, `rows of ${table.name} in memory`);
    }
    return content;
  }

  /** Lets go without writing anything. */
  async abandon(): Promise<void> {
    await this.core.compaction?.stop();
    await this.core.checkpointer?.stop().catch(() => undefined);
    await this.core.log?.close().catch(() => undefined);
    await this.core.kernel?.close();
  }
}
