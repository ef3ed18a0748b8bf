/** What Java is asked to write: each kind of table once, with what we must do with it. */
import type {JavaRow, JavaSpec, JavaStep} from './java-table.ts';
import {randomSteps} from './java-table.ts';
import type {Reader} from './read-matrix.ts';

export interface JavaCase {
  readonly name: string;
  readonly spec: JavaSpec;
  readonly steps: readonly JavaStep[];
  /** Words of our refusal to read. */
  readonly refused?: string;
  /** Words of our refusal to write. */
  readonly readOnly?: string;
  /** Words of our refusal to write, as long as it is one. */
  readonly mayRefuseToWrite?: string;
  /** false: its changes cannot be told (OVERWRITE). */
  readonly changes?: false;
  readonly without?: Readonly<Partial<Record<Reader, string>>>;
}

const scalars: JavaSpec['columns'] = [
  ['id', 'BIGINT'], ['bo', 'BOOLEAN'], ['ti', 'TINYINT'], ['sm', 'SMALLINT'], ['it', 'INT'], ['fl', 'FLOAT'], ['db', 'DOUBLE'], ['dc9', 'DECIMAL(9, 3)'], ['dc18', 'DECIMAL(18, 2)'], ['dc38', 'DECIMAL(38, 10)'],
  ['ch', 'CHAR(5)'], ['vc', 'VARCHAR(10)'], ['st', 'STRING'], ['bi', 'BINARY(4)'], ['by', 'BYTES'], ['da', 'DATE'],
  ['ts0', 'TIMESTAMP(0)'], ['ts3', 'TIMESTAMP(3)'], ['ts6', 'TIMESTAMP(6)'], ['lz0', 'TIMESTAMP(0) WITH LOCAL TIME ZONE'], ['lz3', 'TIMESTAMP(3) WITH LOCAL TIME ZONE'], ['lz6', 'TIMESTAMP(6) WITH LOCAL TIME ZONE'],
];
const plain: JavaSpec['columns'] = [['id', 'BIGINT'], ['v', 'STRING'], ['n', 'INT']];
const row = (id: number, v: string | null, n: number | null): JavaRow => ({id: String(id), v, n});
const full: JavaStep = {compact: 'full'};
const minor: JavaStep = {compact: 'minor'};

/** Three commits that overlap, then whatever `more` says. */
function random(name: string, spec: JavaSpec, more: readonly JavaStep[] = [], extra: Partial<JavaCase> & {readonly deletes?: boolean; readonly commits?: number} = {}): JavaCase {
  const {deletes, commits, ...rest} = extra;
  const seed = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 100_003, 7);
  return {name, spec, steps: [...randomSteps(spec, seed, {...(deletes === undefined ? {} : {deletes}), ...(commits === undefined ? {} : {commits})}), ...more], ...rest};
}

const keyed = (options: Readonly<Record<string, string>> = {}, columns = plain): JavaSpec => ({columns, primaryKeys: ['id'], options});

/** @returns all cases. */
export function javaCases(): JavaCase[] {
  return [
    random('scalars', keyed({'changelog-producer': 'input'}, scalars)),
    random('scalars_compacted', keyed({}, scalars), [full]),
    random('scalars_append', {columns: scalars}),
    ...levels(), ...optioned(), ...keysAndPartitions(), ...engines(), ...evolved(), ...nested(), ...vectors(), ...refused(),
  ];
}

