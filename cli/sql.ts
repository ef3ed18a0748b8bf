/** `millrace sql`: every statement's result in turn; the first error ends it. */
import {readdirSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {WarehouseError} from '../base/error.ts';
import {formatResult, parseFormat} from './format.ts';
import {openTarget, type TargetOptions} from './target.ts';

export async function runSql(options: TargetOptions & {command?: string; file?: string; format: string}): Promise<void> {
  const format = parseFormat(options.format);
  const texts = textsOf(options.command, options.file);
  const target = await openTarget(options);
  try {
    for (const {name, text} of texts) {
      try {
        for await (const result of target.sql(text)) process.stdout.write(formatResult(result, format));
      } catch (cause) {
        if (name !== null && cause instanceof WarehouseError) throw new WarehouseError(cause.kind, cause.code, `${name}: ${cause.message}`, {cause, hint: cause.hint});
        throw cause;
      }
    }
  } finally {
    await target.close();
  }
}

function textsOf(command: string | undefined, file: string | undefined): {name: string | null; text: string}[] {
  if (command !== undefined && file !== undefined) throw new WarehouseError('invalid', 'MR_USAGE', 'both -c and -f are given', {hint: 'give one of them'});
  if (command !== undefined) return [{name: null, text: command}];
  if (file === undefined) {
    if (process.stdin.isTTY) throw new WarehouseError('invalid', 'MR_USAGE', 'nothing to run', {hint: 'give -c "SELECT …", -f FILE, or SQL on standard input; the interactive shell comes later'});
    return [{name: null, text: readFileSync(0, 'utf8')}];
  }
  try {
    if (!statSync(file).isDirectory()) return [{name: file, text: readFileSync(file, 'utf8')}];
    const names = readdirSync(file).filter((name) => name.endsWith('.sql')).sort();
    if (names.length === 0) throw new WarehouseError('invalid', 'MR_USAGE', `folder ${file} has no *.sql file`);
    return names.map((name) => ({name: join(file, name), text: readFileSync(join(file, name), 'utf8')}));
  } catch (cause) {
    if (cause instanceof WarehouseError) throw cause;
    throw new WarehouseError('invalid', 'MR_FILE_MISSING', `cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, {cause});
  }
}
