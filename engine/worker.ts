/** The worker thread's entry: one engine, requests in, replies and epochs out. */
import {parentPort, workerData} from 'node:worker_threads';
import {asWarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import type {ToMain, ToWorker, WorkerOptions} from './protocol.ts';
import {WorkerCore} from './worker-core.ts';

invariant(parentPort !== null, 'engine/worker.ts runs as a worker thread');
const port = parentPort;
const post = (message: ToMain): void => port.postMessage(message);
const core = new WorkerCore(workerData as WorkerOptions, post);
port.on('message', (message: ToWorker) => {
  if ('request' in message) core.receive(message.id, message.request);
  else core.loaded();
});
try {
  await core.open();
} catch (cause) {
  post({kind: 'failed', error: asWarehouseError(cause).report()});
}
