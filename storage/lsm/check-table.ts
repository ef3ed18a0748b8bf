/**
 * Verifies a table on disk without trusting anything it says: every snapshot, list and manifest decodes, every file they name is
 * there with its exact size, and every data file holds what its entry promises: rows, deletes, first and last key, sequence range,
 * keys that rise. Reads only; the files that are verified once are not read again for other snapshots.
 */
import {join} from 'node:path';
import {WarehouseError} from '../../base/error.ts';
import {quoteIdentifier} from '../../kernel/quote.ts';
import {decodeBinaryRow, encodeBinaryRow} from '../paimon/binary-row.ts';
import {decodeIndexManifest} from '../paimon/index-manifest.ts';
import {parseFileEntry, type FileEntryJson} from '../paimon/file-entry-json.ts';
import type {ManifestEntry} from '../paimon/manifest.ts';
import {parseSnapshot, type Snapshot} from '../paimon/snapshot.ts';
import {trimmedKey} from '../paimon/table-schema.ts';
import {KIND_COLUMN, keyTextSql, parquetSql, parseKeyText, SEQUENCE_COLUMN} from './column-sql.ts';
import {statsProblems} from './check-stats.ts';
import {fileColumnSql} from './file-schema.ts';
import type {PreparedFiles} from './flush.ts';
import {overlappingFiles} from './key-range.ts';
import {PaimonTable, type TableDoors} from './paimon-table.ts';
import {physicalProblems} from './physical-types.ts';
import {checkFiles} from './scan-plan.ts';
import {namedRows, type SqlSession} from './sql-session.ts';
import type {TableForm} from './table-form.ts';

export interface Problem {
  /** Path of the file that is wrong. */
  readonly path: string;
  readonly problem: string;
}

export interface CheckResult {
  readonly problems: readonly Problem[];
  readonly snapshotCount: number;
  readonly fileCount: number;
}

/**
 * @param session its kernel must be allowed to read below `directory`.
 * @returns every problem found; does not throw for what is on disk.
 */
export async function checkTable(session: SqlSession, doors: TableDoors, directory: string): Promise<CheckResult> {
  const check = new TableCheck(session);
  await check.guard(directory, async () => {
    const table = await PaimonTable.open(doors, directory);
    await check.snapshots(table);
    await check.tags(table);
  });
  return {problems: check.problems, snapshotCount: check.snapshotCount, fileCount: check.fileCount};
}

/**
 * Verifies files that are described and in no snapshot yet, like those of one.
 *
 * @param form the table's when they were written.
 * @returns every problem found; does not throw for what is on disk.
 */
export async function checkPrepared(session: SqlSession, doors: TableDoors, directory: string, form: TableForm, prepared: PreparedFiles): Promise<CheckResult> {
  const check = new TableCheck(session);
  await check.guard(directory, async () => {
    const table = await PaimonTable.open(doors, directory, form);
    await check.files(table, prepared.data, true);
    await check.files(table, prepared.changelog, false);
  });
  return {problems: check.problems, snapshotCount: 0, fileCount: check.fileCount};
}

class TableCheck {
  readonly problems: Problem[] = [];
  snapshotCount = 0;
  fileCount = 0;
  readonly #session: SqlSession;
  readonly #verified = new Set<string>();

