/** Who watches the demo's warehouse, over HTTP: a subscriber that folds one table, and someone who runs OLAP queries all the time. */
import {Readable} from 'node:stream';
import {WarehouseError, type ErrorReport} from '../base/error.ts';
import {linesOf} from '../server/lines.ts';

type JsonRow = Readonly<Record<string, unknown>>;

export async function sqlOver(url: string, sql: string): Promise<{rows: JsonRow[]; epoch: number}> {
  const response = await fetch(`${url}/v1/sql`, {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify({sql})});
  const body: unknown = await response.json();
  if (!response.ok) throw WarehouseError.from(body as ErrorReport);
  return body as {rows: JsonRow[]; epoch: number};
}

/** Follows dws.airport and folds its changes by key; goes on where it was after the server was killed. */
export class Fold {
  readonly #url: () => string;
  readonly #rows = new Map<string, string>();
  readonly #ended = new AbortController();
  #epoch = -1;
  #wake: (() => void) | null = null;

  constructor(url: () => string) {
    this.#url = url;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get size(): number {
    return this.#rows.size;
  }

  start(): void {
    void this.#follow();
  }

  stop(): void {
    this.#ended.abort();
  }

  /** Resolves when everything up to `epoch` is folded. Epochs that do not change the table are not sent: a mark does not come for each. */
  async reached(epoch: number): Promise<void> {
    const {rows} = await sqlOver(this.#url(), 'SHOW TABLES');
    if (rows.length === 0) return;
    const response = await fetch(`${this.#url()}/v1/tables/dws.airport/changes?since=${Math.max(0, this.#epoch)}&until=${epoch}`);
    const lines = (await response.text()).trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as {epoch: number; complete?: boolean});
    const last = lines.filter(({complete}) => complete === true).at(-1)?.epoch ?? this.#epoch;
    while (this.#epoch < last && !this.#ended.signal.aborted) await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** @returns how many rows of `table` differ from the fold. */
  compare(table: readonly JsonRow[]): number {
    const expected = new Map(table.map((row) => [String(row['origin']), JSON.stringify(row)]));
    let wrong = 0;
    for (const [key, row] of expected) if (this.#rows.get(key) !== row) wrong++;
    for (const key of this.#rows.keys()) if (!expected.has(key)) wrong++;
    return wrong;
  }

  async #follow(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        const since = this.#epoch < 0 ? 'snapshot' : String(this.#epoch);
        const response = await fetch(`${this.#url()}/v1/tables/dws.airport/changes?since=${since}&follow=true`, {signal: this.#ended.signal});
        if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
        // Changes are held back until their epoch is complete: half an epoch is never folded.
        let pending: {op: string; row: JsonRow}[] = [];
        for await (const lines of linesOf(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]) as AsyncIterable<Uint8Array>)) {
          for (const {text} of lines) {
            const line = JSON.parse(text) as {epoch: number; op?: string; row?: JsonRow; complete?: boolean};
            if (line.op !== undefined && line.row !== undefined) pending.push({op: line.op, row: line.row});
            else if (line.complete === true) {
              for (const {op, row} of pending) this.#apply(op, row);
              pending = [];
              this.#epoch = line.epoch;
              this.#wake?.();
            }
          }
        }
      } catch {
        // the server is gone or coming back: try again
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #apply(op: string, row: JsonRow): void {
    const key = String(row['origin']);
    if (op === '+I' || op === '+U') this.#rows.set(key, JSON.stringify(row));
    else if (op === '-D') this.#rows.delete(key);
  }
}

export const olapQueries = [
  'SELECT state, count(*) AS flights, avg(delay) AS delay FROM (SELECT f.*, a.state FROM ods.flights f JOIN ods.airports a ON a.iata = f.origin) GROUP BY state ORDER BY flights DESC LIMIT 10',
  "SELECT class, count(*) AS n FROM dwd.flights GROUP BY class",
  'SELECT a.origin, a.flights, r.destination, r.flights AS busiest FROM dws.airport a JOIN dws.route r ON r.origin = a.origin QUALIFY row_number() OVER (PARTITION BY a.origin ORDER BY r.flights DESC) = 1 ORDER BY a.flights DESC LIMIT 10',
];

/** Runs OLAP queries over all three layers, one after the other, without pause. */
export class Queries {
  readonly latenciesMs: number[] = [];
  readonly #url: () => string;
  #running = false;
  #paused = false;

  constructor(url: () => string) {
    this.#url = url;
  }

  start(): void {
    this.#running = true;
    void this.#loop();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  stop(): void {
    this.#running = false;
  }

  async #loop(): Promise<void> {
    for (let i = 0; ; i++) {
      if (!this.#running) return;
      if (!this.#paused) {
        const startMs = performance.now();
        try {
          await sqlOver(this.#url(), olapQueries[i % olapQueries.length]!);
          this.latenciesMs.push(performance.now() - startMs);
        } catch {
          // killed meanwhile
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}
