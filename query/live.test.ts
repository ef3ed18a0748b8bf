import assert from 'node:assert/strict';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import {OP_DELETE, OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE, type ChangeBatch} from '../base/delta.ts';
import {epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {readsMax} from '../base/limit.ts';
import type {LogicalType} from '../base/type.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import {columnsFromRows} from '../kernel/column-values.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {quoteLiteral} from '../kernel/quote.ts';
import type {Session} from '../kernel/session.ts';
import {LiveRelation, type LiveOptions} from './live.ts';
import type {PinnedRead} from './pinned-read.ts';
import {rowsViewName, viewName} from './live-tables.ts';
import type {SealedEpoch, SealedTable} from './sealed-epoch.ts';

const seed = Number(process.env['MR_SEED'] ?? 42);
const types: readonly LogicalType[] = [{kind: 'bigint'}, {kind: 'varchar'}, {kind: 'integer'}];

/** Runs `work` with a live relation of its own. `patch` sees every session that it opens. */
async function withLive(options: LiveOptions & {readonly inMemory?: boolean}, work: (live: LiveRelation, kernel: Kernel) => Promise<void>, patch: (session: Session) => void = () => undefined): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-live-'));
  const kernel = await Kernel.open({threads: 2, memoryBytes: 256 << 20});
  try {
    const session = await kernel.connect();
    await session.run(options.inMemory === true ? "ATTACH ':memory:' AS live" : `ATTACH ${quoteLiteral(join(folder, 'live.duckdb'))} AS live (RECOVERY_MODE NO_WAL_WRITES)`);
    const connect = kernel.connect.bind(kernel);
    kernel.connect = async () => {
      const made = await connect();
      patch(made);
      return made;
    };
    const live = await LiveRelation.open(kernel, epoch(0), options);
    try {
      await work(live, kernel);
    } finally {
      await live.close();
    }
  } finally {
    await kernel.close();
    rmSync(folder, {recursive: true, force: true});
  }
}

function spec(id: number, name: string, storage: 'keyed' | 'append', schema = 'main'): TableSpec {
  const columns = [['id', types[0]!, false], ['v', types[1]!, false], ['_mr_x', types[2]!, true]] as const;
  return {
    id: id as TableId, schema, name, storage, key: storage === 'keyed' ? [0] : [], options: {}, schemaId: 0, createdMs: 0,
    columns: columns.map(([column, type, hidden], index) => ({id: index, name: column, type, nullable: !hidden && index > 0, hidden})),
  };
}

type RowValue = readonly [bigint, string | null, number];
interface Changes {readonly table: TableId; readonly rows: readonly {readonly op: number; readonly position: number; readonly row: RowValue}[]}

function batchOf({rows}: Changes): ChangeBatch {
  return {
    rowCount: rows.length, ops: Uint8Array.from(rows, ({op}) => op), positions: Float64Array.from(rows, ({position}) => position),
    columns: columnsFromRows(types, rows.map(({row}) => [...row])),
  };
}

function sealedTable(changes: Changes, batch: () => ChangeBatch = () => batchOf(changes)): SealedTable {
  return {table: changes.table, form: () => assert.fail('the cache knows its tables'), rowCount: changes.rows.length, batch, batches: () => [batch()], reference: null};
}

function sealed(number: number, ddl: readonly DdlRecord[], tables: readonly SealedTable[]): SealedEpoch {
  return {epoch: epoch(number), ddl, tables, bytes: 100, timeMs: 0, loggedBytes: 100};
}

/** The truth: every table's rows by position, at every epoch. */
class Model {
  readonly at: Map<TableId, {readonly spec: TableSpec; readonly rows: ReadonlyMap<number, RowValue>}>[] = [new Map()];
  readonly #next = new Map<TableId, number>();
  #tableCount = 0;

  get newest(): number { return this.at.length - 1; }

  create(name: string, storage: 'keyed' | 'append', schema?: string): SealedEpoch {
    return this.#seal([{kind: 'create-table', table: spec(++this.#tableCount, name, storage, schema)}], []);
  }

  drop(name: string): SealedEpoch | null {
    const found = [...this.at.at(-1)!.values()].find((table) => table.spec.name === name);
    return found === undefined ? null : this.#seal([{kind: 'drop-table', id: found.spec.id}], []);
  }

