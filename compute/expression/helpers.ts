/** The functions that generated code calls by name. */
import {bigDecimalToDouble, bigDecimalToFloat, bigToFloat, decimalToFloat, hugeToDouble, hugeToFloat, roundHalfAway, roundHalfEven} from './number.ts';
import {compareBytes, copyBytes, emptyBytes, equalBytes, indexOfBytes, positionOf, replaceText} from './text.ts';
import {lowerText, upperText} from './text-case.ts';
import {writeBigDecimal, writeBigTimestamp, writeBoolean, writeDate, writeDecimal, writeDouble, writeTimestamp, peculiarDouble} from './text-format.ts';
import {leftSlice, rightSlice, splitPartSlice, substringSlice, trimSetSlice, trimSlice} from './text-slice.ts';
import {addMonths, bigDay, bigFloor, bigTimeOfDay, centuryOf, dayOfMonth, dayOfYear, daysFromCivil, isoWeek, isoWeekday, isoYear, isoYearStart, monthNumber, monthOf, monthStart, yearOf, yearWeek} from './calendar.ts';
import {parseBoolean, parseDate, parseDecimal, parseDouble, parseTimestamp} from './text-parse.ts';
import {writeInfinite} from './time-format.ts';
import {codePointCount} from './utf8.ts';

export const helpers = {
  emptyBytes, equalBytes, compareBytes, copyBytes, indexOfBytes, positionOf, replaceText, codePointCount, lowerText, upperText,
  leftSlice, rightSlice, splitPartSlice, substringSlice, trimSetSlice, trimSlice,
  roundHalfEven, roundHalfAway, bigToFloat, hugeToDouble, hugeToFloat, decimalToFloat, bigDecimalToDouble, bigDecimalToFloat,
  writeBigDecimal, writeBigTimestamp, writeBoolean, writeDate, writeDecimal, writeDouble, writeTimestamp, peculiarDouble,
  parseBoolean, parseDate, parseDecimal, parseDouble, parseTimestamp, writeInfinite, bigDay, bigTimeOfDay, bigFloor, yearOf, monthOf, dayOfMonth, monthNumber, daysFromCivil, monthStart, addMonths, dayOfYear, isoWeekday, isoYear, isoWeek, isoYearStart, yearWeek, centuryOf,
} as const;
