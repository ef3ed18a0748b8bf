/**
 * The command line. Results on stdout, everything else on stderr. Exit codes: 0 done, 1 failed, 2 wrong usage. Commands load what
 * they need when they run, so that `--help` answers at once.
 */
import {readFileSync} from 'node:fs';
import {Command, CommanderError, Option} from 'commander';
import {asWarehouseError} from '../base/error.ts';
import {setUpOwnProcess} from '../engine/own-process.ts';
import type {HostOptions} from './demo-host.ts';
import type {TargetOptions} from './target.ts';

const packageFile = new URL(import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json', import.meta.url);
const {version} = JSON.parse(readFileSync(packageFile, 'utf8')) as {version: string};

setUpOwnProcess();

const program = new Command('millrace')
  .description('A streaming warehouse: tables that are streams, layers that are SQL, one process.')
  .version(version)
  .exitOverride()
  .showHelpAfterError('(millrace --help shows what there is)');

function command(name: string, description: string): Command {
  return program.command(name).description(description)
    .addOption(new Option('-w, --warehouse <dir>', 'the folder of the warehouse').env('MILLRACE_WAREHOUSE'))
    .addOption(new Option('--url <url>', 'a running server, e.g. http://127.0.0.1:8080').env('MILLRACE_URL'))
    .addOption(new Option('--token <token>', 'the server\'s token').env('MILLRACE_TOKEN'))
    .hook('preAction', (_program, action) => {
      // What is typed outweighs the environment; of the environment the folder does: its server is found by itself.
      const typed = (name: string): boolean => action.getOptionValueSource(name) === 'cli';
      if (typed('url') && !typed('warehouse')) action.setOptionValue('warehouse', undefined);
      else if (!typed('url') && action.getOptionValue('warehouse') !== undefined) action.setOptionValue('url', undefined);
    });
}

function allowDirOption(): Option {
  return new Option('--allow-dir <dir...>', 'folders that SQL may read files from');
}

command('sql', 'run SQL: a text (-c), a file or a folder of *.sql files (-f), or standard input')
  .option('-c, --command <sql>', 'statements to run')
  .option('-f, --file <path>', 'a file, or a folder whose *.sql files run in the order of their names')
  .option('--format <format>', 'table, json, ndjson or csv', 'table')
  .addOption(allowDirOption())
  .action(async (options: TargetOptions & {command?: string; file?: string; format: string}) => (await import('./sql.ts')).runSql(options));

command('serve', 'serve a warehouse over HTTP until stopped')
  .option('--host <host>', 'the address to bind', '127.0.0.1')
  .option('--port <port>', 'the port to bind; 0 takes a free one', '8080')
  .addOption(allowDirOption())
  .action(async (options: TargetOptions & {host: string; port: string}) => (await import('./serve.ts')).runServe(options));

command('ingest', 'append or upsert the rows of a file into a table')
  .argument('<table>', 'schema.table')
  .argument('<file>', 'ndjson, csv or parquet by its ending; - reads standard input')
  .option('--format <format>', 'ndjson or csv, whatever the ending says; of standard input ndjson unless given')
  .option('--on-error <what>', 'fail: one bad row refuses the file; reject: bad rows go to <table>$rejected', 'fail')
  .action(async (table: string, file: string, options: TargetOptions & {onError: string; format?: string}) => (await import('./ingest.ts')).runIngest(table, file, options));

command('subscribe', 'print the changes of tables as ndjson, as they happen')
  .argument('[table...]', 'one or more schema.table')
  .option('--from <start>', 'snapshot, latest (default) or an epoch')
  .option('--subscription <name>', 'follow a durable subscription instead, from where it was committed')
  .option('--commit', 'commit each epoch of the subscription when it is printed')
  .option('--limit <n>', 'stop after so many lines of changes')
  .action(async (tables: string[], options: TargetOptions & {from?: string; limit?: string; subscription?: string; commit?: boolean}) => (await import('./subscribe.ts')).runSubscribe(tables, options));

command('check', 'verify log, checkpoints and tables of a stopped warehouse')
  .action(async (options: TargetOptions) => (await import('./check.ts')).runCheck(options));

command('backup', 'copy a warehouse at one epoch, while it runs or not, to a new folder that is a warehouse')
  .argument('<dest>', 'a new or empty folder; through a server: below one of its --allow-dir folders')
  .action(async (destination: string, options: TargetOptions) => (await import('./backup.ts')).runBackup(destination, options));

program.command('demo').description('replay 3,000,000 US flights through three live layers, kill, correct and verify')
  .option('--dir <dir>', 'the folder of the demo warehouse (default: a new temporary one)')
  .option('--from <row>', 'first row of the data set to replay', '1')
  .option('--rows <n>', 'how many rows to replay (default: all)')
  .option('--rate <rows>', 'rows a second (default: as fast as the machine takes them)')
  .action(async (options: {dir?: string; from: string; rows?: string; rate?: string}) => (await import('./demo.ts')).runDemo(options));

program.command('demo-host', {hidden: true}).argument('<options>').action(async (text: string) => (await import('./demo-host.ts')).runDemoHost(JSON.parse(text) as HostOptions));

program.addHelpText('after', `
Try first:
  millrace demo                                               see it work on real data
  millrace sql -w ./wh -c "CREATE TABLE t (id BIGINT PRIMARY KEY, v INTEGER)"
  millrace serve -w ./wh                                      then open http://127.0.0.1:8080/healthz`);

/** Says what went wrong in the form that every face uses. */
function explain(cause: unknown): void {
  const {code, message, hint} = asWarehouseError(cause);
  process.stderr.write(`error ${code}: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`);
}

// Who reads us may have had enough (`| head`): what was asked for is still done, and the warehouse closed.
process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
  if (cause.code !== 'EPIPE' && cause.code !== 'ERR_STREAM_DESTROYED') throw cause;
});

try {
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync(process.argv);
} catch (cause) {
  if (cause instanceof CommanderError) process.exitCode = cause.exitCode === 0 ? 0 : 2;
  else {
    explain(cause);
    process.exitCode = asWarehouseError(cause).code === 'MR_USAGE' ? 2 : 1;
  }
}