  /** One epoch that changes some tables: rows come, change and go, some within the epoch. */
  change(random: () => number, share: number): SealedEpoch {
    const parts: Changes[] = [];
    for (const {spec: table, rows} of this.at.at(-1)!.values()) {
      if (random() > share) continue;
      const now = new Map(rows);
      const changes: {op: number; position: number; row: RowValue}[] = [];
      const take = (): number => {
        const position = this.#next.get(table.id) ?? 0;
        this.#next.set(table.id, position + 1);
        return position;
      };
      for (let left = 1 + Math.floor(random() * 6); left > 0; left--) {
        const positions = [...now.keys()];
        const old = positions[Math.floor(random() * positions.length)];
        const choice = table.storage === 'append' || old === undefined ? 0 : random();
        if (choice < 0.4) {
          const position = take();
          const row: RowValue = [BigInt(position), random() < 0.2 ? null : `v${Math.floor(random() * 5)}`, Math.floor(random() * 3)];
          now.set(position, row);
          changes.push({op: OP_INSERT, position, row});
          continue;
        }
        const before = now.get(old!)!;
        now.delete(old!);
        if (choice < 0.7) {
          changes.push({op: OP_DELETE, position: old!, row: before});
          continue;
        }
        const position = take();
        const after: RowValue = [before[0], `u${Math.floor(random() * 1000)}`, before[2]];
        now.set(position, after);
        changes.push({op: OP_UPDATE_BEFORE, position: old!, row: before}, {op: OP_UPDATE_AFTER, position, row: after});
      }
      parts.push({table: table.id, rows: changes});
    }
    return this.#seal([], parts);
  }

  #seal(ddl: readonly DdlRecord[], parts: readonly Changes[]): SealedEpoch {
    const next = new Map(this.at.at(-1)!);
    for (const record of ddl) {
      if (record.kind === 'create-table') next.set(record.table.id, {spec: record.table, rows: new Map()});
      else if (record.kind === 'drop-table') next.delete(record.id);
    }
    for (const {table, rows: changes} of parts) {
      const rows = new Map(next.get(table)!.rows);
      for (const {op, position, row} of changes) {
        if (op === OP_INSERT || op === OP_UPDATE_AFTER) rows.set(position, row);
        else rows.delete(position);
      }
      next.set(table, {...next.get(table)!, rows});
    }
    this.at.push(next);
    return sealed(this.newest, ddl, parts.map((part) => sealedTable(part)));
  }
}

async function checkRead(model: Model, {session, epoch: at}: PinnedRead): Promise<void> {
  for (const {spec: table, rows} of model.at[at]!.values()) {
    const found = await session.rows(`SELECT * FROM ${rowsViewName(table)} ORDER BY _pos`);
    const wanted = [...rows].toSorted(([a], [b]) => a - b).map(([position, row]) => [BigInt(position), ...row]);
    assert.deepEqual(found.rows, wanted, `${table.name} (table ${table.id}) at epoch ${at}`);
    const visible = await session.rows(`SELECT * FROM ${viewName(table)} ORDER BY ALL`);
    assert.deepEqual(visible.columns.map(({name}) => name), ['id', 'v']);
    assert.equal(visible.rows.length, rows.size);
  }
}

