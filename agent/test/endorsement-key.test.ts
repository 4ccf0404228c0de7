import assert from 'node:assert/strict';
import {
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  encodeCertificate,
  encodeName,
  encodeTbsCertificate,
  parseEkCertificate,
} from '@touchstone/endorsement';
import {
  AK_TEMPLATE_ECC_P256,
  EK_POLICIES,
  EK_TEMPLATE_RSA2048,
  encodeTpm2bPublic,
  encodeTpmtPublic,
  makeCredential,
  nameOf,
  parseTpm2bPublic,
  publicKeyOf,
} from '@touchstone/tpm';
import { openTpm, type Tpm } from 'node-tpm2-tss-bindings';
import { startSwtpm, type Swtpm } from '../../test/support/swtpm.ts';
import { type TpmTools, withTpmTools } from '../../test/support/tpm-tools.ts';
import {
  activateCredential,
  createAttestationKey,
  loadAttestationKey,
} from '../tpm/attestation-key.ts';
import { createBindingKey } from '../tpm/binding-key.ts';
import { readEkChain } from '../tpm/ek-certificates.ts';
import { type EkPlaces, type EkWish, openEndorsementKey } from '../tpm/endorsement-key.ts';

const RSA_2048 = '0x01c00002';
const P384 = '0x01c00016';
const CHAIN = ['0x01c00100', '0x01c00101', '0x01c00102'];
/** Its auth counts for the lockout. */
const LOCKABLE = '0x01500001';
/** As a maker writes them: read by the owner and by their own auth, which is empty. */
const NV = ['-C', 'p', '-a', 'ppwrite|ppread|ownerread|authread|no_da|platformcreate'];

