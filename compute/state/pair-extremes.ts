/**
 * The least pair (sortable.ts) of each group, under insertions and retractions of values with multiplicities. A group's extreme
 * value lies in the group's own record; its other values, if any, in a short list; beyond `listMax` of them in an indexed heap
 * whose nodes are found by hash. So a group of one value costs 20 bytes, and a change of a small group touches two cache lines.
 *
 *   group   high, low, copies of the extreme (0: no values), other distinct values, ref (list block, or number of the heap)
 *   list    high, low, copies, …          node    high, low, copies, heap
 */
import {invariant} from '../../base/invariant.ts';
import {BlockPool, blockClass} from './block-pool.ts';
import {IndexedHeaps} from './indexed-heaps.ts';
import {Int32Table, TABLE_BITS, TABLE_MASK} from './int32-table.ts';
import {Int32Stack} from './number-stack.ts';
import {SlotTable} from './slot-table.ts';

/** Other values of a group that are kept as a list. */
const listMax = 32;
const HIGH = 0;
const LOW = 1;
const COPIES = 2;
const OTHERS = 3;
const REF = 4;
const GROUP_WORDS = 5;
const ENTRY_WORDS = 3;
/** `OTHERS` of a group in a heap carries this bit: a heap stays one until it is empty. */
const HEAPED = 1 << 30;

let sink = 0;

/** @returns what keeps the touching loads alive. */
export function touchedGroups(): number {
  return sink;
}

function touchGroups(segments: readonly Int32Array[], groups: Int32Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const group = groups[i]!;
    sum ^= segments[group >> TABLE_BITS]![(group & TABLE_MASK) * GROUP_WORDS]!;
  }
  return sum;
}

export class PairExtremes {
  readonly #groups = new Int32Table(GROUP_WORDS);
  readonly #lists = new BlockPool();
  readonly #nodes = new Int32Table(4);
  readonly #freeNodes = new Int32Stack();
  #nodeLimit = 0;
  readonly #slots = new SlotTable();
  readonly #heaps: IndexedHeaps;
  readonly #freeHeaps = new Int32Stack();
  #heapLimit = 0;

