/** Key ranges of files: which overlap, and which files must be merged with each other. */
import {compareRows, decodeBinaryRow, type InternalValue} from '../paimon/binary-row.ts';
import type {ManifestEntry} from '../paimon/manifest.ts';
import type {PaimonTable} from './paimon-table.ts';

export interface KeyedFile {
  readonly entry: ManifestEntry;
  readonly minKey: readonly InternalValue[];
  readonly maxKey: readonly InternalValue[];
}

/** @throws {WarehouseError} `MR_PAIMON_DAMAGED` when a key cannot be decoded. */
export function keyedFile(table: PaimonTable, entry: ManifestEntry): KeyedFile {
  const types = table.keyFields.map((field) => field.type);
  const where = table.dataPath(entry);
  return {entry, minKey: decodeBinaryRow(types, entry.file.minKey, `${where}: _MIN_KEY`), maxKey: decodeBinaryRow(types, entry.file.maxKey, `${where}: _MAX_KEY`)};
}

/** @returns the files of one bucket in sections by key: files of different sections share no key. */
export function sections(files: readonly KeyedFile[]): KeyedFile[][] {
  const sorted = [...files].sort((a, b) => compareRows(a.minKey, b.minKey));
  const result: KeyedFile[][] = [];
  let maxKey: readonly InternalValue[] = [];
  for (const file of sorted) {
    const section = result.at(-1);
    if (section === undefined || compareRows(file.minKey, maxKey) > 0) {
      result.push([file]);
      maxKey = file.maxKey;
    } else {
      section.push(file);
      if (compareRows(file.maxKey, maxKey) > 0) maxKey = file.maxKey;
    }
  }
  return result;
}

/** @returns what names an entry's bucket in its partition. */
export function groupName(entry: {readonly partition: Uint8Array; readonly bucket: number}): string {
  return `${Buffer.from(entry.partition).toString('base64')} ${entry.bucket}`;
}

/** @returns the entries by bucket of a partition: by partition values (NULL first), then by bucket. */
export function bucketGroups(table: PaimonTable, entries: readonly ManifestEntry[]): (readonly ManifestEntry[])[] {
  const groups = new Map<string, ManifestEntry[]>();
  for (const entry of entries) {
    const group = groups.get(groupName(entry));
    if (group === undefined) groups.set(groupName(entry), [entry]);
    else group.push(entry);
  }
  const types = table.partitionFields.map((field) => field.type);
  const ordered = [...groups.values()].map((group) => ({group, bucket: group[0]!.bucket, values: decodeBinaryRow(types, group[0]!.partition, `${table.dataPath(group[0]!)}: _PARTITION`)}));
  return ordered.sort((a, b) => compareRows(a.values, b.values) || a.bucket - b.bucket).map(({group}) => group);
}

/** @returns two files of one bucket and level whose keys overlap, if there are any. */
export function overlappingFiles(table: PaimonTable, entries: readonly ManifestEntry[]): readonly [ManifestEntry, ManifestEntry] | undefined {
  const runs = new Map<string, KeyedFile[]>();
  for (const entry of entries) {
    const run = `${groupName(entry)} ${entry.file.level}`;
    const files = runs.get(run);
    if (files === undefined) runs.set(run, [keyedFile(table, entry)]);
    else files.push(keyedFile(table, entry));
  }
  for (const files of runs.values()) {
    files.sort((a, b) => compareRows(a.minKey, b.minKey));
    for (let i = 1; i < files.length; i++) {
      if (compareRows(files[i]!.minKey, files[i - 1]!.maxKey) <= 0) return [files[i - 1]!.entry, files[i]!.entry];
    }
  }
  return undefined;
}
