/** The main thread's end of the engine's worker: starts it, pairs requests with replies, hands events on. */
import {Worker} from 'node:worker_threads';
import {systemClock} from '../base/clock.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import type {ReplyBody, Request, ToMain, ToWorker, WorkerOptions} from './protocol.ts';

export type EngineEvent = Exclude<ToMain, {kind: 'reply'} | {kind: 'error'}>;

interface Waiting {
  readonly resolve: (body: ReplyBody) => void;
  readonly reject: (error: WarehouseError) => void;
}

/** ms that the thread gets to end what it does before it is ended. */
const stopMsMax = 30_000;

export class WorkerClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #dead: WarehouseError | null = null;
  #stopping = false;
  /** `null`: not open yet. `false`: it could not be opened, or has closed: nothing runs in it. */
  #open: boolean | null = null;

  /** @param onEvent is called for every event, in the order the worker sent them, replies included in that order. */
  constructor(options: WorkerOptions, onEvent: (event: EngineEvent) => void) {
    // From source, a loader must be registered in the worker first: it does not inherit the main thread's.
    const fromSource = import.meta.url.endsWith('.ts');
    const entry = new URL(fromSource ? './worker-boot.mjs' : './worker.js', import.meta.url);
    this.#worker = new Worker(entry, {workerData: options, resourceLimits: {maxYoungGenerationSizeMb: 64, maxOldGenerationSizeMb: 4096}});
    this.#worker.on('message', (message: ToMain) => {
      if (message.kind === 'reply') this.#settle(message.id)?.resolve(message.body);
      else if (message.kind === 'error') this.#settle(message.id)?.reject(WarehouseError.from(message.error));
      else {
        if (message.kind === 'recovered') this.#open = true;
        else if (message.kind === 'failed' && this.#open === null) this.#open = false;
        onEvent(message);
      }
    });
    this.#worker.on('messageerror', (cause) => this.#fail(asWarehouseError(cause), onEvent));
    this.#exited = new Promise((resolve) => {
      this.#worker.on('error', (cause) => this.#fail(asWarehouseError(cause), onEvent));
      this.#worker.on('exit', () => {
        this.#fail(new WarehouseError('closed', 'MR_CLOSED', 'the engine has stopped', {hint: 'open the warehouse again'}), this.#stopping ? null : onEvent);
        resolve();
      });
    });
  }

  request(request: Request): Promise<ReplyBody> {
    if (this.#dead !== null) return Promise.reject(this.#dead);
    const id = this.#nextId++;
    return new Promise<ReplyBody>((resolve, reject) => {
      try {
        this.#worker.postMessage({id, request} satisfies ToWorker);
      } catch (cause) {
        reject(asWarehouseError(cause));
        return;
      }
      this.#waiting.set(id, {resolve, reject});
    }).then((body) => {
      if (request.kind === 'close') this.#open = false;
      return body;
    });
  }

  /** Says that the checkpoint's files are read: see `ToWorker`. */
  loaded(): void {
    this.#worker.postMessage({loaded: true} satisfies ToWorker);
  }

  /**
   * Ends the thread; what was not answered is refused with `MR_CLOSED`. An engine that is open is closed first, without a checkpoint:
   * a thread that ends while DuckDB works in it takes the process down.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#dead === null && this.#open !== false) {
      const closed = this.request({kind: 'close', checkpoint: false}).then(() => undefined, () => undefined);
      await Promise.race([closed, this.#exited, new Promise<void>((resolve) => systemClock.after(stopMsMax, resolve))]);
    }
    await this.#worker.terminate();
    await this.#exited;
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #fail(error: WarehouseError, onEvent: ((event: EngineEvent) => void) | null): void {
    if (this.#dead === null) {
      this.#dead = error;
      onEvent?.({kind: 'failed', error: error.report()});
    }
    for (const {reject} of this.#waiting.values()) reject(this.#dead);
    this.#waiting.clear();
  }
}
