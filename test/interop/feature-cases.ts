/**
 * Tables of every kind that SQL can declare, lived in over several checkpoints and stopped, then read by everybody; then compacted by Java where they
 * have a key, and read again.
 */
import {join} from 'node:path';
import {Warehouse} from '../../engine/warehouse.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {tableDirectory} from '../../storage/lsm/table-paths.ts';
import {doors} from '../../storage/lsm/test-tables.ts';
import {type Line, resultLines} from './canonical.ts';
import type {Peers} from './peers.ts';
import type {ExpectedTable, ReadMatrix} from './read-matrix.ts';
import type {Report} from './report.ts';

interface Feature {
  readonly name: string;
  /** Rounds of statements, a checkpoint after each; `$t` is the table. */
  readonly rounds: readonly (readonly string[])[];
  /** Readers that find other rows, and why. */
  readonly without?: ExpectedTable['without'];
  /** Why Java's compaction is left out. */
  readonly notCompacted?: string;
}

const days = "CASE i % 4 WHEN 0 THEN DATE '2024-02-29' WHEN 1 THEN DATE '1969-12-31' WHEN 2 THEN DATE '1970-01-01' ELSE DATE '9999-12-31' END";
const daysOrNull = "CASE i % 3 WHEN 0 THEN DATE '2024-02-29' WHEN 1 THEN DATE '1969-12-31' END";
const words = "list_extract(['a/b=c', 'ü 日', '%41', 'x''y', '{[^]}', '🙂'], CAST(i % 6 + 1 AS BIGINT))";