  constructor(session: SqlSession) { this.#session = session; }

  /** Runs a step; what it throws becomes a problem of `path`. */
  async guard(path: string, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (cause) {
      if (!(cause instanceof WarehouseError)) throw cause;
      this.problems.push({path, problem: `${cause.code}: ${cause.message}`});
    }
  }

  async snapshots(table: PaimonTable): Promise<void> {
    const ids = await table.snapshots.ids();
    for (const [i, id] of ids.entries()) {
      const path = table.paths.snapshot(id);
      if (i > 0 && id !== ids[i - 1]! + 1) this.problems.push({path, problem: `expected snapshot ${ids[i - 1]! + 1} before it, found none`});
      await this.guard(path, async () => await this.#snapshot(table, id));
    }
    const hint = await hintOf(table);
    if (hint !== undefined && hint > (ids.at(-1) ?? 0)) this.problems.push({path: table.paths.hint('LATEST'), problem: `names snapshot ${hint}, the newest is ${ids.at(-1) ?? 'none'}`});
  }

  /** What tags alone keep: snapshots that have expired. Their changelogs may have. */
  async tags(table: PaimonTable): Promise<void> {
    const directory = table.paths.tagDirectory();
    if (!(await table.files.exists(directory))) return;
    for (const {kind, name} of await table.files.readdir(directory)) {
      if (kind !== 'file' || !/^tag-./.test(name)) continue;
      const path = join(directory, name);
      await this.guard(path, async () => {
        const {id} = parseSnapshot(Buffer.from(await table.files.readFile(path)).toString('utf8'), path);
        if (!(await table.files.exists(table.paths.snapshot(id)))) await this.#snapshot(table, id, path);
      });
    }
  }

  /** Prepared files, as a snapshot of them would have them. */
  async files(table: PaimonTable, entries: readonly FileEntryJson[], sorted: boolean): Promise<void> {
    for (const entry of entries) await this.#file(table, parseFileEntry(entry, `${table.directory}: prepared files`), sorted);
  }

  /** @param tag the file that keeps it, where it has none of its own. */
  async #snapshot(table: PaimonTable, id: number, tag?: string): Promise<void> {
    const path = tag ?? table.paths.snapshot(id);
    this.snapshotCount++;
    const {snapshot, live} = (await table.state(id))!;
    if (snapshot.id !== id) this.problems.push({path, problem: `says it is snapshot ${snapshot.id}`});
    const rowCount = live.reduce((sum, entry) => sum + entry.file.rowCount, 0);
    if (rowCount !== snapshot.totalRecordCount) this.problems.push({path, problem: `says ${snapshot.totalRecordCount} rows, its files hold ${rowCount}`});
    const overlap = table.keyFields.length === 0 ? undefined : overlappingFiles(table, live.filter((entry) => entry.file.level > 0));
    if (overlap !== undefined) this.problems.push({path, problem: `files "${overlap[0].file.fileName}" and "${overlap[1].file.fileName}" of level ${overlap[0].file.level} overlap`});
    for (const entry of live) await this.#file(table, entry, true);
    if (tag === undefined) await this.#changelog(table, snapshot);
    if (snapshot.indexManifest !== undefined) {
      const indexPath = table.paths.manifest(snapshot.indexManifest);
      for (const entry of await decodeIndexManifest(await table.files.readFile(indexPath), indexPath)) await this.#size(table, table.paths.index(entry.fileName), entry.fileSize);
    }
  }

  async #changelog(table: PaimonTable, snapshot: Snapshot): Promise<void> {
    if (snapshot.changelogManifestList === undefined) return;
    const entries = await table.entries(await table.manifestList(snapshot.changelogManifestList, snapshot.changelogManifestListSize));
    for (const entry of entries) await this.#file(table, entry, false);
    const rowCount = entries.reduce((sum, entry) => sum + entry.file.rowCount, 0);
    if (snapshot.changelogRecordCount !== undefined && rowCount !== snapshot.changelogRecordCount) {
      this.problems.push({path: table.paths.snapshot(snapshot.id), problem: `says ${snapshot.changelogRecordCount} changelog rows, its files hold ${rowCount}`});
    }
  }

  async #size(table: PaimonTable, path: string, bytes: number): Promise<boolean> {
    if (this.#verified.has(path)) return false;
    this.#verified.add(path);
    this.fileCount++;
    const stat = await table.files.stat(path);
    if (stat !== undefined && stat.kind === 'file' && stat.bytes === bytes) return true;
    this.problems.push({path, problem: stat === undefined ? `expected a file of ${bytes} bytes, found none` : `expected ${bytes} bytes, found ${stat.bytes}`});
    return false;
  }