function levels(): JavaCase[] {
  return [
    random('buckets_minor', keyed({bucket: '4'}), [minor], {commits: 7}),
    random('compacting_writer', keyed({bucket: '2', 'changelog-producer': 'input', 'num-sorted-run.compaction-trigger': '2'}), [
      {rows: [row(1, 'a', 1), row(2, 'b', 2)], options: []}, {rows: [row(2, 'c', 3)], options: []}, {changes: [{op: '-D', row: row(1, 'a', 1)}], options: []},
    ]),
    // One file that overlaps no other is moved down as it is: DELETE and ADD of one name at two levels.
    {name: 'upgraded_in_place', spec: keyed(), steps: [{rows: [row(1, 'a', 1), row(2, 'b', 2)]}, full, {rows: [row(2, 'c', 3)]}]},
    {name: 'one_key_overwritten', spec: keyed(), steps: [{rows: [row(1, 'old', 1), row(2, 'two', 2)]}, {rows: [row(1, 'new', 3)]}]},
    {name: 'deleted_row', spec: keyed(), steps: [{rows: [row(1, 'a', 1), row(2, 'b', 2)]}, {changes: [{op: '-D', row: row(1, 'a', 1)}]}]},
    {name: 'deleted_alone', spec: keyed(), steps: [{changes: [{op: '+I', row: row(1, 'a', 1)}, {op: '-D', row: row(2, 'b', 2)}]}]},
    {name: 'all_deleted_and_compacted', spec: keyed(), steps: [{rows: [row(1, 'a', 1)]}, {changes: [{op: '-D', row: row(1, 'a', 1)}]}, full]},
    random('append_buckets', {columns: plain, options: {bucket: '3', 'bucket-key': 'id'}}),
    {name: 'overwritten', spec: keyed(), steps: [{rows: [row(1, 'a', 1), row(2, 'b', 2)]}, {overwrite: [row(7, 'g', 7)]}, {rows: [row(8, 'h', 8)]}], changes: false},
    {name: 'tagged', spec: keyed(), steps: [{rows: [row(1, 'a', 1)]}, {tag: 'before'}, {rows: [row(1, 'b', 2)]}]},
    {
      name: 'tagged_and_expired', spec: keyed({'snapshot.num-retained.min': '1', 'snapshot.num-retained.max': '1'}),
      steps: [{rows: [row(1, 'a', 1), row(2, 'b', 2)]}, {tag: 'kept'}, {rows: [row(1, 'c', 2)]}, full, {rows: [row(1, 'd', 3)]}, {rows: [row(3, 'e', 4)]}],
    },
    {name: 'expired', spec: keyed({'snapshot.num-retained.min': '1', 'snapshot.num-retained.max': '2'}), steps: [1, 2, 3, 4, 5].map((n): JavaStep => ({rows: [row(n, 'x', n), row(0, 'y', n)]}))},
  ];
}

function optioned(): JavaCase[] {
  return [
    ...['snappy', 'gzip', 'none', 'lz4'].map((codec) => random(`codec_${codec}`, keyed({'file.compression': codec}), [], codec === 'lz4' ? {refused: "'file.compression' = 'lz4'"} : {})),
    ...['null', 'deflate', 'snappy', 'bzip2'].map((codec) => random(`manifests_${codec}`, keyed({'manifest.compression': codec}), [], codec === 'snappy' || codec === 'bzip2' ? {refused: `Avro codec "${codec}"`} : {})),
    random('thin_files', keyed({'data-file.thin-mode': 'true'}), [full]),
    random('bloom_index', keyed({'file-index.bloom-filter.columns': 'id,v', 'file-index.in-manifest-threshold': '1 B'}), []),
    random('stats_full', keyed({'metadata.stats-mode': 'full'}), [full]),
    random('stats_none', keyed({'metadata.stats-mode': 'none'}), [full]),
    random('stats_not_dense', keyed({'metadata.stats-dense-store': 'false'}), [full]),
    random('producer_lookup', keyed({'changelog-producer': 'lookup'}), [{rows: [row(1, 'a', 1)], options: []}, {rows: [row(1, 'b', 1)], options: []}], {readOnly: 'changelog-producer'}),
    random('producer_full_compaction', keyed({'changelog-producer': 'full-compaction'}), [full], {readOnly: 'changelog-producer'}),
    random('small_manifests', keyed({'manifest.merge-min-count': '2', 'manifest.target-file-size': '1 kb'}), [full], {commits: 8}),
  ];
}

