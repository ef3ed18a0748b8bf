/** Random tables against a model in JS: flushes, compactions and reads at every snapshot, in worst orders. */
import test from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {join} from 'node:path';
import type {LogicalType} from '../../base/type.ts';
import type {Session} from '../../kernel/session.ts';
import type {InternalValue} from '../paimon/binary-row.ts';
import {storedTypes, valueOf} from '../paimon/test-columns.ts';
import {changelogSql} from './changelog-sql.ts';
import {checkTable} from './check-table.ts';
import {commitCompaction, type CompactionSpec, planCompactions, prepareCompaction} from './compact.ts';
import {commitFlush} from './commit.ts';
import {prepareFlush} from './flush.ts';
import {findOrphans} from './orphans.ts';
import {PaimonTable, type TableState} from './paimon-table.ts';
import {scanPlan} from './scan-plan.ts';
import {scanSql} from './scan-sql.ts';
import {bucketGroups} from './key-range.ts';
import {sortedRuns} from './sorted-runs.ts';
import {assertRows, bindChanges, columnNames, createTable, doors, readRows, seed, TableModel, type TestRow, type TestShape, withSession} from './test-tables.ts';

type Step = {readonly kind: 'flush'; readonly changes: readonly {readonly remove: boolean; readonly row: TestRow}[]}
  | {readonly kind: 'compact'; readonly how: 'full' | 'rules' | 'young'; readonly targetBytes: number} | {readonly kind: 'reopen'};

const typeOf = fc.constantFrom(...storedTypes);
/** Types that partitions are named by. */
const partType = fc.constantFrom<LogicalType>({kind: 'date'}, {kind: 'varchar'}, {kind: 'bigint'}, {kind: 'timestamp'}, {kind: 'decimal', precision: 20, scale: 2}, {kind: 'boolean'}, {kind: 'smallint'});
const shapes: fc.Arbitrary<TestShape> = fc.record({
  parts: fc.oneof({arbitrary: fc.constant([]), weight: 1}, {arbitrary: fc.array(partType, {minLength: 1, maxLength: 2}), weight: 1}),
  keys: fc.array(typeOf, {minLength: 1, maxLength: 3}), values: fc.array(typeOf, {maxLength: 3}), bucketCount: fc.constantFrom(1, 1, 3),
}).map(({parts, keys, values, bucketCount}) => ({keys: [...parts, ...keys], values, bucketCount, partitions: parts.length}));

/** Few distinct keys, so that they collide within and between flushes. */
function stepsOf(shape: TestShape): fc.Arbitrary<readonly Step[]> {
  // Few partitions, the same keys in several of them.
  const parts = fc.array(fc.tuple(...shape.keys.slice(0, shape.partitions).map(valueOf)), {minLength: 1, maxLength: 3});
  const keyPool = fc.tuple(parts, fc.array(fc.tuple(...shape.keys.slice(shape.partitions).map(valueOf)), {minLength: 1, maxLength: 30}))
    .map(([partitions, keys]) => partitions.flatMap((partition) => keys.map((key): TestRow => [...partition, ...key])));
  const values = fc.tuple(...shape.values.map((type) => fc.option(valueOf(type), {freq: 5})));
  return keyPool.chain((keys) => {
    const row = fc.tuple(fc.constantFrom(...keys), values).map(([key, rest]): TestRow => [...key, ...rest]);
    const flush = fc.record({kind: fc.constant('flush' as const), changes: fc.array(fc.record({remove: fc.boolean(), row}), {minLength: 1, maxLength: 40, size: 'max'})});
    const compact = fc.record({kind: fc.constant('compact' as const), how: fc.constantFrom('full' as const, 'rules' as const, 'young' as const), targetBytes: fc.constantFrom(1200, 4000, 1 << 27)});
    // Flushes, then something that moves files: a young compaction needs an older run below it to be a partial one.
    const block = fc.tuple(fc.array(flush, {minLength: 1, maxLength: 2, size: 'max'}), fc.oneof({arbitrary: compact, weight: 4}, {arbitrary: fc.constant({kind: 'reopen' as const}), weight: 1}));
    return fc.array(block, {minLength: 1, maxLength: 4, size: 'max'}).map((blocks) => blocks.flatMap(([flushes, then]): Step[] => [...flushes, then]));
  });
}

const scenarios = shapes.chain((shape) => fc.record({shape: fc.constant(shape), steps: stepsOf(shape)}));
interface Scenario {readonly shape: TestShape; readonly steps: readonly Step[]}
const seen = {partitioned: 0, raw: 0, layered: 0, compacted: 0, severalOutputs: 0, partial: 0, deletesKept: 0};