const features: readonly Feature[] = [
  {
    name: 'by_date', rounds: [
      ["CREATE TABLE $t (id BIGINT, day DATE, v VARCHAR, PRIMARY KEY (id, day)) PARTITIONED BY (day) WITH ('bucket' = '2')", `INSERT INTO $t SELECT i % 20, ${days}, 'a' || i FROM range(80) r(i)`],
      [`INSERT INTO $t SELECT i % 30, ${days}, 'b' || i FROM range(0, 60, 3) r(i)`, "UPDATE $t SET v = NULL WHERE id % 5 = 1", "DELETE FROM $t WHERE day = DATE '1970-01-01'"],
      ["DELETE FROM $t WHERE id % 7 = 2", `INSERT INTO $t SELECT 3, ${days}, 'c' FROM range(4) r(i)`],
    ],
  },
  {
    name: 'by_name_of_date', rounds: [
      ["CREATE TABLE $t (id BIGINT, day DATE, v VARCHAR, PRIMARY KEY (day, id)) PARTITIONED BY (day) WITH ('partition.legacy-name' = 'false')", `INSERT INTO $t SELECT i % 20, ${days}, 'a' || i FROM range(40) r(i)`],
      ["DELETE FROM $t WHERE id < 5", `INSERT INTO $t SELECT 7, ${days}, 'b' FROM range(4) r(i)`],
    ],
  },
  {
    name: 'append_by_null_date', notCompacted: 'it has no key', rounds: [
      ["CREATE TABLE $t (id BIGINT, day DATE, v VARCHAR) PARTITIONED BY (day)", `INSERT INTO $t SELECT i, ${daysOrNull}, 'a' FROM range(20) r(i)`], [`INSERT INTO $t SELECT i, ${daysOrNull}, 'b' FROM range(20) r(i)`],
    ],
  },
  {
    name: 'append_buckets', notCompacted: 'it has no key', rounds: [
      ["CREATE TABLE $t (id BIGINT, day DATE, v VARCHAR) PARTITIONED BY (day) WITH ('bucket' = '3', 'bucket-key' = 'id')", `INSERT INTO $t SELECT i % 11, ${daysOrNull}, 'a' || i FROM range(50) r(i)`], [`INSERT INTO $t SELECT i, ${daysOrNull}, NULL FROM range(20) r(i)`],
    ],
  },
  {
    name: 'by_words', rounds: [
      ["CREATE TABLE $t (w VARCHAR, n INTEGER, b BOOLEAN, id BIGINT, v DOUBLE, PRIMARY KEY (w, n, b, id)) PARTITIONED BY (w, n, b) WITH ('bucket' = '2')", `INSERT INTO $t SELECT ${words}, i % 2 - 1, i % 3 = 0, i, i / 3.0 FROM range(36) r(i)`],
      ['UPDATE $t SET v = -v WHERE id % 4 = 1', 'DELETE FROM $t WHERE id % 5 = 3'],
    ],
  },
  {
    name: 'by_times', rounds: [
      ["CREATE TABLE $t (ts TIMESTAMP, d DECIMAL(20,2), id BIGINT, v VARCHAR, PRIMARY KEY (ts, d, id)) PARTITIONED BY (ts, d)", "INSERT INTO $t SELECT TIMESTAMP '1969-12-31 23:59:59.999999' + INTERVAL 1 MICROSECOND * (i % 3), i % 2 - 1.25, i, 'a' FROM range(12) r(i)"],
      ["UPDATE $t SET v = 'b' WHERE id > 5"],
    ],
  },
  {
    name: 'bag', rounds: [
      ["CREATE TABLE $t (a INTEGER, b VARCHAR, f DOUBLE) WITH ('append-only' = 'false', 'bucket' = '2')", "INSERT INTO $t SELECT i % 3, CASE WHEN i % 2 = 0 THEN 'x' END, i % 2 FROM range(30) r(i)"], ['DELETE FROM $t WHERE a = 1', "INSERT INTO $t VALUES (1, NULL, 0), (1, NULL, 0)"],
    ],
  },
  {
    name: 'layer_by_date', rounds: [
      ["CREATE TABLE $t_in (id BIGINT PRIMARY KEY, day DATE, n DECIMAL(10,2))", "CREATE DYNAMIC TABLE $t PARTITIONED BY (day) AS SELECT coalesce(day, DATE '1970-01-01') AS day, id % 3 AS g, count(*) AS c, sum(n) AS s, max(n) AS m FROM $t_in GROUP BY 1, 2", `INSERT INTO $t_in SELECT i, ${daysOrNull}, i * 1.5 FROM range(30) r(i)`],
      ['DELETE FROM $t_in WHERE id % 3 = 1', 'UPDATE $t_in SET n = -n WHERE id % 2 = 0'],
    ],
  },
  {
    name: 'nested', rounds: [
      ['CREATE TABLE $t (id BIGINT PRIMARY KEY, l INTEGER[], ll VARCHAR[][], s STRUCT(a BIGINT, "B c" DECIMAL(20,2), t TIMESTAMP), m MAP(VARCHAR, BIGINT), ls STRUCT(x DOUBLE, d DATE)[], ml MAP(INTEGER, VARCHAR[]))',
        "INSERT INTO $t VALUES (1, [1, NULL, 3], [['a', NULL], [], NULL], {'a': 9007199254740993, 'B c': -1.25, 't': TIMESTAMP '1969-12-31 23:59:59.999999'}, MAP {'k': 1, 'ü': NULL}, [{'x': 1.5, 'd': DATE '2024-02-29'}, NULL], MAP {7: ['p', NULL]}), (2, NULL, NULL, NULL, NULL, NULL, NULL), (3, [], [], {'a': NULL, 'B c': NULL, 't': NULL}, MAP {}, [], MAP {})"],
      ["INSERT INTO $t VALUES (2, [5], [['z']], {'a': 1, 'B c': 2, 't': NULL}, MAP {'only': 2}, [{'x': NULL, 'd': NULL}], MAP {1: NULL}), (4, [1], NULL, NULL, NULL, NULL, NULL)", 'DELETE FROM $t WHERE id = 3', 'UPDATE $t SET l = [9, 9] WHERE id = 1'],
    ],
  },
  {
    name: 'nested_append', notCompacted: 'it has no key', rounds: [
      ['CREATE TABLE $t (l BLOB[], s STRUCT(a STRUCT(b BOOLEAN[], c TIMESTAMPTZ)))', "INSERT INTO $t VALUES ([from_hex('00ff'), NULL], {'a': {'b': [true, NULL], 'c': TIMESTAMPTZ '2024-02-29 12:00:00+00'}}), (NULL, {'a': NULL}), ([], NULL)"], ["INSERT INTO $t VALUES ([from_hex('')], {'a': {'b': [], 'c': NULL}})"],
    ],
  },
  {
    name: 'first_row', notCompacted: 'its producer is Java\'s own matter', rounds: [
      ["CREATE TABLE $t (id BIGINT PRIMARY KEY, v VARCHAR) WITH ('merge-engine' = 'first-row')", "INSERT INTO $t VALUES (1, 'first'), (2, 'two')"], ["INSERT INTO $t VALUES (1, 'second'), (3, 'three')"], ["INSERT INTO $t VALUES (3, 'late'), (4, 'four')"],
    ],
  },
  // Paimon 1.3 keeps a compiled comparison by its types, whichever way it goes: another type than that of the table that goes up.
  ...[['', "'sequence.field' = 'n'", 'INTEGER'], ['_down', "'sequence.field' = 'n', 'sequence.field.sort-order' = 'descending'", 'SMALLINT'], ['_two', "'sequence.field' = 'n,m'", 'BIGINT']].map(([suffix, options, type]): Feature => ({
    name: `sequence_field${suffix!}`, ...(suffix === '_down' ? {without: {flink: 'Paimon 1.3.1 gives another row than 1.4.2 where the order descends'}} : {}), rounds: [
      [`CREATE TABLE $t (id BIGINT PRIMARY KEY, v VARCHAR, n ${type!}, m TIMESTAMP) WITH (${options!})`, "INSERT INTO $t VALUES (1, 'a', 5, '2024-01-01'), (2, 'b', NULL, NULL), (3, 'c', 1, '2024-01-01')"],
      ["INSERT INTO $t VALUES (1, 'older', 3, '2024-01-01'), (2, 'known', 1, NULL), (3, 'same', 1, '2023-01-01')"], ["INSERT INTO $t VALUES (1, 'newest', 9, NULL), (3, 'newer', 1, '2025-01-01'), (2, 'least', -9, '1999-01-01'), (4, 'none', NULL, NULL)"],
      ["INSERT INTO $t VALUES (4, 'none again', NULL, '2020-01-01'), (2, 'nothing', NULL, '2030-01-01')", "UPDATE $t SET v = v || '!' WHERE id = 3"],
    ],
  })),
  {name: 'ignore_delete', rounds: [["CREATE TABLE $t (id BIGINT PRIMARY KEY, v VARCHAR) WITH ('ignore-delete' = 'true')", "INSERT INTO $t VALUES (1, 'a'), (2, 'b')"], ["INSERT INTO $t VALUES (2, 'c')"]]},
  {
    name: 'altered', rounds: [
      ['CREATE TABLE $t (id BIGINT PRIMARY KEY, v VARCHAR, n INTEGER)', "INSERT INTO $t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)"],
      ['ALTER TABLE $t ADD COLUMN extra VARCHAR', "INSERT INTO $t VALUES (2, 'bb', 22, 'e')"],
      ['ALTER TABLE $t RENAME COLUMN v TO w', "INSERT INTO $t (id, w) VALUES (4, 'd')"],
      ['ALTER TABLE $t ALTER COLUMN n TYPE BIGINT', "INSERT INTO $t VALUES (5, 'e', 5000000000, 'f')"],
      ['ALTER TABLE $t DROP COLUMN extra', 'ALTER TABLE $t ADD COLUMN extra INTEGER', 'UPDATE $t SET extra = 1 WHERE id < 3'], ["DELETE FROM $t WHERE id = 1"],
    ],
  },
  {
    name: 'statistics', rounds: [
      ["CREATE TABLE $t (id BIGINT PRIMARY KEY, s VARCHAR, d DOUBLE, n DECIMAL(20,2)) WITH ('metadata.stats-mode' = 'truncate(3)')", "INSERT INTO $t SELECT i, CASE WHEN i % 3 > 0 THEN 'long text 🙂 ' || i END, i / 7.0, -i FROM range(50) r(i)"], ["UPDATE $t SET s = chr(1114111) || s WHERE id < 10"],
    ],
  },
];

