import assert from 'node:assert/strict';
import type { Context } from 'koa';
import { clientAddress } from '../client-address.ts';

const from = (remoteAddress: string | undefined) =>
  clientAddress({ req: { socket: { remoteAddress } } } as unknown as Context);

describe('the address that bounds count by', () => {
  for (const [given, counted] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    [undefined, 'unix'],
  ] as const) {
    it(`is ${counted} for ${given ?? 'a unix socket'}`, () => assert.equal(from(given), counted));
  }

  it('is one for all addresses of a network of IPv6', () => {
    assert.equal(from('2001:db8:1:2::1'), from('2001:db8:1:2:ffff::1'));
    assert.notEqual(from('2001:db8:1:2::1'), from('2001:db8:1:3::1'));
  });
});
