/** Casts to VARCHAR. Doubles and floats make a string on their way; the others write bytes. */
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
    case 'double': case 'float': writer.line(`if (${code} !== ${code}) ${writer.fallBack('the sign of NaN as text')}`);
      return written(writer, `${type.kind === 'float' ? 'writeFloat' : 'writeDouble'}(${scratch}, ${code})`);
    case 'date': return written(writer, `writeDate(${scratch}, ${code})`);
    case 'timestamp': return written(writer, `${form === 'big' ? 'writeBigTimestamp' : 'writeTimestamp'}(${scratch}, ${code}, false)`);
    case 'timestamptz': checkZoned(writer, operand!);
      return written(writer, `${form === 'big' ? 'writeBigTimestamp' : 'writeTimestamp'}(${scratch}, ${code}, true)`);
    default: return written(writer, `${form === 'big' ? 'writeBigDecimal' : 'writeDecimal'}(${scratch}, ${code}, 0, 1)`);
  }
};

export const textCasts: readonly CompiledCast[] =
  [...integerKinds, 'boolean', 'decimal', 'float', 'double', 'date', 'timestamp', 'timestamptz'].map((from) => ({from, to: 'varchar', emit: toText}));
