/** The rows of W3 and C1: an INT key and 20 texts of 10 characters, 60 random bits each, which hardly compress. */
import {Arena} from '../base/arena.ts';
import type {Column} from '../base/delta.ts';
import type {Numbers} from './orders.ts';

export const wideColumns = 20;
export const wideTable = `CREATE TABLE wide (k INTEGER PRIMARY KEY, ${Array.from({length: wideColumns}, (_, index) => `c${index} VARCHAR`).join(', ')})`;

const alphabet = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const textBytes = 10;

/** @returns the columns of rows with these keys, with fresh texts. */
export function wideRows(numbers: Numbers, keys: Int32Array): Column[] {
  const rowCount = keys.length;
  const texts = Array.from({length: wideColumns}, (): Column => {
    const bytes = new Uint8Array(rowCount * textBytes);
    for (let at = 0; at < bytes.length; at += 5) {
      let bits = numbers.below(0x4000_0000);
      for (let i = 0; i < 5; i++) {
        bytes[at + i] = alphabet[bits & 63]!;
        bits >>>= 6;
      }
    }
    const address = new Float64Array(rowCount);
    for (let i = 0; i < rowCount; i++) address[i] = i * textBytes;
    return {kind: 'bytes', arena: Arena.wrap(bytes), address, length: new Int32Array(rowCount).fill(textBytes), valid: null};
  });
  return [{kind: 'i32', data: keys, valid: null}, ...texts];
}

/** @returns 0 … count − 1 in random order. */
export function shuffledKeys(numbers: Numbers, count: number): Int32Array {
  const keys = Int32Array.from({length: count}, (_, index) => index);
  for (let i = count - 1; i > 0; i--) {
    const j = numbers.below(i + 1);
    const swap = keys[i]!;
    keys[i] = keys[j]!;
    keys[j] = swap;
  }
  return keys;
}
