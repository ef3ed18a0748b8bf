/**
 * The text of a kernel while it grows: nested blocks of lines, fresh names, hoisted constants, and the two ways out of a row.
 * A row that raises leaves by `fail` (a throw, or a break where TRY or TRY_CAST catches it); a narrow result that is too large
 * leaves the whole batch by `widen`, which makes the caller run the wide variant.
 */
import {invariant} from '../../base/invariant.ts';

export type Line = string | Line[];

/** Names under which generated code finds its helpers, constants and arguments; locals never collide with them (they end in a number). */
export class Writer {
  /** Whether this is the variant for values beyond 2^53: results that may pass it are bigint. */
  readonly wide: boolean;
  readonly constants: unknown[] = [];
  /** Lines that run once per batch, before the loop. */
  readonly preamble: Line[] = [];
  /** Whether any line leaves for the wide variant. */
  widens = false;
  /** Whether any line may throw. */
  raises = false;
  /** Whether the scratch text of the row is used. */
  usesScratch = false;
  #lines: Line[] = [];
  readonly #placed = new Set<string>();
  #names = 0;
  #failLabels: string[] = [];
  #nullLabels: {readonly label: string; used: boolean}[] = [];

  constructor(wide: boolean) {
    this.wide = wide;
  }

  line(text: Line): void {
    this.#lines.push(text);
  }

  /** @returns a fresh name. */
  name(prefix: string): string {
    return `${prefix}${this.#names++}`;
  }

  /** @returns a local that holds `code`; a name or a literal stands for itself. */
  local(code: string, prefix = 'v'): string {
    if (/^(?:\w+|-?\d[\d.e+-]*n?)$/.test(code)) return code;
    const name = this.name(prefix);
    this.line(`const ${name} = ${code};`);
    return name;
  }

  /** @returns a local that may be assigned again. */
  variable(initial: string, prefix = 'v'): string {
    const name = this.name(prefix);
    this.line(`let ${name} = ${initial};`);
    return name;
  }

  /** @returns the name of a value that generated code reads but does not contain: bytes of a constant, a lookup table. */
  constant(value: unknown): string {
    this.constants.push(value);
    const name = `K${this.constants.length - 1}`;
    this.preamble.push(`const ${name} = constants[${this.constants.length - 1}];`);
    return name;
  }

  /** Runs `body` with a block of its own. @returns its lines, to be placed by the caller, and what it returned. */
  nested<T>(body: () => T): {lines: Line[]; result: T} {
    const outer = this.#lines;
    const lines: Line[] = [];
    this.#lines = lines;
    try {
      return {lines, result: body()};
    } finally {
      this.#lines = outer;
    }
  }

  /** Runs `body` with `label` as where a raising row goes. */
  catching<T>(label: string, body: () => T): T {
    this.#failLabels.push(label);
    try {
      return body();
    } finally {
      this.#failLabels.pop();
    }
  }

  /** As `nested`, with `label` as where a NULL result goes, and a raising row too if `nullOnFailure`. */
  nullable<T>(label: string, nullOnFailure: boolean, body: () => T): {lines: Line[]; result: T; nullUsed: boolean} {
    const entry = {label, used: false};
    this.#nullLabels.push(entry);
    if (nullOnFailure) this.#failLabels.push(label);
    try {
      const {lines, result} = this.nested(body);
      return {lines, result, nullUsed: entry.used};
    } finally {
      this.#nullLabels.pop();
      if (nullOnFailure) this.#failLabels.pop();
    }
  }

  /** @returns a statement that makes the function's result NULL. Only inside `nullable`. */
  toNull(): string {
    const entry = this.#nullLabels.at(-1);
    invariant(entry !== undefined, 'a NULL result outside of a function');
    entry.used = true;
    return `break ${entry.label};`;
  }

  /** @returns a statement that ends the row as DuckDB would: raises, or leaves to the TRY around it. */
  fail(error: string): string {
    const label = this.#failLabels.at(-1);
    if (label !== undefined) {
      const own = this.#nullLabels.at(-1);
      if (own?.label === label) own.used = true;
      return `break ${label};`;
    }
    this.raises = true;
    return `throw raise.${error};`;
  }

  /** @returns a statement that gives the row up to another executor; no TRY catches it. */
  fallBack(message: string): string {
    this.raises = true;
    return `throw raise.fallback(r, '${message}');`;
  }

  /** @returns a statement that leaves the batch for the wide variant. */
  widen(): string {
    invariant(!this.wide, 'the wide variant has nowhere to go');
    this.widens = true;
    return 'return -1;';
  }

  /** @returns the scratch text of the row, as `T`. */
  scratch(): string {
    this.usesScratch = true;
    return 'T';
  }

  /** Makes sure that a text constant has an address in the output arena, once per batch. @param name of its bytes. */
  placeText(name: string, length: string): void {
    if (this.#placed.has(name)) return;
    this.#placed.add(name);
    this.preamble.push(`const A${name} = arena.append(${name}, 0, ${length});`);
  }

  /** @returns all lines as text. */
  text(): string {
    return linesText(this.#lines);
  }
}

/** @returns lines, nested ones included, as one text. */
export function linesText(lines: readonly Line[]): string {
  return lines.map((line) => (typeof line === 'string' ? line : linesText(line))).join('\n');
}
