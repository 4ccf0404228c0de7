import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPublicKey, randomUUID, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { akQualifiedNameOf, parseAkCertificate } from '@touchstone/endorsement';
import {
  CertificateRenewalAnswer,
  EnrollmentChallenge,
  HostDetail,
  VmStarts,
} from '@touchstone/schemas';
import {
  AK_TEMPLATE_ECC_P256,
  encodeTpm2bPublic,
  TPMA_OBJECT,
  type TpmtPublic,
} from '@touchstone/tpm';
import { attack, type Observed } from '../support/attack.ts';
import { type CaReplica, startCaReplica } from '../support/ca-replica.ts';
import { ForgedHost } from '../support/forged-host.ts';
import { forgedEccAk, type ForgedKey, forgedRsaAk } from '../support/forged-key.ts';
import { corrupt, refusedWithoutTrace } from '../support/records.ts';
import { codeOf, refusalOf } from '../support/refusals.ts';
import { forge } from '../support/stolen-ca.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const run = promisify(execFile);
const CA = fileURLToPath(new URL('../../ca/main.ts', import.meta.url));
const HOUR_MS = 3_600_000;

describe('An attestation key', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let ca: CaReplica;
  let host: TestHost;
  let known: ForgedHost;

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    ca = await startCaReplica(touchstone);
    host = await TestHost.trusted(touchstone);
    known = await ForgedHost.trusted(touchstone, ca);
  });
  after(async function () {
    this.timeout(60_000);
    await host?.stop();
    await ca?.stop();
    await touchstone?.stop();
  });

  const refused = (request: () => Promise<unknown>) => refusedWithoutTrace(touchstone, request);
  const genuine = () => parseAkCertificate(new X509Certificate(known.certificates[0] ?? '').raw);
  /** What a thief of the CA's key makes for any key. */
  const certifiedByThief = async (ak: ForgedKey, dates: Parameters<typeof forge>[2] = {}) => {
    const made = new ForgedHost(touchstone, ak, known);
    const claims = {
      ...({ ekRef: 'ab'.repeat(32), class: 'software' } as const),
      akName: made.akName,
      akQualifiedName: akQualifiedNameOf(made.ek.public, ak.public),
      spki: createPublicKey(ak.privateKey).export({ format: 'der', type: 'spki' }),
    };
    made.certificates = [await forge(touchstone, claims, dates)];
    return made;
  };
  /** At the CA, and at the server with a certificate that was never the CA's to give. */
  const refusedAtBothDoors = async (number: string, ak: ForgedKey) => {
    const atCa = new ForgedHost(touchstone, ak, known);
    await attack(number, () => refused(() => ca.enroll(atCa.enrollmentRequest())));
    const atServer = await certifiedByThief(ak);
    const token = await touchstone.joinToken();
    await attack(number, () => refused(() => atServer.enrol(token)));
    assert.equal(await codeOf(touchstone.host(atServer.name)), 'HOST_UNKNOWN');
  };

  describe('without an attribute that ties it to one TPM', () => {
    const rsa = forgedRsaAk();
    const changes: Readonly<Record<string, number>> = {
      'without fixedTPM': TPMA_OBJECT.fixedTPM,
      'without fixedParent': TPMA_OBJECT.fixedParent,
      'without both, so that it can be duplicated': TPMA_OBJECT.fixedTPM | TPMA_OBJECT.fixedParent,
      'without sensitiveDataOrigin': TPMA_OBJECT.sensitiveDataOrigin,
      'without userWithAuth': TPMA_OBJECT.userWithAuth,
      'that does not sign': TPMA_OBJECT.sign,
      'that also decrypts': TPMA_OBJECT.decrypt,
      'that may be duplicated encrypted': TPMA_OBJECT.encryptedDuplication,
    };
    for (const [what, bits] of Object.entries(changes)) {
      it(`is refused ${what}, at both doors: I2`, async () => {
        for (const ak of [forgedEccAk(), rsa]) {
          const objectAttributes = (ak.public.objectAttributes ^ bits) >>> 0;
          await refusedAtBothDoors('I2', changedTo(ak, { objectAttributes }));
        }
      });
    }

    it('is refused with a policy of its own: I2', () =>
      refusedAtBothDoors('I2', changedTo(forgedEccAk(), { authPolicy: Buffer.alloc(32, 7) })));

    it('is refused where a real TPM made it so, and its own AK is certified: I2', async () => {
      const { fixedTPM, fixedParent } = TPMA_OBJECT;
      const objectAttributes = AK_TEMPLATE_ECC_P256.objectAttributes & ~(fixedTPM | fixedParent);
      const inPublic = encodeTpm2bPublic({ ...AK_TEMPLATE_ECC_P256, objectAttributes });
      const auth = new Uint8Array();
      const blobs = await host.withEkPolicy((parentSession) =>
        host.tpm.create({ parent: host.ek, parentSession, inPublic, auth }),
      );
      const request = await host.enrollmentRequest(blobs.public);
      await attack('I2', () => refused(() => ca.enroll(request)));
      assert.ok((await ca.enroll(await host.enrollmentRequest())).enrollmentId);
    });
  });

  describe('that is too weak', () => {
    it('is refused: RSA-1024: I3', () => refusedAtBothDoors('I3', forgedRsaAk(1024)));

    for (const curve of ['P-384', 'P-521'] as const) {
      it(`is refused where it is of another curve than the template, ${curve}: I3`, () =>
        refusedAtBothDoors('I3', forgedEccAk(undefined, curve)));
    }

    const curves = { 'P-192': 1, 'P-224': 2, 'BN-P256': 0x10, 'BN-P638': 0x11, 'SM2-P256': 0x20 };
    for (const [name, id] of Object.entries(curves)) {
      it(`is refused on curve ${name}, at both doors: I3`, async () => {
        const { ekPublic, ...request } = known.enrollmentRequest();
        const akPublic = Buffer.from(request.akPublic, 'base64url');
        // TPM2B size, type, nameAlg, attributes, empty policy, no symmetric, ECDSA with SHA-256.
        assert.equal(akPublic.readUInt16BE(18), 3);
        akPublic.writeUInt16BE(id, 18);
        const weak = { ...request, ekPublic, akPublic: akPublic.toString('base64url') };
        await attack('I3', () => refused(() => ca.enroll(weak)));
        await attack('I3', () => refused(() => known.enrol(undefined, { akPublic })));
      });
    }

    it('is refused with SHA-1 for its name, and a challenge is given to no such name: I3', async () => {
      const weak = new ForgedHost(touchstone, changedTo(forgedEccAk(), { nameAlg: 'sha1' }), known);
      await attack('I3', () => refused(() => ca.enroll(weak.enrollmentRequest())));
      assert.equal(await codeOf(weak.enrol()), 'SCHEMA_MISMATCH');
    });
  });

  describe('whose certificate is of another time', () => {
    const from = (ms: number) => new Date(Date.now() + ms);
    const times: Readonly<Record<string, () => Parameters<typeof forge>[2]>> = {
      'expired an hour ago': () => ({ notAfter: from(-HOUR_MS), notBefore: from(-2 * HOUR_MS) }),
      'expired two seconds ago': () => ({ notAfter: from(-2_000) }),
      'begins in an hour': () => ({ notBefore: from(HOUR_MS) }),
      'begins tomorrow': () => ({ notBefore: from(24 * HOUR_MS), notAfter: from(48 * HOUR_MS) }),
    };
    for (const [what, dates] of Object.entries(times)) {
      it(`enrols no host: it ${what}: Q22`, async () => {
        const applicant = await certifiedByThief(forgedEccAk(), dates());
        const token = await touchstone.joinToken();
        await attack('Q22', () => refused(() => applicant.enrol(token)));
        assert.equal(await codeOf(touchstone.host(applicant.name)), 'HOST_UNKNOWN');
      });

      it(`does not speak for a host that is known: it ${what}: Q22`, async () => {
        const recorded = genuine();
        const other = new X509Certificate(await forge(touchstone, recorded, dates())).raw;
        const put = () =>
          touchstone.client.request({
            method: 'PUT',
            path: `/v1/hosts/${known.hostId}/certificate`,
            body: { certificates: [new X509Certificate(other).toString()] },
            schema: CertificateRenewalAnswer,
          });
        await attack('Q22', () => refused(put));
        // As if time had gone by: the recorded one is of that time.
        const sql = 'UPDATE hosts SET ak_certificate = $2 WHERE id = $1';
        await corrupt(touchstone, sql, [known.hostId, other]);
        await attack('Q22', () => refused(() => known.attest()));
        await corrupt(touchstone, sql, [known.hostId, recorded.certificate.der]);
        assert.equal((await known.attest()).state, 'trusted');
      });
    }
  });

  describe('of what was revoked', () => {
    it('gets its host no permit, whatever it proves: Q22', async () => {
      const vm = randomUUID();
      await touchstone.addVm({ uuid: vm, name: 'of-the-revoked' });
      const thief = await TestHost.trusted(touchstone);
      try {
        await touchstone.operator('POST', `/v1/hosts/${thief.name}/revocation`, HostDetail, {
          reason: 'stolen',
        });
        await attack('Q22', async (): Promise<Observed> => {
          const { code } = refusalOf(await thief.askForPermit(vm));
          await thief.reboot();
          await thief.certify();
          assert.equal((await thief.attest()).state, 'revoked');
          assert.equal(refusalOf(await thief.askForPermit(vm)).code, code);
          const { starts } = await touchstone.operator('GET', `/v1/vms/${vm}/starts`, VmStarts);
          assert.ok(starts.every(({ decision }) => decision === 'refused'));
          return { outcome: 'R', code };
        });
      } finally {
        await thief.stop();
      }
    });

    it('is on a list that the server has within seconds, and attests no more: Q22', async () => {
      const stolen = await TestHost.trusted(touchstone);
      try {
        assert.equal((await stolen.attest()).state, 'trusted');
        const { ekRef } = await touchstone.operator('GET', `/v1/hosts/${stolen.name}`, HostDetail);
        await run(process.execPath, [
          ...[CA, 'revoke-ek', '--config', join(touchstone.directory, 'ca/config.json')],
          ...['--ek-ref', ekRef, '--reason', 'stolen'],
        ]);
        const isRefused = () =>
          stolen.attest().then(
            () => false,
            () => true,
          );
        for (const until = Date.now() + 30_000; Date.now() < until; await sleep(500)) {
          if (await isRefused()) break;
        }
        await attack('Q22', () => refused(() => stolen.attest()));
        assert.equal(await codeOf(stolen.attest()), 'AK_CERT_REVOKED');
        assert.equal((await known.attest()).state, 'trusted', 'another’s is not');
      } finally {
        await stolen.stop();
      }
    });

    it('gets its EK no certificate, new or renewed: Q22', async () => {
      const lost = new ForgedHost(touchstone);
      const { enrollmentId } = await lost.certify(ca);
      const { ekRef } = parseAkCertificate(new X509Certificate(lost.certificates[0] ?? '').raw);
      const renew = () =>
        ca.client.request({
          method: 'POST',
          path: `/v1/enrollments/${enrollmentId}/renewals`,
          schema: EnrollmentChallenge,
          body: {},
        });
      assert.ok((await renew()).enrollmentId);
      await run(process.execPath, [
        ...[CA, 'revoke-ek', '--config', join(touchstone.directory, 'ca/config.json')],
        ...['--ek-ref', ekRef, '--reason', 'stolen'],
      ]);
      const withAnotherAk = lost.enrollmentRequest({
        akPublic: Buffer.from(encodeTpm2bPublic(forgedEccAk().public)).toString('base64url'),
      });
      for (const request of [
        renew,
        () => ca.enroll(lost.enrollmentRequest()),
        () => ca.enroll(withAnotherAk),
      ]) {
        await attack('Q22', () => refused(request));
      }
      assert.ok((await ca.enroll(known.enrollmentRequest())).enrollmentId, 'another’s is not');
    });
  });
});

/** The same key under another public area. */
const changedTo = (
  { public: area, privateKey }: ForgedKey,
  changed: Partial<TpmtPublic>,
): ForgedKey => ({
  public: { ...area, ...changed } as TpmtPublic,
  privateKey,
});
