/**
 * The numbers of groups, row-major: `stride` doubles a group, in segments of 64 K groups, so that one group's accumulators share
 * cache lines and growth copies nothing but the first small segment. Fresh slots are 0, which is every accumulator's empty state.
 */
export const GROUP_BITS = 16;
export const GROUP_MASK = (1 << GROUP_BITS) - 1;
const firstGroups = 64;

export class GroupSlots {
  readonly stride: number;
  /** Replaced by growth: look them up per call. */
  readonly segments: Float64Array[] = [];
  #capacity = 0;

  constructor(stride: number) { this.stride = stride; }

  /** Makes groups below `limit` addressable. */
  reserve(limit: number): void {
    while (this.#capacity < limit) {
      const index = this.#capacity >> GROUP_BITS;
      const held = this.#capacity & GROUP_MASK;
      const groups = index > 0 ? GROUP_MASK + 1 : Math.min(GROUP_MASK + 1, Math.max(firstGroups, held * 2, limit));
      const segment = new Float64Array(groups * this.stride);
      const before = this.segments[index];
      if (before !== undefined) segment.set(before);
      this.segments[index] = segment;
      this.#capacity = (index << GROUP_BITS) + groups;
    }
  }

  /** Makes one group empty again. */
  clear(group: number): void {
    const start = (group & GROUP_MASK) * this.stride;
    this.segments[group >> GROUP_BITS]!.fill(0, start, start + this.stride);
  }

  bytes(): number { return this.#capacity * this.stride * 8; }
}

/** Adds weights to a counter of each row's group; `valid` leaves NULLs out. */
export function addCounts(segments: readonly Float64Array[], stride: number, slot: number, groups: Int32Array, weights: Int32Array, valid: Uint8Array | null, count: number): void {
  for (let i = 0; i < count; i++) {
    if (valid !== null && valid[i] === 0) continue;
    const group = groups[i]!;
    segments[group >> GROUP_BITS]![(group & GROUP_MASK) * stride + slot]! += weights[i]!;
  }
}

/** Adds weights of rows whose flag is `wanted` to a counter of each row's group. */
export function addFlagCounts(segments: readonly Float64Array[], stride: number, slot: number, groups: Int32Array, weights: Int32Array, flags: Int32Array, valid: Uint8Array | null, wanted: number, count: number): void {
  for (let i = 0; i < count; i++) {
    if ((valid !== null && valid[i] === 0) || flags[i] !== wanted) continue;
    const group = groups[i]!;
    segments[group >> GROUP_BITS]![(group & GROUP_MASK) * stride + slot]! += weights[i]!;
  }
}

/** Reads one slot of each group. @returns the largest |value|. */
export function readSlots(segments: readonly Float64Array[], stride: number, slot: number, groups: Int32Array, count: number, to: Float64Array): number {
  let bound = 0;
  for (let i = 0; i < count; i++) {
    const group = groups[i]!;
    const value = segments[group >> GROUP_BITS]![(group & GROUP_MASK) * stride + slot]!;
    to[i] = value;
    const size = value < 0 ? -value : value;
    if (size > bound) bound = size;
  }
  return bound;
}
