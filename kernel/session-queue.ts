/** One at a time, in the order of asking. */
export class Turnstile {
  #last: Promise<void> = Promise.resolve();

  /** Waits until everyone who came before has left. @returns what to call, once, to let the next one in. */
  async enter(): Promise<() => void> {
    const before = this.#last;
    let leave!: () => void;
    this.#last = new Promise(resolve => { leave = resolve; });
    await before;
    return leave;
  }
}
