/**
 * Tables that Paimon's Java library wrote, of every kind that we read and of every kind that we must refuse by name. Java is the oracle: our rows at
 * every snapshot, and our changes of every range, are its. Never rows that nobody wrote, never a guess.
 */
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Session} from '../../kernel/session.ts';
import {WarehouseError} from '../../base/error.ts';
import {changelogSql} from '../../storage/lsm/changelog-sql.ts';
import {checkTable} from '../../storage/lsm/check-table.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {scanPlan} from '../../storage/lsm/scan-plan.ts';
import {scanSql} from '../../storage/lsm/scan-sql.ts';
import {tableDirectory} from '../../storage/lsm/table-paths.ts';
import {doors} from '../../storage/lsm/test-tables.ts';
import type {DataField} from '../../storage/paimon/data-type.ts';
import {assertLines, type Line, lineOf, parseLines, readLines} from './canonical.ts';
import {type JavaCase, javaCases} from './java-case-list.ts';
import {javaTable} from './java-table.ts';
import type {PeerProcess} from './peer-process.ts';
import type {Peers} from './peers.ts';
import type {ReadMatrix} from './read-matrix.ts';
import type {Report} from './report.ts';

/** Writes every table with Java and reads it with ours; those that we read are read by everybody else too. */
export async function javaWritten(session: Session, folder: string, peers: Peers, report: Report, matrix: ReadMatrix): Promise<void> {
  for (const javaCase of javaCases()) {
    if ('peer' in peers.java) await oneTable(session, folder, peers.java.peer, javaCase, report, matrix);
    else report.skip(`java wrote ${javaCase.name}`, peers.java.reason);
  }
}

async function oneTable(session: Session, folder: string, java: PeerProcess, javaCase: JavaCase, report: Report, matrix: ReadMatrix): Promise<void> {
  const directory = tableDirectory(folder, 'java', javaCase.name);
  const name = `java wrote ${javaCase.name}`;
  try {
    await javaTable(java, folder, directory, javaCase.spec, javaCase.steps);
  } catch (cause) {
    report.fail(name, `not written: ${(cause as Error).message}`);
    return;
  }
  if (javaCase.refused !== undefined) {
    await report.check(`${name} · millrace refuses by name`, async () => {
      const found = await readAll(session, directory).then((lines) => lines, (cause: unknown) => cause);
      if (!(found instanceof WarehouseError)) throw new Error(`expected a refusal naming "${javaCase.refused!}", found ${found instanceof Error ? found.message : `${(found as Line[]).length} rows`}`);
      if (found.code !== 'MR_PAIMON_UNSUPPORTED' || !found.message.includes(javaCase.refused!)) throw new Error(`expected a refusal naming "${javaCase.refused!}", found ${found.code}: ${found.message}`);
    });
    return;
  }
  await report.check(`${name} · millrace at every snapshot`, async () => {
    const table = await PaimonTable.open(doors, directory);
    const {fields} = table.schema;
    const ids = await table.snapshots.ids();
    for (const id of ids) {
      // Java reads an old snapshot under the schema of its time.
      if ((await table.snapshots.read(id)).schemaId !== table.schema.id) continue;
      const expected = parseLines(fields, await java.run('read', directory, '--snapshot', String(id)));
      assertLines(await readLines(session, scanSql(table, await scanPlan(table, id), {ordered: id === ids.at(-1)}), fields), expected, `snapshot ${id}`);
    }
  });
  if (javaCase.steps.some((step) => 'tag' in step)) await report.check(`${name} · millrace at every tag`, async () => {
    const table = await PaimonTable.open(doors, directory);
    const folderOfTags = join(directory, 'tag');
    for (const tag of existsSync(folderOfTags) ? readdirSync(folderOfTags) : []) {
      const {id} = JSON.parse(readFileSync(join(folderOfTags, tag), 'utf8')) as {id: number};
      const expected = parseLines(table.schema.fields, await java.run('read', directory, '--tag', tag.slice('tag-'.length)));
      assertLines(await readLines(session, scanSql(table, await scanPlan(table, id)), table.schema.fields), expected, tag);
    }
  });
  await report.check(`${name} · check`, async () => {
    const {problems} = await checkTable(session, doors, directory);
    if (problems.length > 0) throw new Error(problems.slice(0, 3).map(({path, problem}) => `${path}: ${problem}`).join('\n'));
  });
  if (javaCase.changes !== false) await report.check(`${name} · changes`, async () => await sameChanges(session, java, directory));
  await report.check(`${name} · can be written or says why not`, async () => {
    const table = await PaimonTable.open(doors, directory);
    const refusal = await Promise.resolve().then(() => table.checkWritable()).then(() => undefined, (cause: unknown) => cause);
    if (javaCase.mayRefuseToWrite !== undefined && refusal instanceof WarehouseError && refusal.message.includes(javaCase.mayRefuseToWrite)) return;
    if (javaCase.readOnly === undefined) {
      if (refusal !== undefined) throw refusal as Error;
    } else if (!(refusal instanceof WarehouseError) || !refusal.message.includes(javaCase.readOnly)) throw new Error(`expected a refusal to write naming "${javaCase.readOnly}", found ${String(refusal)}`);
  });
  const lines = await readAll(session, directory).catch(() => undefined);
  if (lines !== undefined) matrix.add({name, directory, lines, ...(javaCase.without === undefined ? {} : {without: javaCase.without})});
}

async function readAll(session: Session, directory: string): Promise<Line[]> {
  const table = await PaimonTable.open(doors, directory);
  return await readLines(session, scanSql(table, await scanPlan(table)), table.schema.fields);
}

/** All changes that a streaming read gives from the first snapshot on. Rows of one key keep their order, others may come in any. */
export async function sameChanges(session: Session, java: PeerProcess, directory: string): Promise<void> {
  const table = await PaimonTable.open(doors, directory);
  const {fields} = table.schema;
  const [first] = await table.snapshots.ids();
  if (first === undefined) return;
  const theirs = (await java.run('changelog', directory, '--from', String(first))).split('\n').filter((line) => line !== '')
    .map((line) => JSON.parse(line) as {op: string; row: Record<string, unknown>});
  const found = await changeLines(session, await changelogSql(table, {afterSnapshot: first - 1}), fields);
  assertLines(byKey(found, table), byKey(theirs.map(({op, row}) => `${op} ${lineOf(fields, row)}`), table), 'changes');
}

async function changeLines(session: Session, sql: string, fields: readonly DataField[]): Promise<string[]> {
  const op: DataField = {id: -1, name: '_op', type: {root: 'TINYINT', nullable: false}};
  const position: DataField = {id: -2, name: '_mr_position', type: {root: 'INT', nullable: false}};
  const lines = await readLines(session, `SELECT *, CAST(row_number() OVER () AS INTEGER) AS _mr_position FROM (${sql}) AS changes`, [position, op, ...fields]);
  const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>).sort((a, b) => Number(a['_mr_position']) - Number(b['_mr_position']));
  return rows.map((row) => `${['+I', '-U', '+U', '-D'][Number(row['_op'])]!} ${lineOf(fields, row)}`);
}

/** Stable order by key: what is promised of changes of several buckets. */
function byKey(changes: readonly string[], table: PaimonTable): string[] {
  const keyOf = (change: string): string => {
    const row = JSON.parse(change.slice(3)) as Record<string, unknown>;
    return JSON.stringify(table.schema.primaryKeys.length === 0 ? row : table.schema.primaryKeys.map((name) => row[name]));
  };
  return changes.map((change, i) => ({change, i, key: keyOf(change)})).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.i - b.i)).map(({change}) => change);
}
