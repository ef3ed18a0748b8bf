/** What the relations of one query need while it runs: names bound to its session, history held. */
import type {Epoch} from '../base/epoch.ts';
import type {RelationSource} from '../kernel/relation.ts';
import type {PinnedRead} from '../query/pinned-read.ts';
import type {StatementContext} from './statement-context.ts';

let scopeNames = 0;

export class ReadScope {
  readonly context: StatementContext;
  readonly read: PinnedRead;
  /** To be unbound. */
  readonly bound: string[] = [];
  readonly #held = new Map<string, () => void>();

  constructor(context: StatementContext, read: PinnedRead) {
    this.context = context;
    this.read = read;
  }

  /** @returns a name for a relation: names are the whole instance's, not the session's. */
  newName(): string {
    return `mr_derived_${scopeNames++}`;
  }

  bind(name: string, relation: RelationSource): void {
    this.read.session.bindRelation(name, relation);
    this.bound.push(name);
  }

  /** Holds history until the end of the query. @throws {WarehouseError} `MR_EPOCH_EXPIRED`. */
  async hold(epoch: Epoch, reach: 'onward' | 'moment'): Promise<void> {
    const key = `${reach} ${epoch}`;
    if (!this.#held.has(key)) this.#held.set(key, await this.context.host.past.hold(epoch, reach));
  }

  /** Holds all history there is until the end of the query. @returns the epoch that it begins with. */
  async holdOldest(): Promise<Epoch> {
    const {epoch, release} = await this.context.host.past.holdOldest('onward');
    const key = `onward ${epoch}`;
    if (this.#held.has(key)) release();
    else this.#held.set(key, release);
    return epoch;
  }

  release(): void {
    for (const name of this.bound.splice(0)) this.read.session.unbindRelation(name);
    for (const release of this.#held.values()) release();
    this.#held.clear();
  }
}
