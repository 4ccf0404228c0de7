import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { parseRevocationList } from '@touchstone/endorsement';
import type { CrlIndex } from '@touchstone/schemas';
import { type ByteClient, ProblemError } from '@touchstone/transport';
import { revocationFor, revocationLists } from '../services/revocation-lists.ts';
import { watchRevocation } from '../services/watch-revocation.ts';
import { CA, ISSUER, NEXT_CA } from './support/made-authority.ts';
import { useFleet } from './support/made-fleet.ts';
import { makeList, type MadeList } from './support/made-lists.ts';

const DAY_MS = 86_400_000;
const KEY = `${ISSUER.keyId}/1`;
const away = () => Promise.reject(new Error('away'));
const notFound = () =>
  Promise.reject(
    new ProblemError({ type: 'about:blank', title: 'No', status: 404, code: 'NOT_FOUND' }),
  );

describe('The revocation lists of the CA', () => {
  const fleet = useFleet();
  beforeEach(() =>
    fleet.verifier.asAdministrator(
      'DELETE FROM revocation_lists; DELETE FROM revocation_index; DELETE FROM alerts',
    ),
  );

  /** A CA that gives what a test puts there, by path. */
  function madeCa() {
    const given = new Map<string, Uint8Array>();
    const asked: string[] = [];
    let index: () => Promise<CrlIndex> = () =>
      Promise.resolve({
        schema: 'touchstone/crl-index/1',
        lists: [...given].map(([key, der]) => {
          const [issuerKeyId = '', partition = ''] = key.split('/');
          const sha256 = createHash('sha256').update(der).digest('hex');
          return { issuerKeyId, partition: Number(partition), url: null, number: '1', sha256 };
        }),
      });
    const client: ByteClient = {
      request: () => index() as never,
      bytes: ({ path }) => {
        asked.push(path);
        return Promise.resolve(given.get(path.slice('/v1/crls/'.length)) ?? new Uint8Array());
      },
      close: async () => {},
    };
    return {
      ...{ client, asked },
      give: (made: MadeList, key = `${ISSUER.keyId}/${made.partition ?? 1}`) =>
        void given.set(key, makeList(made)),
      giveBytes: (der: Uint8Array) => void given.set(KEY, der),
      answer: (otherwise: typeof index) => {
        index = otherwise;
      },
    };
  }
  const newLists = (ca: ReturnType<typeof madeCa>) => {
    const { database, issuers, clock } = fleet.verifier;
    const parts = { database, issuers, now: clock.now, graceSeconds: 60 };
    return revocationLists({ ca: ca.client, ...parts });
  };
  const numberIn = (lists: ReturnType<typeof newLists>, key = KEY) =>
    lists.known()?.lists.get(key)?.number;

  it('are not known before the CA has answered: CRLS_UNKNOWN', async () => {
    const ca = madeCa();
    ca.answer(away);
    const lists = newLists(ca);
    assert.throws(() => lists.known(), { code: 'CRLS_UNKNOWN' });
    await assert.rejects(lists.poll(), { message: 'away' });
    assert.throws(() => lists.known(), { code: 'CRLS_UNKNOWN' });
  });

  it('are none of a CA of before there were any, and needed from when it gave the first', async () => {
    const ca = madeCa();
    const lists = newLists(ca);
    ca.answer(notFound);
    await lists.poll();
    assert.equal(lists.known(), undefined);
    const later = madeCa();
    later.give({});
    await newLists(later).poll();
    const upgraded = newLists(ca);
    await assert.rejects(upgraded.poll(), { code: 'CRL_NOT_FETCHED' });
    assert.equal(numberIn(upgraded), 1n);
  });

  it('are fetched when they are other ones, and not else', async () => {
    const ca = madeCa();
    const lists = newLists(ca);
    ca.give({});
    await lists.poll();
    await lists.poll();
    assert.deepEqual(ca.asked, [`/v1/crls/${KEY}`]);
    ca.give({ number: 2, revoked: [{ serial: '0a' }] });
    ca.give({ partition: 2 });
    await lists.poll();
    assert.equal(ca.asked.length, 3);
    assert.equal(lists.known()?.lists.get(KEY)?.revoked.size, 1);
    assert.equal(numberIn(lists, `${ISSUER.keyId}/2`), 1n);
  });

  const revoked = [{ serial: '0a', at: new Date() }];
  const tampered = () => {
    const der = Buffer.from(makeList({ number: 9, revoked: [{ serial: '414243' }] }));
    der[der.indexOf('414243', 'hex') + 2] = 0x44;
    return der;
  };
  const refused: { given: string; der: () => Uint8Array; code: string }[] = [
    { given: 'one that is changed', der: tampered, code: 'CRL_SIGNATURE_INVALID' },
    { given: 'an older one', der: () => makeList({ number: 4, revoked }), code: 'CRL_OLDER' },
    {
      given: 'another of the same number',
      der: () => makeList({ number: 5, revoked: [...revoked, { serial: '0b' }] }),
      code: 'CRL_OLDER',
    },
    {
      given: 'one that takes a revocation back',
      der: () => makeList({ number: 6 }),
      code: 'CRL_OLDER',
    },
    {
      given: "another partition's",
      der: () => makeList({ number: 6, partition: 2, revoked }),
      code: 'CRL_OTHER_PLACE',
    },
    {
      given: 'that of those which name none',
      der: () => makeList({ number: 6, partition: 0, revoked }),
      code: 'CRL_OTHER_PLACE',
    },
    {
      given: 'that of the same place under another URL',
      der: () => makeList({ number: 6, at: 'https://elsewhere.test', revoked }),
      code: 'CRL_OTHER_PLACE',
    },
    {
      given: "another issuer's",
      der: () => makeList({ number: 6, by: NEXT_CA, revoked }),
      code: 'CRL_OTHER_PLACE',
    },
    {
      given: 'one that another key signed',
      der: () => makeList({ number: 6, revoked, by: { ...CA, privateKey: NEXT_CA.privateKey } }),
      code: 'CRL_SIGNATURE_INVALID',
    },
    {
      given: 'one of tomorrow',
      der: () => makeList({ number: 6, revoked, thisUpdate: new Date(Date.now() + DAY_MS) }),
      code: 'CRL_NOT_YET_VALID',
    },
    { given: 'what is none', der: () => Buffer.from('no list'), code: 'CRL_PROFILE' },
  ];
  for (const { given, der, code } of refused) {
    it(`keep the last good one, and people are told, where the CA gives ${given}: ${code}`, async () => {
      const ca = madeCa();
      const lists = newLists(ca);
      ca.give({ number: 5, revoked });
      await lists.poll();
      ca.giveBytes(der());
      const failure: unknown = await lists.poll().catch((error: unknown) => error);
      assert.equal((failure as { code?: unknown }).code, code);
      assert.equal(numberIn(lists), 5n);
      const told = watchRevocation(fleet.verifier);
      for (let times = 0; times < 3; times += 1) await told(failure);
      assert.equal(await fleet.alerts(code, "the CA's revocation lists"), 1);
    });
  }

  it('let an entry go whose certificate has surely ended', async () => {
    const ca = madeCa();
    const lists = newLists(ca);
    ca.give({ number: 5, revoked: [{ serial: '0a', at: new Date(Date.now() - 9 * DAY_MS) }] });
    await lists.poll();
    ca.give({ number: 6 });
    await lists.poll();
    assert.equal(numberIn(lists), 6n);
  });

  it('fetch all that can be had, whatever is wrong with one', async () => {
    const ca = madeCa();
    const lists = newLists(ca);
    ca.giveBytes(Buffer.from('no list'));
    ca.give({ partition: 2 });
    await assert.rejects(lists.poll(), { code: 'CRL_PROFILE' });
    assert.equal(numberIn(lists, `${ISSUER.keyId}/2`), 1n);
  });

  it('outlive a restart with the CA away, and are what another replica was given', async () => {
    const ca = madeCa();
    const [one, other] = [newLists(ca), newLists(ca)];
    ca.give({ number: 5 });
    await one.poll();
    await other.poll();
    ca.give({ number: 6 });
    await one.poll();
    ca.answer(away);
    for (const lists of [other, newLists(ca)]) {
      await assert.rejects(lists.poll(), { message: 'away' });
      assert.equal(numberIn(lists), 6n);
    }
  });

  it('are asked for at once for a place that is not known, once for all who wait', async () => {
    const ca = madeCa();
    const lists = newLists(ca);
    await lists.poll();
    ca.give({});
    const { place } = parseRevocationList(makeList());
    const certificate = { crl: place } as Parameters<typeof revocationFor>[1];
    const all = Array.from({ length: 20 }, () => revocationFor(lists, certificate));
    for (const found of await Promise.all(all)) assert.ok(found?.lists.has(KEY));
    assert.equal(ca.asked.length, 1);
    await revocationFor(lists, certificate);
    assert.equal(ca.asked.length, 1);
  });

  it('say that one is overdue, until when it counts, and when that is over: CRL_STALE', async () => {
    const ca = madeCa();
    const lists = newLists(ca);
    const told = watchRevocation(fleet.verifier);
    const thisUpdate = new Date(Date.now() - 2 * DAY_MS);
    ca.give({ thisUpdate });
    await lists.poll();
    for (let times = 0; times < 3; times += 1) await told(new Error('away'));
    const subject = "the CA's revocation lists";
    assert.equal(await fleet.alerts('CRL_STALE', subject), 1);
    assert.equal(await fleet.alerts('CRL_NOT_FETCHED', subject), undefined);
    const [alert] = await fleet.verifier.asAdministrator('SELECT detail FROM alerts');
    const until = Math.floor(thisUpdate.getTime() / 1_000) * 1_000 + DAY_MS + 3_600_000;
    assert.match(String(alert?.['detail']), new RegExp(new Date(until).toISOString()));
    ca.give({ number: 2 });
    await lists.poll();
    await told(undefined);
    ca.give({ number: 3, thisUpdate });
    await lists.poll();
    await told(undefined);
    assert.equal(await fleet.alerts('CRL_STALE', subject), 2);
  });
});
