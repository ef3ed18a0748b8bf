/**
 * Lists of epochs, each with a number that rises with them: the sequence number of the epoch's first change of a table (what lets a
 * changelog file be cut at any epoch), or when it was sealed. By column, since a busy table has hundreds of thousands of epochs between two
 * checkpoints. Delta-coded as [epoch, number, Δepoch, Δnumber, …].
 */
import {epoch as toEpoch, type Epoch} from '../../base/epoch.ts';
import {invariant} from '../../base/invariant.ts';

/** Both rise; of one length. */
export interface EpochNumbers {
  readonly epochs: Float64Array;
  readonly numbers: Float64Array;
}

/** Entries that are coded at once: some tenths of a ms. */
const sliceEntries = 256;
const capacityMin = 16;

export const noEpochs: EpochNumbers = {epochs: new Float64Array(0), numbers: new Float64Array(0)};

/** @returns entries [start, end), as a view. */
export function epochsBetween({epochs, numbers}: EpochNumbers, start: number, end?: number): EpochNumbers {
  return {epochs: epochs.subarray(start, end), numbers: numbers.subarray(start, end)};
}

/** @returns the index of the first value above `limit`, of values that rise; their count if there is none. */
function firstAbove(values: Float64Array, limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** @returns the index of the first entry of an epoch after `at`. */
export function indexAfter({epochs}: EpochNumbers, at: Epoch): number {
  return firstAbove(epochs, at);
}

/** @returns the number of the first epoch after `at`; undefined when there is none. */
export function numberAfter(list: EpochNumbers, at: Epoch): number | undefined {
  return list.numbers[indexAfter(list, at)];
}

/** @returns the index of the first entry whose number is above `limit`. */
export function indexAboveNumber({numbers}: EpochNumbers, limit: number): number {
  return firstAbove(numbers, limit);
}

/** Epochs as they come, in order. */
export class GrowingEpochNumbers {
  #epochs = new Float64Array(capacityMin);
  #numbers = new Float64Array(capacityMin);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The number of the oldest entry; undefined where there is none. */
  get firstNumber(): number | undefined {
    return this.#length === 0 ? undefined : this.#numbers[0];
  }

  push(epoch: Epoch, number: number): void {
    if (this.#length === this.#epochs.length) this.#resize(2 * this.#length, 0);
    this.#epochs[this.#length] = epoch;
    this.#numbers[this.#length++] = number;
  }

  /** @returns what it holds, as a view: valid until something is dropped. */
  view(): EpochNumbers {
    return {epochs: this.#epochs.subarray(0, this.#length), numbers: this.#numbers.subarray(0, this.#length)};
  }

  /** @returns the entries up to an epoch, in arrays of their own. */
  through(at: Epoch): EpochNumbers {
    const end = indexAfter(this.view(), at);
    return {epochs: this.#epochs.slice(0, end), numbers: this.#numbers.slice(0, end)};
  }

  /** Forgets the entries up to an epoch. @returns the number of the last one that went. */
  dropThrough(at: Epoch): number | undefined {
    const from = indexAfter(this.view(), at);
    const last = from === 0 ? undefined : this.#numbers[from - 1]!;
    if (from > 0) this.#resize(Math.max(capacityMin, this.#length - from), from);
    return last;
  }

  #resize(capacity: number, from: number): void {
    const [epochs, numbers] = [new Float64Array(capacity), new Float64Array(capacity)];
    epochs.set(this.#epochs.subarray(from, this.#length));
    numbers.set(this.#numbers.subarray(from, this.#length));
    [this.#epochs, this.#numbers] = [epochs, numbers];
    this.#length -= from;
  }
}

/** @returns the code of a whole list as JSON without its brackets, piece by piece: a list may be long. */
export function* codedText(list: EpochNumbers): Generator<string> {
  for (let at = 0; at < list.epochs.length; at += sliceEntries) {
    yield `${at === 0 ? '' : ','}${encodeEpochNumbers(list, at, Math.min(at + sliceEntries, list.epochs.length)).join(',')}`;
  }
}

/** @returns the code of entries [start, end), the first as it follows the one before it. */
export function encodeEpochNumbers({epochs, numbers}: EpochNumbers, start = 0, end = epochs.length): number[] {
  const coded: number[] = [];
  const least = (i: number): number => (i === 0 ? 0 : 1);
  for (let i = start; i < end; i++) {
    const [epoch, number] = [epochs[i]!, numbers[i]!];
    const [byEpoch, byNumber] = i === 0 ? [epoch, number] : [epoch - epochs[i - 1]!, number - numbers[i - 1]!];
    invariant(byEpoch >= least(i) && byNumber >= least(i) && Number.isSafeInteger(epoch) && Number.isSafeInteger(number), () => `epoch ${epoch} with ${number} after epoch ${epochs[i - 1]} with ${numbers[i - 1]}`);
    coded.push(byEpoch, byNumber);
  }
  return coded;
}

/** @returns the list, or what is wrong with `coded`. */
export function decodeEpochNumbers(coded: readonly unknown[]): EpochNumbers | string {
  if (coded.length % 2 !== 0) return `${coded.length} numbers`;
  const epochs = new Float64Array(coded.length / 2);
  const numbers = new Float64Array(coded.length / 2);
  let at = 0;
  let number = 0;
  for (let i = 0; i < coded.length; i += 2) {
    const [byEpoch, byNumber] = [coded[i], coded[i + 1]];
    const least = i === 0 ? 0 : 1;
    for (const step of [byEpoch, byNumber]) if (typeof step !== 'number' || !Number.isSafeInteger(step) || step < least) return `step ${JSON.stringify(step)} at ${i}`;
    at += byEpoch as number;
    number += byNumber as number;
    if (!Number.isSafeInteger(at) || !Number.isSafeInteger(number)) return `step at ${i} beyond 2^53`;
    epochs[i / 2] = toEpoch(at);
    numbers[i / 2] = number;
  }
  return {epochs, numbers};
}
