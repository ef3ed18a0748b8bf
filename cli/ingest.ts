/** `millrace ingest`: the rows of a file, by name of its columns. Parquet into a folder goes by column, everything else row by row. */
import {existsSync} from 'node:fs';
import {dirname, extname, resolve} from 'node:path';
import {WarehouseError} from '../base/error.ts';
import type {InsertResult} from '../engine/api.ts';
import {rowsOfParquet} from '../engine/file-source.ts';
import {csvRecords} from './csv-records.ts';
import {inputOf, openTarget, type TargetOptions} from './target.ts';

const errorsShown = 10;

export async function runIngest(table: string, file: string, options: TargetOptions & {onError: string; format?: string}): Promise<void> {
  const {onError} = options;
  if (onError !== 'fail' && onError !== 'reject') throw new WarehouseError('invalid', 'MR_USAGE', `--on-error is "${onError}": expected fail or reject`);
  if (options.format !== undefined && options.format !== 'ndjson' && options.format !== 'csv') throw new WarehouseError('invalid', 'MR_USAGE', `--format is "${options.format}": expected ndjson or csv`);
  const kind = options.format !== undefined ? `.${options.format}` : file === '-' ? '.ndjson' : extname(file).toLowerCase();
  if (!['.ndjson', '.jsonl', '.json', '.csv', '.parquet'].includes(kind)) throw new WarehouseError('invalid', 'MR_USAGE', `file ${file} ends in "${kind}"`, {hint: 'expected .ndjson, .jsonl, .csv or .parquet, or - for standard input, ndjson or --format csv'});
  if (file !== '-' && !existsSync(file)) throw new WarehouseError('invalid', 'MR_FILE_MISSING', `there is no file ${file}`);
  const path = resolve(file);
  const target = await openTarget({...options, allowDir: [...options.allowDir ?? [], dirname(path)]});
  const progress = (rows: number): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r${rows} rows`);
  };
  try {
    if (kind === '.parquet' && onError === 'fail' && target.local !== null) {
      for await (const {tag, epoch} of target.sql(`INSERT INTO ${quoted(table)} BY NAME SELECT * FROM read_parquet('${path.replaceAll("'", "''")}')`)) process.stderr.write(`${tag} (epoch ${epoch})\n`);
    } else if (kind === '.parquet') report(await target.ingestRows(table, rowsOfParquet(path), onError, progress), 'row');
    else if (kind === '.csv') report(await target.ingestCsv(table, csvRecords(inputOf(file) as AsyncIterable<Uint8Array>), onError, progress), 'line');
    else report(await target.ingestNdjson(table, inputOf(file), onError, progress), 'line');
  } finally {
    await target.close();
  }
}

function report({accepted, rejected, epoch, errors}: InsertResult, what: string): void {
  // What is kept in t$rejected calls every row a line.
  for (const {line, reason} of errors.slice(0, errorsShown)) process.stderr.write(`${reason.startsWith('line ') ? reason.replace(/^line/, what) : `${what} ${line}: ${reason}`}\n`);
  if (rejected > errorsShown) process.stderr.write(`and ${rejected - errorsShown} more\n`);
  process.stderr.write(`accepted ${accepted}, rejected ${rejected} (epoch ${epoch})\n`);
}

function quoted(table: string): string {
  return table.split('.').map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}
