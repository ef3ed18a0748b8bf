/**
 * A reader of another implementation as a process that takes one command after the other: a line holding a JSON array of words;
 * the answer is a line `{"ok": …, "bytes": N}` and N bytes. So a virtual machine or an import is paid for once, and a table can be read
 * at any instant of a warehouse that goes on writing.
 */
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';

/** Last characters of a peer's standard error that are shown when it dies. */
const errorTailMax = 2_000;
const newline = 10;

export class PeerProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting: {readonly resolve: (text: string) => void; readonly reject: (cause: Error) => void}[] = [];
  #chunks: Buffer[] = [];
  #error = '';
  #ended: string | null = null;

  constructor(name: string, command: string, args: readonly string[]) {
    this.name = name;
    this.#child = spawn(command, args, {stdio: ['pipe', 'pipe', 'pipe']});
    this.#child.stdout!.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#child.stderr!.on('data', (chunk: Buffer) => { this.#error = (this.#error + chunk.toString('utf8')).slice(-errorTailMax); });
    this.#child.stdin!.on('error', () => undefined); // said by 'close'
    this.#child.on('error', (cause) => this.#end(cause.message));
    this.#child.on('close', (code) => this.#end(`ended with ${code}: ${this.#error.trim()}`));
  }

  /**
   * @returns what the command printed.
   * @throws {Error} with the peer's own message when the command fails there.
   */
  async run(...words: readonly string[]): Promise<string> {
    if (this.#ended !== null) throw new Error(`${this.name} ${this.#ended}`);
    return await new Promise((resolve, reject) => {
      this.#waiting.push({resolve, reject});
      this.#child.stdin!.write(`${JSON.stringify(words)}\n`);
    });
  }

  async close(): Promise<void> {
    if (this.#ended !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.stdin!.end();
    await closed;
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    for (;;) {
      const length = this.#chunks.reduce((sum, part) => sum + part.length, 0);
      const first = this.#chunks[0];
      if (first === undefined) return;
      const at = first.indexOf(newline);
      if (at === -1) {
        if (this.#chunks.length === 1) return;
        this.#chunks = [Buffer.concat(this.#chunks)];
        continue;
      }
      const head = JSON.parse(first.subarray(0, at).toString('utf8')) as {readonly ok: boolean; readonly bytes: number};
      if (length < at + 1 + head.bytes) return;
      const all = Buffer.concat(this.#chunks);
      const text = all.subarray(at + 1, at + 1 + head.bytes).toString('utf8');
      const rest = all.subarray(at + 1 + head.bytes);
      this.#chunks = rest.length === 0 ? [] : [rest];
      const waiting = this.#waiting.shift();
      if (waiting === undefined) throw new Error(`${this.name} answered without being asked`);
      if (head.ok) waiting.resolve(text);
      else waiting.reject(new Error(`${this.name}: ${text}`));
    }
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    for (const {reject} of this.#waiting.splice(0)) reject(new Error(`${this.name} ${this.#ended}`));
  }
}