describe('the choice of an EK', function () {
  this.timeout(60_000);
  let swtpm: Swtpm;
  const saved = new Map<string, Uint8Array>();
  let held = new Map<string, Uint8Array | null>();

  before(async () => {
    swtpm = await startSwtpm();
    await withTpm(async (tpm) => {
      for (const index of [RSA_2048, P384]) saved.set(index, await tpm.nvRead(Number(index)));
    });
    held = new Map(saved);
  });
  after(() => swtpm?.stop());

  const tools = <T>(use: (tools: TpmTools) => Promise<T>) => withTpmTools(swtpm.tcti, use);
  const withTpm = async <T>(use: (tpm: Tpm) => Promise<T>): Promise<T> => {
    const tpm = await openTpm({ tcti: swtpm.tcti });
    try {
      return await use(tpm);
    } finally {
      await tpm.close();
    }
  };
  const chosen = (wish?: EkWish, places?: EkPlaces) =>
    withTpm(async (tpm) => {
      const ek = await openEndorsementKey(tpm, wish, places);
      const { kind, name, nameAlg, object, certificate } = ek;
      const bytes = Buffer.from(certificate ?? []);
      return { kind, name, nameAlg, handle: object.handle, certificate: bytes };
    });
  /** What an index holds from now on; nothing where it is null. */
  const put = (index: string, bytes: Uint8Array | null, attributes = NV) =>
    tools(async ({ run, write }) => {
      if (held.get(index)) await run('tpm2_nvundefine', '-C', 'p', index);
      held.set(index, null);
      if (bytes === null) return;
      await write('nv', bytes);
      await run('tpm2_nvdefine', index, '-s', String(bytes.length), ...attributes);
      await run('tpm2_nvwrite', index, '-C', 'p', '-i', 'nv');
      held.set(index, bytes);
    });

  afterEach(async () => {
    for (const [index, bytes] of held) {
      const before = saved.get(index) ?? null;
      if (bytes !== before) await put(index, before);
    }
  });

  it('takes the RSA-2048 EK where there are several, unless another is preferred', async () => {
    const rsa = await chosen();
    assert.deepEqual([rsa.kind, rsa.nameAlg, rsa.handle], ['rsa-2048', 'sha256', 0x81010001]);
    const ecc = await chosen({ preferred: 'ecc-p384' });
    assert.deepEqual([ecc.kind, ecc.nameAlg, ecc.handle], ['ecc-p384', 'sha384', 0x81010016]);
    assert.equal((await chosen({ preferred: 'rsa-4096' })).kind, 'rsa-2048');
  });

  it('takes the ECC one of a chip, and those of an algorithm alone where that is asked for', async () => {
    const ecc = await chosen({}, { chip: true });
    assert.equal(ecc.kind, 'ecc-p384');
    assert.equal((await chosen({ algorithm: 'rsa' }, { chip: true })).kind, 'rsa-2048');
    assert.equal((await chosen({ algorithm: 'ecc' })).kind, 'ecc-p384');
    await put(P384, null);
    assert.equal((await chosen({}, { chip: true })).kind, 'rsa-2048');
    await assert.rejects(chosen({ algorithm: 'ecc' }), {
      code: 'EK_CERTIFICATE_MISSING',
      detail: 'no EK certificate is of ecc',
    });
  });

  it('takes the certificate that somebody gave, where it is of a key of this TPM', async () => {
    const own = await chosen();
    const other = certificateOf(
      generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
        ...{ format: 'der', type: 'spki' },
      }),
    );
    await put(RSA_2048, null);
    await put(P384, null);
    const given = await chosen({}, { given: [other, own.certificate] });
    assert.deepEqual([given.name, given.certificate], [own.name, own.certificate]);
    await assert.rejects(chosen({}, { given: [other] }), {
      code: 'EK_CERTIFICATE_MISSING',
      detail: /^the certificate given: for no rsa-2048 key that this TPM has$/u,
    });
  });

  it('takes no other than the one that is asked for: EK_CERTIFICATE_MISSING', async () => {
    assert.equal((await chosen({ only: 'ecc-p384' })).kind, 'ecc-p384');
    await assert.rejects(chosen({ only: 'ecc-p256' }), {
      code: 'EK_CERTIFICATE_MISSING',
      detail: 'no EK certificate is of ecc-p256',
    });
  });

  it('takes the one kind that the TPM has a certificate of', async () => {
    await put(RSA_2048, null);
    assert.equal((await chosen()).kind, 'ecc-p384');
  });

  it('takes the profile’s own where the TPM has no certificate at all, the same each time', async () => {
    const rsa = await chosen();
    await put(RSA_2048, null);
    await put(P384, null);
    const bare = await chosen();
    assert.deepEqual([bare.kind, bare.name, bare.certificate.length], ['rsa-2048', rsa.name, 0]);
    assert.equal((await chosen()).name, rsa.name);
    assert.equal((await chosen({ preferred: 'ecc-p256' })).kind, 'ecc-p256');
    await assert.rejects(chosen({ only: 'rsa-4096' }), {
      code: 'EK_CERTIFICATE_MISSING',
      detail: 'the TPM has no EK certificate, and makes no EK of rsa-4096',
    });
    // One that cannot be used is another matter than none.
    await put(P384, Buffer.from('no certificate'));
    await assert.rejects(chosen(), { code: 'EK_CERTIFICATE_MISSING' });
  });

  it('makes it from its template where no persistent handle holds it', async () => {
    const [rsa, ecc] = [await chosen(), await chosen({ only: 'ecc-p384' })];
    await tools(async ({ run }) => {
      for (const handle of ['0x81010001', '0x81010016'])
        await run('tpm2_evictcontrol', '-C', 'o', '-c', handle).catch(() =>
          run('tpm2_evictcontrol', '-C', 'p', '-c', handle),
        );
    });
    const made = await chosen();
    assert.deepEqual(made.certificate, rsa.certificate);
    assert.equal(made.handle >>> 24, 0x80);
    const madeEcc = await chosen({ only: 'ecc-p384' });
    assert.deepEqual(madeEcc.certificate, ecc.certificate);
    assert.equal(madeEcc.handle >>> 24, 0x80);
  });

  it('passes over what cannot be read, or is no certificate, and says so if nothing is left', async () => {
    await put(RSA_2048, randomBytes(900));
    await put('0x01c0000a', saved.get(P384) ?? null, [
      '-C',
      'p',
      '-a',
      'ppwrite|ppread|platformcreate',
    ]);
    assert.equal((await chosen()).kind, 'ecc-p384');
    await put(P384, null);
    await assert.rejects(chosen(), (error: { code: string; detail: string }) => {
      assert.equal(error.code, 'EK_CERTIFICATE_MISSING');
      assert.match(
        error.detail,
        /^no NV index holds an EK certificate; 0x01c00002: .*; 0x01c0000a: /u,
      );
      return true;
    });
  });

  it('takes no EK for the certificate of another TPM: EK_CERTIFICATE_MISSING', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await put(P384, null);
    await put(RSA_2048, certificateOf(publicKey.export({ type: 'spki', format: 'der' })));
    await assert.rejects(chosen(), {
      code: 'EK_CERTIFICATE_MISSING',
      detail: '0x01c00002: for no rsa-2048 key that this TPM has',
    });
  });

  it('follows the maker’s nonce and template in NV, to the key that tpm2_createprimary makes of them', async () => {
    const nonce = randomBytes(20);
    const unique = Buffer.concat([nonce], 256);
    const ekPublic = await tools(async ({ run, read, write }) => {
      // As the tool has it in memory: the size comes first, little-endian.
      await write('unique', Buffer.concat([Uint8Array.of(0, 1), unique]));
      await write('policy', EK_POLICIES.sha256.a);
      await run(
        'tpm2_createprimary',
        ...['-C', 'e', '-G', 'rsa2048:aes128cfb', '-g', 'sha256', '-L', 'policy', '-u', 'unique'],
        ...['-a', 'fixedtpm|fixedparent|sensitivedataorigin|adminwithpolicy|restricted|decrypt'],
        ...['-c', 'ek.ctx', '-o', 'ek.pem', '-f', 'pem'],
      );
      return createPublicKey(Buffer.from(await read('ek.pem')));
    });
    const spki = ekPublic.export({ type: 'spki', format: 'der' });
    await put(RSA_2048, certificateOf(spki));
    await put(P384, null);
    await assert.rejects(chosen(), { code: 'EK_CERTIFICATE_MISSING' });
    await put('0x01c00003', nonce);
    assert.deepEqual(parseEkCertificate((await chosen()).certificate).spki, new Uint8Array(spki));
    await put('0x01c00003', null);
    await put('0x01c00004', encodeTpmtPublic({ ...EK_TEMPLATE_RSA2048, unique }));
    assert.equal((await chosen()).handle >>> 24, 0x80);
  });

  it('takes no key of a template with other attributes, such as one that signs: EK_CERTIFICATE_MISSING', async () => {
    const bits = EK_TEMPLATE_RSA2048.objectAttributes | (1 << 10);
    const template = { ...EK_TEMPLATE_RSA2048, objectAttributes: bits };
    const spki = await withTpm(async (tpm) => {
      const inPublic = encodeTpm2bPublic(template);
      const object = await tpm.createPrimary({ hierarchy: 'endorsement', inPublic });
      const { public: made } = await tpm.readPublic(object);
      return publicKeyOf(parseTpm2bPublic(made)).export({ type: 'spki', format: 'der' });
    });
    await put(P384, null);
    await put('0x01c00004', encodeTpmtPublic(template));
    await put(RSA_2048, certificateOf(spki));
    await assert.rejects(chosen(), {
      detail:
        /^0x01c00002: its key differs from every template of the profile \(objectAttributes\)/u,
    });
  });

  it('reads the chain from NV, over several indices and with what fills them up', async () => {
    const pem = (name: string) => readFile(join(swtpm.caDir, name));
    const [issuer, root] = [
      new X509Certificate(await pem('issuercert.pem')).raw,
      new X509Certificate(await pem('swtpm-localca-rootca-cert.pem')).raw,
    ];
    assert.deepEqual(await withTpm(readEkChain), []);
    const chain = Buffer.concat([issuer, Buffer.alloc(64), root, Buffer.alloc(32, 0xff)]);
    for (const [at, index] of CHAIN.entries())
      await put(index, chain.subarray(700 * at, at === 2 ? chain.length : 700 * (at + 1)));
    assert.deepEqual((await withTpm(readEkChain)).map(Buffer.from), [issuer, root]);
  });

  for (const ekKind of ['rsa-2048', 'ecc-p384'] as const) {
    it(`serves in a lockout: its policy asks for no auth, which the TPM would not take (${ekKind})`, async () => {
      const key = await withTpm(async (tpm) =>
        createAttestationKey(tpm, await openEndorsementKey(tpm, { only: ekKind }), 'ecc-p256'),
      );
      await lockOut();
      try {
        await withTpm(async (tpm) => {
          const ek = await openEndorsementKey(tpm, { only: ekKind });
          const ak = await loadAttestationKey(tpm, ek, key);
          const credential = randomBytes(32);
          const ekPublic = parseTpm2bPublic(ek.public);
          const name = nameOf(parseTpm2bPublic(Buffer.from(key.public, 'base64url')));
          const made = makeCredential({ ekPublic, name, credential, seed: randomBytes(32) });
          assert.deepEqual(Buffer.from(await activateCredential(tpm, ek, ak, made)), credential);
          const parentSession = await tpm.startHmacSession({ saltKey: ek.object });
          const inPublic = encodeTpm2bPublic(AK_TEMPLATE_ECC_P256);
          await assert.rejects(
            tpm.create({ parent: ek.object, parentSession, inPublic, auth: credential }),
            { code: 'TPM_LOCKED_OUT' },
          );
        });
      } finally {
        await tools(async ({ run }) => {
          await run('tpm2_dictionarylockout', '-c');
          await run('tpm2_nvundefine', LOCKABLE);
        });
      }
    });
  }

  /** One wrong auth is enough; the tools then say that the TPM takes none. */
  const lockOut = () =>
    tools(async ({ run, write }) => {
      await write('eight', new Uint8Array(8));
      await run('tpm2_dictionarylockout', '-s', '-n', '1', '-t', '1000', '-l', '1000');
      const read = ['tpm2_nvread', '-C', LOCKABLE, LOCKABLE] as const;
      await run('tpm2_nvdefine', LOCKABLE, '-s', '8', '-p', 'right', '-a', 'authread|authwrite');
      await run('tpm2_nvwrite', LOCKABLE, '-C', LOCKABLE, '-P', 'right', '-i', 'eight');
      const use = (auth: string) => run(...read, '-P', auth, '-o', 'out');
      await assert.rejects(use('wrong'));
      await assert.rejects(use('right'), /0x921|lockout/iu);
    });
});

