/** Small selections: values of some rows, rows by their weights. */

/** @returns the values at rows [0, count). */
export function pickI32(from: Int32Array, rows: Int32Array, count: number): Int32Array {
  const to = new Int32Array(count);
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

/** @returns the values at rows [0, count). */
export function pickU8(from: Uint8Array, rows: Int32Array, count: number): Uint8Array {
  const to = new Uint8Array(count);
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

/** @returns the sum of the weights above 0. */
export function comingRows(weights: Int32Array, count: number): number {
  let coming = 0;
  for (let i = 0; i < count; i++) if (weights[i]! > 0) coming += weights[i]!;
  return coming;
}

/** @returns each row as often as its weight says; `total` is the sum of the weights. */
export function repeat(weights: Int32Array, count: number, total: number): Int32Array {
  const to = new Int32Array(total);
  let at = 0;
  for (let i = 0; i < count; i++) for (let left = weights[i]!; left > 0; left--) to[at++] = i;
  return to;
}
