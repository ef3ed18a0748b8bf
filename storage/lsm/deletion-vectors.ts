/** Deletion vectors of a snapshot: which rows of which data files are deleted. Read only. */
import type {Snapshot} from '../paimon/snapshot.ts';
import {type DeletedRows, decodeDeletionVector} from '../paimon/deletion-vector.ts';
import {decodeIndexManifest} from '../paimon/index-manifest.ts';
import {unsupported} from '../paimon/failure.ts';
import type {PaimonTable} from './paimon-table.ts';

export type {DeletedRows} from '../paimon/deletion-vector.ts';

/** @returns by data file name. */
export async function readDeletionVectors(table: PaimonTable, snapshot: Snapshot): Promise<ReadonlyMap<string, DeletedRows>> {
  const result = new Map<string, DeletedRows>();
  if (snapshot.indexManifest === undefined) return result;
  const path = table.paths.manifest(snapshot.indexManifest);
  for (const entry of await decodeIndexManifest(await table.files.readFile(path), path)) {
    if (entry.indexType !== 'DELETION_VECTORS') continue;
    if (entry.externalPath !== null) throw unsupported(path, 'an index file outside of the table');
    const indexPath = table.paths.index(entry.fileName);
    const bytes = await table.files.readFile(indexPath);
    for (const range of entry.deletionVectors) result.set(range.dataFile, decodeDeletionVector(bytes, range.offset, indexPath));
  }
  return result;
}
