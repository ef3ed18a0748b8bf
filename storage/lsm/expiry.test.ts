/** Expiry: what goes, what stays, and that a cut at any operation breaks nothing that can be reached and leaks nothing. */
import assert from 'node:assert/strict';
import {cp, mkdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import {systemClock} from '../../base/clock.ts';
import type {Session} from '../../kernel/session.ts';
import {CrashError, FailingFileSystem, type Loss} from '../file/failing-file-system.ts';
import {changelogSql} from './changelog-sql.ts';
import {checkTable} from './check-table.ts';
import {commitCompaction, planCompactions, prepareCompaction} from './compact.ts';
import {commitFlush} from './commit.ts';
import {parseDuration} from './duration.ts';
import {Expiry, planExpiry} from './expiry.ts';
import {prepareFlush} from './flush.ts';
import {findOrphans, removeOrphans} from './orphans.ts';
import {PaimonTable} from './paimon-table.ts';
import {scanPlan} from './scan-plan.ts';
import {scanSql} from './scan-sql.ts';
import {bindChanges, columnNames, createTable, doors, readRows, seed, TableModel, type TestShape, withSession} from './test-tables.ts';

const keyed: TestShape = {keys: [{kind: 'bigint'}], values: [{kind: 'varchar'}], bucketCount: 2};
const append: TestShape = {keys: [], values: [{kind: 'bigint'}, {kind: 'varchar'}], bucketCount: 1};

/** A table's life, with the text of what every snapshot reads as. */
class Life {
  readonly session: Session;
  readonly directory: string;
  readonly shape: TestShape;
  readonly model: TableModel;
  readonly contents = new Map<number, string>();
  /** Changes that were flushed when each snapshot was made. */
  readonly flushedAt = new Map<number, number>();
  #flushed = 0;
  table!: PaimonTable;

  constructor(session: Session, directory: string, shape: TestShape) {
    this.session = session;
    this.directory = directory;
    this.shape = shape;
    this.model = new TableModel(shape);
  }

  async create(): Promise<void> {
    this.table = await createTable(this.shape, this.directory, {'num-sorted-run.compaction-trigger': '3'});
  }

  async flush(rows: readonly (readonly [bigint, string])[]): Promise<void> {
    for (const row of rows) {
      if (this.shape.keys.length === 0) {
        this.model.changes.push({op: 0, seq: this.model.nextSequence++, row});
        this.model.rows.set(String(this.model.nextSequence), row);
      } else if (row[1] === '') this.model.remove(row);
      else this.model.upsert(row);
    }
    const changes = this.model.changes.slice(this.#flushed);
    if (changes.length === 0) return;
    this.#flushed = this.model.changes.length;
    const prepared = await prepareFlush(this.session, this.table, bindChanges(this.session, 'changes', this.shape, changes));
    await commitFlush(this.table, prepared, {commitUser: 'millrace', commitIdentifier: BigInt(this.#flushed)});
    await this.#note();
  }

  async compact(full: boolean): Promise<void> {
    const merged = [];
    for (const spec of planCompactions(this.table, await this.table.state(), {full})) merged.push(await prepareCompaction(this.session, this.table, spec));
    if (merged.length === 0) return;
    await commitCompaction(this.table, merged, {commitUser: 'millrace'});
    await this.#note();
  }

  async #note(): Promise<void> {
    const id = (await this.table.snapshots.latestId())!;
    this.contents.set(id, await content(this.session, this.table, this.shape, id));
    this.flushedAt.set(id, this.#flushed);
    const rows = this.shape.keys.length === 0 ? [...this.model.rows.values()] : this.model.sorted();
    assert.equal(this.contents.get(id), text(rows), `snapshot ${id}`);
  }

  /** As another engine would: a copy of the snapshot's file under a tag's name. */
  async tag(id: number): Promise<void> {
    await mkdir(join(this.directory, 'tag'), {recursive: true});
    await writeFile(join(this.directory, 'tag', `tag-t${id}`), await readFile(this.table.paths.snapshot(id)));
  }
}

function text(rows: readonly (readonly unknown[])[]): string {
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

async function content(session: Session, table: PaimonTable, shape: TestShape, id?: number): Promise<string> {
  const types = [...shape.keys, ...shape.values];
  return text(await readRows(session, scanSql(table, await scanPlan(table, id), {ordered: true}), types, columnNames(shape)));
}

/** What stays reads as before, changes after the floor too, and no file is there that nothing names, none is missing. */
async function checkRest(life: Life, at: string, leaks = false): Promise<void> {
  const table = await PaimonTable.open(doors, life.directory);
  const ids = await table.snapshots.ids();
  for (const id of ids) assert.equal(await content(life.session, table, life.shape, id), life.contents.get(id), `${at}: snapshot ${id}`);
  const types = [{kind: 'tinyint'} as const, {kind: 'bigint'} as const, ...life.shape.keys, ...life.shape.values];
  const changes = await readRows(life.session, await changelogSql(table, {afterSnapshot: ids[0]!}), types, ['_op', '_seq', ...columnNames(life.shape)]);
  assert.equal(text(changes), text(life.model.changes.slice(life.flushedAt.get(ids[0]!)).map(({op, seq, row}) => [op, seq, ...row])), `${at}: changes after snapshot ${ids[0]!}`);
  assert.deepEqual((await checkTable(life.session, doors, life.directory)).problems, [], at);
  if (!leaks) assert.deepEqual(await findOrphans(table, new Set()), [], `${at}: leaked`);
}

test('expiry plan: oldest first, up to the floor, a consumer, or the number that goes at once', () => {
  const ids = [3, 4, 5, 6, 7, 8];
  const plan = (changes: Partial<Parameters<typeof planExpiry>[0]>): unknown => planExpiry({ids, floor: 7, countMax: 50, nextRead: undefined, ...changes});
  assert.deepEqual(plan({}), {gone: [3, 4, 5, 6], floor: 7});
  assert.deepEqual(plan({floor: 100}), {gone: [3, 4, 5, 6, 7], floor: 8}, 'the newest stays');
  assert.deepEqual(plan({nextRead: 5}), {gone: [3, 4], floor: 5});
  assert.deepEqual(plan({countMax: 2}), {gone: [3, 4], floor: 5});
  assert.equal(plan({floor: 3}), undefined);
  assert.equal(plan({nextRead: 1}), undefined);
  assert.equal(plan({ids: []}), undefined);
  assert.deepEqual(plan({ids: [3, 5, 7, 8]}), {gone: [3, 5], floor: 7}, 'what an expiry that was cut off left');
});

test('durations: as Paimon writes them; others are refused', () => {
  assert.deepEqual(['24 h', '30min', '1 d', '5', '0 ms', '2 Days'].map(parseDuration), [86_400_000, 1_800_000, 86_400_000, 5, 0, 172_800_000]);
  assert.equal(parseDuration(undefined), undefined);
  for (const wrong of ['', 'h', '-1 h', '1 fortnight', '1.5 h', '99999999999999999 d']) assert.throws(() => parseDuration(wrong), {code: 'MR_PAIMON_OPTION'});
});

type Step = {readonly kind: 'flush'; readonly rows: readonly (readonly [bigint, string])[]} | {readonly kind: 'compact'; readonly full: boolean} | {readonly kind: 'tag'} | {readonly kind: 'expire'; readonly part: number};
const steps = fc.array(fc.oneof(
  {weight: 5, arbitrary: fc.record({kind: fc.constant('flush' as const), rows: fc.array(fc.tuple(fc.bigInt({min: 0n, max: 9n}), fc.constantFrom('', 'a', 'b', 'c')), {minLength: 1, maxLength: 6})})},
  {weight: 3, arbitrary: fc.record({kind: fc.constant('compact' as const), full: fc.boolean()})},
  {weight: 1, arbitrary: fc.constant({kind: 'tag' as const})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('expire' as const), part: fc.double({min: 0, max: 1, noNaN: true})})},
), {minLength: 4, maxLength: 14});

test('expiry: whatever the flushes, compactions and tags, what stays reads as before and nothing else stays', async () => {
  await withSession(async (session, directory) => {
    let run = 0;
    const seen = {files: 0, changelogs: 0, tagged: 0};
    await fc.assert(fc.asyncProperty(fc.boolean(), steps, async (isKeyed, random: readonly Step[]) => {
      // At the end all that can go does.
      const script: readonly Step[] = [...random, {kind: 'flush', rows: [[1n, 'z']]}, {kind: 'compact', full: true}, {kind: 'expire', part: 1}];
      const life = new Life(session, join(directory, `t${run++}`), isKeyed ? keyed : append);
      await life.create();
      const tagged = new Set<number>();
      for (const step of script) {
        const latest = await life.table.snapshots.latestId();
        if (step.kind === 'flush') await life.flush(step.rows);
        else if (step.kind === 'compact') await life.compact(step.full);
        else if (latest === undefined) continue;
        else if (step.kind === 'tag') {
          await life.tag(latest);
          tagged.add(latest);
        } else {
          const floor = 1 + Math.round(step.part * (latest - 1));
          const expiry = await Expiry.plan(life.table, {floor, countMax: 50});
          if (expiry === undefined) continue;
          const counts = await expiry.remove();
          seen.files += counts.dataFiles;
          seen.changelogs += counts.changelogFiles;
          assert.equal((await life.table.snapshots.ids())[0], floor);
        }
      }
      if (life.contents.size === 0) return;
      await checkRest(life, `run ${run}`);
      const reopened = await PaimonTable.open(doors, life.directory);
      for (const id of tagged) {
        assert.equal(await content(session, reopened, life.shape, id), life.contents.get(id), `tag at snapshot ${id}`);
        seen.tagged++;
      }
    }), {seed, numRuns: Number(process.env['MR_RUNS'] ?? 6), endOnFailure: process.env['MR_SHRINK'] === undefined});
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `the generator never met: ${what}`);
  });
});

test('expiry: what a consumer or a branch of another engine reaches stays; a damaged tag stops it', async () => {
  await withSession(async (session, directory) => {
    const life = new Life(session, join(directory, 't'), keyed);
    await life.create();
    for (let i = 0; i < 5; i++) await life.flush([[BigInt(i), 'x'], [0n, String(i)]]);
    await life.compact(true);
    await mkdir(join(life.directory, 'consumer'));
    await writeFile(join(life.directory, 'consumer', 'consumer-c'), '{"nextSnapshot": 3}');
    await (await Expiry.plan(life.table, {floor: 6, countMax: 50}))!.remove();
    assert.deepEqual(await life.table.snapshots.ids(), [3, 4, 5, 6]);
    await mkdir(join(life.directory, 'branch', 'branch-b', 'snapshot'), {recursive: true});
    await writeFile(join(life.directory, 'branch', 'branch-b', 'snapshot', 'snapshot-3'), await readFile(life.table.paths.snapshot(3)));
    await writeFile(join(life.directory, 'consumer', 'consumer-c'), '{"nextSnapshot": 9}');
    const three = await readFile(life.table.paths.snapshot(3));
    await (await Expiry.plan(life.table, {floor: 6, countMax: 50}))!.remove();
    assert.deepEqual(await life.table.snapshots.ids(), [6]);
    await checkRest(life, 'beside a branch');
    await writeFile(life.table.paths.snapshot(3), three);
    const branch = await PaimonTable.open(doors, life.directory);
    assert.equal(await content(session, branch, keyed, 3), life.contents.get(3), 'files of the branch are there');
    await mkdir(join(life.directory, 'tag'));
    await writeFile(join(life.directory, 'tag', 'tag-broken'), '{');
    await assert.rejects(Expiry.plan(life.table, {floor: 6, countMax: 50}), {code: 'MR_PAIMON_DAMAGED'});
    await assert.rejects(writeFile(join(life.directory, 'bucket-0', 'data-x-0.parquet'), '').then(() => findOrphans(life.table, new Set())), {code: 'MR_PAIMON_DAMAGED'});
  });
});

test('orphans: the young, those of other names and those that frames hold are left alone', async () => {
  await withSession(async (session, directory) => {
    const life = new Life(session, join(directory, 't'), keyed);
    await life.create();
    await life.flush([[1n, 'x'], [2n, 'x'], [3n, 'x'], [4n, 'x']]);
    const bucket = join(life.directory, 'bucket-0');
    for (const name of ['data-held-0.parquet', 'data-lost-0.parquet', 'changelog-lost-0.parquet', 'notes.txt']) await writeFile(join(bucket, name), 'x');
    const old = (name: string): string => join(bucket, name);
    assert.deepEqual(await findOrphans(life.table, new Set(['data-held-0.parquet']), Date.now() - 60_000), []);
    assert.deepEqual(await findOrphans(life.table, new Set(['data-held-0.parquet']), Date.now() + 60_000), [old('changelog-lost-0.parquet'), old('data-lost-0.parquet')]);
    assert.equal(await removeOrphans(life.table, new Set(['data-held-0.parquet']), Date.now() + 60_000), 2);
  });
});

test('expiry: a crash at any operation leaves every snapshot that is there whole, and repeated nothing leaks', async () => {
  await withSession(async (session, directory) => {
    const whole = new Life(session, join(directory, 'whole', 'default.db', 't'), keyed);
    await whole.create();
    for (let i = 0; i < 4; i++) {
      await whole.flush([[BigInt(i), 'x'], [0n, String(i)], [7n, i % 2 === 0 ? 'y' : '']]);
      if (i === 1) await whole.compact(true);
    }
    await whole.compact(true);
    const floor = (await whole.table.snapshots.latestId())! - 1;
    const stride = process.env['MR_SOAK'] === undefined ? 6 : 1;
    let crashes = 0;
    for (let operation = 1 + (seed % stride); ; operation += stride) {
      const root = join(directory, String(operation));
      await cp(join(directory, 'whole'), root, {recursive: true});
      const life = Object.assign(new Life(session, join(root, 'default.db', 't'), keyed), {model: whole.model, contents: whole.contents, flushedAt: whole.flushedAt});
      const files = await FailingFileSystem.over(root);
      const table = await PaimonTable.open({files, clock: systemClock}, life.directory);
      files.crashAt(files.operations + operation, {torn: 5});
      const survived = await Expiry.plan(table, {floor, countMax: 50}).then((expiry) => expiry!.remove()).then(() => true, (cause: unknown) => {
        if (!(cause instanceof CrashError)) throw cause;
        return false;
      });
      const loss: Loss = operation % 3 === 0 ? 'none' : 'unsynced';
      await files.crash(loss);
      const at = `crash at operation ${operation} (${files.trace.at(-1) ?? ''}), ${loss} lost`;
      await checkRest(life, at, true);
      const again = await PaimonTable.open(doors, life.directory);
      await (await Expiry.plan(again, {floor, countMax: 50}))?.remove();
      await removeOrphans(again, new Set());
      assert.deepEqual(await again.snapshots.ids(), [floor, floor + 1], at);
      await checkRest(life, `${at}, repeated`);
      if (survived) break;
      crashes++;
    }
    assert.ok(crashes >= 16 / stride, `only ${crashes} operations were crashed`);
  });
});
