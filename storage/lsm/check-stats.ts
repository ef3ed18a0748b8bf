/** Whether the statistics that a manifest tells of a file's columns bound what the file holds. */
import {quoteIdentifier} from '../../kernel/quote.ts';
import {compareRows, decodeBinaryRow} from '../paimon/binary-row.ts';
import type {DataField} from '../paimon/data-type.ts';
import type {ManifestEntry} from '../paimon/manifest.ts';
import {keyTextSql, parquetSql, parseKeyText, readSql} from './column-sql.ts';
import type {PaimonTable} from './paimon-table.ts';
import {namedRows, type SqlSession} from './sql-session.ts';

/** Columns of one query: a table may have thousands. */
const COLUMNS_MAX = 200;

/**
 * @param entry of a file whose schema is loaded.
 * @returns what is wrong: a value beyond its bounds, another count of NULLs. Bounds may be wider than the values, or unknown.
 */
export async function statsProblems(session: SqlSession, table: PaimonTable, entry: ManifestEntry, path: string): Promise<string[]> {
  const {valueStats, valueStatsColumns} = entry.file;
  const {fields} = table.fileSchema(entry);
  const named = valueStatsColumns === null ? fields : valueStatsColumns.map((name) => fields.find((field) => field.name === name));
  if (named.length === 0 || (valueStatsColumns === null && valueStats.nullCounts.length === 0)) return [];
  const columns = named.filter((field) => field !== undefined);
  if (columns.length !== named.length) return [`statistics name a column that the file's schema has not (${valueStatsColumns!.join(', ')})`];
  const types = columns.map((field) => ({...field.type, nullable: true}));
  const min = decodeBinaryRow(types, valueStats.minValues, `${path}: _MIN_VALUES`);
  const max = decodeBinaryRow(types, valueStats.maxValues, `${path}: _MAX_VALUES`);
  const physical = await presentColumns(session, path);
  const problems: string[] = [];
  for (let start = 0; start < columns.length; start += COLUMNS_MAX) {
    // Partition columns may be missing in the file: their values are the partition's.
    const part = columns.slice(start, start + COLUMNS_MAX).map((field, i) => ({field, at: start + i})).filter(({field}) => physical.has(field.name));
    if (part.length === 0) continue;
    const row = (await namedRows(session, `SELECT ${part.map(({field, at}) => factsSql(field, at)).join(', ')} FROM ${parquetSql([path])} AS data`))[0]!;
    for (const {field, at} of part) {
      const nulls = valueStats.nullCounts[at];
      if (nulls !== null && nulls !== undefined && String(nulls) !== String(row[`nulls${at}`])) problems.push(`column "${field.name}": its manifest says ${nulls} NULLs, the file holds ${String(row[`nulls${at}`])}`);
      const low = parseKeyText(field.type, row[`low${at}`]);
      const high = parseKeyText(field.type, row[`high${at}`]);
      if (low !== null && min[at] !== null && compareRows([min[at]!], [low]) > 0) problems.push(`column "${field.name}": its smallest value lies below the bound that its manifest says`);
      if (high !== null && max[at] !== null && compareRows([max[at]!], [high]) < 0) problems.push(`column "${field.name}": its largest value lies above the bound that its manifest says`);
    }
  }
  return problems;
}

async function presentColumns(session: SqlSession, path: string): Promise<ReadonlySet<string>> {
  const rows = await namedRows(session, `SELECT DISTINCT name FROM parquet_schema('${path.replaceAll("'", "''").replace(/[[*?]/g, '[$&]')}')`);
  return new Set(rows.map((row) => String(row['name'])));
}

function factsSql(field: DataField, at: number): string {
  const column = readSql(field);
  return `CAST(count(*) - count(${quoteIdentifier(field.name)}) AS VARCHAR) AS nulls${at}, ${keyTextSql(field.type, `min(${column})`)} AS low${at}, ${keyTextSql(field.type, `max(${column})`)} AS high${at}`;
}