/** Lives in all tables below `folder`, adds them to the matrix, and again after Java's compaction. */
export async function featureTables(folder: string, peers: Peers, report: Report, matrix: ReadMatrix): Promise<() => Promise<void>> {
  const path = join(folder, 'features');
  const found = new Map<Feature, {readonly directory: string; readonly columns: readonly string[]; readonly lines: readonly Line[]}>();
  const warehouse = await Warehouse.open({path});
  try {
    const alive = new Set(features);
    const rounds = Math.max(...features.map((feature) => feature.rounds.length));
    for (let round = 0; round < rounds; round++) {
      for (const feature of alive) {
        try {
          for (const statement of feature.rounds[round] ?? []) await warehouse.sql(statement.replaceAll('$t', feature.name));
        } catch (cause) {
          alive.delete(feature);
          report.fail(`features: ${feature.name}`, cause instanceof Error ? cause.message : String(cause));
        }
      }
      await warehouse.checkpoint();
    }
    for (const feature of alive) {
      const spec = warehouse.catalog.tables().find((table) => table.name === feature.name)!;
      const columns = spec.columns.filter((column) => !column.hidden).map(({name}) => name);
      const directory = tableDirectory(path, spec.schema, spec.name);
      const {rows} = await warehouse.sql(`SELECT * FROM ${feature.name}`);
      const opened = await PaimonTable.open(doors, directory);
      found.set(feature, {directory, columns, lines: resultLines(opened.schema.fields.filter((field) => columns.includes(field.name)), rows as readonly Readonly<Record<string, unknown>>[])});
    }
  } finally {
    await warehouse.close();
  }
  for (const [feature, table] of found) matrix.add({name: `features: ${feature.name}`, ...table, ...(feature.without === undefined ? {} : {without: feature.without})});
  return async () => {
    for (const [feature, table] of found) {
      if (feature.notCompacted !== undefined) continue;
      const name = `features: ${feature.name}, compacted by java`;
      if (!('peer' in peers.java)) { report.skip(name, peers.java.reason); continue; }
      const java = peers.java.peer;
      await report.check(name, async () => void await java.run('compact', table.directory));
      matrix.add({name, ...table});
    }
  };
}
