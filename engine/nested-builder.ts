/**
 * Builds one column of nested values from JSON or from the library's caller: LIST an array, STRUCT an object (fields left out are NULL,
 * others are refused), MAP an array of `{key, value}`, each key once; or any of them as its JSON text. What nested values hold goes through the same strict builders as
 * plain columns, straight into typed arrays; a value that is refused half way leaves no trace.
 */
import type {BytesColumn, Column} from '../base/delta.ts';
import {fieldOf} from '../base/field.ts';
import {nestedBytesMax} from '../base/limit.ts';
import type {Parts} from '../base/nested.ts';
import {encodeNested} from '../base/nested-encode.ts';
import {leafParts} from '../base/nested-leaf.ts';
import {typeText, type LogicalType, type NestedType, type ScalarType} from '../base/type.ts';
import {quoteLongNumbers} from './long-numbers.ts';

/** Returned by `push` for a number that may have lost digits. */
export const NEEDS_TEXT = 'needs-text';

/** What takes the values of one plain type. */
export interface LeafBuilder {
  /** @returns null if taken, `NEEDS_TEXT`, or why not. */
  push(value: unknown): string | null;
  /** Forgets the values from the `count`-th on. */
  truncate(count: number): void;
  /** @returns what equal values, and only they, have in common. */
  identity(index: number): string | number | bigint;
  finish(): Column;
}

export interface LeafBuilders {
  leaf(type: ScalarType): LeafBuilder;
  /** @returns what a value is, as an error message names it. */
  found(value: unknown): string;
}

/** Bytes of the value that is being pushed, counted low. */
interface Meter {bytes: number}

export class NestedBuilder {
  readonly #type: NestedType;
  readonly #leaves: LeafBuilders;
  readonly #node: Node;
  readonly #meter: Meter = {bytes: 0};

  constructor(type: NestedType, leaves: LeafBuilders) {
    this.#type = type;
    this.#leaves = leaves;
    this.#node = nodeOf(type, leaves, this.#meter);
  }

  /** @returns null if taken, `NEEDS_TEXT`, or why not: the place inside the value, what was expected and what was found. */
  push(value: unknown): string | null {
    const before = this.#node.count;
    this.#meter.bytes = 0;
    const problem = typeof value === 'string' ? this.#pushText(value) : this.#node.push(value);
    if (problem !== null) this.#node.truncate(before);
    return problem;
  }

  /** No nested value is a string: text is its JSON, as in a cell of CSV. */
  #pushText(text: string): string | null {
    let value: unknown = null;
    try {
      value = JSON.parse(quoteLongNumbers(text));
    } catch {} // refused below: NULL is no text
    if (value === null) {
      return `expected ${typeText(this.#type)} or its JSON text, found ${this.#leaves.found(text)}`;
    }
    return this.#node.push(value);
  }

  truncate(count: number): void {
    this.#node.truncate(count);
  }

  /** @throws {WarehouseError} `MR_NESTED_LIMIT` (invalid) if a value has too many bytes. */
  finish(): BytesColumn {
    return encodeNested(this.#node.parts(), this.#node.count);
  }
}

/** One part of the type, with the values pushed so far. */
interface Node {
  readonly count: number;
  /** After a problem values may be left behind: the root truncates. */
  push(value: unknown): string | null;
  truncate(count: number): void;
  identity(index: number): string | number | bigint;
  parts(): Parts;
}

function nodeOf(type: LogicalType, leaves: LeafBuilders, meter: Meter): Node {
  switch (type.kind) {
    case 'list': return new ListNode(type, nodeOf(type.element, leaves, meter), null, leaves, meter);
    case 'map': {
      const key = nodeOf(type.key, leaves, meter);
      const entry = {kind: 'struct', fields: [{name: 'key', type: type.key}, {name: 'value', type: type.value}]} as const;
      return new ListNode(type, new StructNode(entry, [key, nodeOf(type.value, leaves, meter)], leaves), key, leaves, meter);
    }
    case 'struct': return new StructNode(type, type.fields.map((field) => nodeOf(field.type, leaves, meter)), leaves);
    default: return new LeafNode(type, leaves.leaf(type), meter);
  }
}

class LeafNode implements Node {
  readonly #type: ScalarType;
  readonly #builder: LeafBuilder;
  readonly #meter: Meter;
  count = 0;

  constructor(type: ScalarType, builder: LeafBuilder, meter: Meter) {
    this.#type = type;
    this.#builder = builder;
    this.#meter = meter;
  }

  push(value: unknown): string | null {
    const problem = this.#builder.push(value);
    if (problem !== null) return problem;
    this.count++;
    this.#meter.bytes += typeof value === 'string' || value instanceof Uint8Array ? value.length : 1;
    return this.#meter.bytes > nestedBytesMax ? `expected a value of at most ${nestedBytesMax} bytes, found a larger one` : null;
  }

  truncate(count: number): void {
    this.#builder.truncate(count);
    this.count = count;
  }

  identity(index: number): string | number | bigint {
    return this.#builder.identity(index);
  }

