/**
 * A budget of bytes that may be in flight: `take` waits until there is room, in order of arrival. This is where overload becomes
 * back-pressure. One taker larger than the whole budget is let through alone.
 */
export class ByteBudget {
  readonly #max: number;
  #used = 0;
  readonly #waiting: {readonly bytes: number; readonly resolve: () => void}[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get used(): number {
    return this.#used;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async take(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#used += bytes;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push({bytes, resolve}));
  }

  give(bytes: number): void {
    this.#used -= bytes;
    for (let first = this.#waiting[0]; first !== undefined && this.#fits(first.bytes); first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += first.bytes;
      first.resolve();
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#max;
  }
}
