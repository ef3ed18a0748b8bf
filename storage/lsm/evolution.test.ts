/** Tables that change form between flushes and compactions, against a model that knows every row by field id. */
import test from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {join} from 'node:path';
import type {LogicalType} from '../../base/type.ts';
import {widens} from '../../base/widen.ts';
import {relationOf} from '../../kernel/relation.ts';
import type {Session} from '../../kernel/session.ts';
import type {InternalValue} from '../paimon/binary-row.ts';
import {columnOf, storedTypes, valueOf} from '../paimon/test-columns.ts';
import {changelogSql} from './changelog-sql.ts';
import {checkTable} from './check-table.ts';
import {commitCompaction, planCompactions, prepareCompaction} from './compact.ts';
import {commitFlush} from './commit.ts';
import {joinPrepared, prepareFlush, type FlushSource, type PreparedFiles} from './flush.ts';
import {PaimonTable} from './paimon-table.ts';
import {scanPlan} from './scan-plan.ts';
import {scanSql} from './scan-sql.ts';
import {type TableForm, writeSchemas} from './table-form.ts';
import {doors, readRows, seed, withSession} from './test-tables.ts';

interface ModelColumn {readonly id: number; readonly name: string; readonly type: LogicalType}
type ModelRow = ReadonlyMap<number, InternalValue>;
interface ModelChange {readonly op: number; readonly row: ModelRow; readonly form: TableForm}

/** What a generated step means depends on the form that the table has by then: numbers choose among what there is. */
type Step = {readonly kind: 'add'; readonly type: LogicalType; readonly at: number; readonly again: boolean}
  | {readonly kind: 'drop' | 'rename' | 'widen' | 'move'; readonly at: number}
  | {readonly kind: 'write'; readonly rows: readonly {readonly key: number; readonly remove: boolean; readonly seed: number}[]}
  | {readonly kind: 'flush' | 'compact' | 'reopen'};

const wider: readonly LogicalType[] = [...storedTypes, {kind: 'decimal', precision: 20, scale: 0}, {kind: 'decimal', precision: 22, scale: 3}, {kind: 'decimal', precision: 30, scale: 2}];
const places = fc.nat(9);
const steps: fc.Arbitrary<readonly Step[]> = fc.array(fc.oneof(
  {weight: 3, arbitrary: fc.record({kind: fc.constant('add' as const), type: fc.constantFrom(...storedTypes), at: places, again: fc.boolean()})},
  {weight: 4, arbitrary: fc.record({kind: fc.constantFrom('drop' as const, 'rename' as const, 'widen' as const, 'move' as const), at: places})},
  {weight: 6, arbitrary: fc.record({kind: fc.constant('write' as const), rows: fc.array(fc.record({key: fc.nat(8), remove: fc.boolean(), seed: fc.nat()}), {minLength: 1, maxLength: 8})})},
  {weight: 5, arbitrary: fc.record({kind: fc.constantFrom('flush' as const, 'flush' as const, 'compact' as const, 'reopen' as const)})},
), {minLength: 8, maxLength: 24, size: 'max'});

const seen = {drop: 0, again: 0, rename: 0, widen: 0, move: 0, severalSchemasInOneFlush: 0, compacted: 0, oldFiles: 0};

/** A value as a wider type holds it. */
function asType(value: InternalValue, from: LogicalType, to: LogicalType): InternalValue {
  if (value === null || from.kind === to.kind) return value;
  return to.kind === 'bigint' || to.kind === 'decimal' ? BigInt(value as number | bigint) : value;
}

class Model {
  columns: ModelColumn[];
  readonly keyed: boolean;
  form: TableForm;
  readonly forms: TableForm[] = [];
  readonly changes: ModelChange[] = [];
  #rows = new Map<number, ModelRow>();
  #appended: ModelRow[] = [];
  #highest: number;
  #names = 0;
  readonly #dropped: string[] = [];

  constructor(keyed: boolean, types: readonly LogicalType[]) {
    this.keyed = keyed;
    this.columns = [{id: 0, name: 'k', type: {kind: 'integer'}}, ...types.map((type, i) => ({id: i + 1, name: `c${this.#names++}`, type}))];
    this.#highest = this.columns.length - 1;
    this.form = this.#makeForm(0);
  }

  #makeForm(schemaId: number): TableForm {
    const columns = this.columns.map((column) => ({...column, nullable: !(this.keyed && column.id === 0)}));
    return {schemaId, highestFieldId: this.#highest, columns, primaryKey: this.keyed ? [columns.find(({id}) => id === 0)!.name] : []};
  }