  constructor() {
    const nodes = this.#nodes;
    this.#heaps = new IndexedHeaps({
      before(a: number, b: number): boolean {
        const aHigh = nodes.get(a, HIGH);
        const bHigh = nodes.get(b, HIGH);
        return aHigh < bHigh || (aHigh === bHigh && nodes.get(a, LOW) < nodes.get(b, LOW));
      },
    });
  }

  /** Adds pairs to groups by weight, in no order: what comes is added before what goes is taken. Rows of weight 0 or not valid are left out. */
  add(groups: Int32Array, weights: Int32Array, valid: Uint8Array | null, high: Int32Array, low: Int32Array, count: number): void {
    let limit = 0;
    for (let i = 0; i < count; i++) if (groups[i]! >= limit) limit = groups[i]! + 1;
    this.#groups.ensure(limit);
    sink = touchGroups(this.#groups.segments, groups, count);
    let retractions = 0;
    for (let i = 0; i < count; i++) {
      const weight = weights[i]!;
      if (valid !== null && valid[i] === 0) continue;
      if (weight > 0) this.#come(groups[i]!, high[i]!, low[i]!, weight);
      else if (weight < 0) retractions++;
    }
    if (retractions === 0) return;
    for (let i = 0; i < count; i++) {
      const weight = weights[i]!;
      if (weight < 0 && (valid === null || valid[i] !== 0)) this.#go(groups[i]!, high[i]!, low[i]!, -weight);
    }
  }

  /** Reads the extreme of each group. @returns how many groups have none (`valid[i]` 0). */
  read(groups: Int32Array, count: number, high: Int32Array, low: Int32Array, valid: Uint8Array): number {
    let limit = 0;
    for (let i = 0; i < count; i++) if (groups[i]! >= limit) limit = groups[i]! + 1;
    this.#groups.ensure(limit);
    return readGroups(this.#groups.segments, groups, count, high, low, valid);
  }

  /** Forgets all values of a group. */
  clear(group: number): void {
    this.#groups.ensure(group + 1);
    const others = this.#groups.get(group, OTHERS);
    if ((others & HEAPED) !== 0) {
      const heap = this.#groups.get(group, REF);
      const nodes = this.#heaps.nodes(heap);
      this.#heaps.clear(heap);
      for (let i = 0; i < nodes.length; i++) this.#dropNode(nodes[i]!);
      this.#freeHeaps.push(heap);
    } else if (others > 0) this.#lists.give(this.#groups.get(group, REF), blockClass(others * ENTRY_WORDS));
    for (let word = 0; word < GROUP_WORDS; word++) this.#groups.set(group, word, 0);
  }

  bytes(): number {
    return this.#groups.bytes() + this.#lists.bytes() + this.#nodes.bytes() + this.#freeNodes.bytes() + this.#slots.bytes() + this.#heaps.bytes() + this.#freeHeaps.bytes();
  }

  #come(group: number, high: number, low: number, copies: number): void {
    const words = this.#groups.segments[group >> TABLE_BITS]!;
    const at = (group & TABLE_MASK) * GROUP_WORDS;
    const have = words[at + COPIES]!;
    const topHigh = words[at + HIGH]!;
    const topLow = words[at + LOW]!;
    if (have === 0) {
      words[at + HIGH] = high;
      words[at + LOW] = low;
      words[at + COPIES] = copies;
    } else if (high === topHigh && low === topLow) words[at + COPIES] = have + copies;
    else if (high < topHigh || (high === topHigh && low < topLow)) {
      words[at + HIGH] = high;
      words[at + LOW] = low;
      words[at + COPIES] = copies;
      this.#otherComes(words, at, topHigh, topLow, have);
    } else this.#otherComes(words, at, high, low, copies);
  }

  #go(group: number, high: number, low: number, copies: number): void {
    const words = this.#groups.segments[group >> TABLE_BITS]!;
    const at = (group & TABLE_MASK) * GROUP_WORDS;
    if (high !== words[at + HIGH] || low !== words[at + LOW]) {
      this.#otherGoes(words, at, group, high, low, copies);
      return;
    }
    const left = words[at + COPIES]! - copies;
    invariant(left >= 0, () => `copies of the extreme of group ${group} fall to ${left}`);
    words[at + COPIES] = left;
    if (left === 0 && words[at + OTHERS] !== 0) this.#promote(words, at);
  }

  #otherComes(words: Int32Array, at: number, high: number, low: number, copies: number): void {
    const others = words[at + OTHERS]!;
    if ((others & HEAPED) !== 0) {
      this.#nodeComes(words[at + REF]!, high, low, copies);
      return;
    }
    if (others > 0) {
      const block = words[at + REF]!;
      const list = this.#lists.segment(block);
      const base = this.#lists.offset(block);
      const entry = findEntry(list, base, others, high, low);
      if (entry >= 0) {
        list[entry + COPIES]! += copies;
        return;
      }
    }
    if (others === listMax) {
      this.#toHeap(words, at);
      this.#nodeComes(words[at + REF]!, high, low, copies);
      return;
    }
    this.#resizeList(words, at, others, others + 1);
    const block = words[at + REF]!;
    const list = this.#lists.segment(block);
    const entry = this.#lists.offset(block) + others * ENTRY_WORDS;
    list[entry + HIGH] = high;
    list[entry + LOW] = low;
    list[entry + COPIES] = copies;
    words[at + OTHERS] = others + 1;
  }

  #otherGoes(words: Int32Array, at: number, group: number, high: number, low: number, copies: number): void {
    const others = words[at + OTHERS]!;
    if ((others & HEAPED) !== 0) {
      const heap = words[at + REF]!;
      const hash = pairHash(heap, high, low);
      const node = this.#findNode(hash, heap, high, low);
      invariant(node >= 0, () => `a value goes from group ${group} that is not there`);
      const left = this.#nodes.get(node, COPIES) - copies;
      invariant(left >= 0, () => `copies of a value of group ${group} fall to ${left}`);
      this.#nodes.set(node, COPIES, left);
      if (left > 0) return;
      this.#heaps.remove(heap, node);
      this.#dropNode(node);
      this.#endHeap(words, at, heap);
      return;
    }
    const block = words[at + REF]!;
    const entry = others === 0 ? -1 : findEntry(this.#lists.segment(block), this.#lists.offset(block), others, high, low);
    invariant(entry >= 0, () => `a value goes from group ${group} that is not there`);
    const list = this.#lists.segment(block);
    const left = list[entry + COPIES]! - copies;
    invariant(left >= 0, () => `copies of a value of group ${group} fall to ${left}`);
    list[entry + COPIES] = left;
    if (left === 0) this.#removeEntry(words, at, entry);
  }

  /** The least of the other values becomes the extreme. */
  #promote(words: Int32Array, at: number): void {
    const others = words[at + OTHERS]!;
    if ((others & HEAPED) !== 0) {
      const heap = words[at + REF]!;
      const node = this.#heaps.top(heap);
      words[at + HIGH] = this.#nodes.get(node, HIGH);
      words[at + LOW] = this.#nodes.get(node, LOW);
      words[at + COPIES] = this.#nodes.get(node, COPIES);
      this.#heaps.remove(heap, node);
      this.#dropNode(node);
      this.#endHeap(words, at, heap);
      return;
    }
    const block = words[at + REF]!;
    const list = this.#lists.segment(block);
    const base = this.#lists.offset(block);
    const entry = leastEntry(list, base, others);
    words[at + HIGH] = list[entry + HIGH]!;
    words[at + LOW] = list[entry + LOW]!;
    words[at + COPIES] = list[entry + COPIES]!;
    this.#removeEntry(words, at, entry);
  }

  #removeEntry(words: Int32Array, at: number, entry: number): void {
    const others = words[at + OTHERS]! - 1;
    const block = words[at + REF]!;
    const list = this.#lists.segment(block);
    const last = this.#lists.offset(block) + others * ENTRY_WORDS;
    for (let word = 0; word < ENTRY_WORDS; word++) list[entry + word] = list[last + word]!;
    this.#resizeList(words, at, others + 1, others);
    words[at + OTHERS] = others;
  }

  /** Moves a list to a block of the class for `to` entries if that is another one. */
  #resizeList(words: Int32Array, at: number, from: number, to: number): void {
    const fromClass = from === 0 ? -1 : blockClass(from * ENTRY_WORDS);
    const toClass = to === 0 ? -1 : blockClass(to * ENTRY_WORDS);
    if (fromClass === toClass) return;
    const old = words[at + REF]!;
    if (toClass >= 0) {
      const fresh = this.#lists.take(toClass);
      if (fromClass >= 0) {
        const start = this.#lists.offset(old);
        this.#lists.segment(fresh).set(this.#lists.segment(old).subarray(start, start + Math.min(from, to) * ENTRY_WORDS), this.#lists.offset(fresh));
      }
      words[at + REF] = fresh;
    }
    if (fromClass >= 0) this.#lists.give(old, fromClass);
  }

  #toHeap(words: Int32Array, at: number): void {
    const others = words[at + OTHERS]!;
    const block = words[at + REF]!;
    const list = this.#lists.segment(block);
    const base = this.#lists.offset(block);
    const heap = this.#freeHeaps.length > 0 ? this.#freeHeaps.pop() : this.#heapLimit++;
    for (let entry = base; entry < base + others * ENTRY_WORDS; entry += ENTRY_WORDS) this.#nodeComes(heap, list[entry + HIGH]!, list[entry + LOW]!, list[entry + COPIES]!);
    this.#lists.give(block, blockClass(others * ENTRY_WORDS));
    words[at + REF] = heap;
    words[at + OTHERS] = HEAPED;
  }

  #endHeap(words: Int32Array, at: number, heap: number): void {
    if (this.#heaps.size(heap) > 0) return;
    this.#freeHeaps.push(heap);
    words[at + OTHERS] = 0;
  }

  #nodeComes(heap: number, high: number, low: number, copies: number): void {
    const hash = pairHash(heap, high, low);
    const known = this.#findNode(hash, heap, high, low);
    if (known >= 0) {
      this.#nodes.set(known, COPIES, this.#nodes.get(known, COPIES) + copies);
      return;
    }
    const node = this.#freeNodes.length > 0 ? this.#freeNodes.pop() : this.#nodeLimit++;
    this.#nodes.ensure(node + 1);
    this.#nodes.set(node, HIGH, high);
    this.#nodes.set(node, LOW, low);
    this.#nodes.set(node, COPIES, copies);
    this.#nodes.set(node, 3, heap);
    this.#slots.add(hash, node);
    this.#heaps.insert(heap, node);
  }

  #findNode(hash: number, heap: number, high: number, low: number): number {
    const nodes = this.#nodes;
    for (let node = this.#slots.nextSame(hash, -1); node >= 0; node = this.#slots.nextSame(hash, node)) {
      if (nodes.get(node, HIGH) === high && nodes.get(node, LOW) === low && nodes.get(node, 3) === heap) return node;
    }
    return -1;
  }

  #dropNode(node: number): void {
    this.#slots.remove(pairHash(this.#nodes.get(node, 3), this.#nodes.get(node, HIGH), this.#nodes.get(node, LOW)), node);
    this.#freeNodes.push(node);
  }
}

