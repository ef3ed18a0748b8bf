import test from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {decodeAvroFile, encodeAvroFile} from './avro-file.ts';
import {RecordReader} from './avro-record.ts';
import {encodeBinaryRow, EMPTY_ROW} from './binary-row.ts';
import {parseType} from './data-type.ts';
import {decodeDeletionVector} from './deletion-vector.ts';
import {type ExactJson, parseExactJson, printExactJson} from './exact-json.ts';
import {fileEntryJson, parseFileEntry} from './file-entry-json.ts';
import {type DataFileMeta, decodeManifest, encodeManifest, type ManifestEntry, mergeEntries, NO_STATS} from './manifest.ts';
import {decodeManifestList, encodeManifestList, manifestFileMeta} from './manifest-list.ts';
import {parseSnapshot, printSnapshot, type Snapshot} from './snapshot.ts';
import {parseSchema, printSchema} from './table-schema.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);
const long = fc.oneof(fc.bigInt({min: -(2n ** 63n), max: 2n ** 63n - 1n}), fc.constantFrom(0n, 2n ** 63n - 1n, -(2n ** 63n)));
const count = fc.maxSafeNat();
const bytes = fc.uint8Array({maxLength: 20});

const plainObjects = {noNullPrototype: true};
const stats = fc.record({minValues: bytes, maxValues: bytes, nullCounts: fc.array(fc.option(long), {maxLength: 3})}, plainObjects);
const file: fc.Arbitrary<DataFileMeta> = fc.record({
  fileName: fc.string({minLength: 1}), fileSize: count, rowCount: count, minKey: bytes, maxKey: bytes, keyStats: stats, valueStats: stats, minSequence: long, maxSequence: long,
  schemaId: count, level: fc.nat({max: 9}), extraFiles: fc.array(fc.string(), {maxLength: 2}), creationTime: fc.option(count), deleteRowCount: fc.option(count),
  embeddedIndex: fc.option(bytes), fileSource: fc.option(fc.constantFrom(0, 1)), valueStatsColumns: fc.option(fc.array(fc.string(), {maxLength: 2})),
  externalPath: fc.option(fc.string()), firstRowId: fc.option(count), writeColumns: fc.option(fc.array(fc.string(), {maxLength: 2})),
}, plainObjects);
const entry: fc.Arbitrary<ManifestEntry> = fc.record({kind: fc.constantFrom('add' as const, 'delete' as const), partition: bytes, bucket: fc.nat({max: 100}), totalBuckets: fc.integer({min: -2, max: 100}), file}, plainObjects);

test('exact json: 64-bit integers, text with NUL and fractions come back as they were', () => {
  const value: fc.Arbitrary<ExactJson> = fc.letrec<{value: ExactJson}>((tie) => ({
    value: fc.oneof({maxDepth: 3}, fc.constant(null), fc.boolean(), fc.integer(), long.filter((v) => !Number.isSafeInteger(Number(v))), fc.double({noNaN: true, noDefaultInfinity: true}).filter((v) => !Number.isInteger(v)),
      fc.string(), fc.constantFrom('\u0000', '\u0000i5', '\u0000sx', '"\\'), fc.array(tie('value'), {maxLength: 3}), fc.dictionary(fc.string({unit: fc.constantFrom('a', '"', '1')}), tie('value'), {maxKeys: 3, noNullPrototype: true})),
  })).value;
  fc.assert(fc.property(value, (v) => assert.deepEqual(parseExactJson(printExactJson(v)), v)), {seed, numRuns: 500});
  assert.deepEqual(parseExactJson('{"a" : 9223372036854775807, "b" : 0.12345678901234567890, "c" : "9223372036854775807", "d" : 1e300}'),
    {a: 9_223_372_036_854_775_807n, b: 0.12345678901234568, c: '9223372036854775807', d: 1e300});
  assert.throws(() => parseExactJson('{"a":'), SyntaxError);
});

const javaSnapshot = `{
  "version" : 3,
  "id" : 1,
  "schemaId" : 0,
  "baseManifestList" : "manifest-list-u-0",
  "baseManifestListSize" : 884,
  "deltaManifestList" : "manifest-list-u-1",
  "deltaManifestListSize" : 989,
  "commitUser" : "user-1",
  "commitIdentifier" : 9223372036854775807,
  "commitKind" : "APPEND",
  "timeMillis" : 1700000000000,
  "totalRecordCount" : 3,
  "deltaRecordCount" : 3,
  "nextRowId" : 0
}`;

