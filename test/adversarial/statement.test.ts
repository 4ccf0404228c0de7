import assert from 'node:assert/strict';
import { createHash, createHmac, hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Evidence, HostEnrolmentAnswer, type Purpose } from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { type Dishonesty } from '../support/dishonesty.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { permitOf } from '../support/refusals.ts';
import { startRequest, type TestHost } from '../support/test-host.ts';
import type { Touchstone } from '../support/touchstone.ts';
import { useTrustedHost } from '../support/trusted-host.ts';

describe('A statement', function () {
  this.timeout(60_000);
  const vm = randomUUID();
  let touchstone: Touchstone;
  let host: TestHost;

  useTrustedHost((scene) => void ({ touchstone, host } = scene), {
    vm: { uuid: vm, name: 'stated' },
  });

  const refused = (request: () => Promise<unknown>) => refusedWithoutTrace(touchstone, request);
  const attested = (dishonesty: Dishonesty) => () => host.attest(dishonesty);
  const honestPasses = async (dishonesty: Dishonesty = {}) => {
    assert.equal((await host.attest(dishonesty)).state, 'trusted');
    assert.equal((await touchstone.host(host.name)).host.state, 'trusted');
  };
  const enrolWith = async (evidence: Evidence) =>
    touchstone.client.request({
      method: 'POST',
      path: '/v1/hosts',
      schema: HostEnrolmentAnswer,
      body: {
        certificates: host.certificates,
        akPublic: base64Url(host.akPublic),
        evidence,
        binding: await host.binding(''),
        name: 'somebody',
      },
    });

  describe('that proves something to a third party', () => {
    const doors = () => [
      (evidence: Evidence) => host.deliver(evidence),
      (evidence: Evidence) => host.deliverForPermit(evidence),
      enrolWith,
    ];

    it('is no evidence for this server, at any of its doors: I33', async () => {
      const proof = await host.evidence('prove', { nonce: '5a'.repeat(16) });
      for (const deliver of doors()) await attack('I33', () => refused(() => deliver(proof)));
      await honestPasses();
    });

    it('is none either where the caller gave a challenge of this server as its nonce: I33', async () => {
      for (const purpose of ['attest', 'permit', 'enrol'] as const) {
        const { challenge, selection } = await host.challenge(purpose);
        const nonce = Buffer.from(challenge, 'base64url').toString('hex');
        const permits = purpose === 'permit' ? [startRequest(vm)] : undefined;
        const proofs = [{ nonce }, { nonce, challenge }, { nonce, challenge, permits }];
        for (const { permits: requests, ...asked } of proofs) {
          const more = requests === undefined ? {} : { permits: requests };
          const proof = await host.evidence('prove', { ...asked, ...more, selection });
          for (const deliver of doors()) await attack('I33', () => refused(() => deliver(proof)));
        }
        // Signed as a proof, its statement rewritten as an answer to the challenge:
        const proof = await host.evidence('prove', { nonce, challenge, selection });
        const honest = await host.evidence(purpose, {
          challenge,
          ...(purpose === 'enrol' ? { hostId: null } : {}),
          ...(permits === undefined ? {} : { permits }),
        });
        const rewritten = { ...honest, quote: proof.quote };
        const deliver = doors()[['attest', 'permit', 'enrol'].indexOf(purpose)];
        assert.ok(deliver);
        assert.equal((await refused(() => deliver(rewritten))).code, 'QUOTE_NONCE_MISMATCH');
      }
    });

    it('taints an attestation that carries its nonce, or requests that are not its purpose: I33', async () => {
      await attack('I33', () => refused(attested({ nonce: '5a'.repeat(16) })));
      await attack('I33', () => refused(attested({ permits: [startRequest(vm)] })));
      const statement: Dishonesty['statement'] = (honest) => ({ ...honest, permits: undefined });
      await attack('I33', () => refused(() => host.askForPermit(vm, { statement })));
      assert.ok(permitOf(await host.askForPermit(vm)));
    });
  });

  describe('over a challenge', () => {
    /** The number of the challenge key of now: one a day. */
    const today = () => Math.floor(Date.now() / 86_400_000);

    /** As a replica would make it whose clock is off: the deployment's own key, another time. */
    async function challengeMade(secondsFromNow: number, made: Partial<Made> = {}) {
      const rootSecret = await readFile(join(touchstone.directory, 'server/root-secret'));
      const { akName = host.akName, purpose = 1, keyId = today(), secret = rootSecret } = made;
      const body = Buffer.alloc(29);
      body.set([1, keyId & 0xff, purpose]);
      body.writeUIntBE(Date.now() + secondsFromNow * 1_000, 3, 6);
      body.set(randomBytes(16), 9);
      body.set(createHash('sha256').update(akName, 'hex').digest().subarray(0, 4), 25);
      const info = `touchstone/challenge-key/1/${keyId}`;
      const key = new Uint8Array(hkdfSync('sha256', secret, '', info, 32));
      const mac = createHmac('sha256', key).update(body).update(akName, 'hex').digest();
      return base64Url(Buffer.concat([body, mac]));
    }

    it('is refused when the challenge is from the future or the past: I35', async () => {
      for (const seconds of [10, 3_600, 365 * 86_400]) {
        const challenge = await challengeMade(seconds);
        const { code } = await attack('I35', () => refused(attested({ challenge })));
        assert.equal(code, 'CHALLENGE_FROM_FUTURE');
      }
      for (const seconds of [-61, -86_400]) {
        const challenge = await challengeMade(seconds);
        assert.equal((await refused(attested({ challenge }))).code, 'CHALLENGE_EXPIRED');
      }
      // Replicas may be 2 s off each.
      for (const seconds of [-50, 0, 2]) {
        await honestPasses({ challenge: await challengeMade(seconds) });
      }
    });

    it('is refused when the challenge is for another AK: I35', async () => {
      const akName = `000b${'77'.repeat(32)}`;
      const given = (await host.challenge('attest', akName)).challenge;
      for (const challenge of [given, await challengeMade(0, { akName })]) {
        const { code } = await attack('I35', () => refused(attested({ challenge })));
        assert.equal(code, 'CHALLENGE_WRONG_HOST');
      }
    });

    it('is refused when the challenge is for another purpose: I35', async () => {
      for (const purpose of ['permit', 'enrol'] as const) {
        const { challenge } = await host.challenge(purpose);
        const { code } = await attack('I35', () => refused(attested({ challenge })));
        assert.equal(code, 'CHALLENGE_WRONG_PURPOSE');
      }
      const { challenge } = await host.challenge('attest');
      await attack('I35', () => refused(() => host.askForPermit(vm, { challenge })));
      await honestPasses({ challenge });
    });

    it('is refused when another deployment made the challenge, or one bit of it was changed: I35', async () => {
      const strange = await challengeMade(0, { secret: randomBytes(32) });
      await attack('I35', () => refused(attested({ challenge: strange })));
      // Yesterday's key is still live; those before it are retired, and tomorrow's is not born.
      for (const keyId of [today() - 2, today() - 3, today() - 30, today() + 1]) {
        const keyless = await challengeMade(0, { keyId });
        const { code } = await attack('I35', () => refused(attested({ challenge: keyless })));
        assert.equal(code, 'CHALLENGE_KEY_UNKNOWN');
      }
      await honestPasses({ challenge: await challengeMade(0, { keyId: today() - 1 }) });
      const { challenge } = await host.challenge('attest');
      const bytes = Buffer.from(challenge, 'base64url');
      for (let at = 0; at < bytes.length; at += 1) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        await attack('I35', () => refused(attested({ challenge: base64Url(changed) })));
      }
      await honestPasses({ challenge });
    });

    it('is refused when the challenge is cut, longer, missing or written otherwise: I35', async () => {
      const { challenge } = await host.challenge('attest');
      const variants = [challenge.slice(0, -2), `${challenge}AA`, '', otherwise(challenge)];
      for (const variant of variants) {
        await attack('I35', () => refused(attested({ challenge: variant })));
      }
      await honestPasses({ challenge });
    });
  });

  describe('that two readers could read in two ways', () => {
    const replaced = (search: string | RegExp, by: string) => (honest: Uint8Array) => {
      const text = Buffer.from(honest).toString();
      const changed = text.replace(search, by);
      assert.notEqual(changed, text);
      return Buffer.from(changed);
    };
    const raw = (hex: string) => Buffer.from(hex, 'hex');
    const malformed: Readonly<Record<string, (honest: Uint8Array) => Uint8Array>> = {
      'a key twice': replaced('"purpose":', '"purpose":"permit","purpose":'),
      'a key twice, once escaped': replaced('"purpose":', '"\\u0070urpose":"permit","purpose":'),
      'a key twice, deeper': replaced('"sha256":', '"sha256":[0],"sha256":'),
      'an unknown key': replaced('"purpose":', '"trusted":true,"purpose":'),
      'an unknown key, deeper': replaced('"agentVersion":', '"state":"trusted","agentVersion":'),
      'a key of the prototype': replaced('"purpose":', '"__proto__":{"a":1},"purpose":'),
      'a missing key': replaced('"bundleEpoch":1,', ''),
      'a lone high surrogate': replaced('"claimedKernel":"', '"claimedKernel":"\\ud800'),
      'a lone low surrogate': replaced('"claimedKernel":"', '"claimedKernel":"\\udc00\\ud800'),
      'a number past 2^53': replaced('"bundleEpoch":1', '"bundleEpoch":9007199254740993'),
      'a number past 2^32': replaced('"bundleEpoch":1', '"bundleEpoch":4294967296'),
      'a number below zero': replaced('"bundleEpoch":1', '"bundleEpoch":-1'),
      'a fraction': replaced('"bundleEpoch":1', '"bundleEpoch":1.5'),
      'a number beyond all': replaced('"bundleEpoch":1', '"bundleEpoch":1e400'),
      'a number as text': replaced('"bundleEpoch":1', '"bundleEpoch":"1"'),
      'bytes that are no UTF-8': (honest) => replacedBytes(honest, 'test', raw('ff')),
      'UTF-8 longer than need be': (honest) => replacedBytes(honest, 'test', raw('c0af')),
      'a byte order mark': (honest) => Buffer.concat([raw('efbbbf'), honest]),
      'something after its end': (honest) => Buffer.concat([honest, Buffer.from('{}')]),
      'a NUL after its end': (honest) => Buffer.concat([honest, raw('00')]),
      'a remark': (honest) => Buffer.concat([Buffer.from('/**/'), honest]),
      'a control character in a text': replaced('"claimedKernel":"', '"claimedKernel":"\\u001b[2J'),
      'a list for an object': (honest) => Buffer.from(`[${Buffer.from(honest).toString()}]`),
      'nothing but null': () => Buffer.from('null'),
    };
    for (const [title, statementBytes] of Object.entries(malformed)) {
      it(`is refused with ${title}, though the AK signed it: I36`, () =>
        attack('I36', () => refused(attested({ statementBytes }))));
    }

    it('is refused with more than one request for a permit: I36', async () => {
      const permits = [startRequest(vm), startRequest(vm)];
      await attack('I36', () => refused(() => host.askForPermit(vm, { permits })));
    });

    it('is taken as it was signed, whatever its spaces, its order and its escapes', async () => {
      const spaced = (honest: Uint8Array) =>
        Buffer.from(JSON.stringify(JSON.parse(Buffer.from(honest).toString()), null, 2));
      const reversed = (honest: Uint8Array) =>
        Buffer.from(
          JSON.stringify(
            Object.fromEntries(
              Object.entries(JSON.parse(Buffer.from(honest).toString()) as object).toReversed(),
            ),
          ),
        );
      const escaped = replaced('"purpose":"attest"', '"\\u0070urpose":"\\u0061ttest"');
      const paired = replaced('"claimedKernel":"', '"claimedKernel":"\\ud83d\\ude00');
      for (const statementBytes of [spaced, reversed, escaped, paired]) {
        await honestPasses({ statementBytes });
      }
    });

    it('is refused when it was changed after it was signed, if only by a space: QUOTE_NONCE_MISMATCH', async () => {
      const evidence = await host.evidence('attest');
      const statement = Buffer.from(evidence.statement, 'base64url');
      const spaced = base64Url(Buffer.concat([statement, Buffer.from(' ')]));
      const { code } = await refused(() => host.deliver({ ...evidence, statement: spaced }));
      assert.equal(code, 'QUOTE_NONCE_MISMATCH');
      assert.equal((await host.deliver(evidence)).state, 'trusted');
    });
  });

  it('is refused in a second way to write its bytes, and so are quote and signature', async () => {
    const evidence = await host.evidence('attest');
    const { statement, quote } = evidence;
    const variants: Evidence[] = [
      { ...evidence, statement: otherwise(statement) },
      { ...evidence, quote: { ...quote, attest: otherwise(quote.attest) } },
      { ...evidence, quote: { ...quote, signature: otherwise(quote.signature) } },
    ];
    for (const variant of variants) {
      assert.equal((await refused(() => host.deliver(variant))).code, 'EVIDENCE_MALFORMED');
    }
    assert.equal((await host.deliver(evidence)).state, 'trusted');
  });

  it('is refused for every purpose but the three that the server knows', async () => {
    const purposes: readonly Purpose[] = ['attest', 'permit', 'prove', 'enrol'];
    for (const purpose of [...purposes, 'trust', '', 'ATTEST']) {
      if (purpose === 'attest') continue;
      const statement: Dishonesty['statement'] = (honest) => ({ ...honest, purpose });
      const { code } = await refused(attested({ statement }));
      const known = purposes.some((one) => one === purpose);
      assert.equal(code, known ? 'WRONG_PURPOSE' : 'STATEMENT_MALFORMED');
    }
  });
});

type Made = {
  readonly akName: string;
  /** 1 attest, 2 permit, 3 enrol. */
  readonly purpose: number;
  readonly keyId: number;
  readonly secret: Uint8Array;
};

const base64Url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

/** Another text that a lenient reader decodes to the same bytes. */
function otherwise(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  // A last group of two or three characters has bits that count for nothing; a whole one has none to spare.
  const other =
    text.length % 4 === 0
      ? `${text}A`
      : `${text.slice(0, -1)}${alphabet[alphabet.indexOf(text.at(-1) ?? '') | 1]}`;
  assert.notEqual(other, text);
  assert.deepEqual(Buffer.from(other, 'base64url'), Buffer.from(text, 'base64url'));
  return other;
}

function replacedBytes(bytes: Uint8Array, text: string, by: Uint8Array): Uint8Array {
  const all = Buffer.from(bytes);
  const at = all.indexOf(text);
  assert.notEqual(at, -1);
  return Buffer.concat([all.subarray(0, at), by, all.subarray(at + text.length)]);
}
