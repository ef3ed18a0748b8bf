/**
 * A warehouse that goes on writing, checkpointing and compacting while others read its tables: whatever they find is the whole content of one epoch,
 * never older than what they saw before, never older than the last checkpoint that had ended. Then, stopped: every snapshot is the content
 * of the epoch that it names, and a streaming read gives our changes, kinds and order of each key included.
 */
import {createHash} from 'node:crypto';
import {join} from 'node:path';
import {systemClock} from '../../base/clock.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {tableDirectory} from '../../storage/lsm/table-paths.ts';
import {doors} from '../../storage/lsm/test-tables.ts';
import type {DataField} from '../../storage/paimon/data-type.ts';
import {assertLines, type Line, lineOf, parseLines, resultLines} from './canonical.ts';
import type {PeerProcess} from './peer-process.ts';
import type {Peers} from './peers.ts';
import type {ReadMatrix} from './read-matrix.ts';
import type {Report} from './report.ts';

const rounds = 24;
const checkpointEvery = 2;
const flinkSecondsMax = 240;

const schema = `
  CREATE SCHEMA busy;
  CREATE TABLE busy.keyed (id BIGINT PRIMARY KEY, v VARCHAR, n DECIMAL(20,2), ts TIMESTAMP) WITH ('bucket' = '2');
  CREATE TABLE busy.appended (id BIGINT, v VARCHAR);
  CREATE TABLE busy.bag (v VARCHAR) WITH ('append-only' = 'false');
  CREATE DYNAMIC TABLE busy.sums AS SELECT id % 7 AS g, count(*) AS c, sum(n) AS s FROM busy.keyed GROUP BY 1;
`;

/** A table of the live warehouse, and what it held after each statement. */
interface Watched {
  readonly name: string;
  readonly directory: string;
  /** Its visible columns. */
  readonly fields: readonly DataField[];
  readonly contents: {readonly epoch: number; readonly hash: string; readonly lines: readonly Line[]}[];
}

/** Runs the warehouse with readers beside it; its stopped tables go to the matrix. */
export async function liveWarehouse(folder: string, peers: Peers, report: Report, matrix: ReadMatrix): Promise<() => Promise<void>> {
  const path = join(folder, 'live');
  const warehouse = await Warehouse.open({path});
  const watched: Watched[] = [];
  const changes = new Map<Watched, readonly string[]>();
  try {
    await warehouse.sql(schema);
    await warehouse.checkpoint();
    for (const spec of warehouse.catalog.tables()) {
      const directory = tableDirectory(path, spec.schema, spec.name);
      const visible = new Set(spec.columns.filter((column) => !column.hidden).map(({name}) => name));
      const fields = (await PaimonTable.open(doors, directory)).schema.fields.filter((field) => visible.has(field.name));
      watched.push({name: spec.name, directory, fields, contents: []});
    }
    const live = new LiveRun(warehouse, watched);
    await live.note();
    const readers: Promise<void>[] = [];
    for (const [who, available] of [['java', peers.java], ['pypaimon', peers.python]] as const) {
      if ('peer' in available) readers.push(report.check(`live warehouse · ${who} sees whole epochs, ever newer`, () => live.watch(available.peer)));
      else report.skip(`live warehouse · ${who}`, available.reason);
    }
    await Promise.all([live.write(), ...readers]);
    for (const table of watched) {
      const {rows} = await warehouse.sql(`SELECT * FROM changes(busy.${table.name}, since => 0)`);
      changes.set(table, rows.map((row) => `${String(row['_op'])} ${resultLines(table.fields, [row])[0]!}`));
    }
    await changesAsStreams(changes, peers, report);
    if ('peer' in peers.java) await snapshotsAreEpochs(watched, peers.java.peer, report);
  } finally {
    await warehouse.close();
  }
  for (const table of watched) matrix.add({name: `live warehouse, stopped: ${table.name}`, directory: table.directory, columns: table.fields.map(({name}) => name), lines: table.contents.at(-1)!.lines});
  const keyed = watched.find(({name}) => name === 'keyed')!;
  return async () => await changesByFlink(folder, keyed, changes.get(keyed)!, peers, report);
}