test('live relation: every pinned reader sees exactly its epoch of all tables, whatever is published, swept, rewritten, dropped and made anew beside it', async () => {
  const step = fc.oneof(
    {weight: 6, arbitrary: fc.record({kind: fc.constant('change' as const), share: fc.constantFrom(0.3, 1), seed: fc.nat()})},
    {weight: 3, arbitrary: fc.record({kind: fc.constant('create' as const), name: fc.constantFrom('a', 'b', 'c'), storage: fc.constantFrom('keyed' as const, 'append' as const)})},
    {weight: 1, arbitrary: fc.record({kind: fc.constant('drop' as const), name: fc.constantFrom('a', 'b', 'c')})},
    {weight: 5, arbitrary: fc.record({kind: fc.constantFrom('pin' as const, 'pin' as const, 'read' as const, 'read' as const, 'read' as const, 'release' as const, 'settle' as const), which: fc.nat(readsMax)})},
  );
  let pinnedBehind = 0, recreated = 0, swept = 0, rewritten = 0, compressed = 0;
  await fc.assert(fc.asyncProperty(fc.array(step, {minLength: 20, maxLength: 60, size: 'max'}), fc.constantFrom(1, 3, 1000), fc.constantFrom(1, 4, 1000), fc.integer({min: 0, max: 3}), fc.constantFrom(1, 30, 1_000_000), async (steps, sweepRowsMin, rewriteRowsMin, disk, compressRowsMin) => {
    // In a file, as in earnest, every fourth time: there a run takes ten times as long.
    await withLive({sweepRowsMin, rewriteRowsMin, compressRowsMin, inMemory: disk > 0}, async (live) => {
      const model = new Model();
      const reads: PinnedRead[] = [];
      const asked: Promise<void>[] = []; // reads in flight beside all that follows
      const dropped = new Set<string>();
      for (const one of steps) {
        const names = [...model.at.at(-1)!.values()].map((table) => table.spec.name);
        switch (one.kind) {
          case 'change': {
            let state = one.seed;
            live.enqueue(model.change(() => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648, one.share));
            break;
          }
          case 'create':
            if (names.includes(one.name)) break;
            if (dropped.has(one.name) && reads.length > 0) recreated++;
            live.enqueue(model.create(one.name, one.storage));
            break;
          case 'drop': {
            const epochOf = model.drop(one.name);
            if (epochOf === null) break;
            dropped.add(one.name);
            live.enqueue(epochOf);
            break;
          }
          case 'pin': {
            if (reads.length >= readsMax - 1) break;
            const least = model.newest;
            const read = await live.pin();
            assert.ok(read.epoch >= least);
            reads.push(read);
            break;
          }
          case 'read': {
            const read = reads[one.which % Math.max(1, reads.length)];
            if (read !== undefined) {
              if (read.epoch < model.newest) pinnedBehind++;
              await checkRead(model, read);
            } else asked.push(live.read((fresh) => checkRead(model, fresh)));
            break;
          }
          case 'release': await reads.splice(one.which % Math.max(1, reads.length), 1)[0]?.release(); break;
          case 'settle': await live.settle(0); break;
        }
      }
      await Promise.all(asked);
      for (const read of reads) {
        await checkRead(model, read);
        await read.release();
      }
      await live.read(async (read) => {
        assert.equal(read.epoch, model.newest);
        await checkRead(model, read);
      });
      swept += live.upkeepCounts.sweeps;
      rewritten += live.upkeepCounts.rewrites;
      compressed += live.upkeepCounts.compressions;
    });
  }), {seed, numRuns: 30});
  assert.ok(pinnedBehind > 20, `${pinnedBehind} reads behind the newest epoch`);
  assert.ok(recreated > 2, `${recreated} tables made anew beside a pinned reader`);
  assert.ok(swept > 20, `${swept} sweeps`);
  assert.ok(rewritten > 0, `${rewritten} rewrites`);
  assert.ok(compressed > 5, `${compressed} compressions`);
});

/** A relation with one keyed table of three rows at epoch 2. */
async function filled(live: LiveRelation): Promise<Model> {
  const model = new Model();
  live.enqueue(model.create('t', 'keyed'));
  live.enqueue(model.change(() => 0.35, 1));
  await live.settle(0);
  return model;
}

test('live relation: a publish that fails changes nothing that is read, and the next reader publishes the same epochs again', async () => {
  let failing = '';
  await withLive({}, async (live) => {
    const model = await filled(live);
    for (const at of ['BEGIN TRANSACTION', 'CREATE TABLE', 'CREATE VIEW', 'INSERT INTO live.mr_internal.t1 ', 'INSERT INTO live.mr_internal.t1_dead', 'UPDATE live.mr_internal._epoch', 'COMMIT']) {
      const before = await live.pin();
      live.enqueue(model.create(`made ${at}`.replaceAll('.', ' '), 'append'));
      live.enqueue(model.change(() => 0.72, 1));
      live.enqueue(model.change(() => 0.35, 1));
      failing = at;
      await assert.rejects(live.pin(), (cause: unknown) => cause instanceof WarehouseError && cause.code === 'MR_CACHE_FAILED' && cause.kind === 'unavailable', at);
      assert.ok(live.pendingRows > 0);
      failing = '';
      await checkRead(model, before);
      await before.release();
      await live.read(async (read) => {
        assert.equal(read.epoch, model.newest);
        await checkRead(model, read);
      });
    }
  }, (session) => {
    const run = session.run.bind(session);
    session.run = (sql, params) => (failing !== '' && sql.startsWith(failing) ? Promise.reject(new WarehouseError('unavailable', 'MR_DUCKDB_MEMORY', `no memory for ${sql}`)) : run(sql, params));
  });
});

test('live relation: a sweep that fails leaves rows and epochs as they are, and epochs go on', async () => {
  let failing = true;
  let failed = 0;
  await withLive({sweepRowsMin: 1}, async (live) => {
    const model = await filled(live);
    for (let i = 0; i < 12; i++) {
      live.enqueue(model.change(() => 0.72, 1));
      live.enqueue(model.change(() => 0.35, 1));
      await live.read((read) => checkRead(model, read));
      if (i === 6) failing = false;
    }
    assert.ok(failed > 0);
    assert.ok(live.upkeepCounts.sweeps > 0);
  }, (session) => {
    const run = session.run.bind(session);
    session.run = (sql, params) => {
      if (!failing || !sql.startsWith('DELETE FROM live.mr_internal.t1_dead')) return run(sql, params);
      failed++;
      return Promise.reject(new WarehouseError('unavailable', 'MR_DUCKDB_MEMORY', 'no memory'));
    };
  });
});