  parts(): Parts {
    return leafParts(this.#type, this.#builder.finish(), this.count);
  }
}

/** Nulls are counted in plain arrays: nested values come one by one here. */
class ListNode implements Node {
  readonly #type: NestedType;
  readonly #child: Node;
  /** Of a map: the builder of its keys. */
  readonly #keys: Node | null;
  readonly #leaves: LeafBuilders;
  readonly #meter: Meter;
  /** Where each list begins among the elements. */
  readonly #starts: number[] = [];
  readonly #valid: number[] = [];

  constructor(type: NestedType, child: Node, keys: Node | null, leaves: LeafBuilders, meter: Meter) {
    this.#type = type;
    this.#child = child;
    this.#keys = keys;
    this.#leaves = leaves;
    this.#meter = meter;
  }

  get count(): number {
    return this.#starts.length;
  }

  push(value: unknown): string | null {
    if (value === null || value === undefined) {
      this.#starts.push(this.#child.count);
      this.#valid.push(0);
      return null;
    }
    if (!Array.isArray(value)) return `expected ${typeText(this.#type)}, found ${this.#leaves.found(value)}`;
    const first = this.#child.count;
    this.#starts.push(first);
    this.#valid.push(1);
    this.#meter.bytes += value.length;
    if (this.#meter.bytes > nestedBytesMax) return `expected a value of at most ${nestedBytesMax} bytes, found a larger one`;
    for (let i = 0; i < value.length; i++) {
      const element: unknown = value[i];
      const problem = this.#keys === null ? this.#child.push(element) : this.#pushEntry(element);
      if (problem !== null) return problem === NEEDS_TEXT ? problem : `[${i}]${problem.startsWith('[') || problem.startsWith('.') ? '' : ': '}${problem}`;
    }
    return this.#keys === null ? null : this.#repeatedKey(first);
  }

  #pushEntry(entry: unknown): string | null {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return `expected {key, value}, found ${this.#leaves.found(entry)}`;
    const key = fieldOf(entry as Readonly<Record<string, unknown>>, 'key');
    if (key === null || key === undefined) return `expected a key, found ${this.#leaves.found(key)}`;
    return this.#child.push(entry);
  }

  /** @returns what is wrong with the keys from the `first` on. */
  #repeatedKey(first: number): string | null {
    const keys = this.#keys!;
    const seen = new Set<string | number | bigint>();
    for (let i = first; i < keys.count; i++) {
      const key = keys.identity(i);
      if (seen.has(key)) return `[${i - first}]: expected each key once, found one twice`;
      seen.add(key);
    }
    return null;
  }

  truncate(count: number): void {
    if (count >= this.#starts.length) return;
    this.#child.truncate(this.#starts[count]!); // the last list may be there in part
    this.#starts.length = count;
    this.#valid.length = count;
  }

  identity(index: number): string {
    if (this.#valid[index] === 0) return 'null';
    const first = this.#starts[index]!;
    return `[${Array.from({length: this.#end(index) - first}, (_, i) => shown(this.#child.identity(first + i))).join()}]`;
  }

  parts(): Parts {
    return {kind: 'list', lengths: Int32Array.from(this.#starts, (start, i) => this.#end(i) - start), child: this.#child.parts(), valid: validity(this.#valid)};
  }

  #end(index: number): number {
    return this.#starts[index + 1] ?? this.#child.count;
  }
}

class StructNode implements Node {
  readonly #type: Extract<NestedType, {kind: 'struct'}>;
  readonly #fields: readonly Node[];
  readonly #leaves: LeafBuilders;
  readonly #valid: number[] = [];

  constructor(type: Extract<NestedType, {kind: 'struct'}>, fields: readonly Node[], leaves: LeafBuilders) {
    this.#type = type;
    this.#fields = fields;
    this.#leaves = leaves;
  }

  get count(): number {
    return this.#valid.length;
  }

  push(value: unknown): string | null {
    const absent = value === null || value === undefined;
    if (!absent && (typeof value !== 'object' || Array.isArray(value) || value instanceof Uint8Array || value instanceof Date)) return `expected ${typeText(this.#type)}, found ${this.#leaves.found(value)}`;
    const given = absent ? {} : (value as Readonly<Record<string, unknown>>);
    for (const name in given) {
      if (!this.#type.fields.some((field) => field.name === name)) return `expected ${typeText(this.#type)}, found a field "${name}"`;
    }
    this.#valid.push(absent ? 0 : 1);
    for (let i = 0; i < this.#fields.length; i++) {
      const {name} = this.#type.fields[i]!;
      const problem = this.#fields[i]!.push(fieldOf(given, name));
      if (problem !== null) return problem === NEEDS_TEXT ? problem : `.${name}${problem.startsWith('[') || problem.startsWith('.') ? '' : ': '}${problem}`;
    }
    return null;
  }

  truncate(count: number): void {
    this.#valid.length = count;
    for (const field of this.#fields) if (field.count > count) field.truncate(count);
  }

  identity(index: number): string {
    return this.#valid[index] === 0 ? 'null' : `{${this.#fields.map((field) => shown(field.identity(index))).join()}}`;
  }

  parts(): Parts {
    return {kind: 'struct', fields: this.#fields.map((field) => field.parts()), valid: validity(this.#valid)};
  }
}

function shown(identity: string | number | bigint): string {
  return typeof identity === 'string' ? JSON.stringify(identity) : String(identity);
}

function validity(valid: readonly number[]): Uint8Array | null {
  return valid.includes(0) ? Uint8Array.from(valid) : null;
}
