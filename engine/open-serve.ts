/**
 * The serve instance: where user SQL runs. Two walls stand around it. The gate (query/gate.ts) lets one SELECT over known tables
 * through; the settings here refuse everything that would reach other files or change the engine even if it got past the gate.
 */
import {join} from 'node:path';
import type {SharedTurns} from '../base/turns.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {macroStatements} from '../kernel/macros.ts';
import {quoteLiteral} from '../kernel/quote.ts';
import {liveDirectory} from './layout.ts';
import {tailDatabase} from './tail-nets.ts';

export interface ServeKernelOptions {
  readonly directory: string;
  /** Of the read cache: made if it is not there. */
  readonly databasePath: string;
  readonly threads: number;
  readonly memoryBytes: number;
  readonly allowDirectories: readonly string[];
  readonly turns: SharedTurns;
}

/** @returns the instance with the database `live` attached, and an empty one for the log's tail. */
export async function openServeKernel({directory, databasePath, threads, memoryBytes, allowDirectories, turns}: ServeKernelOptions): Promise<Kernel> {
  const kernel = await Kernel.open({threads, memoryBytes, turns, tempDirectory: join(liveDirectory(directory), 'temp')});
  const session = await kernel.connect();
  try {
    await session.run(`ATTACH ${quoteLiteral(databasePath)} AS live (RECOVERY_MODE NO_WAL_WRITES)`);
    await session.run(`ATTACH ':memory:' AS ${tailDatabase}`);
    // Else a COMMIT of more than some MiB compresses all that it brought while readers wait: query/live-upkeep.ts says when.
    await session.run("SET checkpoint_threshold = '1TB'");
    for (const statement of macroStatements) await session.run(statement);
    await session.run(`SET allowed_directories = [${[directory, ...allowDirectories].map(quoteLiteral).join(', ')}]`);
    await session.run('SET enable_external_access = false');
    await session.run('SET autoinstall_known_extensions = false');
    await session.run('SET autoload_known_extensions = false');
    await session.run('SET lock_configuration = true');
  } finally {
    await session.close();
  }
  return kernel;
}
