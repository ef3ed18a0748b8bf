/**
 * The 32 bytes that begin a frame. They have a checksum of their own, so that a length is believed before anything is read by it,
 * and so that the log can mark a frame as the continuation of an append without touching the frame's other bytes.
 *
 * ```
 *  0  magic "MRFR"     4  u16 version 1   6  u16 flags
 *  8  u64 epoch       16  u32 length of the frame, preamble included, a multiple of 8
 * 20  u32 length of the header's text
 * 24  u32 crc32 of bytes [32, length)     28  u32 crc32 of bytes [0, 28)
 * ```
 */
import {crc32} from 'node:zlib';
import {epoch} from '../../base/epoch.ts';
import type {Epoch} from '../../base/epoch.ts';
import {invariant} from '../../base/invariant.ts';

export const preambleBytes = 32;
/** "MRFR" read as a little-endian word. */
export const frameMagic = 0x5246_524d;
export const frameVersion = 1;
/** Largest frame, preamble included. Above `inlineBytesMax` rows go by reference, so only very many tables come near it. */
export const frameBytesMax = 1 << 29;

/** Set on every frame but the first of one append. Such a frame proves nothing about the durability of the one before it. */
export const flagContinues = 1;

/** A preamble whose own checksum is right. */
export interface Preamble {
  readonly version: number;
  readonly flags: number;
  readonly epoch: Epoch;
  readonly frameBytes: number;
  readonly headerBytes: number;
  readonly bodyCrc: number;
}

/** Writes a preamble to `bytes` [0, 32); the body must be there already if `bodyCrc` is to be its checksum. */
export function writePreamble(bytes: Uint8Array, of: Omit<Preamble, 'version'>): void {
  invariant(of.frameBytes % 8 === 0 && of.frameBytes <= frameBytesMax, () => `a frame of ${of.frameBytes} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, preambleBytes);
  view.setUint32(0, frameMagic, true);
  view.setUint16(4, frameVersion, true);
  view.setUint16(6, of.flags, true);
  view.setUint32(8, of.epoch % 4_294_967_296, true);
  view.setUint32(12, Math.floor(of.epoch / 4_294_967_296), true);
  view.setUint32(16, of.frameBytes, true);
  view.setUint32(20, of.headerBytes, true);
  view.setUint32(24, of.bodyCrc, true);
  view.setUint32(28, crc32(bytes.subarray(0, 28)), true);
}

/** @returns the preamble at `at`, or undefined where none stands: too few bytes, no magic, a wrong checksum, an impossible value. */
export function readPreamble(bytes: Uint8Array, at: number): Preamble | undefined {
  if (at + preambleBytes > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, preambleBytes);
  if (view.getUint32(0, true) !== frameMagic) return undefined;
  if (view.getUint32(28, true) !== crc32(bytes.subarray(at, at + 28))) return undefined;
  const high = view.getUint32(12, true);
  const frameBytes = view.getUint32(16, true);
  const headerBytes = view.getUint32(20, true);
  if (high >= 1 << 21 || frameBytes > frameBytesMax || frameBytes % 8 !== 0 || preambleBytes + headerBytes > frameBytes) return undefined;
  return {
    version: view.getUint16(4, true), flags: view.getUint16(6, true), epoch: epoch(high * 4_294_967_296 + view.getUint32(8, true)),
    frameBytes, headerBytes, bodyCrc: view.getUint32(24, true),
  };
}

/** @returns whether the frame's bytes after the preamble are what was written. @param frame exactly one frame. */
export function bodyIntact(frame: Uint8Array, preamble: Preamble): boolean {
  return crc32(frame.subarray(preambleBytes, preamble.frameBytes)) === preamble.bodyCrc;
}
