import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  AK_TEMPLATE_ECC_P256,
  EK_TEMPLATE_RSA2048,
  hierarchyName,
  makeCredential,
  nameOf,
  parseTpm2bPublic,
  parseTpmsAttest,
  parseTpmtSignature,
  pcrDigest,
  qualifiedNameOf,
  TPM_RH_ENDORSEMENT,
  type TpmtPublic,
  verifyTpmSignature,
  Writer,
} from '@touchstone/tpm';
import { startSwtpm, type Swtpm } from '../../test/support/swtpm.ts';
import { hex } from './corpus.ts';

const execute = promisify(execFile);

const AK_ATTRIBUTES = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign';

describe('against a software TPM driven by tpm2-tools', () => {
  let tpm: Swtpm;
  let ek: TpmtPublic;
  let ak: TpmtPublic;
  const file = (name: string) => join(tpm.stateDir, name);

  /** There is no resource manager: what a tool leaves behind is flushed after it. */
  async function tool(name: string, ...args: string[]): Promise<void> {
    const env = { ...process.env, TPM2TOOLS_TCTI: tpm.tcti };
    await execute(`tpm2_${name}`, args, { env, timeout: 10_000 });
    if (!name.startsWith('flush')) await execute('tpm2_flushcontext', ['-t'], { env });
  }

  /** Runs a tool under the EK's policy, PolicySecret(endorsement). */
  async function underEk(name: string, ...args: string[]): Promise<void> {
    const session = file('session.ctx');
    await tool('startauthsession', '--policy-session', '-S', session);
    try {
      await tool('policysecret', '-S', session, '-c', 'e');
      await tool(name, ...args, '-P', `session:${session}`);
    } finally {
      await tool('flushcontext', session);
    }
  }

  before(async function () {
    this.timeout(60_000);
    tpm = await startSwtpm();
    await tool('createek', '-c', file('ek.ctx'), '-G', 'rsa', '-u', file('ek.pub'));
    const [pub, priv] = [file('ak.pub'), file('ak.priv')];
    const template = ['-G', 'ecc256:ecdsa-sha256:null', '-g', 'sha256', '-a', AK_ATTRIBUTES];
    await underEk('create', '-C', file('ek.ctx'), ...template, '-u', pub, '-r', priv);
    await underEk('load', '-C', file('ek.ctx'), '-u', pub, '-r', priv, '-c', file('ak.ctx'));
    ek = parseTpm2bPublic(await readFile(file('ek.pub')));
    ak = parseTpm2bPublic(await readFile(pub));
  });

  after(() => tpm?.stop());

  it('finds its keys to be made from our templates', () => {
    assert.deepEqual({ ...ek, unique: EK_TEMPLATE_RSA2048.unique }, EK_TEMPLATE_RSA2048);
    assert.deepEqual({ ...ak, unique: AK_TEMPLATE_ECC_P256.unique }, AK_TEMPLATE_ECC_P256);
  });

  it('computes the Name and the Qualified Name that the TPM does', async () => {
    const [name, qualified] = [file('ak.name'), file('ak.qname')];
    await tool('readpublic', '-c', file('ak.ctx'), '-n', name, '-q', qualified);
    assert.equal(hex(nameOf(ak)), hex(await readFile(name)));
    const ekQualifiedName = qualifiedNameOf(hierarchyName(TPM_RH_ENDORSEMENT), ek);
    assert.equal(hex(qualifiedNameOf(ekQualifiedName, ak)), hex(await readFile(qualified)));
  });

  it('verifies its quote: signature, signer, nonce, selection and digest', async () => {
    const nonce = randomBytes(32);
    const [message, signature] = [file('quote.msg'), file('quote.sig')];
    const selection = ['-l', 'sha256:0,1,2,16', '-q', nonce.toString('hex')];
    await tool('pcrextend', `16:sha256=${'5a'.repeat(32)}`);
    await tool('pcrread', 'sha256:0,1,2,16', '-o', file('pcrs'));
    await tool('quote', '-c', file('ak.ctx'), ...selection, '-m', message, '-s', signature);

    const signed = await readFile(message);
    const parsed = parseTpmtSignature(await readFile(signature));
    const verdict = verifyTpmSignature({ publicArea: ak, signature: parsed, message: signed });
    assert.deepEqual(verdict, { ok: true });

    const attest = parseTpmsAttest(signed);
    assert.equal(hex(attest.extraData), hex(nonce));
    assert.deepEqual(attest.quote.pcrSelect, [{ bank: 'sha256', pcrs: [0, 1, 2, 16] }]);
    const ekQualifiedName = qualifiedNameOf(hierarchyName(TPM_RH_ENDORSEMENT), ek);
    assert.equal(hex(attest.qualifiedSigner), hex(qualifiedNameOf(ekQualifiedName, ak)));

    const read = await readFile(file('pcrs'));
    const banks = new Map([
      [
        'sha256' as const,
        new Map(
          [0, 1, 2, 16].map((pcr, index) => [pcr, read.subarray(32 * index, 32 * index + 32)]),
        ),
      ],
    ]);
    const digest = pcrDigest(attest.quote.pcrSelect, banks, parsed.hash);
    assert.equal(hex(digest), hex(attest.quote.pcrDigest));
  });

  it('makes a credential that the TPM activates', async () => {
    const secret = randomBytes(32);
    await activate(nameOf(ak), secret);
    assert.equal(hex(await readFile(file('activated'))), hex(secret));
  });

  it('makes none that the TPM activates for an object with another Name', async () => {
    const other = nameOf({ ...ak, objectAttributes: ak.objectAttributes ^ 2 });
    await assert.rejects(activate(other, randomBytes(32)), /integrity/i);
  });

  async function activate(name: Uint8Array, credential: Uint8Array): Promise<void> {
    const seed = randomBytes(32);
    const made = makeCredential({ ekPublic: ek, name, credential, seed });
    // The header is tpm2-tools' own, a magic number and a version.
    const header = new Writer().u32(0xbadcc0de).u32(1).finish();
    await writeFile(file('cred'), Buffer.concat([header, made.credentialBlob, made.secret]));
    const files = ['-i', file('cred'), '-o', file('activated')];
    await underEk('activatecredential', '-c', file('ak.ctx'), '-C', file('ek.ctx'), ...files);
  }
});
