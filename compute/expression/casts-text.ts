/** Casts to VARCHAR. Doubles make a string on their way, the others write bytes. FLOAT is not compiled: its shortest digits differ. */
import {written} from './functions-text.ts';
import {checkZoned} from './time-code.ts';
import type {CompiledCast} from './registry.ts';
import {integerKinds} from './registry.ts';

const toText: CompiledCast['emit'] = (writer, [operand]) => {
  const {type, form, code} = operand!;
  const scratch = writer.scratch();
  switch (type.kind) {
    case 'boolean': return written(writer, `writeBoolean(${scratch}, ${code})`);
    case 'decimal': {
      // A decimal without digits before the point is written without a 0 there.
      const digits = type.precision === type.scale ? type.scale : type.scale + 1;
      return written(writer, `${form === 'big' ? 'writeBigDecimal' : 'writeDecimal'}(${scratch}, ${code}, ${type.scale}, ${digits})`);
    }
    case 'double':
      writer.line(`if (peculiarDouble(${code})) ${writer.fallBack('NaN or a large power of two as text')}`);
      return written(writer, `writeDouble(${scratch}, ${code})`);
    case 'date': return written(writer, `writeDate(${scratch}, ${code})`);
    case 'timestamp': return written(writer, `${form === 'big' ? 'writeBigTimestamp' : 'writeTimestamp'}(${scratch}, ${code}, false)`);
    case 'timestamptz': checkZoned(writer, operand!);
      return written(writer, `${form === 'big' ? 'writeBigTimestamp' : 'writeTimestamp'}(${scratch}, ${code}, true)`);
    default: return written(writer, `${form === 'big' ? 'writeBigDecimal' : 'writeDecimal'}(${scratch}, ${code}, 0, 1)`);
  }
};

export const textCasts: readonly CompiledCast[] =
  [...integerKinds, 'boolean', 'decimal', 'double', 'date', 'timestamp', 'timestamptz'].map((from) => ({from, to: 'varchar', emit: toText}));