const hashOf = (lines: readonly Line[]): string => createHash('sha256').update(lines.join('\n')).digest('hex');

class LiveRun {
  readonly #warehouse: Warehouse;
  readonly #watched: readonly Watched[];
  /** Index of the newest content that a checkpoint which has ended holds. */
  #floor = 0;
  /** Nothing is written any more, and the last checkpoint holds it all. */
  #ended = false;

  constructor(warehouse: Warehouse, watched: readonly Watched[]) {
    this.#warehouse = warehouse;
    this.#watched = watched;
  }

  /** Notes what every table holds now; the only writer waits meanwhile. */
  async note(): Promise<void> {
    for (const table of this.#watched) {
      const {rows, epoch} = await this.#warehouse.sql(`SELECT * FROM busy.${table.name}`);
      const lines = resultLines(table.fields, rows);
      table.contents.push({epoch, hash: hashOf(lines), lines});
    }
  }

  async write(): Promise<void> {
    try {
      await this.#rounds();
    } finally {
      this.#ended = true;
    }
  }

  async #rounds(): Promise<void> {
    let checkpoint: Promise<void> = Promise.resolve();
    for (let round = 0; round < rounds; round++) {
      const statements = [
        `INSERT INTO busy.keyed SELECT (i * 37 + ${round} * 11) % 400, 'round ${round}', i * 1.25, TIMESTAMP '2026-01-01' + INTERVAL 1 SECOND * i FROM range(40) r(i)`,
        `INSERT INTO busy.appended SELECT i, 'round ${round}' FROM range(5) r(i)`,
        `INSERT INTO busy.bag SELECT 'same' FROM range(3)`,
        `UPDATE busy.keyed SET n = -n, v = NULL WHERE id % 5 = ${round % 5}`,
        `DELETE FROM busy.keyed WHERE id % 9 = ${round % 9}`,
        ...(round % 3 === 2 ? ["DELETE FROM busy.bag WHERE v = 'same'"] : []),
      ];
      for (const statement of statements) {
        await this.#warehouse.sql(statement);
        await this.note();
      }
      if (round % checkpointEvery !== 0) continue;
      await checkpoint;
      const index = this.#watched[0]!.contents.length - 1;
      checkpoint = this.#warehouse.checkpoint().then(() => { this.#floor = index; }); // goes on beside the next statements
    }
    await checkpoint;
    await this.#warehouse.checkpoint();
    this.#floor = this.#watched[0]!.contents.length - 1;
  }

  /** Reads as long as the writer writes, and once more at the end, when only the last content will do. */
  async watch(peer: PeerProcess): Promise<void> {
    const seen: {readonly table: Watched; readonly hash: string; readonly floor: number; readonly count: number}[] = [];
    for (let last = false; !last;) {
      last = this.#ended;
      for (const table of this.#watched) {
        const floor = this.#floor;
        const lines = parseLines(table.fields, await peer.run('read', table.directory));
        seen.push({table, hash: hashOf(lines), floor, count: lines.length});
      }
      await new Promise<void>((resolve) => { systemClock.after(50, resolve); setImmediate(resolve); });
    }
    const last = new Map<Watched, number>();
    for (const [i, {table, hash, floor, count}] of seen.entries()) {
      const from = Math.max(last.get(table) ?? 0, floor);
      const at = table.contents.findIndex((content, index) => index >= from && content.hash === hash);
      if (at === -1) {
        const older = table.contents.findIndex((content) => content.hash === hash);
        throw new Error(`read ${i} of ${table.name} found ${count} rows, ${older === -1 ? 'the content of no epoch' : `those of epoch ${table.contents[older]!.epoch}, older than ${table.contents[from]!.epoch}`}`);
      }
      last.set(table, at);
    }
  }
}