test('snapshot: printed as Java prints it, the batch identifier unharmed', () => {
  const snapshot = parseSnapshot(javaSnapshot, 'f');
  assert.equal(snapshot.commitIdentifier, 2n ** 63n - 1n);
  assert.equal(printSnapshot(snapshot), javaSnapshot);
  const full: Snapshot = {...snapshot, changelogManifestList: 'c', changelogManifestListSize: 5, changelogRecordCount: 7, indexManifest: 'i', watermark: -5n, statistics: 's', properties: {epoch: '8'}};
  assert.deepEqual(parseSnapshot(printSnapshot(full), 'f'), full);
});

test('snapshot: wrong content is refused, naming the file and the property', () => {
  const refused = (from: string, to: string, code: string, message: RegExp): void =>
    assert.throws(() => parseSnapshot(javaSnapshot.replace(from, to), 'snapshot-1'), (error: {code?: string} & Error) => error.code === code && message.test(error.message) && error.message.includes('snapshot-1'));
  refused('"version" : 3', '"version" : 4', 'MR_PAIMON_UNSUPPORTED', /version 4/);
  refused('9223372036854775807', '9223372036854775808', 'MR_PAIMON_DAMAGED', /commitIdentifier/);
  refused('"id" : 1', '"id" : "1"', 'MR_PAIMON_DAMAGED', /"id"/);
  refused('APPEND', 'MERGE', 'MR_PAIMON_DAMAGED', /MERGE/);
  refused('{', '[', 'MR_PAIMON_DAMAGED', /JSON/);
});

test('schema: what is printed is read back, older versions get the defaults of their time', () => {
  const schema = parseSchema(JSON.stringify({
    version: 3, id: 2, highestFieldId: 9, partitionKeys: [], primaryKeys: ['k'], options: {bucket: '2'}, comment: 'c', timeMillis: 5,
    fields: [{id: 0, name: 'k', type: 'BIGINT NOT NULL'}, {id: 9, name: 'r', type: {type: 'ROW', fields: [{id: 3, name: 'x', type: {type: 'MAP', key: 'STRING', value: {type: 'ARRAY NOT NULL', element: 'DECIMAL(12, 2)'}}, description: 'd', defaultValue: '1'}]}}],
  }), 'f');
  assert.deepEqual(parseSchema(printSchema(schema), 'f'), schema);
  const old = parseSchema(JSON.stringify({id: 0, fields: [], highestFieldId: -1, partitionKeys: [], primaryKeys: [], options: {}}), 'f');
  assert.deepEqual(old.options, {bucket: '1', 'file.format': 'orc'});
  assert.throws(() => parseSchema(JSON.stringify({version: 4}), 'f'), {code: 'MR_PAIMON_UNSUPPORTED'});
  assert.throws(() => parseSchema(JSON.stringify({version: 3, id: 0, fields: [], highestFieldId: 0, partitionKeys: [], primaryKeys: ['x'], options: {}}), 'f'), {code: 'MR_PAIMON_DAMAGED'});
});

test('manifest: entries come back from every codec, also in several blocks', async () => {
  await fc.assert(fc.asyncProperty(fc.array(entry, {maxLength: 4}), fc.constantFrom('null' as const, 'deflate' as const, 'zstandard' as const), async (entries, codec) => {
    assert.deepEqual(await decodeManifest(await encodeManifest(entries, codec), 'f'), entries);
    if (entries.length === 0) return;
    const meta = manifestFileMeta('manifest-x', 77, entries, []);
    assert.deepEqual(await decodeManifestList(await encodeManifestList([meta, meta], codec), 'f'), [meta, meta]);
  }), {seed, numRuns: 150});
  const [one] = fc.sample(entry, {numRuns: 1, seed});
  const many = Array.from({length: 2500}, (_, i) => ({...one!, bucket: i}));
  assert.deepEqual((await decodeManifest(await encodeManifest(many, 'zstandard'), 'f')).map((e) => e.bucket), many.map((e) => e.bucket));
});

test('manifest: a file cut off anywhere is refused as damaged, naming the file', async () => {
  const [one] = fc.sample(entry, {numRuns: 1, seed});
  for (const codec of ['null', 'deflate', 'zstandard'] as const) {
    const whole = await encodeManifest([one!, one!], codec);
    for (let end = 0; end < whole.length; end += 7) {
      const read = await decodeManifest(whole.subarray(0, end), 'some/manifest').catch((error: {code?: string} & Error) => {
        assert.equal(error.code, 'MR_PAIMON_DAMAGED', `${codec} ${end}: ${error.message}`);
        assert.match(error.message, /some\/manifest/);
        return null;
      });
      // Cut right behind its header it is a whole file without records; its size in the list tells.
      if (read !== null) assert.deepEqual(read, []);
    }
  }
});

