/** What the interoperability run found, said as it comes, counted at the end. */

export type Outcome = 'passed' | 'failed' | 'skipped';

export class Report {
  readonly #counts: Record<Outcome, number> = {passed: 0, failed: 0, skipped: 0};

  pass(name: string): void {
    this.#counts.passed++;
    console.log(`ok ${name}`);
  }

  fail(name: string, problem: string): void {
    this.#counts.failed++;
    console.log(`not ok ${name}: ${problem}`);
  }

  skip(name: string, reason: string): void {
    this.#counts.skipped++;
    console.log(`skipped ${name}: ${reason}`);
  }

  /** Runs one case: what it throws is its problem. */
  async check(name: string, work: () => Promise<void> | void): Promise<void> {
    try {
      await work();
      this.pass(name);
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      this.fail(name, text.split('\n').slice(0, 16).join('\n'));
    }
  }

  get failed(): number { return this.#counts.failed; }

  /** The closing line. */
  summary(): string {
    return `${this.#counts.passed} passed, ${this.#counts.failed} failed, ${this.#counts.skipped} skipped`;
  }
}
