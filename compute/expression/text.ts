/** Loops over the bytes of texts that generated code calls. All arguments are plain Uint8Arrays, so that every loop sees one array type. */

export const emptyBytes = new Uint8Array(1);

/** @returns whether `length` bytes are the same. */
export function equalBytes(left: Uint8Array, leftStart: number, right: Uint8Array, rightStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (left[leftStart + i] !== right[rightStart + i]) return false;
  return true;
}

/** @returns less than, equal to or greater than 0 as the left text is before, the same as or after the right one by bytes. */
export function compareBytes(left: Uint8Array, leftStart: number, leftLength: number, right: Uint8Array, rightStart: number, rightLength: number): number {
  const shared = leftLength < rightLength ? leftLength : rightLength;
  for (let i = 0; i < shared; i++) {
    const difference = left[leftStart + i]! - right[rightStart + i]!;
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}
