import assert from 'node:assert/strict';
import { hash, kdfe } from '@touchstone/tpm';
import { hex } from './corpus.ts';

describe('KDFe', () => {
  const z = new Uint8Array(32).fill(1);
  const [partyUInfo, partyVInfo] = [new Uint8Array(32).fill(2), new Uint8Array(32).fill(3)];
  const input = { hash: 'sha256', z, label: 'IDENTITY', partyUInfo, partyVInfo } as const;
  const block = (counter: number) =>
    hash(
      'sha256',
      Buffer.of(0, 0, 0, counter),
      z,
      Buffer.from('IDENTITY\0'),
      partyUInfo,
      partyVInfo,
    );

  it('is H(counter || Z || label NUL || U || V), block by block', () => {
    assert.equal(hex(kdfe({ ...input, bits: 256 })), hex(block(1)));
    const longer = hex(block(1)) + hex(block(2));
    assert.equal(hex(kdfe({ ...input, bits: 384 })), longer.slice(0, 96));
  });

  it('clears the first byte’s surplus bits', () => {
    const whole = kdfe({ ...input, bits: 528 });
    const cut = kdfe({ ...input, bits: 521 });
    assert.equal(cut.length, 66);
    assert.equal(cut[0], (whole[0] ?? 0) & 1);
    assert.equal(hex(cut.subarray(1)), hex(whole.subarray(1)));
  });

  it('refuses a length that is none', () => {
    for (const bits of [0, -1, 1.5, NaN, 65536]) {
      assert.throws(() => kdfe({ ...input, bits }), RangeError);
    }
  });
});
