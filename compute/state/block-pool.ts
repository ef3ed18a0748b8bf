/**
 * Blocks of 2^class words for many small lists: a freed block is taken again by the next list of its class. A block is named by
 * one number; its words are `segment(ref)` from `offset(ref)` on.
 */
import {invariant} from '../../base/invariant.ts';
import {Int32Stack} from './number-stack.ts';

/** Largest class: blocks of 4,096 words. */
export const BLOCK_CLASS_MAX = 12;
const segmentWords = 1 << BLOCK_CLASS_MAX;

/** @returns the class of the smallest block that holds `words`. */
export function blockClass(words: number): number {
  return words <= 1 ? 0 : 32 - Math.clz32(words - 1);
}

export class BlockPool {
  readonly #segments: Int32Array[] = [];
  readonly #free: readonly Int32Stack[] = Array.from({length: BLOCK_CLASS_MAX + 1}, () => new Int32Stack());

  /** @returns a block of 2^sizeClass words; they are not zeroed. */
  take(sizeClass: number): number {
    invariant(sizeClass >= 0 && sizeClass <= BLOCK_CLASS_MAX, () => `block class ${sizeClass}`);
    const free = this.#free[sizeClass]!;
    if (free.length > 0) return free.pop();
    const segment = this.#segments.length;
    this.#segments.push(new Int32Array(segmentWords));
    for (let offset = segmentWords - (1 << sizeClass); offset > 0; offset -= 1 << sizeClass) free.push(segment * segmentWords + offset);
    return segment * segmentWords;
  }

  give(block: number, sizeClass: number): void {
    this.#free[sizeClass]!.push(block);
  }

  segment(block: number): Int32Array {
    return this.#segments[block >>> BLOCK_CLASS_MAX]!;
  }

  offset(block: number): number {
    return block & (segmentWords - 1);
  }

  bytes(): number {
    let bytes = this.#segments.length * segmentWords * 4;
    for (const free of this.#free) bytes += free.bytes();
    return bytes;
  }
}
