import assert from 'node:assert/strict';
import type { CaStatus } from '@touchstone/schemas';
import { keysNoticeOf } from '../keys.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const after = (days: number) => new Date(NOW + days * 86_400_000).toISOString();

type Issuer = CaStatus['issuers'][number];

const hosts = (...names: string[]): Issuer['hosts'] => ({
  ...{ count: names.length, away: 0 },
  named: names.map((name) => ({
    ...{ name, ekRef: 'ab'.repeat(32), state: 'trusted', away: false, lastSeen: null },
  })),
});

const issuer = (state: Issuer['state'], held: Issuer['hosts'], endsIn = 700): Issuer => ({
  ...{ keyId: 'cd'.repeat(20), subject: 'CN=a', state, reason: null, hosts: held },
  ...{ notBefore: after(-30), notAfter: after(endsIn), vms: { count: 0, named: [] } },
});

const status = (issuers: Issuer[], anchorEndsIn = 3_000): CaStatus => ({
  ...{ epoch: 1, issuers, hosts: 3 },
  anchors: [
    {
      ...{ subject: 'CN=root', fingerprint: 'ef'.repeat(32) },
      ...{ notBefore: after(-30), notAfter: after(anchorEndsIn) },
    },
  ],
  trustBundle: {
    ...{ epoch: 1, notAfter: after(300), hostsThere: 3, hostsBehind: 0 },
    withoutAnchors: hosts(),
  },
});

describe("The fleet page, of the CA's keys", () => {
  it('says nothing while there is one key that lasts', () => {
    assert.equal(keysNoticeOf(status([issuer('active', hosts('mia', 'noah'))]), NOW), null);
    const retired = [issuer('active', hosts('mia')), issuer('refused', hosts())];
    assert.equal(keysNoticeOf(status(retired), NOW), null);
  });

  it('reminds of the key that ends first, thirty days before', () => {
    const [soon, late] = [issuer('active', hosts('mia'), 20), issuer('active', hosts('mia'), 40)];
    assert.deepEqual(keysNoticeOf(status([soon]), NOW), { kind: 'ending', at: after(20) });
    assert.equal(keysNoticeOf(status([late]), NOW), null);
    assert.deepEqual(keysNoticeOf(status([late], 10), NOW), { kind: 'ending', at: after(10) });
  });

  it('names the hosts that have to follow while keys change', () => {
    const changing = [issuer('active', hosts('mia')), issuer('verify-only', hosts('noah', 'ida'))];
    assert.deepEqual(keysNoticeOf(status(changing), NOW), {
      ...{ kind: 'changing', moved: 1, of: 3 },
      ...{ behind: ['noah', 'ida'], behindCount: 2, refused: [], refusedCount: 0 },
    });
  });

  it('names the hosts that are not trusted because a key is refused', () => {
    const stolen = [issuer('active', hosts('mia')), issuer('refused', hosts('noah'))];
    assert.deepEqual(keysNoticeOf(status(stolen), NOW), {
      ...{ kind: 'changing', moved: 1, of: 3 },
      ...{ behind: [], behindCount: 0, refused: ['noah'], refusedCount: 1 },
    });
  });
});