  async #file(table: PaimonTable, entry: ManifestEntry, sorted: boolean): Promise<void> {
    const path = table.dataPath(entry);
    await this.guard(path, async () => {
      if (!(await this.#size(table, path, entry.file.fileSize))) return;
      await checkFiles(table, [entry]);
      const schema = table.fileSchema(entry);
      const keyed = table.keyFields.length > 0;
      for (const problem of await physicalProblems(this.#session, path, schema.fields, keyed ? trimmedKey(schema) : [])) this.problems.push({path, problem});
      const found = (await namedRows(this.#session, contentSql(table, entry, path)))[0]!;
      const expect = (what: string, expected: bigint | number | null, value: unknown): void => {
        if (String(expected) !== String(value)) this.problems.push({path, problem: `${what}: its manifest says ${String(expected)}, the file holds ${String(value)}`});
      };
      expect('rows', entry.file.rowCount, found['row_count']);
      for (const problem of await statsProblems(this.#session, table, entry, path)) this.problems.push({path, problem});
      if (table.keyFields.length === 0) return;
      expect('deletes', entry.file.deleteRowCount, found['deletes']);
      expect('smallest sequence number', entry.file.minSequence, found['min_sequence']);
      expect('largest sequence number', entry.file.maxSequence, found['max_sequence']);
      if (!sorted) return;
      expect('keys out of order or repeated', 0, found['unsorted']);
      const types = table.keyFields.map((field) => field.type);
      for (const [side, bytes] of [['first', entry.file.minKey], ['last', entry.file.maxKey]] as const) {
        const key = encodeBinaryRow(types, types.map((type, i) => parseKeyText(type, found[`${side}${i}`])));
        // Compared as bytes after a round trip: writers differ in what they reserve for NULL.
        const said = encodeBinaryRow(types, decodeBinaryRow(types, bytes, `${path}: ${side} key`));
        if (Buffer.compare(key, said) !== 0) this.problems.push({path, problem: `${side} key is not the one that its manifest says`});
      }
    });
  }
}

async function hintOf(table: PaimonTable): Promise<number | undefined> {
  const path = table.paths.hint('LATEST');
  if (!(await table.files.exists(path))) return undefined;
  return Number(Buffer.from(await table.files.readFile(path)).toString('utf8').trim());
}

/** One pass over a file: everything its manifest entry promises. `lag` without order follows the order of the file. */
function contentSql(table: PaimonTable, entry: ManifestEntry, path: string): string {
  const from = parquetSql([path], ['file_row_number = true']);
  if (table.keyFields.length === 0) return `SELECT CAST(count(*) AS VARCHAR) AS row_count FROM ${from}`;
  const keys = table.keyFields.map((field, i) => `k${i} := ${fileColumnSql(table.fileSchema(entry), field, path)}`).join(', ');
  const rows = `SELECT struct_pack(${keys}) AS k, file_row_number AS n, ${quoteIdentifier(SEQUENCE_COLUMN)} AS s, ${quoteIdentifier(KIND_COLUMN)} AS kind FROM ${from}`;
  const bounds = table.keyFields.map((field, i) => `${keyTextSql(field.type, `(arg_min(k, n)).k${i}`)} AS first${i}, ${keyTextSql(field.type, `(arg_max(k, n)).k${i}`)} AS last${i}`);
  return 'SELECT CAST(count(*) AS VARCHAR) AS row_count, CAST(count(*) FILTER (kind IN (1, 3)) AS VARCHAR) AS deletes, CAST(min(s) AS VARCHAR) AS min_sequence, '
    + `CAST(max(s) AS VARCHAR) AS max_sequence, CAST(count(*) FILTER (previous >= k) AS VARCHAR) AS unsorted, ${bounds.join(', ')} FROM (SELECT *, lag(k) OVER () AS previous FROM (${rows}) AS rows) AS pairs`;
}
