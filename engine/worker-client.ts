/** The main thread's end of the engine's worker: starts it, pairs requests with replies, hands events on. */
import {Worker} from 'node:worker_threads';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import type {ReplyBody, Request, ToMain, ToWorker, WorkerOptions} from './protocol.ts';

export type EngineEvent = Exclude<ToMain, {kind: 'reply'} | {kind: 'error'}>;

interface Waiting {
  readonly resolve: (body: ReplyBody) => void;
  readonly reject: (error: WarehouseError) => void;
}

export class WorkerClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #dead: WarehouseError | null = null;
  #stopping = false;

  /** @param onEvent is called for every event, in the order the worker sent them, replies included in that order. */
  constructor(options: WorkerOptions, onEvent: (event: EngineEvent) => void) {
    // From source, a loader must be registered in the worker first: it does not inherit the main thread's.
    const fromSource = import.meta.url.endsWith('.ts');
    const entry = new URL(fromSource ? './worker-boot.mjs' : './worker.js', import.meta.url);
    this.#worker = new Worker(entry, {workerData: options, resourceLimits: {maxYoungGenerationSizeMb: 64, maxOldGenerationSizeMb: 4096}});
    this.#worker.on('message', (message: ToMain) => {
      if (message.kind === 'reply') this.#settle(message.id)?.resolve(message.body);
      else if (message.kind === 'error') this.#settle(message.id)?.reject(WarehouseError.from(message.error));
      else onEvent(message);
    });
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
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {resolve, reject});
      this.#worker.postMessage({id, request} satisfies ToWorker);
    });
  }

  /** Says that the checkpoint's files are read: see `ToWorker`. */
  loaded(): void {
    this.#worker.postMessage({loaded: true} satisfies ToWorker);
  }

  /** Ends the thread; what was not answered is refused with `MR_CLOSED`. */
  async stop(): Promise<void> {
    this.#stopping = true;
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
