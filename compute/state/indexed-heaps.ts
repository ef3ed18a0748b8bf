/**
 * Many binary heaps of nodes, one a group, from which a node is also removed by its number: each node knows its place. A heap of
 * one node takes no memory of its own, small ones lie in pooled blocks, large ones in chunks; none is ever copied beyond 4,096.
 *
 * Nodes and groups are small non-negative integers of the caller; a node is in at most one heap.
 */
import {invariant} from '../../base/invariant.ts';
import {BLOCK_CLASS_MAX, BlockPool, blockClass} from './block-pool.ts';
import {Int32Table} from './int32-table.ts';

/** Whether node `a` comes before node `b`; the top of a heap is a node before which no other comes. */
export interface NodeOrder {
  before(a: number, b: number): boolean;
}

const CHUNK_BITS = BLOCK_CLASS_MAX;
const CHUNK_NODES = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_NODES - 1;
// words of a group
const SIZE = 0;
const REF = 1; // one node: itself; up to CHUNK_NODES: block; more: index into #large
const CLASS = 2;
const LARGE = 31; // CLASS of a heap in chunks

export class IndexedHeaps {
  readonly #order: NodeOrder;
  readonly #groups = new Int32Table(3);
  readonly #places = new Int32Table(1);
  readonly #pool = new BlockPool();
  readonly #large: Int32Array[][] = [];
  readonly #largeFree: number[] = [];
  // the heap that is worked on: node i is #chunks[i >> CHUNK_BITS][#base + (i & CHUNK_MASK)]
  readonly #single: Int32Array[] = [];
  #chunks: Int32Array[] = this.#single;
  #base = 0;

  constructor(order: NodeOrder) {
    this.#order = order;
  }

  /** @returns nodes of the group. */
  size(group: number): number {
    this.#groups.ensure(group + 1);
    return this.#groups.get(group, SIZE);
  }

