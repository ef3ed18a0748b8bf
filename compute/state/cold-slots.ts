/**
 * Slots of a partition of a slot table that is out (slot-table.ts says what a slot is): the same probing, over blocks that come into
 * memory as they are met. A slot never spans two blocks.
 */
import {BLOCK_BITS, BLOCK_MASK, BLOCK_WORDS, type BlockCheck, type WordBlocks, type WordRegion} from './word-blocks.ts';

/** Slots before the end of a block from which a probe is expected to go on in the next one. */
const edgeSlots = 12;

/** Says that the slots of a hash will be looked into. */
export function wantHome(blocks: WordBlocks, region: WordRegion, hash: number): void {
  const wrap = region.length - 2;
  const at = (hash << 1) & wrap;
  blocks.want(region, at >> BLOCK_BITS);
  if ((at & BLOCK_MASK) >= BLOCK_WORDS - 2 * edgeSlots && region.length > BLOCK_WORDS) blocks.want(region, ((at + 2 * edgeSlots) & wrap) >> BLOCK_BITS);
}

/** @returns the first row whose slot holds the hash, −1 if none. */
export function firstCold(blocks: WordBlocks, region: WordRegion, hash: number): number {
  const wrap = region.length - 2;
  let at = (hash << 1) & wrap;
  for (;;) {
    const frame = blocks.frame(region, at >> BLOCK_BITS);
    const words = blocks.words(frame);
    const start = blocks.start(frame) - (at & ~BLOCK_MASK);
    const end = Math.min(region.length, (at | BLOCK_MASK) + 1);
    for (; at < end; at += 2) {
      const row = words[start + at + 1]!;
      if (row === 0) return -1;
      if (words[start + at] === hash) return row - 1;
    }
    at &= wrap;
  }
}

/** @returns the place of the slot (hash, row), −1 if there is none. */
export function locateCold(blocks: WordBlocks, region: WordRegion, hash: number, row: number): number {
  const wrap = region.length - 2;
  let at = (hash << 1) & wrap;
  for (let word = blocks.get(region, at + 1); word !== 0; word = blocks.get(region, at + 1)) {
    if (word === row + 1) return at;
    at = (at + 2) & wrap;
  }
  return -1;
}

/** @returns the next row with this hash after `row` in probe order, −1 if none; `row` = −1 starts. */
export function nextSameCold(blocks: WordBlocks, region: WordRegion, hash: number, row: number): number {
  const wrap = region.length - 2;
  let at = (hash << 1) & wrap;
  let passed = row < 0;
  for (let word = blocks.get(region, at + 1); word !== 0; word = blocks.get(region, at + 1)) {
    if (blocks.get(region, at) === hash) {
      if (passed) return word - 1;
      if (word === row + 1) passed = true;
    }
    at = (at + 2) & wrap;
  }
  return -1;
}

/** Puts a slot into the first empty place; there is one. */
export function placeCold(blocks: WordBlocks, region: WordRegion, hash: number, rowWord: number): void {
  const wrap = region.length - 2;
  let at = (hash << 1) & wrap;
  while (blocks.get(region, at + 1) !== 0) at = (at + 2) & wrap;
  blocks.set(region, at, hash);
  blocks.set(region, at + 1, rowWord);
}

/** Empties a slot, and moves those behind it that can be nearer to their home. */
export function removeCold(blocks: WordBlocks, region: WordRegion, place: number): void {
  const wrap = region.length - 2;
  let hole = place;
  let at = place;
  for (;;) {
    at = (at + 2) & wrap;
    const word = blocks.get(region, at + 1);
    if (word === 0) break;
    const hash = blocks.get(region, at);
    const home = (hash << 1) & wrap;
    if (((at - home) & wrap) < ((at - hole) & wrap)) continue;
    blocks.set(region, hole, hash);
    blocks.set(region, hole + 1, word);
    hole = at;
  }
  blocks.set(region, hole, 0);
  blocks.set(region, hole + 1, 0);
}

/** In the row word of a slot that is empty and taken for full; see `fillCold`. */
const taken = -1;

/** @returns the row word of the first empty slot from a hash's home on, as frame and place in it. */
function emptyCold(blocks: WordBlocks, region: WordRegion, hash: number): number {
  const wrap = region.length - 2;
  let at = (hash << 1) & wrap;
  for (;;) {
    const frame = blocks.frame(region, at >> BLOCK_BITS);
    const words = blocks.words(frame);
    const start = blocks.start(frame) - (at & ~BLOCK_MASK);
    const end = Math.min(region.length, (at | BLOCK_MASK) + 1);
    for (; at < end; at += 2) if (words[start + at + 1] === 0) return (frame << BLOCK_BITS) | ((at + 1) & BLOCK_MASK);
    at &= wrap;
  }
}

/** Brings the blocks from a hash's home to the first empty slot. */
export function reachCold(blocks: WordBlocks, region: WordRegion, hash: number): void {
  emptyCold(blocks, region, hash);
}

/** Takes the first empty slot from a hash's home on for full, until `clearCold`; nothing may be looked up meanwhile. @returns the slot. */
export function fillCold(blocks: WordBlocks, region: WordRegion, hash: number): number {
  const slot = emptyCold(blocks, region, hash);
  blocks.words(slot >> BLOCK_BITS)[blocks.start(slot >> BLOCK_BITS) + (slot & BLOCK_MASK)] = taken;
  return slot;
}

/** Takes slots for empty again. */
export function clearCold(blocks: WordBlocks, slots: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) blocks.words(slots[i]! >> BLOCK_BITS)[blocks.start(slots[i]! >> BLOCK_BITS) + (slots[i]! & BLOCK_MASK)] = 0;
}

/** @returns what a block of slots must look like: hashes of its partition, rows that can be. */
export function slotCheck(partition: number, shift: number, partitionMask: number): BlockCheck {
  return (words, start, end) => {
    for (let at = start; at < end; at += 2) {
      const row = words[at + 1]!;
      if (row < 0 || (row !== 0 && ((words[at]! >>> shift) & partitionMask) !== partition)) return false;
    }
    return true;
  };
}
