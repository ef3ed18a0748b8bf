/**
 * A kernel: one DuckDB instance, its sessions, and the relations that they can read. Memory, threads and locked settings belong
 * to the instance; a warehouse opens two, one for its own work and one for users' text.
 *
 * The context of every statement is fixed here: TimeZone is UTC, and nothing is downloaded or loaded beyond what is linked in.
 */
import {WarehouseError} from '../base/error.ts';
import {SharedTurns} from '../base/turns.ts';
import {BackgroundThread} from './background.ts';
import {binding, type Connection, type Database, type TableFunction} from './duckdb-binding.ts';
import {ErrorRelay, closedError, duckdbError} from './duckdb-error.ts';
import {unwatchExit, watchExit, type AtExit, type Waits} from './duckdb-exit.ts';
import {quoteIdentifier, quoteLiteral} from './quote.ts';
import {RelationRegistry, registerRelationFunction} from './relation-function.ts';
import {Session} from './session.ts';

export interface KernelOptions {
  /** A database file, or `:memory:` (the default). */
  readonly path?: string;
  readonly threads: number;
  readonly memoryBytes: number;
  /** Turns at a core that long statements take, shared with other instances; its own unless given. */
  readonly turns?: SharedTurns;
  /** Where big operators spill; without it they do not, and fail with MR_DUCKDB_MEMORY. */
  readonly tempDirectory?: string;
  /** When given, SQL reads and writes files below these directories only. */
  readonly allowedDirectories?: readonly string[];
  /** Refuses every later SET. */
  readonly lockSettings?: boolean;
  /** More settings of DuckDB by name. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

export class Kernel implements AsyncDisposable, AtExit {
  readonly #database: Database;
  readonly #admin: Connection;
  readonly #relations: RelationRegistry;
  readonly #relay: ErrorRelay;
  /** Kept from the garbage collector as long as DuckDB may call it. */
  readonly #relationFunction: TableFunction;
  readonly #sessions = new Set<Session>();
  #closing: Promise<void> | null = null;

  readonly #background: BackgroundThread;
  /** For long work that nobody waits for. */
  readonly turns: SharedTurns;

  private constructor(database: Database, admin: Connection, {threads, turns}: KernelOptions) {
    this.#background = new BackgroundThread(admin, threads);
    this.turns = turns ?? new SharedTurns();
    this.#database = database;
    this.#admin = admin;
    this.#relations = new RelationRegistry();
    this.#relay = new ErrorRelay();
    this.#relationFunction = registerRelationFunction(admin, this.#relations, this.#relay);
    watchExit(this);
  }

  /** @throws {WarehouseError} MR_CONFIG (invalid) for options out of range, else as DuckDB says. */
  static async open(options: KernelOptions): Promise<Kernel> {
    checkOptions(options);
    const relay = new ErrorRelay();
    let database: Database | undefined;
    let kernel: Kernel | undefined;
    try {
      const config = binding.create_config();
      for (const [name, value] of Object.entries(startSettings(options))) binding.set_config(config, name, value);
      database = await binding.open(options.path ?? ':memory:', config);
      const admin = await binding.connect(database);
      // Before settings are locked.
      kernel = new Kernel(database, admin, options);
      for (const statement of settingStatements(options)) await binding.query(admin, statement);
      return kernel;
    } catch (cause) {
      if (kernel !== undefined) await kernel.close();
      else if (database !== undefined) binding.close_sync(database);
      throw duckdbError(cause, relay, null);
    }
  }

  /**
   * @param options.background while it says so, statements run on a thread of low priority (background.ts), but for streams, and for those that do more with a relation than copy it. Not where settings are locked.
   * @returns a new session; it is closed with the kernel if not before.
   * @throws {WarehouseError} MR_CLOSED (closed).
   */
  async connect({background = () => false}: {readonly background?: () => boolean} = {}): Promise<Session> {
    if (this.#closing !== null) throw closedError('kernel');
    const connection = await binding.connect(this.#database);
    if (this.#closing !== null) {
      binding.disconnect_sync(connection);
      throw closedError('kernel');
    }
    const session = new Session({
      relations: this.#relations,
      relay: this.#relay,
      connect: () => binding.connect(this.#database),
      forget: closed => { this.#sessions.delete(closed); },
      background: () => (background() ? this.#background : null),
    }, connection);
    this.#sessions.add(session);
    return session;
  }

  /**
   * Closes all sessions, then the database and its file; twice is fine. A worker thread must close its kernels before it ends:
   * one that ends while a statement runs takes the process down with it.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Only for the exit of the process: see duckdb-exit.ts. */
  stopForExit(): Waits {
    const busy = [...this.#sessions].filter(session => session.interruptForExit());
    return busy.length === 0 ? 'none' : this.#relations.size === 0 ? 'duckdb' : 'js';
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#sessions].map(session => session.close()));
    await this.#background.close();
    this.#relations.clear();
    binding.disconnect_sync(this.#admin);
    binding.close_sync(this.#database);
    unwatchExit(this);
    void this.#relationFunction;
  }
}

function checkOptions({threads, memoryBytes}: KernelOptions): void {
  if (!Number.isInteger(threads) || threads < 1) throw new WarehouseError('invalid', 'MR_CONFIG', `threads must be an integer of at least 1, found ${threads}`);
  if (!Number.isSafeInteger(memoryBytes) || memoryBytes < memoryBytesMin) {
    throw new WarehouseError('invalid', 'MR_CONFIG', `memory must be at least ${memoryBytesMin} bytes, found ${memoryBytes}`);
  }
}

/** Below this DuckDB cannot hold the buffers of one operator per thread. */
const memoryBytesMin = 16 << 20;

function startSettings({threads, memoryBytes, tempDirectory}: KernelOptions): Record<string, string> {
  return {
    threads: String(threads), memory_limit: `${memoryBytes}B`, temp_directory: tempDirectory ?? '', duckdb_api: 'millrace',
    autoinstall_known_extensions: 'false', autoload_known_extensions: 'false',
  };
}

function settingStatements({allowedDirectories, lockSettings, settings}: KernelOptions): string[] {
  const statements = ["SET GLOBAL TimeZone = 'UTC'"];
  for (const [name, value] of Object.entries(settings ?? {})) {
    statements.push(`SET GLOBAL ${quoteIdentifier(name)} = ${typeof value === 'string' ? quoteLiteral(value) : String(value)}`);
  }
  if (allowedDirectories !== undefined) {
    statements.push(`SET GLOBAL allowed_directories = [${allowedDirectories.map(quoteLiteral).join(', ')}]`, 'SET GLOBAL enable_external_access = false');
  }
  if (lockSettings === true) statements.push('SET GLOBAL lock_configuration = true');
  return statements;
}

/** @returns the version of the engine: databases of another one are not opened again. */
export function duckdbVersion(): string {
  return binding.library_version();
}
