import assert from 'node:assert/strict';
import test from 'node:test';
import {checkBinding, refusal} from './guard.ts';

test('guard: without a token only the Host names of loopback are answered, with any port', () => {
  for (const host of ['localhost', 'LOCALHOST:1', 'localhost:8080', '127.0.0.1', '127.0.0.1:65535', '[::1]', '[::1]:8080']) assert.equal(refusal(undefined, host, undefined), null, host);
  for (const host of [undefined, '', ':80', 'localhost.', 'localhost:80:80', 'localhost.evil.example', 'evil.example:80', '127.0.0.1.evil.example', '127.0.0.2', '[::1', '::1]', '[::2]:80', '0.0.0.0', 'localhost@evil.example', 'localhost:80@evil.example', 'http://localhost']) {
    assert.equal(refusal(undefined, host, 'Bearer x')?.status, 421, host);
  }
});

test('guard: with a token the whole token is asked for, under any Host', () => {
  const token = 'sésame open';
  assert.equal(refusal(token, 'evil.example', `Bearer ${token}`), null);
  assert.equal(refusal(token, undefined, `bearer  ${token}`), null, 'the scheme has no case (RFC 9110)');
  for (const wrong of [undefined, '', 'Bearer', 'Bearer ', `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`, token, `xBearer ${token}`]) assert.equal(refusal(token, 'localhost', wrong)?.status, 401, wrong);
});

test('guard: an address that others reach needs a token, and an empty one is none', () => {
  for (const host of ['127.0.0.1', 'localhost', '::1', '[::1]']) checkBinding(host, undefined);
  for (const host of ['0.0.0.0', '::', 'warehouse.example', '']) assert.throws(() => checkBinding(host, undefined), {code: 'MR_TOKEN_REQUIRED'}, host);
  checkBinding('0.0.0.0', 'sesame');
  // MILLRACE_TOKEN= in the environment: a server that nobody can speak to.
  for (const host of ['0.0.0.0', '127.0.0.1']) for (const token of ['', ' ']) assert.throws(() => checkBinding(host, token), {code: 'MR_TOKEN_REQUIRED'});
});