test('live relation: tables that are mostly holes are rewritten beside epochs and pinned readers; one that fails leaves all as it is', async () => {
  let failing = '';
  let failed = 0;
  await withLive({sweepRowsMin: 1, rewriteRowsMin: 1}, async (live) => {
    const model = await filled(live);
    const held: PinnedRead[] = [];
    for (const at of ['', 'CREATE TABLE live.mr_internal.t1_copy', 'INSERT INTO live.mr_internal.t1_copy', 'ALTER TABLE', 'DROP TABLE live.mr_internal.t1', '']) {
      failing = at;
      const [before, failedBefore] = [live.upkeepCounts.rewrites, failed];
      for (let i = 0; (at === '' ? live.upkeepCounts.rewrites === before : failed === failedBefore) && i < 1000; i++) {
        live.enqueue(model.change(() => 0.72, 1));
        live.enqueue(model.change(() => 0.35, 1));
        if (i % 10 === 0) held.push(await live.pin());
        if (held.length > 3) {
          const read = held.shift()!;
          await checkRead(model, read);
          await read.release();
        }
        await live.read((read) => checkRead(model, read));
      }
    }
    for (const read of held) {
      await checkRead(model, read);
      await read.release();
    }
    assert.ok(failed >= 4, `${failed} rewrites failed`);
    assert.ok(live.upkeepCounts.rewrites >= 2);
  }, (session) => {
    const run = session.run.bind(session);
    session.run = (sql, params) => {
      if (failing === '' || !sql.startsWith(failing)) return run(sql, params);
      failed++;
      return Promise.reject(new WarehouseError('unavailable', 'MR_DUCKDB_MEMORY', 'no memory'));
    };
  });
});

test('live relation: a read that cannot begin gives its session back as it was', async () => {
  let failing = false;
  await withLive({}, async (live) => {
    const model = await filled(live);
    for (let i = 0; i < 2 * readsMax; i++) {
      failing = true;
      await assert.rejects(live.pin(), {code: 'MR_DUCKDB_MEMORY'});
      failing = false;
      live.enqueue(model.change(() => 0.35, 1));
      await live.read(async (read) => {
        assert.equal(read.epoch, model.newest);
        await checkRead(model, read);
      });
    }
  }, (session) => {
    const rows = session.rows.bind(session);
    session.rows = (...given) => (failing && given[0].includes('_epoch') ? Promise.reject(new WarehouseError('unavailable', 'MR_DUCKDB_MEMORY', 'no memory')) : rows(...given)) as never;
  });
});

test('live relation: reads that wait for their turn end when they are told to, when too many wait and when it closes', async () => {
  await withLive({readsWaitingMax: 2}, async (live) => {
    await filled(live);
    const held = await Promise.all(Array.from({length: readsMax}, () => live.pin()));
    const gone = new AbortController();
    const first = live.pin({signal: gone.signal});
    const second = live.pin();
    await assert.rejects(live.pin(), {kind: 'unavailable', code: 'MR_BUSY'});
    gone.abort();
    await assert.rejects(first, {code: 'MR_INTERRUPTED'});
    await assert.rejects(live.pin({signal: gone.signal}), {code: 'MR_INTERRUPTED'});
    await held[0]!.release();
    await held[0]!.release();
    const read = await second;
    const third = live.pin();
    const refused = assert.rejects(third, {code: 'MR_CLOSED'});
    await live.close();
    await refused;
    await assert.rejects(live.pin(), {code: 'MR_CLOSED'});
    await read.release();
    for (const one of held) await one.release();
  });
});

test('live relation: reads held for long take no turn from others, and are refused beyond their own limit', async () => {
  await withLive({heldReadsMax: 12}, async (live) => {
    const model = await filled(live);
    const held: PinnedRead[] = [];
    for (let i = 0; i < 12; i++) held.push(await live.pin({held: true}));
    await assert.rejects(live.pin({held: true}), {kind: 'unavailable', code: 'MR_BUSY'});
    live.enqueue(model.change(() => 0.35, 1));
    await live.read((read) => checkRead(model, read));
    for (const read of held) await checkRead(model, read);
    await held.pop()!.release();
    await (await live.pin({held: true})).release();
    for (const read of held) await read.release();
  });
});

test('live relation: epochs come one by one', async () => {
  await withLive({}, (live) => {
    assert.throws(() => live.enqueue(sealed(2, [], [])), /epoch 2 enqueued after 0/);
    return Promise.resolve();
  });
});