async function checkScenario(session: Session, directory: string, {shape, steps}: Scenario): Promise<void> {
  const model = new TableModel(shape);
  let table = await createTable(shape, directory, {'num-sorted-run.compaction-trigger': '2'});
  const types = [...shape.keys, ...shape.values];
  const names = columnNames(shape);
  const atSnapshot = new Map<number, TestRow[]>();
  let flushed = 0;
  for (const [i, step] of steps.entries()) {
    if (step.kind === 'reopen') table = await PaimonTable.open(doors, directory);
    if (step.kind === 'flush') {
      for (const {remove, row} of step.changes) if (remove) model.remove(row); else model.upsert(row);
      const prepared = await prepareFlush(session, table, bindChanges(session, 'changes', shape, model.changes.slice(flushed)));
      flushed = model.changes.length;
      await commitFlush(table, prepared, {commitUser: 'millrace', commitIdentifier: BigInt(i)});
    }
    if (step.kind === 'compact') {
      const specs = step.how === 'young' ? youngRuns(table, await table.state()) : planCompactions(table, await table.state(), {full: step.how === 'full'});
      const prepared = [];
      for (const spec of specs) prepared.push(await prepareCompaction(session, table, spec, {targetBytes: step.targetBytes}));
      if (prepared.length > 0) await commitCompaction(table, prepared, {commitUser: 'millrace'});
      for (const {spec, outputs} of prepared) {
        seen.compacted++;
        if (outputs.length > 1) seen.severalOutputs++;
        if (!spec.dropDeletes) seen.partial++;
        if (outputs.some((file) => file.deleteRowCount > 0)) seen.deletesKept++;
      }
    }
    const plan = await scanPlan(table);
    for (const {sections} of plan.buckets) for (const {kind} of sections) if (kind === 'mixed') assert.fail('one writer never makes a mixed section'); else seen[kind]++;
    assertRows(await readRows(session, scanSql(table, plan, {ordered: true}), types, names), model.sorted(), `step ${i}`);
    if (plan.snapshot !== undefined) atSnapshot.set(plan.snapshot.id, model.sorted());
  }
  if ((shape.partitions ?? 0) > 0) seen.partitioned++;
  for (const [id, rows] of atSnapshot) {
    const subset = scanSql(table, await scanPlan(table, id), {columns: names.slice(-1)});
    const found = await readRows(session, subset, types.slice(-1), names.slice(-1));
    assert.deepEqual(sortedTexts(found), sortedTexts(rows.map((row) => row.slice(-1))), `snapshot ${id}`);
  }
  const log = await readRows(session, await changelogSql(table, {afterSnapshot: 0}), [{kind: 'tinyint'}, {kind: 'bigint'}, ...types], ['_op', '_seq', ...names]);
  assert.deepEqual(log, model.changes.map(({op, seq, row}): InternalValue[] => [op, seq, ...row]));
  assert.deepEqual((await checkTable(session, doors, directory)).problems, []);
  assert.deepEqual(await findOrphans(table, new Set()), []);
}

/** Merges what lies above the deepest level to just above it, which the rules do only when files are large. */
function youngRuns(table: PaimonTable, state: TableState | undefined): CompactionSpec[] {
  return bucketGroups(table, state?.live ?? []).flatMap((entries): CompactionSpec[] => {
    const {partition, bucket} = entries[0]!;
    const runs = sortedRuns(entries);
    const count = runs.findIndex((run) => run[0]!.file.level >= 2);
    return count < 1 ? [] : [{partition, bucket, runs: runs.slice(0, count), outputLevel: runs[count]![0]!.file.level - 1, dropDeletes: false, runCount: runs.length}];
  });
}

function sortedTexts(rows: readonly TestRow[]): string[] {
  return rows.map((row) => JSON.stringify(row, (_, v: unknown) => (typeof v === 'bigint' ? `${v}n` : Number.isNaN(v) ? 'nan' : v))).sort();
}

test('lsm: every snapshot reads as the fold of its changes, whatever the keys, flushes and compactions', async () => {
  await withSession(async (session, directory) => {
    let run = 0;
    await fc.assert(fc.asyncProperty(scenarios, async (scenario) => {
      await checkScenario(session, join(directory, `t${run++}`), scenario);
    }), {seed, numRuns: Number(process.env['MR_RUNS'] ?? 16), endOnFailure: process.env['MR_SHRINK'] === undefined});
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `the generator never met: ${what}`);
  });
});
