import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  BINDING_TEMPLATES,
  encodeTpm2bPublic,
  makeCredential,
  nameOf,
  parseTpm2bPublic,
  parseTpmsAttest,
  parseTpmsCertify,
  parseTpmtSignature,
  qualifiedNameOf,
  Reader,
  verifyTpmSignature,
} from '@touchstone/tpm';
import { openTpm } from 'node-tpm2-tss-bindings';
import type { Tpm } from 'node-tpm2-tss-bindings';
import { startSwtpm } from '../../test/support/swtpm.ts';
import type { Swtpm } from '../../test/support/swtpm.ts';
import { AK_TEMPLATE, ALL_SHA256, attesterOf, withEkPolicy } from './support/attester.ts';
import type { Attester } from './support/attester.ts';

const run = promisify(execFile);

describe('the attestation key', () => {
  let swtpm: Swtpm;
  let tpm: Tpm;
  let attester: Attester;
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-tss-'));
    swtpm = await startSwtpm();
    tpm = await openTpm({ tcti: swtpm.tcti });
    attester = await attesterOf(tpm);
  });
  after(async () => {
    await tpm?.close();
    await swtpm?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const tool = (name: string, ...args: string[]) =>
    run(name, args, { cwd: dir, env: { ...process.env, TPM2TOOLS_TCTI: swtpm.tcti } });
  const check = (qualification: Buffer) =>
    tool(
      'tpm2_checkquote',
      ...['-u', 'ak.pub', '-m', 'quote.msg', '-s', 'quote.sig', '-g', 'sha256'],
      ...['-q', qualification.toString('hex')],
    );
  const quote = (qualifyingData: Uint8Array) =>
    tpm.quote({
      key: attester.ak,
      session: attester.session,
      qualifyingData,
      selection: ALL_SHA256,
    });
  const activate = (credentialBlob: Uint8Array, secret: Uint8Array) =>
    withEkPolicy(tpm, (parentSession) =>
      tpm.activateCredential({
        key: attester.ak,
        keySession: attester.session,
        parent: attester.ek,
        parentSession,
        credentialBlob,
        secret,
      }),
    );

  it('certifies another key of the same TPM: its Names, and the caller’s data', async () => {
    const auth = randomBytes(32);
    const blobs = await withEkPolicy(tpm, (parentSession) =>
      tpm.create({
        ...{ parent: attester.ek, parentSession, encryptSession: attester.session, auth },
        inPublic: encodeTpm2bPublic(BINDING_TEMPLATES.sha256),
      }),
    );
    const object = await withEkPolicy(tpm, (parentSession) =>
      tpm.load({
        ...{ parent: attester.ek, parentSession, encryptSession: attester.session, auth },
        ...blobs,
      }),
    );
    const objectSession = await tpm.startHmacSession({ saltKey: attester.ek });
    const qualifyingData = randomBytes(32);
    const { attest, signature } = await tpm.certify({
      ...{ object, objectSession, key: attester.ak, keySession: attester.session, qualifyingData },
    });
    const certification = parseTpmsCertify(attest);
    const { name, qualifiedName } = await tpm.readPublic(object);
    assert.deepEqual(Buffer.from(certification.certify.name), Buffer.from(name));
    assert.deepEqual(Buffer.from(certification.certify.qualifiedName), Buffer.from(qualifiedName));
    assert.deepEqual(Buffer.from(certification.extraData), qualifyingData);
    const verdict = verifyTpmSignature({
      publicArea: parseTpm2bPublic(attester.akBlobs.public),
      signature: parseTpmtSignature(signature),
      message: attest,
    });
    assert.deepEqual(verdict, { ok: true });
    await tpm.flush(objectSession);
    await tpm.flush(object);
  });

  it('is an ordinary child of the EK', async () => {
    const ak = await tpm.readPublic(attester.ak);
    const ek = await tpm.readPublic(attester.ek);
    assert.deepEqual(Buffer.from(ak.public), Buffer.from(attester.akBlobs.public));
    const expected = qualifiedNameOf(ek.qualifiedName, parseTpm2bPublic(ak.public));
    assert.deepEqual(Buffer.from(ak.qualifiedName), Buffer.from(expected));
  });

  it('signs quotes that verify: the nonce, the qualified signer, the PCRs', async () => {
    const nonce = randomBytes(32);
    const { attest, signature } = await quote(nonce);
    const publicArea = parseTpm2bPublic(attester.akBlobs.public);
    const verdict = verifyTpmSignature({
      publicArea,
      signature: parseTpmtSignature(signature),
      message: attest,
    });
    assert.deepEqual(verdict, { ok: true });
    const parsed = parseTpmsAttest(attest);
    assert.deepEqual(Buffer.from(parsed.extraData), nonce);
    const { qualifiedName } = await tpm.readPublic(attester.ak);
    assert.deepEqual(Buffer.from(parsed.qualifiedSigner), Buffer.from(qualifiedName));
    assert.deepEqual(parsed.quote.pcrSelect, [
      { bank: 'sha256', pcrs: Array.from({ length: 24 }, (_, pcr) => pcr) },
    ]);
  });

  it('signs quotes that tpm2_checkquote accepts, and refuses over another nonce', async () => {
    const nonce = randomBytes(20);
    const { attest, signature } = await quote(nonce);
    await writeFile(join(dir, 'ak.pub'), attester.akBlobs.public);
    await writeFile(join(dir, 'quote.msg'), attest);
    await writeFile(join(dir, 'quote.sig'), signature);
    await check(nonce);
    await assert.rejects(check(randomBytes(20)), { code: 1 });
  });

  it('refuses a wrong auth, decoded: TPM_RC_BAD_AUTH, and keeps serving', async () => {
    await tpm.setAuth(attester.ak, randomBytes(32));
    await assert.rejects(quote(randomBytes(32)), {
      name: 'TpmError',
      code: 'TPM_RC',
      rc: 0x9a2,
      rcName: 'TPM_RC_BAD_AUTH',
      command: 'TPM2_Quote',
    });
    await tpm.setAuth(attester.ak, attester.akAuth);
    await quote(randomBytes(32));
  });

  it('refuses a wrong auth for a key without noDA: TPM_RC_AUTH_FAIL', async () => {
    const { ek, session } = attester;
    const inPublic = Buffer.from(AK_TEMPLATE);
    // TPM2B_PUBLIC: size, type and nameAlg go before objectAttributes; noDA is bit 10.
    inPublic.writeUInt32BE(inPublic.readUInt32BE(6) & ~(1 << 10), 6);
    const auth = randomBytes(16);
    const blobs = await withEkPolicy(tpm, (parentSession) =>
      tpm.create({ parent: ek, parentSession, inPublic, auth, encryptSession: session }),
    );
    const key = await withEkPolicy(tpm, (parentSession) =>
      tpm.load({ parent: ek, parentSession, ...blobs, auth: randomBytes(16) }),
    );
    const refused = tpm.quote({ key, session, qualifyingData: auth, selection: ALL_SHA256 });
    await assert.rejects(refused, { code: 'TPM_RC', rcName: 'TPM_RC_AUTH_FAIL' });
    await tpm.flush(key);
  });

  it('is not made where its auth would cross the bus in the clear: TPM_MISUSE', async () => {
    const refused = withEkPolicy(tpm, (parentSession) =>
      tpm.create({
        parent: attester.ek,
        parentSession,
        inPublic: AK_TEMPLATE,
        auth: randomBytes(32),
      }),
    );
    await assert.rejects(refused, { code: 'TPM_MISUSE', command: 'TPM2_Create' });
  });

  it('is made under a salted policy session alone, which then encrypts', async () => {
    const { ek } = attester;
    const parentSession = await tpm.startPolicySession({ saltKey: ek });
    await tpm.policySecretEndorsement(parentSession);
    const auth = randomBytes(32);
    const blobs = await tpm.create({ parent: ek, parentSession, inPublic: AK_TEMPLATE, auth });
    await tpm.policySecretEndorsement(parentSession);
    const key = await tpm.load({ parent: ek, parentSession, ...blobs, auth });
    const { session } = attester;
    await tpm.quote({ key, session, qualifyingData: auth, selection: ALL_SHA256 });
    await tpm.flush(key);
    await tpm.flush(parentSession);
  });

  it("needs the EK's policy: TPM_RC_POLICY_FAIL without PolicySecret", async () => {
    const parentSession = await tpm.startPolicySession();
    const { ek, akBlobs } = attester;
    const refused = tpm.load({ parent: ek, parentSession, ...akBlobs });
    await assert.rejects(refused, { code: 'TPM_RC', rcName: 'TPM_RC_POLICY_FAIL' });
    await tpm.flush(parentSession);
  });

  it('does not load when a bit of its private part is flipped: TPM_RC_INTEGRITY', async () => {
    const { ek, akBlobs } = attester;
    const flipped = Buffer.from(akBlobs.private);
    flipped[40] = (flipped[40] ?? 0) ^ 1;
    const refused = withEkPolicy(tpm, (parentSession) =>
      tpm.load({ parent: ek, parentSession, public: akBlobs.public, private: flipped }),
    );
    await assert.rejects(refused, { code: 'TPM_RC', rcName: 'TPM_RC_INTEGRITY' });
  });

  it("activates tpm2_makecredential's credential", async () => {
    const credential = randomBytes(32);
    const { name } = await tpm.readPublic(attester.ak);
    await writeFile(join(dir, 'ek.pub'), (await tpm.readPublic(attester.ek)).public);
    await writeFile(join(dir, 'secret'), credential);
    await tool(
      'tpm2_makecredential',
      ...['-T', 'none', '-u', 'ek.pub', '-s', 'secret', '-o', 'made.cred'],
      ...['-n', Buffer.from(name).toString('hex')],
    );
    // tpm2-tools: magic UINT32, version UINT32, TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET.
    const reader = new Reader((await readFile(join(dir, 'made.cred'))).subarray(8));
    const blob = sized(reader.sized16('credentialBlob'));
    const secret = sized(reader.sized16('secret'));
    assert.deepEqual(Buffer.from(await activate(blob, secret)), credential);
  });

  it('activates our own credential, and not one over another Name: TPM_RC_INTEGRITY', async () => {
    const credential = randomBytes(32);
    const made = await credentialFor(nameOf(parseTpm2bPublic(attester.akBlobs.public)), credential);
    const activated = await activate(made.credentialBlob, made.secret);
    assert.deepEqual(Buffer.from(activated), credential);

    const other = Buffer.concat([Buffer.from([0x00, 0x0b]), randomBytes(32)]);
    const foreign = await credentialFor(other, credential);
    const refused = activate(foreign.credentialBlob, foreign.secret);
    await assert.rejects(refused, { code: 'TPM_RC', rcName: 'TPM_RC_INTEGRITY' });
  });

  it('has our credential activated by tpm2_activatecredential too', async () => {
    const credential = randomBytes(32);
    const made = await credentialFor(nameOf(parseTpm2bPublic(attester.akBlobs.public)), credential);
    const header = Buffer.from('badcc0de00000001', 'hex');
    const file = Buffer.concat([header, made.credentialBlob, made.secret]);
    await writeFile(join(dir, 'ours.cred'), file);
    await writeFile(join(dir, 'ak.pub'), attester.akBlobs.public);
    await writeFile(join(dir, 'ak.priv'), attester.akBlobs.private);
    // There is no resource manager: the tools need our slots.
    await tpm.close();
    try {
      const policy = async () => {
        await tool('tpm2_startauthsession', '--policy-session', '-S', 'policy.ctx');
        await tool('tpm2_policysecret', '-S', 'policy.ctx', '-c', 'e');
        return ['-P', 'session:policy.ctx'];
      };
      const loading = ['-C', '0x81010001', '-u', 'ak.pub', '-r', 'ak.priv', '-c', 'ak.ctx'];
      await tool('tpm2_load', ...loading, ...(await policy()));
      await tool('tpm2_flushcontext', 'policy.ctx');
      await tool(
        'tpm2_activatecredential',
        ...['-c', 'ak.ctx', '-C', '0x81010001', '-i', 'ours.cred', '-o', 'activated'],
        ...['-p', `hex:${attester.akAuth.toString('hex')}`],
        ...(await policy()),
      );
    } finally {
      tpm = await openTpm({ tcti: swtpm.tcti });
    }
    assert.deepEqual(await readFile(join(dir, 'activated')), credential);
  });

  async function credentialFor(name: Uint8Array, credential: Uint8Array) {
    const ekPublic = parseTpm2bPublic((await tpm.readPublic(attester.ek)).public);
    return makeCredential({ ekPublic, name, credential, seed: randomBytes(32) });
  }
});

function sized(bytes: Uint8Array): Buffer {
  const size = Buffer.alloc(2);
  size.writeUInt16BE(bytes.length);
  return Buffer.concat([size, bytes]);
}
