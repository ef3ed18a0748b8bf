/**
 * Avro object container files: manifests, manifest lists and index manifests.
 *
 *   "Obj" 1 | metadata map (avro.schema, avro.codec) | 16-byte sync | blocks: (long rows, long bytes, data, sync)*
 *
 * Records are read under the schema that the file brings and handed out by field name, so an older or newer file with fewer or
 * more fields reads too. Longs are bigint. A union value is wrapped by avsc as {branch: value}; `unwrap` takes it off, and writers
 * say the branch (`optional`).
 */
import {deflateRawSync, inflateRawSync} from 'node:zlib';
import avro from 'avsc';
import {uuid} from '../../base/id.ts';
import {damaged, unsupported} from './failure.ts';
import {zstdCompress, zstdDecompress, zstdReady} from './zstd.ts';

export type AvroCodec = 'null' | 'deflate' | 'zstandard';
/** A record by field name, as avsc gives it. */
export type AvroRecord = Readonly<Record<string, unknown>>;

const MAGIC = Buffer.from('Obj\u0001', 'latin1');
const SYNC_BYTES = 16;
const BLOCK_ROWS = 1000;
/** Schemas differ by writer and release, not by file: a handful in practice. */
const TYPES_CACHED_MAX = 64;

const longType = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt, toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});
/** Every long is bigint, also where the schema says `{type: long, logicalType: …}`. */
function typeHook(schema: avro.Schema): avro.Type | undefined {
  const isLong = schema === 'long' || (typeof schema === 'object' && 'type' in schema && (schema.type as unknown) === 'long');
  return isLong ? longType : undefined;
}

const headerType = avro.Type.forSchema({type: 'map', values: 'bytes'} as avro.Schema);
const countType = avro.Type.forSchema('long');
const types = new Map<string, avro.Type>();

function typeOf(schemaText: string): avro.Type {
  let type = types.get(schemaText);
  if (type === undefined) {
    type = avro.Type.forSchema(JSON.parse(schemaText) as avro.Schema, {wrapUnions: 'always', typeHook});
    if (types.size >= TYPES_CACHED_MAX) types.clear();
    types.set(schemaText, type);
  }
  return type;
}

/** @returns a complete file. */
export async function encodeAvroFile(schemaText: string, records: readonly AvroRecord[], codec: AvroCodec): Promise<Uint8Array> {
  if (codec === 'zstandard') await zstdReady();
  const type = typeOf(schemaText);
  const sync = Buffer.from(uuid().replaceAll('-', ''), 'hex');
  const parts: Uint8Array[] = [MAGIC, headerType.toBuffer({'avro.schema': Buffer.from(schemaText), 'avro.codec': Buffer.from(codec)}), sync];
  for (let start = 0; start < records.length; start += BLOCK_ROWS) {
    const rows = records.slice(start, start + BLOCK_ROWS);
    const raw = Buffer.concat(rows.map((row) => type.toBuffer(row)));
    const data = codec === 'zstandard' ? zstdCompress(raw) : codec === 'deflate' ? deflateRawSync(raw) : raw;
    parts.push(countType.toBuffer(rows.length), countType.toBuffer(data.length), data, sync);
  }
  return Buffer.concat(parts);
}

/** @throws {WarehouseError} `MR_PAIMON_DAMAGED`, or `MR_PAIMON_UNSUPPORTED` for a codec that we lack; both name `where`. */
export async function decodeAvroFile(bytes: Uint8Array, where: string): Promise<AvroRecord[]> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!buffer.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged(where, `is not an Avro file (${buffer.length} bytes, no magic)`);
  let position = MAGIC.length;
  const take = (type: avro.Type): unknown => {
    const {value, offset} = type.decode(buffer, position) as {value: unknown; offset: number};
    if (offset < 0) throw damaged(where, `Avro file ends early after byte ${position}`);
    position = offset;
    return value;
  };
  const header = take(headerType) as Readonly<Record<string, Buffer | undefined>>;
  const schema = header['avro.schema'];
  if (schema === undefined) throw damaged(where, 'Avro header has no schema');
  const codec = header['avro.codec']?.toString() ?? 'null';
  if (codec === 'zstandard') await zstdReady();
  const sync = buffer.subarray(position, position + SYNC_BYTES);
  position += SYNC_BYTES;
  const records: AvroRecord[] = [];
  try {
    const type = typeOf(schema.toString());
    while (position < buffer.length) {
      const rowCount = take(countType) as number;
      const byteLength = take(countType) as number;
      if (byteLength < 0 || position + byteLength + SYNC_BYTES > buffer.length) throw damaged(where, `Avro block at byte ${position} is longer than the file`);
      const raw = decompressBlock(codec, buffer.subarray(position, position + byteLength), where);
      position += byteLength;
      if (!buffer.subarray(position, position + SYNC_BYTES).equals(sync)) throw damaged(where, `Avro block ends without its sync mark at byte ${position}`);
      position += SYNC_BYTES;
      let offset = 0;
      for (let row = 0; row < rowCount; row++) {
        const decoded = type.decode(raw, offset) as {value: AvroRecord; offset: number};
        if (decoded.offset < 0) throw damaged(where, `Avro record ${row} of ${rowCount} ends early`);
        records.push(decoded.value);
        offset = decoded.offset;
      }
    }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause) throw cause;
    throw damaged(where, `Avro data cannot be decoded (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  }
  return records;
}

function decompressBlock(codec: string, data: Buffer, where: string): Buffer {
  switch (codec) {
    case 'null': return data;
    case 'deflate': return inflateRawSync(data);
    case 'zstandard': {
      const raw = zstdDecompress(data);
      return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
    }
    default: throw unsupported(where, `Avro codec "${codec}"`, `set the table option 'manifest.compression' to zstd or deflate`);
  }
}

/** @returns a value for a ["null", T] union; `branch` names T. */
export function optional(branch: string, value: unknown): AvroRecord | null {
  return value === null || value === undefined ? null : {[branch]: value};
}

/** @returns the value inside a union's wrapper. */
export function unwrap(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  return Object.values(value as object)[0] as unknown;
}