test('avro: fields that a writer does not know read as null, unknown codecs are refused by name', async () => {
  const schema = JSON.stringify({type: 'record', name: 'record', fields: [{name: 'a', type: 'long'}, {name: 'b', type: ['null', 'string'], default: null}]});
  const file = await encodeAvroFile(schema, [{a: 5n, b: {string: 'x'}}, {a: -1n, b: null}], 'deflate');
  const read = (await decodeAvroFile(file, 'f')).map((record) => new RecordReader(record, 'f'));
  assert.deepEqual(read.map((reader) => [reader.long('a'), reader.nullableText('b'), reader.nullableInt('later')]), [[5n, 'x', null], [-1n, null, null]]);
  const snappy = Buffer.from(Buffer.from(file).toString('latin1').replace('deflate', 'xxflate'), 'latin1');
  await assert.rejects(decodeAvroFile(snappy, 'f'), {code: 'MR_PAIMON_UNSUPPORTED'});
  await assert.rejects(decodeManifest(file, 'f'), {code: 'MR_PAIMON_DAMAGED'});
});

test('merge of entries: a file that moves down a level keeps living, one that is deleted does not', () => {
  const [base] = fc.sample(entry, {numRuns: 1, seed});
  const at = (kind: 'add' | 'delete', fileName: string, level: number): ManifestEntry => ({...base!, kind, file: {...base!.file, fileName, level}});
  const names = (entries: readonly ManifestEntry[]): string[] => entries.map((e) => `${e.kind} ${e.file.fileName} ${e.file.level}`);
  // In the wrong order on purpose: a full scan may meet the DELETE first.
  const {live, deletes} = mergeEntries([at('delete', 'a', 0), at('add', 'b', 0), at('add', 'a', 0), at('add', 'a', 2), at('delete', 'gone', 1)]);
  assert.deepEqual(names(live), ['add b 0', 'add a 2']);
  assert.deepEqual(names(deletes), ['delete gone 1']);
});

test('prepared files: an entry survives plain JSON', () => {
  const ours = fc.record({partition: fc.constantFrom(EMPTY_ROW, encodeBinaryRow([parseType('STRING', 't')], ['2024-05-14'])), bucket: fc.nat({max: 9}), totalBuckets: fc.nat({max: 9}), file}).map((one): ManifestEntry => ({
    ...one, kind: 'add',
    file: {...one.file, valueStats: NO_STATS, extraFiles: [], creationTime: one.file.creationTime ?? 0, deleteRowCount: one.file.deleteRowCount ?? 0, embeddedIndex: null, fileSource: 1, valueStatsColumns: [], externalPath: null, firstRowId: null, writeColumns: null},
  }));
  fc.assert(fc.property(ours, (one) => assert.deepEqual(parseFileEntry(JSON.parse(JSON.stringify(fileEntryJson(one))), 'f'), one)), {seed, numRuns: 200});
  assert.throws(() => parseFileEntry({bucket: 0}, 'frame 7'), {code: 'MR_PAIMON_DAMAGED'});
});

test('deletion vectors: both versions, runs included, as Paimon writes them', () => {
  const vector = (hex: string): readonly number[] => decodeDeletionVector(Buffer.from(hex, 'hex'), 0, 'f');
  assert.deepEqual(vector('000000245e43f2d03a300000020000000000020001000000180000001e00000001000300050070114cf24b6e'), [1, 3, 5, 70_000]);
  assert.deepEqual(vector('00000030d1d339640100000000000000000000003a300000020000000000020001000000180000001e0000000100030005007011cc7967b4'), [1, 3, 5, 70_000]);
  assert.deepEqual(vector('000000135e43f2d03b300000010000e70301000000e7035d08589f'), Array.from({length: 1000}, (_, i) => i));
  assert.throws(() => vector('000000135e43f2d03b300000010000e70301000000e7035d08589e'), {code: 'MR_PAIMON_DAMAGED'});
  assert.throws(() => vector('7fffffff5e43f2d03b300000010000e70301000000e7035d08589f'), {code: 'MR_PAIMON_DAMAGED'});
});

test('empty row: twelve zero bytes, the partition of a table without partitions', () => {
  assert.deepEqual(encodeBinaryRow([], []), new Uint8Array(12));
});
