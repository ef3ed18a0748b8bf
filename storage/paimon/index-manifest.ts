/**
 * Index manifests: the complete set of live index files of a snapshot, deletion vectors among them. We write none, but a commit
 * carries the name of the last one forward: to drop it would bring deleted rows back.
 */
import {damaged, unsupported} from './failure.ts';
import {decodeAvroFile, unwrap} from './avro-file.ts';
import {RecordReader} from './avro-record.ts';

export interface DeletionVectorRange {
  readonly dataFile: string;
  readonly offset: number;
  readonly length: number;
}

export interface IndexManifestEntry {
  readonly partition: Uint8Array;
  readonly bucket: number;
  /** `DELETION_VECTORS`, `HASH`, or a global index type. */
  readonly indexType: string;
  readonly fileName: string;
  readonly fileSize: number;
  readonly rowCount: number;
  readonly deletionVectors: readonly DeletionVectorRange[];
  readonly externalPath: string | null;
}

const ENTRY_VERSION = 1;

export async function decodeIndexManifest(bytes: Uint8Array, where: string): Promise<IndexManifestEntry[]> {
  return (await decodeAvroFile(bytes, where)).map((record) => {
    const reader = new RecordReader(record, where);
    const version = reader.int('_VERSION');
    if (version !== ENTRY_VERSION) throw unsupported(where, `index manifest version ${version}`);
    if (reader.int('_KIND') !== 0) throw damaged(where, 'index manifest holds an entry that is not an ADD');
    const ranges = reader.nullable('_DELETIONS_VECTORS_RANGES');
    return {
      partition: reader.bytes('_PARTITION'), bucket: reader.int('_BUCKET'), indexType: reader.text('_INDEX_TYPE'),
      fileName: reader.text('_FILE_NAME'), fileSize: reader.count('_FILE_SIZE'), rowCount: reader.count('_ROW_COUNT'),
      deletionVectors: Array.isArray(ranges) ? ranges.map((range) => {
        const item = new RecordReader(unwrap(range), where);
        return {dataFile: item.text('f0'), offset: item.int('f1'), length: item.int('f2')};
      }) : [],
      externalPath: reader.nullableText('_EXTERNAL_PATH'),
    };
  });
}
