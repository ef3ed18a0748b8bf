/** Results on stdout: table for people; json, ndjson and csv for programs. */
import stringWidth from 'string-width';
import {WarehouseError} from '../base/error.ts';
import type {ResultColumn} from '../engine/api.ts';
import {jsonRow} from '../server/json.ts';

export const formats = ['table', 'json', 'ndjson', 'csv'] as const;
export type Format = (typeof formats)[number];

export interface Printable {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly tag: string;
  readonly epoch: number;
}

const rowsShownMax = 1000;
const cellWidthMax = 60;

export function parseFormat(text: string): Format {
  const found = formats.find((format) => format === text);
  if (found === undefined) throw new WarehouseError('invalid', 'MR_USAGE', `unknown format "${text}"`, {hint: `one of ${formats.join(', ')}`});
  return found;
}

/** @returns the result as text, with its line end; empty if there is nothing to print. */
export function formatResult(result: Printable, format: Format): string {
  switch (format) {
    case 'json': return result.columns.length === 0 ? '' : `${JSON.stringify(result.rows.map(jsonRow))}\n`;
    case 'ndjson': return result.rows.map((row) => `${JSON.stringify(jsonRow(row))}\n`).join('');
    case 'csv': return result.columns.length === 0 ? '' : csv(result);
    case 'table': return result.columns.length === 0 ? `${result.tag}  (epoch ${result.epoch})\n` : table(result);
  }
}

function csv({columns, rows}: Printable): string {
  const lines = [columns.map(({name}) => csvCell(name)).join(',')];
  for (const row of rows) lines.push(columns.map(({name}) => csvCell(text(row[name], ''))).join(','));
  return `${lines.join('\n')}\n`;
}

function csvCell(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function text(value: unknown, whenNull: string): string {
  if (value === null || value === undefined) return whenNull;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'object') return JSON.stringify(jsonRow({value})['value']);
  return String(value);
}

const numeric = /^(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|U?\w*INT\w*|FLOAT|DOUBLE|DECIMAL.*)$/;

function table({columns, rows}: Printable): string {
  const shown = rows.slice(0, rowsShownMax);
  const cells = shown.map((row) => columns.map(({name}) => clip(text(row[name], 'NULL').replaceAll(/[\r\n\t]/g, ' '))));
  const widths = columns.map(({name}, index) => Math.max(stringWidth(name), ...cells.map((row) => stringWidth(row[index]!)), 1));
  const right = columns.map(({type}) => numeric.test(type));
  const line = (left: string, middle: string, end: string): string => left + widths.map((width) => '─'.repeat(width + 2)).join(middle) + end;
  const pad = (cell: string, index: number): string => {
    const space = ' '.repeat(widths[index]! - stringWidth(cell));
    return ` ${right[index] === true ? space + cell : cell + space} `;
  };
  const out = [line('┌', '┬', '┐'), `│${columns.map(({name}, index) => pad(name, index)).join('│')}│`, line('├', '┼', '┤')];
  for (const row of cells) out.push(`│${row.map(pad).join('│')}│`);
  out.push(line('└', '┴', '┘'));
  const more = rows.length > shown.length ? `, first ${shown.length} shown` : '';
  out.push(`${rows.length} ${rows.length === 1 ? 'row' : 'rows'}${more}`);
  return `${out.join('\n')}\n`;
}

function clip(cell: string): string {
  if (stringWidth(cell) <= cellWidthMax) return cell;
  let width = 0;
  let kept = '';
  for (const character of cell) {
    width += stringWidth(character);
    if (width > cellWidthMax - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