function keysAndPartitions(): JavaCase[] {
  const byDay: JavaSpec['columns'] = [['id', 'BIGINT'], ['day', 'DATE'], ['v', 'STRING']];
  const day = (id: number, at: string | null, v: string): JavaRow => ({id: String(id), day: at, v});
  return [
    random('composite_key', {columns: [['a', 'STRING'], ['b', 'DATE'], ['c', 'DECIMAL(20, 2)'], ['d', 'TIMESTAMP(6)'], ['v', 'INT']], primaryKeys: ['d', 'a', 'c', 'b'], options: {bucket: '3'}}, [full]),
    random('bytes_key', {columns: [['a', 'BYTES'], ['b', 'TIMESTAMP(3) WITH LOCAL TIME ZONE'], ['v', 'INT']], primaryKeys: ['a', 'b'], options: {bucket: '2'}}),
    {
      name: 'partitioned_by_date', spec: {columns: byDay, primaryKeys: ['id', 'day'], partitionKeys: ['day'], options: {bucket: '2', 'changelog-producer': 'input'}}, steps: [
        {rows: [day(1, '2024-02-29', 'a'), day(2, '1969-12-31', 'b'), day(1, '1969-12-31', 'c')]}, {rows: [day(1, '2024-02-29', 'd')]}, {changes: [{op: '-D', row: day(2, '1969-12-31', 'b')}]}, full, {rows: [day(9, '2024-02-29', 'i')]},
      ],
    },
    {name: 'null_partition', spec: {columns: byDay, partitionKeys: ['day']}, steps: [{rows: [day(1, null, 'a'), day(2, '2024-02-29', 'b')]}, {rows: [day(3, null, 'c')]}]},
    {
      name: 'partitioned_by_text', spec: {columns: [['id', 'BIGINT'], ['p', 'STRING'], ['q', 'INT'], ['v', 'STRING']], partitionKeys: ['p', 'q']},
      steps: [{rows: ['a/b=c', 'ü 日', '', ' ', '%41', '__DEFAULT_PARTITION__x'].map((p, i) => ({id: String(i), p, q: i - 2, v: 'x'}))}],
    },
    {
      name: 'partitioned_by_time', spec: {columns: [['id', 'BIGINT'], ['p', 'TIMESTAMP(6)'], ['q', 'DECIMAL(20, 2)'], ['b', 'BOOLEAN']], partitionKeys: ['p', 'q', 'b']},
      steps: [{rows: [{id: '1', p: '2024-02-29T12:34:56.123456', q: '-1.50', b: true}, {id: '2', p: '1969-12-31T23:59:59.999999', q: '0.00', b: false}]}],
    },
  ];
}

function engines(): JavaCase[] {
  const at = (id: number, v: string, n: number | null): JavaRow => row(id, v, n);
  const out = (steps: readonly JavaStep[]): readonly JavaStep[] => steps;
  const versions = out([{rows: [at(1, 'first', 5), at(2, 'x', 1)]}, {rows: [at(1, 'older', 3), at(2, 'y', null)]}, {rows: [at(1, 'same', 5), at(3, 'z', 0)]}]);
  return [
    {name: 'first_row', spec: keyed({'merge-engine': 'first-row'}), steps: [{rows: [at(1, 'first', 1), at(2, 'two', 2)], options: []}, {rows: [at(1, 'second', 3), at(3, 'three', 3)], options: []}, full, {rows: [at(4, 'young', 4), at(1, 'third', 5)]}]},
    {name: 'sequence_field', spec: keyed({'sequence.field': 'n'}), steps: versions},
    {name: 'sequence_field_compacted', spec: keyed({'sequence.field': 'n'}), steps: [...versions, full, {rows: [at(1, 'oldest', 1), at(2, 'newest', 9)]}]},
    {name: 'sequence_field_descending', spec: keyed({'sequence.field': 'n', 'sequence.field.sort-order': 'descending'}), steps: versions, without: {flink: 'Paimon 1.3.1 gives another row than 1.4.2 where the order descends'}},
    {name: 'sequence_fields', spec: keyed({'sequence.field': 'n,v'}), steps: [...versions, {rows: [at(1, 'zz', 5), at(1, 'aa', 5)]}]},
    {name: 'ignore_delete', spec: keyed({'ignore-delete': 'true'}), steps: [{rows: [at(1, 'a', 1)]}, {changes: [{op: '-D', row: at(1, 'a', 1)}]}, {rows: [at(2, 'b', 2)]}]},
  ];
}

function evolved(): JavaCase[] {
  return [{
    name: 'evolved', spec: keyed({'changelog-producer': 'input'}), steps: [
      {rows: [row(1, 'a', 1), row(2, 'b', 2)]}, {alter: [{add: 'extra', type: 'STRING', after: 'id'}]}, {rows: [{...row(2, 'c', 3), extra: 'e'}, {...row(3, 'd', 4), extra: null}]},
      {alter: [{rename: 'v', to: 'w'}, {widen: 'n', type: 'BIGINT'}]}, {rows: [{id: '4', extra: 'f', w: 'g', n: '5000000000'}]}, {alter: [{drop: 'extra'}]}, {alter: [{add: 'extra', type: 'INT'}]},
      {rows: [{id: '1', w: 'h', n: '6', extra: 7}]}, full, {rows: [{id: '5', w: 'i', n: '8', extra: 9}]},
    ], changes: false,
  }, {
    name: 'evolved_append', spec: {columns: plain}, steps: [{rows: [row(1, 'a', 1)]}, {alter: [{rename: 'v', to: 'V2'}, {widen: 'n', type: 'DECIMAL(12, 2)'}]}, {rows: [{id: '2', V2: 'b', n: '2.50'}]}], changes: false,
    without: {pypaimon: 'it does not cast a widened column'},
  }];
}