/** Java's streaming read from the first snapshot on against `changes`. */
async function changesAsStreams(changes: ReadonlyMap<Watched, readonly string[]>, peers: Peers, report: Report): Promise<void> {
  for (const [table, ours] of changes) {
    const name = `live warehouse · changes of ${table.name} · java`;
    if (!('peer' in peers.java)) { report.skip(name, peers.java.reason); continue; }
    const java = peers.java.peer;
    await report.check(name, async () => {
      const text = await java.run('changelog', table.directory, '--from', '1');
      const theirs = text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as {op: string; row: Record<string, unknown>}).map(({op, row}) => `${op} ${lineOf(table.fields, row)}`);
      const opened = await PaimonTable.open(doors, table.directory);
      assertLines(ordered(theirs, opened), ordered(ours, opened), 'java');
    });
  }
}

/** A streaming job of Flink's over the changelog of the keyed table, with row kinds. */
async function changesByFlink(folder: string, table: Watched, ours: readonly string[], peers: Peers, report: Report): Promise<void> {
  const name = `live warehouse · changes of ${table.name} · flink, streaming`;
  if (!('peer' in peers.flink)) { report.skip(name, peers.flink.reason); return; }
  const flink = peers.flink.peer;
  await report.check(name, async () => {
    const options = "'scan.mode'='from-snapshot','scan.snapshot-id'='1','continuous.discovery-interval'='200ms'";
    const statements = [`CREATE CATALOG p WITH ('type'='paimon','warehouse'='file://${join(folder, 'live')}')`, `SELECT * FROM p.busy.\`${table.name}\` /*+ OPTIONS(${options}) */`];
    const rows = await flink.run(folder, statements, ['--streaming', '--limit', String(ours.length), '--seconds', String(flinkSecondsMax)]);
    const opened = await PaimonTable.open(doors, table.directory);
    assertLines(ordered(rows.map(({op, row}) => `${op} ${lineOf(table.fields, row)}`), opened), ordered(ours, opened), 'flink');
  });
}

/**
 * Order within a key is promised; between keys of several buckets it is not. A table without a key of its own is a multiset: stored by the hash of
 * its rows, an update of it is a delete and an insert in its files.
 */
function ordered(changes: readonly string[], table: PaimonTable): string[] {
  const key = table.schema.primaryKeys;
  const visible = (row: Record<string, unknown>): boolean => key.length > 0 && key.every((name) => row[name] !== undefined);
  const bare = (change: string): string => (/^[-]/.test(change) ? `-D${change.slice(2)}` : `+I${change.slice(2)}`);
  return changes.map((change, i) => {
    const row = JSON.parse(change.slice(3)) as Record<string, unknown>;
    return visible(row) ? {change, order: `${JSON.stringify(key.map((name) => row[name]))} ${String(i).padStart(9, '0')}`} : {change: bare(change), order: bare(change)};
  }).sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0)).map(({change}) => change);
}

/** Every snapshot, read by its number, is the content of the epoch in its properties. */
async function snapshotsAreEpochs(watched: readonly Watched[], java: PeerProcess, report: Report): Promise<void> {
  for (const table of watched) {
    await report.check(`live warehouse · every snapshot of ${table.name} is the content of its epoch · java`, async () => {
      const opened = await PaimonTable.open(doors, table.directory);
      for (const id of await opened.snapshots.ids()) {
        const epoch = Number((await opened.snapshots.read(id)).properties?.['millrace.epoch']);
        const content = table.contents.findLast((candidate) => candidate.epoch <= epoch);
        if (content === undefined) continue;
        assertLines(parseLines(table.fields, await java.run('read', table.directory, '--snapshot', String(id))), content.lines, `snapshot ${id} of epoch ${epoch}`);
      }
    });
  }
}
