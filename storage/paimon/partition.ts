/**
 * Partition directories: `key=value/…` in the order of the partition columns. The directory is derived from the partition's binary
 * row and only says where files lie; what the values are is read from the row, never from the path.
 *
 * Text of a value under `partition.legacy-name` (the default): of the internal value, so a DATE is its day number and a TIMESTAMP
 * Java's ISO form. Without it: DATE as 2024-01-31. NULL, empty and blank text share one directory (`partition.default-name`).
 */
import {decodeBinaryRow, type InternalValue} from './binary-row.ts';
import {type DataField, paimonTypeText} from './data-type.ts';
import {unsupported} from './failure.ts';

const DEFAULT_NAME = '__DEFAULT_PARTITION__';
/** Characters that mean something in a path or a URI; control characters are escaped beside them. */
const special: ReadonlySet<string> = new Set('"#%\'*/:=?\\{}[]^\u007f');

/** @returns `key=value/key=value`; '' for a table without partitions. */
export function partitionPath(fields: readonly DataField[], partition: Uint8Array, options: Readonly<Record<string, string>>, where: string): string {
  if (fields.length === 0) return '';
  const values = decodeBinaryRow(fields.map((field) => field.type), partition, `${where}: _PARTITION`);
  return fields.map((field, i) => `${escapeName(field.name)}=${escapeName(valueName(field, values[i]!, options, where))}`).join('/');
}

function escapeName(text: string): string {
  return Array.from(text, (char) => (char < ' ' || special.has(char) ? `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}` : char)).join('');
}

function valueName(field: DataField, value: InternalValue, options: Readonly<Record<string, string>>, where: string): string {
  const text = value === null ? '' : valueText(field, value, (options['partition.legacy-name'] ?? 'true').toLowerCase() !== 'false', where);
  return isBlank(text) ? options['partition.default-name'] ?? DEFAULT_NAME : text;
}

const noBreak: ReadonlySet<string> = new Set('\u00a0\u2007\u202f');

/** Java's idea of blank: no-break spaces are not, control characters that separate are. */
function isBlank(text: string): boolean {
  return Array.from(text).every((char) => (char >= '\t' && char <= '\r') || (char >= '\u001c' && char <= '\u001f') || (/^[\p{Zs}\p{Zl}\p{Zp}]$/u.test(char) && !noBreak.has(char)));
}

function valueText(field: DataField, value: Exclude<InternalValue, null>, legacy: boolean, where: string): string {
  const {type} = field;
  switch (type.root) {
    case 'BOOLEAN': case 'TINYINT': case 'SMALLINT': case 'INT': case 'BIGINT': case 'CHAR': case 'VARCHAR': return String(value);
    case 'DECIMAL': return decimalText(value as bigint, type.scale);
    case 'DATE': if (legacy) return String(value); else return dateText(value as number);
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ':
      if (legacy) return timestampText(value as bigint);
      break;
  }
  throw unsupported(where, `partition column "${field.name}" of type ${paimonTypeText(type)}${legacy ? '' : " with 'partition.legacy-name' = 'false'"}`);
}

/** @returns whether partitions by such a column can be named. */
export function partitionable(field: DataField, options: Readonly<Record<string, string>>): boolean {
  const legacy = (options['partition.legacy-name'] ?? 'true').toLowerCase() !== 'false';
  switch (field.type.root) {
    case 'BOOLEAN': case 'TINYINT': case 'SMALLINT': case 'INT': case 'BIGINT': case 'CHAR': case 'VARCHAR': case 'DECIMAL': case 'DATE': return true;
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ': return legacy && field.type.precision <= 6;
    default: return false;
  }
}

/** @returns the digits of an unscaled DECIMAL with their point. */
export function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return unscaled < 0n ? `-${text}` : text;
}

interface CivilDate {readonly year: number; readonly month: number; readonly day: number}

/** Days since 1970 in the proleptic Gregorian calendar, whole 400-year cycles apart. */
function civilDate(days: number): CivilDate {
  const shifted = days + 719_468; // from 0000-03-01
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1};
}

const two = (value: number): string => String(value).padStart(2, '0');

/** ISO 8601 as Java prints it: four digits of year at least, a sign beyond. */
function dateText(days: number): string {
  const {year, month, day} = civilDate(days);
  const digits = String(Math.abs(year)).padStart(4, '0');
  return `${year < 0 ? '-' : year > 9999 ? '+' : ''}${digits}-${two(month)}-${two(day)}`;
}

const DAY_MICROS = 86_400_000_000n;

/** Java's LocalDateTime text: seconds only if they or their fraction are not 0, the fraction in 3 or 6 digits. */
function timestampText(micros: bigint): string {
  const ofDay = ((micros % DAY_MICROS) + DAY_MICROS) % DAY_MICROS;
  const seconds = Number(ofDay / 1_000_000n);
  const fraction = Number(ofDay % 1_000_000n);
  const time = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}`;
  const digits = String(fraction).padStart(6, '0');
  const rest = fraction === 0 ? (seconds % 60 === 0 ? '' : `:${two(seconds % 60)}`) : `:${two(seconds % 60)}.${fraction % 1000 === 0 ? digits.slice(0, 3) : digits}`;
  return `${dateText(Number((micros - ofDay) / DAY_MICROS))}T${time}${rest}`;
}
