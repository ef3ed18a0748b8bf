/** The functions that generated code calls by name. */
import {bigDecimalToDouble, bigDecimalToFloat, bigToFloat, decimalToFloat, hugeToDouble, hugeToFloat, roundHalfAway, roundHalfEven} from './number.ts';
import {compareBytes, emptyBytes, equalBytes} from './text.ts';

export const helpers = {
  emptyBytes, equalBytes, compareBytes,
  roundHalfEven, roundHalfAway, bigToFloat, hugeToDouble, hugeToFloat, decimalToFloat, bigDecimalToDouble, bigDecimalToFloat,
} as const;
