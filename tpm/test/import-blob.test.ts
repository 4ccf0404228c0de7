import assert from 'node:assert/strict';
import {
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  generateKeyPairSync,
  randomBytes,
  sign,
} from 'node:crypto';
import {
  BINDING_TEMPLATES,
  EK_TEMPLATE_ECC_P256,
  externalKeyP256,
  hash,
  kdfa,
  kdfe,
  noPolicy,
  policyPcr,
  policySigned,
  policySignedMessage,
  Reader,
  sealForImport,
  AK_TEMPLATE_ECC_P256,
  type StrongHash,
  type TpmtPublicEcc,
  nameOf,
} from '@touchstone/tpm';
import { startSwtpm, type Swtpm } from '../../test/support/swtpm.ts';
import { withTpmTools } from '../../test/support/tpm-tools.ts';
import { hex, throwsCode } from './corpus.ts';

const authPolicy = hash('sha256', Buffer.from('a policy'));
const obfuscation = new Uint8Array(32).fill(3);
const data = Buffer.from('a release key of thirty-two byte');

function storageKey(nameAlg: StrongHash) {
  const owner = createECDH('prime256v1');
  const point = owner.generateKeys();
  const key: TpmtPublicEcc = {
    ...BINDING_TEMPLATES[nameAlg],
    unique: { x: point.subarray(1, 33), y: point.subarray(33) },
  };
  return { owner, key };
}

describe('sealForImport', () => {
  for (const nameAlg of ['sha256', 'sha384'] as const) {
    it(`is opened by whoever has the private part of a ${nameAlg} storage key`, () => {
      const { owner, key } = storageKey(nameAlg);
      const blob = sealForImport({ storageKey: key, data, authPolicy, obfuscation });

      const publicArea = Buffer.from(blob.public).subarray(2);
      const unique = createHash('sha256').update(obfuscation).update(data).digest('hex');
      // keyedHash, SHA-256, adminWithPolicy and noDA alone, scheme NULL: Part 2, 12.2.4.
      const expected = `0008000b000004800020${hex(authPolicy)}00100020${unique}`;
      assert.equal(hex(publicArea), expected);

      const seed = new Reader(blob.seed);
      const point = new Reader(seed.sized16('secret'));
      const [x, y] = [point.sized16('x'), point.sized16('y')];
      const { size } = { sha256: { size: 32 }, sha384: { size: 48 } }[nameAlg];
      const shared = kdfe({
        ...{ hash: nameAlg, label: 'DUPLICATE', partyUInfo: x, partyVInfo: key.unique.x },
        ...{ z: owner.computeSecret(Buffer.concat([Uint8Array.of(4), x, y])), bits: size * 8 },
      });
      const name = Buffer.concat([
        Uint8Array.of(0, 0x0b),
        createHash('sha256').update(publicArea).digest(),
      ]);
      const keyBits = nameAlg === 'sha256' ? 128 : 256;
      const none = new Uint8Array();
      const inner = new Reader(new Reader(blob.duplicate).sized16('duplicate'));
      const mac = inner.sized16('outerHMAC');
      const encrypted = inner.bytes(inner.remaining, 'encSensitive');
      const hmacKey = kdfa({
        ...{ hash: nameAlg, key: shared, label: 'INTEGRITY', bits: size * 8 },
        ...{ contextU: none, contextV: none },
      });
      const again = createHmac(nameAlg, hmacKey).update(encrypted).update(name).digest('hex');
      assert.equal(hex(mac), again);
      const aesKey = kdfa({
        ...{ hash: nameAlg, key: shared, label: 'STORAGE', bits: keyBits },
        ...{ contextU: name, contextV: none },
      });
      const opened = createDecipheriv(`aes-${keyBits}-cfb`, aesKey, new Uint8Array(16));
      const sensitive = opened.update(encrypted);
      const wanted = `000800000020${hex(obfuscation)}0020${hex(data)}`;
      assert.equal(hex(sensitive.subarray(2)), wanted);
    });
  }

  it('gives another seed each time', () => {
    const { key } = storageKey('sha256');
    const [one, two] = [1, 2].map(() =>
      sealForImport({ storageKey: key, data, authPolicy, obfuscation }),
    );
    assert.notDeepEqual(one?.seed, two?.seed);
    assert.notDeepEqual(one?.duplicate, two?.duplicate);
    assert.deepEqual(one?.public, two?.public);
  });

  it('refuses what is no storage key, and a point off the curve', () => {
    const { key } = storageKey('sha256');
    const seal = (other: TpmtPublicEcc) =>
      sealForImport({ storageKey: other, data, authPolicy, obfuscation });
    const off = { ...key, unique: { x: new Uint8Array(32).fill(1), y: new Uint8Array(32) } };
    throwsCode(() => seal({ ...AK_TEMPLATE_ECC_P256, unique: key.unique }), 'UNSUITABLE_KEY');
    throwsCode(() => seal({ ...key, nameAlg: 'sha1' }), 'UNSUITABLE_KEY');
    throwsCode(() => seal(off), 'POINT_NOT_ON_CURVE');
    throwsCode(() => seal(EK_TEMPLATE_ECC_P256), 'POINT_NOT_ON_CURVE');
  });

  it('refuses an object without a policy, and data of no length or too much', () => {
    const { key } = storageKey('sha256');
    const seal = (change: Partial<Parameters<typeof sealForImport>[0]>) =>
      sealForImport({ storageKey: key, data, authPolicy, obfuscation, ...change });
    throwsCode(() => seal({ authPolicy: new Uint8Array() }), 'BAD_SIZE');
    for (const size of [0, 129]) {
      assert.throws(() => seal({ data: new Uint8Array(size) }), RangeError);
    }
    assert.throws(() => seal({ obfuscation: new Uint8Array(31) }), RangeError);
  });
});

