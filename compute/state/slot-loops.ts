/** The loops over a partition of a slot table that is in memory (slot-table.ts says what a slot is). */

let sink = 0;

/** @returns the last value of the touching loops, which keeps their loads alive. */
export function touched(): number {
  return sink;
}

/** Loads the home slot of each hash, so that cache misses overlap. */
export function touchSlots(parts: readonly Int32Array[], shift: number, partitionMask: number, hash: Int32Array, count: number): void {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const h = hash[i]!;
    const slots = parts[(h >>> shift) & partitionMask]!;
    sum ^= slots[(h << 1) & (slots.length - 2)]!;
  }
  sink = sum;
}

/** Writes the first row whose slot holds the hash, −1 if none. */
export function firstRows(parts: readonly Int32Array[], shift: number, partitionMask: number, hash: Int32Array, count: number, outRows: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const h = hash[i]!;
    const slots = parts[(h >>> shift) & partitionMask]!;
    const wrap = slots.length - 2;
    let at = (h << 1) & wrap;
    let row = slots[at + 1]!;
    while (row !== 0 && slots[at] !== h) {
      at = (at + 2) & wrap;
      row = slots[at + 1]!;
    }
    outRows[i] = row - 1;
  }
}

/** Puts a slot into the first empty place; there is one. */
export function place(slots: Int32Array, hash: number, rowWord: number): void {
  const wrap = slots.length - 2;
  let at = (hash << 1) & wrap;
  while (slots[at + 1] !== 0) at = (at + 2) & wrap;
  slots[at] = hash;
  slots[at + 1] = rowWord;
}

/** @returns the place of the slot (hash, row), −1 if there is none. */
export function locate(slots: Int32Array, hash: number, row: number): number {
  const wrap = slots.length - 2;
  let at = (hash << 1) & wrap;
  for (let word = slots[at + 1]!; word !== 0; word = slots[at + 1]!) {
    if (word === row + 1) return at;
    at = (at + 2) & wrap;
  }
  return -1;
}

/** @returns the next row with this hash after `row` in probe order, −1 if none; `row` = −1 starts. */
export function nextSame(slots: Int32Array, hash: number, row: number): number {
  const wrap = slots.length - 2;
  let at = (hash << 1) & wrap;
  let passed = row < 0;
  for (let word = slots[at + 1]!; word !== 0; word = slots[at + 1]!) {
    if (slots[at] === hash) {
      if (passed) return word - 1;
      if (word === row + 1) passed = true;
    }
    at = (at + 2) & wrap;
  }
  return -1;
}

/** Empties a slot, and moves those behind it that can be nearer to their home. */
export function removeAt(slots: Int32Array, place: number): void {
  const wrap = slots.length - 2;
  let hole = place;
  let at = place;
  for (;;) {
    at = (at + 2) & wrap;
    if (slots[at + 1] === 0) break;
    const home = (slots[at]! << 1) & wrap;
    // an entry may move into the hole unless its home lies after the hole (cyclically)
    if (((at - home) & wrap) < ((at - hole) & wrap)) continue;
    slots[hole] = slots[at]!;
    slots[hole + 1] = slots[at + 1]!;
    hole = at;
  }
  slots[hole] = 0;
  slots[hole + 1] = 0;
}
