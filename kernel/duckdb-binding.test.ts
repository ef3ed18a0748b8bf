/** What columns-in and columns-out take for granted of the native package: to be read first when its version changes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {VECTOR_ROWS, binding, type Vector} from './duckdb-binding.ts';

const chunkOf = (type: number): Vector => {
  const chunk = binding.create_data_chunk([binding.create_logical_type(type)]);
  kept.push(chunk);
  return binding.data_chunk_get_vector(chunk, 0);
};
const kept: unknown[] = []; // vectors live as long as their chunks

test('binding: what is read of a vector is a copy, and copying in is what writes', () => {
  const vector = chunkOf(binding.Type.BIGINT);
  const ones = new Uint8Array(16).fill(1);
  binding.copy_data_to_vector(vector, 0, ones.buffer, 0, 16);
  const first = binding.vector_get_data(vector, 16);
  assert.deepEqual([...first], [...ones]);
  first.fill(2);
  assert.deepEqual([...binding.vector_get_data(vector, 16)], [...ones]);
  assert.equal(first.byteOffset % 8, 0);
  assert.equal(binding.vector_get_validity(vector, 8), null);
  binding.vector_ensure_validity_writable(vector);
  const bits = binding.vector_get_validity(vector, 8);
  bits.fill(0);
  assert.deepEqual([...binding.vector_get_validity(vector, 8)], Array.from({length: 8}, () => 255));
});

test('binding: a string given to a vector is copied to memory that the vector keeps', () => {
  for (const type of [binding.Type.VARCHAR, binding.Type.BLOB]) {
    const vector = chunkOf(type);
    const text = Buffer.from('a text of more than twelve bytes');
    binding.vector_assign_string_element_len(vector, 0, text);
    const entry = binding.vector_get_data(vector, 16);
    const view = new DataView(entry.buffer, entry.byteOffset, 16);
    assert.equal(view.getUint32(0, true), text.length);
    assert.equal(Buffer.from(entry.subarray(4, 8)).toString(), 'a te');
    const expected = text.toString();
    text.fill(0);
    const pointer = new BigUint64Array([view.getBigUint64(8, true)]);
    const read = binding.get_data_from_pointer(pointer.buffer, 0, text.length);
    assert.equal(Buffer.from(read).toString(), expected);
    read.fill(0);
    assert.equal(Buffer.from(binding.get_data_from_pointer(pointer.buffer, 0, text.length)).toString(), expected);
  }
});

test('binding: bytes that are not UTF-8 become NULL in a VARCHAR vector and stay in a BLOB vector', () => {
  const bytes = new Uint8Array(20).fill(0xff);
  const lengthIn = (vector: Vector): number => {
    binding.vector_assign_string_element_len(vector, 0, bytes);
    const entry = binding.vector_get_data(vector, 16);
    return new DataView(entry.buffer, entry.byteOffset, 16).getUint32(0, true);
  };
  assert.equal(lengthIn(chunkOf(binding.Type.BLOB)), 20);
  assert.notEqual(lengthIn(chunkOf(binding.Type.VARCHAR)), 20);
});

test('binding: the version and the vector size are those this code was checked with', () => {
  assert.equal(VECTOR_ROWS, 2048);
  assert.equal(binding.library_version(), 'v1.5.5');
});