  #changed(): void {
    this.form = this.#makeForm(this.form.schemaId + 1);
    this.forms.push(this.form);
  }

  alter(step: Extract<Step, {at: number}>): void {
    const values = this.columns.filter(({id}) => id !== 0);
    const chosen = values[step.at % Math.max(1, values.length)];
    switch (step.kind) {
      case 'add': {
        const again = step.again ? this.#dropped.pop() : undefined;
        if (again !== undefined) seen.again++;
        this.columns.splice(step.at % (this.columns.length + 1), 0, {id: ++this.#highest, name: again ?? `c${this.#names++}`, type: step.type});
        return this.#changed();
      }
      case 'drop':
        if (chosen === undefined) return;
        this.columns = this.columns.filter((column) => column !== chosen);
        this.#dropped.push(chosen.name);
        break;
      case 'rename':
        // The key's too now and then: it stays the key.
        this.columns = this.columns.map((column) => (column === (step.at === 0 ? this.columns.find(({id}) => id === 0) : chosen) ? {...column, name: `c${this.#names++}`} : column));
        break;
      case 'widen': {
        const pairs = values.flatMap((column) => wider.filter((type) => widens(column.type, type)).map((type) => ({column, type})));
        const pair = pairs[step.at % Math.max(1, pairs.length)];
        if (pair === undefined) return;
        this.columns = this.columns.map((column) => (column === pair.column ? {...column, type: pair.type} : column));
        const widened = (row: ModelRow): ModelRow => new Map([...row, [pair.column.id, asType(row.get(pair.column.id) ?? null, pair.column.type, pair.type)]]);
        this.#rows = new Map([...this.#rows].map(([key, row]) => [key, widened(row)]));
        this.#appended = this.#appended.map(widened);
        break;
      }
      case 'move':
        this.columns.splice(step.at % this.columns.length, 0, this.columns.pop()!);
        break;
    }
    seen[step.kind]++;
    this.#changed();
  }

  write(key: number, remove: boolean, valueSeed: number): void {
    const before = this.#rows.get(key);
    if (this.keyed && remove) {
      if (before !== undefined) this.#change(3, before);
      this.#rows.delete(key);
      return;
    }
    const row = new Map(this.columns.map(({id, type}, i): [number, InternalValue] => [id, id === 0 ? key : (valueSeed + i) % 5 === 0 ? null : fc.sample(valueOf(type), {numRuns: 1, seed: valueSeed + i})[0]!]));
    if (!this.keyed) {
      this.#change(0, row);
      this.#appended.push(row);
      return;
    }
    if (before === undefined) this.#change(0, row);
    else {
      this.#change(1, before);
      this.#change(2, row);
    }
    this.#rows.set(key, row);
  }

  #change(op: number, row: ModelRow): void {
    this.changes.push({op, row, form: this.form});
  }

  rows(): ModelRow[] {
    return this.keyed ? [...this.#rows.values()].sort((a, b) => Number(a.get(0)) - Number(b.get(0))) : this.#appended;
  }
}

/** A row written under one form as it reads under another. */
function readAs(row: ModelRow, from: TableForm | null, to: TableForm): InternalValue[] {
  return to.columns.map(({id, type}) => {
    const value = row.get(id) ?? null;
    const old = from?.columns.find((column) => column.id === id);
    return from !== null && old === undefined ? null : asType(value, old?.type ?? type, type);
  });
}

function bind(session: Session, changes: readonly ModelChange[], form: TableForm, first: number): FlushSource {
  const columns = form.columns.map(({id, type}) => columnOf(type, changes.map(({row}) => row.get(id) ?? null)));
  const ops = columnOf({kind: 'tinyint'}, changes.map(({op}) => op));
  const sequences = columnOf({kind: 'bigint'}, changes.map((_, i) => BigInt(first + i)));
  session.bindRelation('changes', relationOf([ops, sequences, ...columns], changes.length, [{name: '_op', type: {kind: 'tinyint'}}, {name: '_seq', type: {kind: 'bigint'}}, ...form.columns.map(({name, type}) => ({name, type}))]));
  return {from: "mr_rows('changes')"};
}

async function checkRun(session: Session, directory: string, keyed: boolean, types: readonly LogicalType[], run: readonly Step[]): Promise<void> {
  const model = new Model(keyed, types);
  let table = await PaimonTable.create(doors, directory, {...model.form, options: keyed ? {'num-sorted-run.compaction-trigger': '2'} : {}});
  let flushed = 0;
  const cuts: {readonly snapshot: number; readonly form: TableForm; readonly rows: InternalValue[][]}[] = [];
  const check = async (what: string): Promise<void> => {
    if (flushed < model.changes.length) return;
    // The newest form may be on no disk yet: it is read all the same.
    const read = await PaimonTable.open(doors, directory, model.form);
    const plan = await scanPlan(read);
    if (plan.buckets.some(({sections}) => sections.some(({runs}) => runs.flat().some(({entry}) => entry.file.schemaId < model.form.schemaId)))) seen.oldFiles++;
    const names = model.form.columns.map(({name}) => name), all = model.form.columns.map(({type}) => type);
    const expected = model.rows().map((row) => readAs(row, null, model.form));
    assert.deepEqual(await readRows(session, scanSql(read, plan, {ordered: true}), all, names), expected, what);
    const some = await readRows(session, scanSql(read, plan, {columns: names.slice(-1), ordered: true}), all.slice(-1), names.slice(-1));
    assert.deepEqual(some, expected.map((row) => row.slice(-1)), `${what}, one column`);
  };
  for (const [i, step] of run.entries()) {
    if ('at' in step) model.alter(step);
    else if (step.kind === 'write') for (const {key, remove, seed: valueSeed} of step.rows) model.write(key, remove, valueSeed);
    else if (step.kind === 'reopen') table = await PaimonTable.open(doors, directory);
    else if (step.kind === 'flush' && flushed < model.changes.length) {
      table = await writeSchemas(table, model.forms.filter(({schemaId}) => schemaId > table.schema.id));
      const parts: PreparedFiles[] = [];
      while (flushed < model.changes.length) {
        const {form} = model.changes[flushed]!;
        const rest = model.changes.slice(flushed);
        const end = rest.findIndex((change) => change.form !== form);
        const part = end === -1 ? rest : rest.slice(0, end);
        parts.push(await prepareFlush(session, form.schemaId === table.schema.id ? table : await PaimonTable.open(doors, directory, form), bind(session, part, form, flushed)));
        flushed += part.length;
      }
      if (parts.length > 1) seen.severalSchemasInOneFlush++;
      const snapshot = await commitFlush(table, joinPrepared(parts), {commitUser: 'millrace', commitIdentifier: BigInt(i)});
      assert.equal(snapshot!.schemaId, table.schema.id);
      cuts.push({snapshot: snapshot!.id, form: model.form, rows: model.rows().map((row) => readAs(row, null, model.form))});
    } else if (step.kind === 'compact' && table.schema.id === model.form.schemaId) {
      const prepared = [];
      for (const spec of planCompactions(table, await table.state(), {full: true})) prepared.push(await prepareCompaction(session, table, spec));
      if (prepared.length > 0) await commitCompaction(table, prepared, {commitUser: 'millrace'});
      for (const {spec} of prepared) if (spec.runs.flat().some(({file}) => file.schemaId !== table.schema.id)) seen.compacted++;
    }
    await check(`step ${i} of ${JSON.stringify(run)}`);
  }
  // History: each snapshot under the form that the table had then, and all changes under the newest.
  for (const {snapshot, form, rows} of cuts) {
    const then = await PaimonTable.open(doors, directory, form);
    assert.deepEqual(await readRows(session, scanSql(then, await scanPlan(then, snapshot), {ordered: true}), form.columns.map(({type}) => type), form.columns.map(({name}) => name)), rows, `snapshot ${snapshot}`);
  }
  const now = await PaimonTable.open(doors, directory, model.form);
  const names = ['_op', '_seq', ...model.form.columns.map(({name}) => name)];
  const log = await readRows(session, await changelogSql(now, {afterSnapshot: 0}), [{kind: 'tinyint'}, {kind: 'bigint'}, ...model.form.columns.map(({type}) => type)], names);
  assert.deepEqual(log, model.changes.slice(0, flushed).map(({op, row, form}, seq): InternalValue[] => [op, BigInt(seq), ...readAs(row, form, model.form)]));
  assert.deepEqual((await checkTable(session, doors, directory)).problems, []);
  assert.deepEqual(now.schema.fields.map(({id, name}) => [id, name]), model.form.columns.map(({id, name}) => [id, name]));
}

test('evolution: any sequence of changes of form, writes, flushes, compactions reads as the model, at every snapshot and as changes', async () => {
  await withSession(async (session, directory) => {
    let count = 0;
    const runs = fc.record({keyed: fc.boolean(), types: fc.array(fc.constantFrom(...storedTypes), {maxLength: 3}), run: steps});
    await fc.assert(fc.asyncProperty(runs, async ({keyed, types, run}) => {
      await checkRun(session, join(directory, `t${count++}`), keyed, types, run);
    }), {seed, numRuns: Number(process.env['MR_RUNS'] ?? 12), endOnFailure: process.env['MR_SHRINK'] === undefined});
    for (const [what, times] of Object.entries(seen)) assert.ok(times > 0, `the generator never met: ${what}`);
  });
});
