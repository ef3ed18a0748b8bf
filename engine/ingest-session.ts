/**
 * One stream of rows into one table. With `onError: 'fail'` everything is one write, refused whole at the first bad row; with
 * `reject` the rows go in batches, an epoch each, and bad rows go to `t$rejected` in the epoch of their batch.
 */
import {WarehouseError} from '../base/error.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {InsertResult} from './api.ts';
import type {IngestBatch} from './ingest.ts';
import {RowDecoder} from './ingest.ts';
import type {RejectedRow} from './protocol.ts';

/** Rows in one write of a stream: large enough to be cheap, small enough to be seen soon. */
const batchRows = 10_000;
const errorsShownMax = 100;

export interface IngestWriter {
  /** Commits a batch; @returns the epoch that makes it visible. */
  (table: TableSpec, batch: IngestBatch): Promise<number>;
}

export class IngestSession {
  readonly #current: () => TableSpec;
  #table: TableSpec;
  readonly #onError: 'fail' | 'reject';
  readonly #write: IngestWriter;
  #decoder: RowDecoder;
  #pending: Promise<void> = Promise.resolve();
  #failure: unknown = null;
  #epoch: number;
  #accepted = 0;
  #rejected = 0;
  #errors: RejectedRow[] = [];

  /** @param table as it is now: rows of one batch have one form, those of the next may have another. @throws what `table` does. */
  constructor(table: () => TableSpec, onError: 'fail' | 'reject', epoch: number, write: IngestWriter) {
    this.#current = table;
    this.#table = table();
    this.#onError = onError;
    this.#write = write;
    this.#epoch = epoch;
    this.#decoder = new RowDecoder(this.#table);
  }

  get accepted(): number {
    return this.#accepted;
  }

  /** Whether enough rows wait that `flush` is worth calling. */
  get full(): boolean {
    return this.#decoder.rowCount >= batchRows || this.#decoder.rejectedCount >= batchRows;
  }

  /** @param line of ndjson, as server/lines.ts cuts it. */
  line({text, number, cut}: {readonly text: string; readonly number: number; readonly cut: boolean}): void {
    if (cut) this.#decoder.rejectLine(text, `line ${number} is longer than the limit of one line`, 'MR_LINE_TOO_LONG', number);
    else this.#decoder.pushLine(text, number);
    this.#failFast();
  }

  /** A row that is none, with its reason. */
  reject({raw, reason, code, line}: RejectedRow): void {
    this.#decoder.rejectLine(raw, reason, code, line);
    this.#failFast();
  }

  /** @param exact gives the row again with its long numbers as text, where they are known. */
  object(row: unknown, number: number, exact?: () => unknown): void {
    this.#decoder.pushObject(row, number, exact);
    this.#failFast();
  }

  /** Hands what waits to the engine and goes on decoding; at most one batch is under way. */
  async flush(): Promise<void> {
    await this.#pending;
    if (this.#failure !== null) throw this.#failure;
    const batch = this.#decoder.finish();
    const table = this.#table;
    this.#table = this.#current();
    this.#decoder = new RowDecoder(this.#table);
    if (batch.rowCount === 0 && batch.rejected.length === 0) return;
    this.#pending = this.#write(table, batch).then(
      (epoch) => {
        this.#epoch = epoch;
        this.#accepted += batch.rowCount;
        this.#rejected += batch.rejected.length;
        this.#errors.push(...batch.rejected.slice(0, errorsShownMax - this.#errors.length));
      },
      (cause: unknown) => {
        this.#failure = cause;
      },
    );
  }

  async finish(): Promise<InsertResult> {
    await this.flush();
    await this.#pending;
    if (this.#failure !== null) throw this.#failure;
    return {epoch: this.#epoch, accepted: this.#accepted, rejected: this.#rejected, errors: this.#errors};
  }

  #failFast(): void {
    if (this.#onError === 'reject' || this.#decoder.rejectedCount === 0) return;
    const first = this.#decoder.finish().rejected[0]!;
    throw new WarehouseError('invalid', first.code, first.reason, {hint: 'nothing of this batch was taken; correct the row, or ask for on_error=reject'});
  }
}
