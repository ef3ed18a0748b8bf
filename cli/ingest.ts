/** `millrace ingest`: ndjson line by line; csv and parquet through SQL, which reads them by column. */
import {extname, resolve} from 'node:path';
import {WarehouseError} from '../base/error.ts';
import {inputOf, openTarget, type TargetOptions} from './target.ts';

export async function runIngest(table: string, file: string, options: TargetOptions & {onError: string}): Promise<void> {
  const {onError} = options;
  if (onError !== 'fail' && onError !== 'reject') throw new WarehouseError('invalid', 'MR_USAGE', `--on-error is "${onError}": expected fail or reject`);
  const kind = file === '-' ? '.ndjson' : extname(file).toLowerCase();
  const target = await openTarget(options);
  try {
    if (kind === '.csv' || kind === '.parquet') {
      if (onError === 'reject') throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `--on-error reject is not supported for ${kind} files in this version`, {hint: 'convert the file to ndjson'});
      const reader = kind === '.csv' ? 'read_csv' : 'read_parquet';
      const path = resolve(file).replaceAll("'", "''");
      for await (const {tag, epoch} of target.sql(`INSERT INTO ${quoted(table)} BY NAME SELECT * FROM ${reader}('${path}')`)) process.stderr.write(`${tag} (epoch ${epoch})\n`);
      return;
    }
    if (kind !== '.ndjson' && kind !== '.jsonl' && kind !== '.json') throw new WarehouseError('invalid', 'MR_USAGE', `file ${file} ends in "${kind}"`, {hint: 'expected .ndjson, .jsonl, .csv or .parquet, or - for ndjson on standard input'});
    const {accepted, rejected, epoch, errors} = await target.ingestNdjson(table, inputOf(file), onError, (rows) => process.stderr.write(`\r${rows} rows`));
    for (const {line, reason} of errors.slice(0, 10)) process.stderr.write(`line ${line}: ${reason}\n`);
    process.stderr.write(`accepted ${accepted}, rejected ${rejected} (epoch ${epoch})\n`);
  } finally {
    await target.close();
  }
}

function quoted(table: string): string {
  return table.split('.').map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}
