import {equalBytes} from './text.ts';

/** A fixed set of texts, looked up by their bytes without making a string. */
export class TextSet {
  readonly #entries: readonly Uint8Array[];
  readonly #slots: Int32Array; // entry index + 1; 0 is free; open addressing, at most half full
  readonly #mask: number;

  constructor(texts: readonly string[]) {
    const encoder = new TextEncoder();
    this.#entries = [...new Set(texts)].map((text) => encoder.encode(text));
    let slotCount = 16;
    while (slotCount < 2 * this.#entries.length) slotCount *= 2;
    this.#slots = new Int32Array(slotCount);
    this.#mask = slotCount - 1;
    this.#entries.forEach((bytes, index) => {
      let slot = hashBytes(bytes, 0, bytes.length) & this.#mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = index + 1;
    });
  }

  has(bytes: Uint8Array, start: number, length: number): boolean {
    let slot = hashBytes(bytes, start, length) & this.#mask;
    for (;;) {
      const index = this.#slots[slot]!;
      if (index === 0) return false;
      const entry = this.#entries[index - 1]!;
      if (entry.length === length && equalBytes(entry, 0, bytes, start, length)) return true;
      slot = (slot + 1) & this.#mask;
    }
  }
}

function hashBytes(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[start + i]!, 0x01000193);
  return hash ^ (hash >>> 15);
}