  /** @returns the group's first node, −1 if it has none. */
  top(group: number): number {
    const size = this.size(group);
    if (size === 0) return -1;
    if (size === 1 && this.#groups.get(group, CLASS) === 0) return this.#groups.get(group, REF);
    this.#open(group);
    return this.#node(0);
  }

  insert(group: number, node: number): void {
    const size = this.size(group);
    this.#places.ensure(node + 1);
    if (size === 0 && this.#groups.get(group, CLASS) === 0) {
      this.#groups.set(group, REF, node);
      this.#groups.set(group, SIZE, 1);
      this.#places.set(node, 0, 0);
      return;
    }
    this.#makeRoom(group, size);
    this.#groups.set(group, SIZE, size + 1);
    this.#open(group);
    this.#up(size, node);
  }

  /** Takes a node out that is in the group's heap. */
  remove(group: number, node: number): void {
    const size = this.size(group) - 1;
    invariant(size >= 0, () => `node ${node} leaves the empty heap of group ${group}`);
    this.#groups.set(group, SIZE, size);
    if (this.#groups.get(group, CLASS) === 0) {
      invariant(this.#groups.get(group, REF) === node, () => `node ${node} is not in the heap of group ${group}`);
      return;
    }
    this.#open(group);
    const place = this.#places.get(node, 0);
    invariant(place <= size && this.#node(place) === node, () => `node ${node} is not in the heap of group ${group}`);
    const last = this.#node(size);
    if (last !== node) {
      if (place > 0 && this.#order.before(last, this.#node((place - 1) >> 1))) this.#up(place, last);
      else this.#down(place, last, size);
    }
    this.#shrink(group, size);
  }

  /** @returns the nodes of a group, in no order. */
  nodes(group: number): Int32Array {
    const nodes = new Int32Array(this.size(group));
    if (nodes.length === 0) return nodes;
    if (this.#groups.get(group, CLASS) === 0) nodes[0] = this.#groups.get(group, REF);
    else {
      this.#open(group);
      for (let i = 0; i < nodes.length; i++) nodes[i] = this.#node(i);
    }
    return nodes;
  }

  /** Empties a group's heap. */
  clear(group: number): void {
    if (this.size(group) === 0 && this.#groups.get(group, CLASS) === 0) return;
    this.#groups.set(group, SIZE, 0);
    this.#release(group);
  }

  bytes(): number {
    let bytes = this.#groups.bytes() + this.#places.bytes() + this.#pool.bytes();
    for (const chunks of this.#large) bytes += chunks.length * CHUNK_NODES * 4;
    return bytes;
  }

  #node(i: number): number {
    return this.#chunks[i >> CHUNK_BITS]![this.#base + (i & CHUNK_MASK)]!;
  }

  #put(i: number, node: number): void {
    this.#chunks[i >> CHUNK_BITS]![this.#base + (i & CHUNK_MASK)] = node;
    this.#places.set(node, 0, i);
  }

  #open(group: number): void {
    const ref = this.#groups.get(group, REF);
    if (this.#groups.get(group, CLASS) === LARGE) {
      this.#chunks = this.#large[ref]!;
      this.#base = 0;
    } else {
      this.#single[0] = this.#pool.segment(ref);
      this.#chunks = this.#single;
      this.#base = this.#pool.offset(ref);
    }
  }

  #up(from: number, node: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#node(parent);
      if (!this.#order.before(node, above)) break;
      this.#put(at, above);
      at = parent;
    }
    this.#put(at, node);
  }

  #down(from: number, node: number, size: number): void {
    let at = from;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      let below = this.#node(child);
      if (child + 1 < size) {
        const right = this.#node(child + 1);
        if (this.#order.before(right, below)) {
          below = right;
          child++;
        }
      }
      if (!this.#order.before(below, node)) break;
      this.#put(at, below);
      at = child;
    }
    this.#put(at, node);
  }

  /** Makes the heap hold one more than `size` nodes. */
  #makeRoom(group: number, size: number): void {
    const sizeClass = this.#groups.get(group, CLASS);
    if (sizeClass === LARGE) {
      const chunks = this.#large[this.#groups.get(group, REF)]!;
      if (size === chunks.length * CHUNK_NODES) chunks.push(new Int32Array(CHUNK_NODES));
      return;
    }
    if (sizeClass > 0 && size < 1 << sizeClass) return;
    if (size === CHUNK_NODES) {
      const block = this.#groups.get(group, REF);
      const first = this.#pool.segment(block).slice();
      this.#pool.give(block, sizeClass);
      const at = this.#largeFree.pop() ?? this.#large.length;
      this.#large[at] = [first, new Int32Array(CHUNK_NODES)];
      this.#groups.set(group, REF, at);
      this.#groups.set(group, CLASS, LARGE);
    } else this.#move(group, size, Math.max(2, blockClass(size + 1)));
  }

  /** Copies a small heap to a block of another class. */
  #move(group: number, size: number, toClass: number): void {
    const fromClass = this.#groups.get(group, CLASS);
    const from = this.#groups.get(group, REF);
    const to = this.#pool.take(toClass);
    const target = this.#pool.segment(to);
    const targetBase = this.#pool.offset(to);
    if (fromClass === 0) target[targetBase] = from;
    else {
      const source = this.#pool.segment(from);
      const sourceBase = this.#pool.offset(from);
      for (let i = 0; i < size; i++) target[targetBase + i] = source[sourceBase + i]!;
      this.#pool.give(from, fromClass);
    }
    this.#groups.set(group, REF, to);
    this.#groups.set(group, CLASS, toClass);
  }

  #shrink(group: number, size: number): void {
    const sizeClass = this.#groups.get(group, CLASS);
    if (size === 0) this.#release(group);
    else if (sizeClass === LARGE) {
      const chunks = this.#large[this.#groups.get(group, REF)]!;
      while (chunks.length > 2 && size <= (chunks.length - 2) * CHUNK_NODES) chunks.pop(); // one chunk spare
      if (size > CHUNK_NODES / 2) return;
      const to = this.#pool.take(BLOCK_CLASS_MAX);
      this.#pool.segment(to).set(chunks[0]!.subarray(0, size), this.#pool.offset(to));
      this.#release(group);
      this.#groups.set(group, REF, to);
      this.#groups.set(group, CLASS, BLOCK_CLASS_MAX);
    } else if (sizeClass > 2 && size < 1 << (sizeClass - 2)) this.#move(group, size, sizeClass - 1);
  }

  /** Gives the memory of a heap back. */
  #release(group: number): void {
    const sizeClass = this.#groups.get(group, CLASS);
    const ref = this.#groups.get(group, REF);
    if (sizeClass === LARGE) {
      this.#large[ref] = [];
      this.#largeFree.push(ref);
    } else if (sizeClass > 0) this.#pool.give(ref, sizeClass);
    this.#groups.set(group, CLASS, 0);
  }
}