function nested(): JavaCase[] {
  const columns: JavaSpec['columns'] = [
    ['id', 'BIGINT'], ['a', {type: 'ARRAY', element: 'INT'}], ['b', {type: 'ARRAY', element: {type: 'ARRAY', element: 'STRING'}}], ['m', {type: 'MAP', key: 'STRING NOT NULL', value: 'BIGINT'}],
    ['r', {type: 'ROW', fields: [{id: 5, name: 'x', type: 'TIMESTAMP(3)'}, {id: 6, name: 'y', type: {type: 'ARRAY', element: 'DECIMAL(20, 2)'}}, {id: 7, name: 'Zed', type: 'BYTES'}]}],
    ['l', {type: 'ARRAY', element: {type: 'ROW', fields: [{id: 9, name: 'p', type: 'DOUBLE'}, {id: 10, name: 'q', type: 'DATE'}]}}],
  ];
  return [random('nested', keyed({'changelog-producer': 'input'}, columns), [full, ...randomSteps(keyed({}, columns), 77, {commits: 1})], {mayRefuseToWrite: 'of type'}), random('nested_append', {columns}, [], {mayRefuseToWrite: 'of type'})];
}

function vectors(): JavaCase[] {
  const make = (name: string, options: Readonly<Record<string, string>>): JavaCase => ({
    name, spec: keyed({'deletion-vectors.enabled': 'true', bucket: '2', ...options}), readOnly: 'deletion vectors', changes: false, steps: [
      {rows: Array.from({length: 30}, (_, i) => row(i, `a${i}`, i)), options: []}, full, {rows: Array.from({length: 10}, (_, i) => row(i * 3, `b${i}`, -i)), options: []}, {changes: [{op: '-D', row: row(1, 'a1', 1)}], options: []},
      {rows: [row(2, 'level 0, not seen by a batch read', 0)]},
    ],
  });
  return [make('deletion_vectors', {}), {...make('deletion_vectors_64', {'deletion-vectors.bitmap64': 'true'}), without: {pypaimon: 'it does not know vectors of 64 bits'}}];
}

function refused(): JavaCase[] {
  const some: JavaStep[] = [{rows: [row(1, 'a', 1)]}, {rows: [row(1, 'b', 2)]}];
  return [
    {name: 'orc', spec: keyed({'file.format': 'orc'}), steps: some, refused: '"orc"'},
    {name: 'avro', spec: keyed({'file.format': 'avro'}), steps: some, refused: '"avro"'},
    {name: 'partial_update', spec: keyed({'merge-engine': 'partial-update'}), steps: some, refused: 'partial-update'},
    {name: 'aggregation', spec: keyed({'merge-engine': 'aggregation', 'fields.n.aggregate-function': 'sum'}), steps: some, refused: 'aggregation'},
    {name: 'row_tracking', spec: {columns: plain, options: {'row-tracking.enabled': 'true'}}, steps: some, refused: 'row-tracking.enabled'},
    {name: 'data_evolution', spec: {columns: plain, options: {'row-tracking.enabled': 'true', 'data-evolution.enabled': 'true'}}, steps: some, refused: 'row-tracking.enabled'},
    {name: 'nanoseconds', spec: keyed({}, [['id', 'BIGINT'], ['t', 'TIMESTAMP(9)']]), steps: [{rows: [{id: '1', t: '2024-02-29T12:34:56.123456789'}]}], refused: 'TIMESTAMP(9)'},
    {name: 'row_kind_field', spec: keyed({'rowkind.field': 'v'}), steps: [{rows: [row(1, '+I', 1)]}], refused: 'rowkind.field'},
    {name: 'merge_on_read', spec: keyed({'deletion-vectors.enabled': 'true', 'deletion-vectors.merge-on-read': 'true'}), steps: some, refused: 'deletion-vectors.merge-on-read'},
  ];
}