describe('policies', () => {
  let tpm: Swtpm;
  before(async () => {
    tpm = await startSwtpm();
  });
  after(() => tpm?.stop());

  it('have the digests that tpm2-tools get from a software TPM: PolicyPCR, then PolicySigned', () =>
    withTpmTools(tpm.tcti, async (tools) => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
      const key = externalKeyP256({
        x: Buffer.from(x, 'base64url'),
        y: Buffer.from(y, 'base64url'),
      });
      const policyRef = randomBytes(32);
      const pem = publicKey.export({ type: 'spki', format: 'pem' });
      await tools.write('key.pem', Buffer.from(pem));
      await tools.write('ref', policyRef);
      await tools.run('tpm2_startauthsession', '-S', 's.ctx', '--policy-session');
      await tools.run('tpm2_policypcr', '-S', 's.ctx', '-l', 'sha256:0,7,8', '-L', 'pcr.policy');
      const selection = [{ bank: 'sha256', pcrs: [0, 7, 8] }] as const;
      const zeros = new Map([0, 7, 8].map((pcr) => [pcr, new Uint8Array(32)]));
      const values = new Map([['sha256', zeros] as const]);
      const afterPcr = policyPcr('sha256', noPolicy('sha256'), { selection, values });
      assert.equal(hex(afterPcr), hex(await tools.read('pcr.policy')));

      const message = policySignedMessage({ nonceTpm: randomBytes(32), expiration: 60, policyRef });
      assert.equal(message.length, 32 + 4 + 32);
      // The tool signs for any session (-x would put the nonce in); the digest is the same.
      const forAny = Buffer.concat([Buffer.alloc(4), policyRef]);
      await tools.write('signature', sign('sha256', forAny, privateKey));
      await tools.run(
        'tpm2_loadexternal',
        ...['-C', 'n', '-G', 'ecc', '-u', 'key.pem', '-c', 'key.ctx', '-n', 'key.name'],
      );
      const keyName = await tools.read('key.name');
      await tools.run(
        'tpm2_policysigned',
        ...['-S', 's.ctx', '-c', 'key.ctx', '-g', 'sha256', '-s', 'signature', '-f', 'ecdsa'],
        ...['-q', 'ref', '-L', 'signed.policy'],
      );
      const both = policySigned('sha256', afterPcr, { keyName, policyRef });
      assert.equal(hex(both), hex(await tools.read('signed.policy')));
      assert.equal(nameOf(key).length, keyName.length);
    }));

  it('are none without PCRs, for any session, or without an end', () => {
    const none = { selection: [{ bank: 'sha256', pcrs: [] }] as const, values: new Map() };
    assert.throws(() => policyPcr('sha256', noPolicy('sha256'), none), RangeError);
    const signed = { nonceTpm: new Uint8Array(32), policyRef: new Uint8Array(32) };
    for (const change of [
      { nonceTpm: new Uint8Array() },
      { expiration: 0 },
      { expiration: -1 },
      { expiration: 2 ** 31 },
    ]) {
      const input = { ...signed, expiration: 60, ...change };
      assert.throws(() => policySignedMessage(input), RangeError);
    }
    const missing = {
      selection: [{ bank: 'sha256', pcrs: [0, 7] }] as const,
      values: new Map([['sha256', new Map([[0, new Uint8Array(32)]])] as const]),
    };
    throwsCode(() => policyPcr('sha256', noPolicy('sha256'), missing), 'PCR_VALUE_MISSING');
  });
});
