/** The Arrow types of the batches in frames, and the schema message that makes such batches a stream any Arrow reader takes. */
import {
  Binary, Bool, DateDay, Decimal, Field, Float32, Float64, Int16, Int32, Int64, Int8, Schema, Table, TimestampMicrosecond, Utf8, tableToIPC,
} from 'apache-arrow';
import type {DataType} from 'apache-arrow';
import {invariant, unreachable} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';

/** @returns the Arrow type that record-batch.ts lays a stored type out as. */
export function arrowType(type: LogicalType): DataType {
  switch (type.kind) {
    case 'boolean': return new Bool();
    case 'tinyint': return new Int8();
    case 'smallint': return new Int16();
    case 'integer': return new Int32();
    case 'bigint': return new Int64();
    case 'float': return new Float32();
    case 'double': return new Float64();
    case 'varchar': return new Utf8();
    case 'blob': return new Binary();
    // As base/nested.ts draws them: frames hold nested values whole.
    case 'list': case 'struct': case 'map': return new Binary();
    case 'date': return new DateDay();
    case 'timestamp': return new TimestampMicrosecond();
    case 'timestamptz': return new TimestampMicrosecond('UTC');
    case 'decimal': return new Decimal(type.scale, type.precision);
    default: return unreachable(type);
  }
}

/**
 * The schema message to put before record batches: `[schemaMessage, batch, batch …, endOfStream]` is an Arrow IPC stream.
 *
 * @param columns in batch order. @param withOps whether the batches begin with `_op`.
 */
export function schemaMessage(columns: readonly {readonly name: string; readonly type: LogicalType; readonly nullable: boolean}[], withOps: boolean): Uint8Array {
  const fields = columns.map((column) => new Field(column.name, arrowType(column.type), column.nullable));
  if (withOps) fields.unshift(new Field('_op', new Int8(), false));
  const stream = tableToIPC(new Table(new Schema(fields)), 'stream');
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  invariant(view.getUint32(0, true) === 0xffff_ffff, 'an Arrow stream begins with a continuation mark');
  return stream.slice(0, 8 + view.getInt32(4, true));
}

/** Ends an Arrow IPC stream. */
export const endOfStream: Uint8Array = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);