function readGroups(segments: readonly Int32Array[], groups: Int32Array, count: number, high: Int32Array, low: Int32Array, valid: Uint8Array): number {
  let absent = 0;
  for (let i = 0; i < count; i++) {
    const group = groups[i]!;
    const words = segments[group >> TABLE_BITS]!;
    const at = (group & TABLE_MASK) * GROUP_WORDS;
    const there = words[at + COPIES] === 0 ? 0 : 1;
    high[i] = words[at + HIGH]!;
    low[i] = words[at + LOW]!;
    valid[i] = there;
    absent += 1 - there;
  }
  return absent;
}

function findEntry(list: Int32Array, base: number, count: number, high: number, low: number): number {
  const end = base + count * ENTRY_WORDS;
  for (let entry = base; entry < end; entry += ENTRY_WORDS) if (list[entry + HIGH] === high && list[entry + LOW] === low) return entry;
  return -1;
}

function leastEntry(list: Int32Array, base: number, count: number): number {
  const end = base + count * ENTRY_WORDS;
  let least = base;
  for (let entry = base + ENTRY_WORDS; entry < end; entry += ENTRY_WORDS) {
    const high = list[entry + HIGH]!;
    const leastHigh = list[least + HIGH]!;
    if (high < leastHigh || (high === leastHigh && list[entry + LOW]! < list[least + LOW]!)) least = entry;
  }
  return least;
}

function pairHash(heap: number, high: number, low: number): number {
  let h = Math.imul(heap ^ 0x2545f491, 0x9e3779b1 | 0);
  h = Math.imul(h ^ (h >>> 15) ^ high, 0x9e3779b1 | 0);
  h = Math.imul(h ^ (h >>> 15) ^ low, 0x85ebca6b | 0);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35 | 0);
  return h ^ (h >>> 16);
}