describe('an EK of RSA-3072', function () {
  this.timeout(60_000);
  let swtpm: Swtpm;
  before(async () => {
    swtpm = await startSwtpm({ rsaBits: 3072 });
  });
  after(() => swtpm?.stop());

  it('is that of template H-6, and activates with SHA-384 names', async () => {
    const tpm = await openTpm({ tcti: swtpm.tcti });
    try {
      const ek = await openEndorsementKey(tpm, { preferred: 'rsa-3072' });
      assert.deepEqual([ek.kind, ek.nameAlg], ['rsa-3072', 'sha384']);
      const key = await createAttestationKey(tpm, ek, 'rsa-2048');
      const credential = randomBytes(48);
      const name = nameOf(parseTpm2bPublic(Buffer.from(key.public, 'base64url')));
      const ekPublic = parseTpm2bPublic(ek.public);
      const made = makeCredential({ ekPublic, name, credential, seed: randomBytes(48) });
      const ak = await loadAttestationKey(tpm, ek, key);
      assert.deepEqual(Buffer.from(await activateCredential(tpm, ek, ak, made)), credential);
      await tpm.flush(ak);
      const binding = await createBindingKey(tpm, ek, key.akName);
      assert.equal(parseTpm2bPublic(Buffer.from(binding.public, 'base64url')).nameAlg, 'sha384');
    } finally {
      await tpm.close();
    }
  });
});

/** An EK certificate for that key, by a CA of its own. */
function certificateOf(spki: Uint8Array): Uint8Array {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = encodeName({ commonName: 'a maker' });
  const tbs = encodeTbsCertificate({
    ...{
      serial: Uint8Array.of(1),
      signatureAlgorithm: 'ecdsa-sha256',
      subject: name,
      issuer: name,
    },
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    spki,
    extensions: [],
  });
  return encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, privateKey));
}
