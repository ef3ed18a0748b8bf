/**
 * What other writers got wrong without anybody complaining, done by our writer and read by all: exact units and scales under types that we do not
 * make ourselves, statistics that hide no row, stale rows of level 0, deletes that show. Each with one file alone, which readers take
 * as it is, and with a second one that overlaps.
 */
import {createHash} from 'node:crypto';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type {LogicalType} from '../../base/type.ts';
import type {Session} from '../../kernel/session.ts';
import {commitFlush} from '../../storage/lsm/commit.ts';
import {prepareFlush} from '../../storage/lsm/flush.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {scanPlan} from '../../storage/lsm/scan-plan.ts';
import {scanSql} from '../../storage/lsm/scan-sql.ts';
import {tableDirectory} from '../../storage/lsm/table-paths.ts';
import {bindChanges, columnNames, doors, TableModel, type TestShape} from '../../storage/lsm/test-tables.ts';
import type {InternalValue} from '../../storage/paimon/binary-row.ts';
import {valueOf} from '../../storage/paimon/test-columns.ts';
import {internalValue, modelLines} from './canonical.ts';
import {javaTable, writeOnly} from './java-table.ts';
import type {PeerProcess} from './peer-process.ts';
import type {Peers} from './peers.ts';
import type {ReadMatrix} from './read-matrix.ts';
import type {Report} from './report.ts';

const commitUser = 'millrace-interop';
const manyKeys = 500_000;

/** Columns under Java's types, with ours and how a value of ours is cut to what the column holds. */
const exact: readonly (readonly [java: string, ours: LogicalType, cut?: (value: InternalValue) => InternalValue])[] = [
  ['TIMESTAMP(0)', {kind: 'timestamp'}, floorTo(1_000_000n)], ['TIMESTAMP(3)', {kind: 'timestamp'}, floorTo(1_000n)], ['TIMESTAMP(4)', {kind: 'timestamp'}, floorTo(100n)], ['TIMESTAMP(6)', {kind: 'timestamp'}],
  ['TIMESTAMP(0) WITH LOCAL TIME ZONE', {kind: 'timestamptz'}, floorTo(1_000_000n)], ['TIMESTAMP(3) WITH LOCAL TIME ZONE', {kind: 'timestamptz'}, floorTo(1_000n)], ['TIMESTAMP(6) WITH LOCAL TIME ZONE', {kind: 'timestamptz'}],
  ['DECIMAL(5, 4)', {kind: 'decimal', precision: 5, scale: 4}], ['DECIMAL(10, 0)', {kind: 'decimal', precision: 10, scale: 0}], ['DECIMAL(19, 19)', {kind: 'decimal', precision: 19, scale: 19}], ['DECIMAL(38, 37)', {kind: 'decimal', precision: 38, scale: 37}],
  ['FLOAT', {kind: 'float'}], ['DOUBLE', {kind: 'double'}], ['BIGINT', {kind: 'bigint'}], ['INT', {kind: 'integer'}], ['SMALLINT', {kind: 'smallint'}], ['TINYINT', {kind: 'tinyint'}], ['DATE', {kind: 'date'}], ['BOOLEAN', {kind: 'boolean'}],
  ['VARCHAR(40)', {kind: 'varchar'}], ['CHAR(40)', {kind: 'varchar'}], ['VARBINARY(20)', {kind: 'blob'}],
];

function floorTo(step: bigint): (value: InternalValue) => InternalValue {
  return (value) => (value === null ? null : (value as bigint) - ((((value as bigint) % step) + step) % step));
}

/** Writes into tables that Java made, and large ones; adds them to the matrix. */
export async function writerCases(session: Session, folder: string, peers: Peers, report: Report, matrix: ReadMatrix): Promise<void> {
  if (!('peer' in peers.java)) {
    report.skip('our writer under types of others', peers.java.reason);
    return;
  }
  const java = peers.java.peer;
  for (const flushes of [1, 2]) await exactTypes(session, folder, java, flushes, report, matrix);
  await refusedToWrite(folder, java, report);
  await upsertedTwice(session, folder, java, peers, report);
}

async function exactTypes(session: Session, folder: string, java: PeerProcess, flushes: number, report: Report, matrix: ReadMatrix): Promise<void> {
  const name = `our writer, types of Java's, ${flushes === 1 ? 'one file alone' : 'files that overlap'}`;
  const directory = tableDirectory(folder, 'writer', `exact_types_${flushes}`);
  const shape: TestShape = {keys: [{kind: 'bigint'}], values: exact.map(([, ours]) => ours), bucketCount: 1};
  const names = columnNames(shape);
  await javaTable(java, folder, directory, {columns: [['k0', 'BIGINT'], ...exact.map(([type], i) => [names[i + 1]!, type] as const)], primaryKeys: ['k0'], options: {'changelog-producer': 'input'}}, []);
  const table = await PaimonTable.open(doors, directory);
  const model = new TableModel(shape);
  const values = fc.tuple(...exact.map(([, ours, cut]) => fc.option(valueOf(ours), {freq: 6}).map((value) => (cut === undefined ? value : cut(value)))));
  let flushed = 0;
  for (let flush = 0; flush < flushes; flush++) {
    for (const [i, row] of fc.sample(values, {numRuns: 40, seed: 900 + flush}).entries()) {
      const key = BigInt((i * 7) % 30);
      if (flush > 0 && i % 5 === 0) model.remove([key, ...row]);
      else model.upsert([key, ...row]);
    }
    await commitFlush(table, await prepareFlush(session, table, bindChanges(session, 'changes', shape, model.changes.slice(flushed))), {commitUser, commitIdentifier: BigInt(flush + 1)});
    flushed = model.changes.length;
  }
  const rows = model.sorted();
  matrix.add({name, directory, lines: modelLines(rows, shape)});
  await report.check(`${name} · every value is found by equality · java`, async () => {
    const wrong: string[] = [];
    for (const [i, [type, ours]] of exact.entries()) {
      for (const row of rows.slice(0, 6)) {
        const value = row[i + 1]!;
        if (value === null || (typeof value === 'number' && !Number.isFinite(value)) || ours.kind === 'blob') continue;
        const text = String(internalValue(value, ours));
        const found = (await java.run('read', directory, '--eq', `${names[i + 1]!}=${text}`)).split('\n').map((line) => (line === '' ? null : (JSON.parse(line) as {k0: string}).k0));
        if (!found.includes(String(row[0]))) wrong.push(`${type} = ${text}: key ${String(row[0])} is not found`);
      }
    }
    assert.deepEqual(wrong, []);
  });
}

