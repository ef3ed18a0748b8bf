/**
 * What holds files of a table beside its own snapshots: tags, branches, long-lived changelogs and consumers, ours or another engine's,
 * as they lie in the table's folder. Neither expiry nor the search for orphans removes what they reach; what of them cannot be read
 * stops both, by name.
 *
 *   tag/tag-<name>                                 a snapshot, kept under a name
 *   branch/branch-<name>/{snapshot,tag,changelog}  the same again; its data and manifests lie with the table's
 *   changelog/changelog-<n>                        a snapshot whose changelog outlives it
 *   consumer/consumer-<id>                         {"nextSnapshot": n}: from there on somebody will read
 */
import {join} from 'node:path';
import {decodeIndexManifest} from '../paimon/index-manifest.ts';
import {parseSnapshot, type Snapshot} from '../paimon/snapshot.ts';
import {damaged} from '../paimon/failure.ts';
import {parseDuration} from './duration.ts';
import type {PaimonTable} from './paimon-table.ts';

export interface TableReferences {
  /** Snapshots that tags, branches and long-lived changelogs keep. */
  readonly kept: readonly Snapshot[];
  /** Ids of this branch's snapshots that tags keep. */
  readonly tagged: ReadonlySet<number>;
  /** The least snapshot that a consumer will read next. */
  readonly nextRead: number | undefined;
}

/** Reads what lies in the table's folder now. @throws {WarehouseError} `MR_PAIMON_DAMAGED`, `MR_PAIMON_UNSUPPORTED`. */
export async function tableReferences(table: PaimonTable): Promise<TableReferences> {
  const {directory} = table;
  const tags = await snapshotsIn(table, join(directory, 'tag'), /^tag-./);
  const kept = [...tags, ...await snapshotsIn(table, join(directory, 'changelog'), /^changelog-\d+$/)];
  for (const branch of await namesIn(table, join(directory, 'branch'), 'directory', /^branch-./)) {
    const at = join(directory, 'branch', branch);
    kept.push(...await snapshotsIn(table, join(at, 'snapshot'), /^snapshot-\d+$/), ...await snapshotsIn(table, join(at, 'tag'), /^tag-./), ...await snapshotsIn(table, join(at, 'changelog'), /^changelog-\d+$/));
  }
  return {kept, tagged: new Set(tags.map(({id}) => id)), nextRead: await nextRead(table)};
}

async function snapshotsIn(table: PaimonTable, directory: string, names: RegExp): Promise<Snapshot[]> {
  const found: Snapshot[] = [];
  for (const name of await namesIn(table, directory, 'file', names)) {
    const path = join(directory, name);
    found.push(parseSnapshot(Buffer.from(await table.files.readFile(path)).toString('utf8'), path));
  }
  return found;
}

async function namesIn({files}: PaimonTable, directory: string, kind: 'file' | 'directory', names: RegExp): Promise<string[]> {
  if (!(await files.exists(directory))) return [];
  return (await files.readdir(directory)).filter((entry) => entry.kind === kind && names.test(entry.name)).map(({name}) => name);
}

async function nextRead(table: PaimonTable): Promise<number | undefined> {
  const directory = join(table.directory, 'consumer');
  const lifeMs = parseDuration(table.schema.options['consumer.expiration-time']);
  let least: number | undefined;
  for (const name of await namesIn(table, directory, 'file', /^consumer-./)) {
    const path = join(directory, name);
    const stat = await table.files.stat(path);
    if (stat === undefined || (lifeMs !== undefined && stat.modifiedMs + lifeMs < table.clock.nowMs())) continue;
    const match = /"nextSnapshot"\s*:\s*(\d{1,15})\b/.exec(Buffer.from(await table.files.readFile(path)).toString('utf8'));
    if (match === null) throw damaged(path, 'names no "nextSnapshot"');
    least = Math.min(least ?? Infinity, Number(match[1]));
  }
  return least;
}

/** Names of files in a table's folder: manifests and lists; data, changelog and index files with what belongs to them. */
export class FileNames {
  readonly manifests = new Set<string>();
  readonly data = new Set<string>();
  readonly index = new Set<string>();
  readonly #table: PaimonTable;

  constructor(table: PaimonTable) { this.#table = table; }

  /** Adds all that a snapshot names. */
  async add(snapshot: Snapshot): Promise<void> {
    const lists = [[snapshot.baseManifestList, snapshot.baseManifestListSize], [snapshot.deltaManifestList, snapshot.deltaManifestListSize],
      [snapshot.changelogManifestList, snapshot.changelogManifestListSize]] as const;
    for (const [list, bytes] of lists) if (list !== undefined) await this.#addList(list, bytes);
    if (snapshot.statistics !== undefined) this.index.add(snapshot.statistics);
    if (snapshot.indexManifest === undefined || this.manifests.has(snapshot.indexManifest)) return;
    this.manifests.add(snapshot.indexManifest);
    const path = this.#table.paths.manifest(snapshot.indexManifest);
    for (const entry of await decodeIndexManifest(await this.#table.files.readFile(path), path)) this.index.add(entry.fileName);
  }

  async #addList(list: string, bytes: number | undefined): Promise<void> {
    if (this.manifests.has(list)) return;
    this.manifests.add(list);
    for (const meta of await this.#table.manifestList(list, bytes)) {
      if (this.manifests.has(meta.fileName)) continue;
      this.manifests.add(meta.fileName);
      for (const {file} of await this.#table.entries([meta])) {
        this.data.add(file.fileName);
        for (const extra of file.extraFiles) this.data.add(extra);
      }
    }
  }

  has(name: string): boolean {
    return this.manifests.has(name) || this.data.has(name) || this.index.has(name);
  }
}
