import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { qualifyingDataOf } from '../index.ts';

const sha256 = (...parts: Uint8Array[]) =>
  createHash('sha256').update(Buffer.concat(parts)).digest('hex');

describe('qualifyingDataOf', () => {
  const challenge = Buffer.from('challenge');
  const statement = Buffer.from('{}');

  it('hashes purpose, length, challenge and the hash of the statement', () => {
    const inner = Buffer.from(sha256(statement), 'hex');
    const domain = Buffer.from('touchstone/attest/1\0');
    const expected = sha256(domain, Uint8Array.of(0, 9), challenge, inner);
    const actual = qualifyingDataOf('attest', challenge, statement);
    assert.equal(Buffer.from(actual).toString('hex'), expected);
  });

  it('differs for each purpose, challenge and statement', () => {
    const all = [
      qualifyingDataOf('attest', challenge, statement),
      qualifyingDataOf('permit', challenge, statement),
      qualifyingDataOf('prove', challenge, statement),
      qualifyingDataOf('attest', new Uint8Array(), statement),
      qualifyingDataOf('attest', challenge, Buffer.from('{} ')),
    ].map((bytes) => Buffer.from(bytes).toString('hex'));
    assert.equal(new Set(all).size, all.length);
  });

  it('refuses a challenge whose length does not fit', () => {
    assert.throws(() => qualifyingDataOf('attest', new Uint8Array(65_536), statement), RangeError);
  });
});
