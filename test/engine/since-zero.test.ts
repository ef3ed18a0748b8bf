/**
 * `since = 0`: the content at the oldest readable epoch as +I, then what followed; the same in the library, in SQL and over HTTP,
 * also when the log before that epoch is gone.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {buildApp} from '../../server/app.ts';
import {rejects} from '../support/expect.ts';
import {temporaryFolder} from '../support/temporary.ts';

interface Line {
  readonly epoch: number;
  readonly op: string;
  readonly id: string;
  readonly v: number | null;
}

async function fromLibrary(wh: Warehouse, table: string): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const {epoch, changes} of wh.subscribe(table, {from: 0, until: wh.epoch})) {
    for (const {op, row} of changes) lines.push({epoch, op, id: String(row['id']), v: row['v'] as number | null});
  }
  return lines;
}

async function fromSql(wh: Warehouse, table: string): Promise<Line[]> {
  const {rows} = await wh.sql(`SELECT * FROM changes(${table}, since => 0)`);
  return rows.map((row) => ({epoch: Number(row['_epoch']), op: String(row['_op']), id: String(row['id']), v: row['v'] as number | null}));
}

async function fromHttp(wh: Warehouse, table: string, query = ''): Promise<Line[]> {
  const app = buildApp({warehouse: wh});
  const {payload} = await app.inject({url: `/v1/tables/${table}/changes?since=0${query}`, headers: {host: 'localhost'}});
  await app.close();
  const lines = payload.trim().split('\n').map((line) => JSON.parse(line) as {epoch: number; op?: string; row?: {id: string; v: number | null}});
  return lines.filter(({op}) => op !== undefined).map(({epoch, op, row}) => ({epoch, op: op!, id: row!.id, v: row!.v}));
}

function sorted(lines: readonly Line[]): Line[] {
  return lines.toSorted((a, b) => a.epoch - b.epoch || Number(a.id) - Number(b.id) || (a.op < b.op ? 1 : -1));
}

/** Content by key after all changes; every −U and −D must find its row. */
function folded(lines: readonly Line[]): Map<string, number | null> {
  const content = new Map<string, number | null>();
  for (const {op, id, v} of lines) {
    if (op === '-U' || op === '-D') {
      assert.equal(content.get(id), v, `${op} of ${id}`);
      content.delete(id);
    } else {
      assert.ok(!content.has(id), `${op} of ${id}`);
      content.set(id, v);
    }
  }
  return content;
}

test('since 0: content at the oldest readable epoch, then what followed, after the log before it is gone', async (t) => {
  const path = temporaryFolder(t);
  const options = {path, logSegmentBytesMax: 4096, historyRetentionMs: 0};
  let wh = await Warehouse.open(options);
  await wh.sql("CREATE TABLE t (id BIGINT PRIMARY KEY, v INTEGER); CREATE TABLE none (id BIGINT PRIMARY KEY, v INTEGER); CREATE DYNAMIC TABLE twice AS SELECT id, 2 * v AS v FROM t WHERE v IS NOT NULL");
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 12; i++) await wh.sql(`INSERT INTO t SELECT range, ${round * 100 + i} FROM range(${i}, ${i + 20})`);
    await wh.sql(`DELETE FROM t WHERE id = ${round}`);
    await wh.checkpoint();
  }
  await wh.close();
  wh = await Warehouse.open(options);
  const {oldestEpoch: oldest} = wh;
  assert.ok(oldest > 1 && oldest < wh.epoch, `the oldest readable epoch is ${oldest} of ${wh.epoch}`);
  await wh.sql('INSERT INTO t VALUES (1000, NULL), (1001, 7)');
  for (const table of ['t', 'twice']) {
    const library = await fromLibrary(wh, table);
    assert.deepEqual(sorted(library), sorted(await fromSql(wh, table)), 'library and SQL');
    assert.deepEqual(sorted(library), sorted(await fromHttp(wh, table)), 'library and HTTP');
    assert.ok(library.filter(({epoch}) => epoch === oldest).every(({op}) => op === '+I'));
    assert.ok(library.some(({epoch}) => epoch === oldest) && library.some(({epoch}) => epoch > oldest));
    const {rows} = await wh.sql(`SELECT id, v FROM ${table}`);
    assert.deepEqual(new Map([...folded(library)].sort()), new Map(rows.map((row): [string, number | null] => [String(row['id']), row['v'] as number | null]).sort()));
    // a cut in the middle is a prefix
    const until = Math.floor((oldest + wh.epoch) / 2);
    assert.deepEqual(sorted(await fromHttp(wh, table, `&until=${until}`)), sorted(library.filter(({epoch}) => epoch <= until)));
  }
  assert.deepEqual(await fromLibrary(wh, 'none'), []);
  const marks = [];
  for await (const {epoch, complete} of wh.subscribe('none', {from: 0, until: wh.epoch})) marks.push([epoch, complete]);
  assert.deepEqual(marks, [[oldest, true]], 'the content of an empty table is an end mark');
  await rejects(wh.subscribe('t', {from: oldest - 1, until: wh.epoch}).next(), 'invalid', 'MR_EPOCH_EXPIRED', new RegExp(`epoch ${oldest - 1} is no longer kept; the oldest readable epoch is ${oldest}`));
  await rejects(wh.subscribe('t', {from: 0, until: oldest - 1}).next(), 'invalid', 'MR_EPOCH_EXPIRED');
  await rejects(wh.sql(`SELECT * FROM changes(t, since => ${oldest - 1})`), 'invalid', 'MR_EPOCH_EXPIRED');
  const app = buildApp({warehouse: wh});
  for (const query of [`since=${oldest - 1}`, `since=${oldest - 1}&follow=true`, `since=0&until=${oldest - 1}`]) assert.equal((await app.inject({url: `/v1/tables/t/changes?${query}`, headers: {host: 'localhost'}})).statusCode, 410, query);
  await app.close();
  await wh.close();
});

test('since 0: from a young warehouse it is every change there was', async (t) => {
  await using wh = await Warehouse.open({path: temporaryFolder(t)});
  await wh.sql('CREATE TABLE t (id BIGINT PRIMARY KEY, v INTEGER); INSERT INTO t VALUES (1, 1); UPDATE t SET v = 2; DELETE FROM t');
  assert.equal(wh.oldestEpoch, 0);
  assert.deepEqual((await fromLibrary(wh, 't')).map(({op}) => op), ['+I', '-U', '+U', '-D']);
  assert.deepEqual(await fromHttp(wh, 't'), await fromLibrary(wh, 't'));
});
