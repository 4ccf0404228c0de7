import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  encodeTpm2bPublic,
  encodeTpmtSignature,
  parseTpmtSignature,
  type TpmtSignature,
} from '@touchstone/tpm';
import { attack } from '../support/attack.ts';
import { type CaReplica, startCaReplica } from '../support/ca-replica.ts';
import { ForgedHost, type Signer } from '../support/forged-host.ts';
import {
  forgedEccAk,
  type ForgedKey,
  forgedRsaAk,
  signedBy,
  withoutZeros,
} from '../support/forged-key.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { codeOf } from '../support/refusals.ts';
import { BIN, startTouchstone, type Touchstone } from '../support/touchstone.ts';

const run = promisify(execFile);

/** The order of P-256's base point: SEC 2, 2.4.2. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

type Ecdsa = Extract<TpmtSignature, { readonly sigAlg: 'ecdsa' }>;

describe('The signature of a quote', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let ca: CaReplica;
  let host: ForgedHost;

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    ca = await startCaReplica(touchstone);
    host = await ForgedHost.trusted(touchstone, ca);
  });
  after(async function () {
    this.timeout(60_000);
    await ca?.stop();
    await touchstone?.stop();
  });

  const refused = (request: () => Promise<unknown>) => refusedWithoutTrace(touchstone, request);
  const honestPasses = async () => assert.equal((await host.attest()).state, 'trusted');
  /** The honest signature with something of it changed. */
  const altered =
    (change: (honest: Ecdsa) => Partial<Ecdsa>): Signer =>
    (attest) => {
      const honest = parseTpmtSignature(signedBy(host.ak, attest));
      assert.ok(honest.sigAlg === 'ecdsa');
      return encodeTpmtSignature({ ...honest, ...change(honest) });
    };

  describe('by another scheme or hash than its key has', () => {
    const rsa = forgedRsaAk();
    const others: Readonly<Record<string, Signer>> = {
      'ECDSA with SHA-1, which verifies': (attest) => signedBy(host.ak, attest, { hash: 'sha1' }),
      'ECDSA with SHA-384, which verifies': (attest) =>
        signedBy(host.ak, attest, { hash: 'sha384' }),
      'ECDSA with SHA-256 that calls itself SHA-1': altered(() => ({ hash: 'sha1' })),
      'RSASSA with SHA-1 of an RSA key': (attest) => signedBy(rsa, attest, { hash: 'sha1' }),
      'RSASSA with SHA-256 of an RSA key': (attest) => signedBy(rsa, attest),
    };
    for (const [what, sign] of Object.entries(others)) {
      it(`is refused: ${what}: Q15`, async () => {
        await attack('Q15', () => refused(() => host.attest(sign)));
        await honestPasses();
      });
    }

    it('is refused of an RSA key too, by PSS or with SHA-1, and taken by its own scheme: Q15', async () => {
      const ofRsa = await ForgedHost.trusted(touchstone, ca, forgedRsaAk());
      for (const signing of [{ sigAlg: 'rsapss' }, { hash: 'sha1' }, { hash: 'sha512' }] as const) {
        const sign: Signer = (attest) => signedBy(ofRsa.ak, attest, signing);
        await attack('Q15', () => refused(() => ofRsa.attest(sign)));
      }
      assert.equal((await ofRsa.attest()).state, 'trusted');
    });

    it('gets no certificate for a key whose own scheme is with SHA-1: Q15', async () => {
      for (const ak of [forgedEccAk(), forgedRsaAk()]) {
        const weak = new ForgedHost(touchstone, withSha1(ak));
        await attack('Q15', () => refused(() => ca.enroll(weak.enrollmentRequest())));
      }
    });
  });

  describe('out of its range', () => {
    const outside: Readonly<Record<string, (honest: Ecdsa) => Partial<Ecdsa>>> = {
      'r = 0': () => ({ r: bytesOf(0n) }),
      's = 0': () => ({ s: bytesOf(0n) }),
      'r = 0 in one byte': () => ({ r: Uint8Array.of(0) }),
      'no r': () => ({ r: new Uint8Array() }),
      'no s': () => ({ s: new Uint8Array() }),
      'r = s = 0': () => ({ r: bytesOf(0n), s: bytesOf(0n) }),
      'r = n': () => ({ r: bytesOf(ORDER) }),
      's = n': () => ({ s: bytesOf(ORDER) }),
      'r + n, which is r modulo n': ({ r }) => ({ r: bytesOf(numberOf(r) + ORDER) }),
      's + n, which is s modulo n': ({ s }) => ({ s: bytesOf(numberOf(s) + ORDER) }),
      'r = 2^256 - 1': () => ({ r: Buffer.alloc(32, 0xff) }),
      'r and s exchanged': ({ r, s }) => ({ r: s, s: r }),
      'n - r': ({ r }) => ({ r: bytesOf(ORDER - numberOf(r)) }),
    };
    for (const [what, change] of Object.entries(outside)) {
      it(`is refused: ${what}: Q17`, async () => {
        await attack('Q17', () => refused(() => host.attest(altered(change))));
      });
    }

    it('is taken with a high s and with a low one: TPMs do not choose (Q17)', async () => {
      const half = ORDER / 2n;
      const other = ({ s }: Ecdsa) => bytesOf(ORDER - numberOf(s));
      const low = altered((honest) => (numberOf(honest.s) > half ? { s: other(honest) } : {}));
      const high = altered((honest) => (numberOf(honest.s) > half ? {} : { s: other(honest) }));
      for (const sign of [low, high]) assert.equal((await host.attest(sign)).state, 'trusted');
    });

    it('is refused of a key that is no point of its curve, at both doors: Q17', async () => {
      const { public: honest, privateKey } = forgedEccAk();
      assert.ok(honest.type === 'ecc');
      const { x, y } = honest.unique;
      const prime = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
      const points = [
        { x, y: bytesOf(numberOf(y) ^ 1n) },
        { x: y, y: x },
        { x: bytesOf(0n), y: bytesOf(0n) },
        { x: new Uint8Array(), y: new Uint8Array() },
        { x: bytesOf(prime), y },
      ];
      for (const unique of points) {
        const off = new ForgedHost(touchstone, { public: { ...honest, unique }, privateKey });
        await attack('Q17', () => refused(() => ca.enroll(off.enrollmentRequest())));
        // The certificate is another key's, for the CA gives none for such a point.
        off.certificates = host.certificates;
        await attack('Q17', () => refused(() => off.enrol()));
      }
    });
  });

  describe('written without leading zeros', () => {
    const shortened = (which: 'r' | 's'): Signer => {
      return (attest) => {
        for (;;) {
          const honest = parseTpmtSignature(signedBy(host.ak, attest));
          assert.ok(honest.sigAlg === 'ecdsa');
          if (honest[which][0] !== 0) continue;
          return encodeTpmtSignature({ ...honest, [which]: withoutZeros(honest[which]) });
        }
      };
    };
    for (const which of ['r', 's'] as const) {
      it(`in its ${which} is taken: Q16`, () =>
        attack('Q16', async () => {
          assert.equal((await host.attest(shortened(which))).state, 'trusted');
          return { outcome: 'T' };
        }));
    }

    for (const short of ['x', 'y'] as const) {
      it(`in its key’s ${short} is taken, from the certificate to the verdict: Q16`, () =>
        attack('Q16', async () => {
          const short32 = await ForgedHost.trusted(touchstone, ca, forgedEccAk(short));
          assert.equal((await short32.attest()).state, 'trusted');
          return { outcome: 'T' };
        }));
    }

    const keys: Readonly<Record<string, () => ForgedKey>> = {
      'P-384, short x': () => forgedEccAk('x', 'P-384'),
      'P-521, short y': () => forgedEccAk('y', 'P-521'),
      RSAPSS: () => forgedRsaAk(2048, 'rsapss'),
    };
    for (const [what, make] of Object.entries(keys)) {
      it(`of ${what} verifies in \`touchstone inspect quote\`: Q16`, () =>
        attack('Q16', async () => {
          const key = make();
          const { verified, findings } = await inspected(host, key);
          assert.ok(verified, JSON.stringify(findings));
          // What an AK may be here is narrower than what can be read: DESIGN 4, Enrol 2.
          const other = new ForgedHost(touchstone, key);
          assert.equal(await codeOf(ca.enroll(other.enrollmentRequest())), 'AK_ALGORITHM');
          return { outcome: 'T' };
        }));
    }
  });
});

