/** A session for work in the background: each statement takes a turn at a core (base/turns.ts), and rests follow in proportion. */
import type {Clock} from '../base/clock.ts';
import type {SharedTurns} from '../base/turns.ts';
import type {Session} from '../kernel/session.ts';
import type {FlushSession} from './checkpoint-table.ts';
import type {Pace} from './pace.ts';

export class PacedSession implements FlushSession {
  readonly #session: Session;
  readonly #turns: SharedTurns;
  readonly #pace: Pace;
  readonly #clock: Clock;

  constructor(session: Session, turns: SharedTurns, pace: Pace, clock: Clock) {
    this.#session = session;
    this.#turns = turns;
    this.#pace = pace;
    this.#clock = clock;
  }

  run: Session['run'] = (sql, params) => this.#step(() => this.#session.run(sql, params));

  rows: Session['rows'] = (sql, params) => this.#step(() => this.#session.rows(sql, params));

  bindRelation: Session['bindRelation'] = (name, source) => this.#session.bindRelation(name, source);

  unbindRelation: Session['unbindRelation'] = (name) => this.#session.unbindRelation(name);

  async #step<T>(statement: () => Promise<T>): Promise<T> {
    let workedMs = 0;
    const give = await this.#turns.take(() => this.#pace.hurried);
    try {
      const startMs = this.#clock.monotonicMs();
      const result = await statement();
      workedMs = this.#clock.monotonicMs() - startMs;
      return result;
    } finally {
      give();
      await this.#pace.rest(workedMs);
    }
  }
}