async function refusedToWrite(folder: string, java: PeerProcess, report: Report): Promise<void> {
  for (const [i, type] of ['TIMESTAMP(9)', 'TIMESTAMP(7) WITH LOCAL TIME ZONE', 'TIME(3)'].entries()) {
    await report.check(`our writer refuses a column of type ${type}`, async () => {
      const directory = tableDirectory(folder, 'writer', `refused_${i}`);
      await javaTable(java, folder, directory, {columns: [['id', 'BIGINT'], ['v', type]], primaryKeys: ['id']}, []);
      const table = await PaimonTable.open(doors, directory);
      assert.throws(() => table.checkWritable(), (cause: Error & {code?: string}) => cause.code === 'MR_PAIMON_UNSUPPORTED' && cause.message.includes(type));
    });
  }
}

/** 500,000 keys written twice into two buckets, by Java and by us: no reader may see a row of the first round. */
async function upsertedTwice(session: Session, folder: string, java: PeerProcess, peers: Peers, report: Report): Promise<void> {
  const expected = expectedDigest('new');
  const spec = {columns: [['k0', 'BIGINT'], ['v0', 'STRING']] as const, primaryKeys: ['k0'], options: {bucket: '2', 'changelog-producer': 'input'}};
  const theirs = tableDirectory(folder, 'writer', 'twice_by_java');
  await javaTable(java, folder, theirs, spec, []);
  for (const text of ['old', 'new']) await java.run('fill', theirs, String(manyKeys), text, ...writeOnly);
  const ours = tableDirectory(folder, 'writer', 'twice_by_millrace');
  await javaTable(java, folder, ours, spec, []);
  await fillTwice(session, ours);
  for (const [who, directory] of [['java', theirs], ['millrace', ours]] as const) {
    const name = `${manyKeys} keys upserted twice by ${who}`;
    await report.check(`${name} · millrace`, async () => assert.deepEqual(await ourDigest(session, directory), expected));
    await report.check(`${name} · java`, async () => assert.deepEqual(JSON.parse(await java.run('digest', directory)), expected));
    if ('peer' in peers.python) {
      const python = peers.python.peer;
      await report.check(`${name} · pypaimon`, async () => assert.deepEqual(JSON.parse(await python.run('digest', directory)), expected));
    } else report.skip(`${name} · pypaimon`, peers.python.reason);
  }
  await java.run('compact', ours);
  await report.check(`${manyKeys} keys upserted twice by millrace, compacted by java · millrace`, async () => assert.deepEqual(await ourDigest(session, ours), expected));
}

interface Digest {readonly rows: number; readonly sha256: string}

function expectedDigest(text: string): Digest {
  return digestOf(Array.from({length: manyKeys}, (_, i) => `{"k0":"${i}","v0":"${text}${i}"}`));
}

function digestOf(lines: string[]): Digest {
  const sha = createHash('sha256');
  for (const line of lines.sort()) sha.update(`${line}\n`);
  return {rows: lines.length, sha256: sha.digest('hex')};
}

async function ourDigest(session: Session, directory: string): Promise<Digest> {
  const table = await PaimonTable.open(doors, directory);
  const {rows} = await session.rows(`SELECT concat('{"k0":"', k0, '","v0":"', v0, '"}') FROM (${scanSql(table, await scanPlan(table))}) AS t`);
  return digestOf(rows.map((row) => String(row[0])));
}

/** Two flushes, each of all keys in an order of its own. */
async function fillTwice(session: Session, directory: string): Promise<void> {
  const table = await PaimonTable.open(doors, directory);
  const shape: TestShape = {keys: [{kind: 'bigint'}], values: [{kind: 'varchar'}], bucketCount: 2};
  for (const [round, text] of ['old', 'new'].entries()) {
    const changes = Array.from({length: manyKeys}, (_, i) => {
      const key = (i * 7_919 + round) % manyKeys;
      return {op: round === 0 ? 0 : 2, seq: BigInt(round * manyKeys + i), row: [BigInt(key), `${text}${key}`]};
    });
    await commitFlush(table, await prepareFlush(session, table, bindChanges(session, 'many', shape, changes)), {commitUser, commitIdentifier: BigInt(round + 1)});
  }
}
