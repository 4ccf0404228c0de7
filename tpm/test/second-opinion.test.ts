import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  AK_TEMPLATE_RSA2048,
  EK_TEMPLATE_ECC_P256,
  EK_TEMPLATE_ECC_P384,
  encodeTpm2bPublic,
  hierarchyName,
  makeCredential,
  nameOf,
  parseTpm2bPublic,
  parseTpmsAttest,
  parseTpmsCertify,
  parseTpmtSignature,
  qualifiedNameOf,
  TPM_RH_ENDORSEMENT,
  type TpmtPublic,
  verifyTpmSignature,
  Writer,
} from '@touchstone/tpm';
import { startSwtpm, type Swtpm } from '../../test/support/swtpm.ts';
import { type TpmTools, withTpmTools } from '../../test/support/tpm-tools.ts';
import { hex, throwsCode } from './corpus.ts';

const SIGNER = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign';

const EK = '0x81010016';

/** tpm2-tools' own frame around the two structures: a magic number and a version. */
const CREDENTIAL_HEADER = new Writer().u32(0xbadcc0de).u32(1).finish();

describe('a software TPM and tpm2-tools have the same opinion', () => {
  let tpm: Swtpm;

  before(async function () {
    this.timeout(60_000);
    tpm = await startSwtpm();
  });
  after(() => tpm?.stop());

  const withTools = (use: (tools: TpmTools) => Promise<void>) => () => withTpmTools(tpm.tcti, use);

  describe('on the high-range EK, P-384 at 0x81010016', () => {
    it(
      'is made from our template, and has the Name that we compute',
      withTools(async (tools) => {
        const ek = await ekAt(tools, EK);
        assert.deepEqual({ ...ek, unique: EK_TEMPLATE_ECC_P384.unique }, EK_TEMPLATE_ECC_P384);
        assert.equal(hex(nameOf(ek)), hex(await tools.read('ek.name')));
        const qualified = qualifiedNameOf(hierarchyName(TPM_RH_ENDORSEMENT), ek);
        assert.equal(hex(qualified), hex(await tools.read('ek.qname')));
      }),
    );

    it(
      'activates the credential that we make, for the AK that it names and for no other',
      withTools(async (tools) => {
        const ek = await ekAt(tools, EK);
        const ak = await akUnder(tools, EK, 'ecc256:ecdsa-sha256');
        // One of SHA-384's size, the longest that a high-range EK protects.
        const credential = randomBytes(48);
        const made = makeCredential({
          ekPublic: ek,
          name: nameOf(ak),
          credential,
          seed: randomBytes(48),
        });
        assert.equal(hex(await activated(tools, EK, made)), hex(credential));

        const other = nameOf({ ...ak, objectAttributes: ak.objectAttributes ^ 2 });
        const wrong = makeCredential({
          ekPublic: ek,
          name: other,
          credential,
          seed: randomBytes(48),
        });
        await assert.rejects(activated(tools, EK, wrong), /integrity/iu);
      }),
    );

    it(
      'has a credential from tpm2_makecredential of the same form',
      withTools(async (tools) => {
        const ek = await ekAt(tools, EK);
        const ak = await akUnder(tools, EK, 'ecc256:ecdsa-sha256');
        const credential = randomBytes(32);
        await tools.write('secret', credential);
        const name = ['-n', hex(nameOf(ak))];
        await tools.write('ek.tss', encodeTpm2bPublic(ek));
        const options = ['-T', 'none', '-u', 'ek.tss', '-s', 'secret', ...name];
        await tools.run('tpm2_makecredential', ...options, '-o', 'theirs');
        const theirs = await tools.read('theirs');
        const ours = makeCredential({
          ekPublic: ek,
          name: nameOf(ak),
          credential,
          seed: randomBytes(48),
        });
        const sizes = [CREDENTIAL_HEADER, ours.credentialBlob, ours.secret].map(
          (part) => part.length,
        );
        assert.equal(
          theirs.length,
          sizes.reduce((sum, size) => sum + size),
        );
        assert.equal(
          hex(theirs.subarray(0, 10)),
          hex(CREDENTIAL_HEADER) + hex(ours.credentialBlob.subarray(0, 2)),
        );
        await tools.write('cred', theirs);
        await tools.run(
          'tpm2_activatecredential',
          '-c',
          'ak.ctx',
          '-C',
          EK,
          '-i',
          'cred',
          '-o',
          'out',
        );
        assert.equal(hex(await tools.read('out')), hex(credential));
      }),
    );
  });

  describe('on the low-range EK, P-256', () => {
    it(
      'is made from our template and activates the credential that we make',
      withTools(async (tools) => {
        await tools.run('tpm2_createek', '-c', 'ek.ctx', '-G', 'ecc', '-u', 'ek.pub');
        const ek = parseTpm2bPublic(await tools.read('ek.pub'));
        assert.deepEqual({ ...ek, unique: EK_TEMPLATE_ECC_P256.unique }, EK_TEMPLATE_ECC_P256);
        await tools.run(
          'tpm2_createak',
          '-C',
          'ek.ctx',
          '-c',
          'ak.ctx',
          '-G',
          'ecc',
          '-g',
          'sha256',
          '-s',
          'ecdsa',
          '-u',
          'ak.pub',
        );
        const ak = parseTpm2bPublic(await tools.read('ak.pub'));
        const credential = randomBytes(32);
        const made = makeCredential({
          ekPublic: ek,
          name: nameOf(ak),
          credential,
          seed: randomBytes(32),
        });
        await tools.write(
          'cred',
          Buffer.concat([CREDENTIAL_HEADER, made.credentialBlob, made.secret]),
        );
        await tools.run('tpm2_startauthsession', '--policy-session', '-S', 's');
        await tools.run('tpm2_policysecret', '-S', 's', '-c', 'e');
        const ek_session = ['-C', 'ek.ctx', '-P', 'session:s'];
        await tools.run(
          'tpm2_activatecredential',
          '-c',
          'ak.ctx',
          ...ek_session,
          '-i',
          'cred',
          '-o',
          'out',
        );
        await tools.run('tpm2_flushcontext', 's');
        assert.equal(hex(await tools.read('out')), hex(credential));
      }),
    );
  });

  for (const [key, scheme, hash, bank] of [
    ['rsa2048', 'rsassa', 'sha256', 'sha256'],
    ['rsa2048', 'rsapss', 'sha256', 'sha384'],
    ['rsa3072', 'rsassa', 'sha384', 'sha256'],
    ['ecc384', 'ecdsa', 'sha384', 'sha384'],
    ['ecc256', 'ecdsa', 'sha256', 'sha1'],
  ] as const) {
    it(
      `on a quote of ${bank} and a certification by an AK of ${key} for ${scheme} with ${hash}`,
      withTools(async (tools) => {
        const ak = await akUnder(tools, EK, `${key}:${scheme}-${hash}`);
        const nonce = hex(randomBytes(32));
        const as = ['-g', hash, '--scheme', scheme];
        const quote = ['-l', `${bank}:0,7,23`, '-q', nonce, '-m', 'msg', '-s', 'sig'];
        await tools.run('tpm2_quote', '-c', 'ak.ctx', ...as, ...quote);
        const message = await tools.read('msg');
        const attest = parseTpmsAttest(message);
        assert.equal(hex(attest.extraData), nonce);
        assert.deepEqual(attest.quote.pcrSelect, [{ bank, pcrs: [0, 7, 23] }]);
        verifies(ak, message, await tools.read('sig'));
        throwsCode(() => parseTpmsCertify(message), 'NOT_A_CERTIFY');

        const certify = ['-C', 'ak.ctx', '-c', 'ak.ctx', ...as, '-o', 'info'];
        await tools.run('tpm2_certify', ...certify, '-s', 'info.sig');
        const info = await tools.read('info');
        const { qualifiedSigner, certify: certified } = parseTpmsCertify(info);
        const ek = qualifiedNameOf(hierarchyName(TPM_RH_ENDORSEMENT), await ekAt(tools, EK));
        assert.equal(hex(certified.name), hex(nameOf(ak)));
        assert.equal(hex(certified.qualifiedName), hex(qualifiedNameOf(ek, ak)));
        assert.deepEqual(
          [qualifiedSigner, attest.qualifiedSigner],
          [certified.qualifiedName, certified.qualifiedName],
        );
        verifies(ak, info, await tools.read('info.sig'));
        throwsCode(() => parseTpmsAttest(info), 'NOT_A_QUOTE');
      }),
    );
  }

  it(
    'on our template for an RSA AK',
    withTools(async (tools) => {
      const ak = await akUnder(tools, EK, 'rsa2048:rsassa-sha256');
      assert.deepEqual({ ...ak, unique: AK_TEMPLATE_RSA2048.unique }, AK_TEMPLATE_RSA2048);
    }),
  );

  function verifies(publicArea: TpmtPublic, message: Uint8Array, signature: Uint8Array): void {
    const parsed = parseTpmtSignature(signature);
    assert.deepEqual(verifyTpmSignature({ publicArea, signature: parsed, message }), { ok: true });
  }

  async function ekAt(tools: TpmTools, handle: string): Promise<TpmtPublic> {
    await tools.run('tpm2_readpublic', '-c', handle, '-o', 'ek', '-n', 'ek.name', '-q', 'ek.qname');
    return parseTpm2bPublic(await tools.read('ek'));
  }

  /** Under a high-range EK, whose empty auth serves. */
  async function akUnder(tools: TpmTools, ek: string, algorithm: string): Promise<TpmtPublic> {
    const template = ['-G', `${algorithm}:null`, '-g', 'sha256', '-a', SIGNER];
    await tools.run('tpm2_create', '-C', ek, ...template, '-u', 'ak.pub', '-r', 'ak.priv');
    await tools.run('tpm2_load', '-C', ek, '-u', 'ak.pub', '-r', 'ak.priv', '-c', 'ak.ctx');
    return parseTpm2bPublic(await tools.read('ak.pub'));
  }

  async function activated(
    tools: TpmTools,
    ek: string,
    made: { credentialBlob: Uint8Array; secret: Uint8Array },
  ): Promise<Uint8Array> {
    await tools.write('cred', Buffer.concat([CREDENTIAL_HEADER, made.credentialBlob, made.secret]));
    await tools.run('tpm2_activatecredential', '-c', 'ak.ctx', '-C', ek, '-i', 'cred', '-o', 'out');
    return tools.read('out');
  }
});