async function inspected(host: ForgedHost, key: ForgedKey) {
  const directory = await mkdtemp(join(tmpdir(), 'ts-quote-'));
  try {
    const { evidence } = await host.answer('attest');
    const attest = Buffer.from(evidence.quote.attest, 'base64url');
    const files = { attest, signature: signedBy(key, attest), ak: encodeTpm2bPublic(key.public) };
    const args: string[] = [];
    for (const [name, bytes] of Object.entries(files)) {
      await writeFile(join(directory, name), bytes);
      args.push(`--${name}`, join(directory, name));
    }
    const { stdout } = await run(process.execPath, [
      ...[BIN.touchstone, 'inspect', 'quote', '--json'],
      ...args,
    ]);
    return JSON.parse(stdout) as { verified: boolean; findings: unknown };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function withSha1({ public: area, privateKey }: ForgedKey): ForgedKey {
  if (area.type === 'ecc') {
    const parameters = { ...area.parameters, scheme: { scheme: 'ecdsa', hash: 'sha1' } } as const;
    return { public: { ...area, parameters }, privateKey };
  }
  const parameters = { ...area.parameters, scheme: { scheme: 'rsassa', hash: 'sha1' } } as const;
  return { public: { ...area, parameters }, privateKey };
}

const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

/** Big-endian, in 32 bytes or as many as it takes. */
function bytesOf(value: bigint): Uint8Array {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(Math.max(64, hex.length + (hex.length % 2)), '0'), 'hex');
}
