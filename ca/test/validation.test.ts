import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  encodeTpm2bPublic,
  nameOf,
  TPMA_OBJECT,
  type TpmtPublic,
  type TpmtPublicRsa,
} from '@touchstone/tpm';
import { tpmName } from '../../test/support/made-certificate.ts';
import {
  checkEnrollment,
  type ConfiguredRoot,
  type EnrollmentContext,
} from '../validation/index.ts';
import { makeAkPublic, makeEndorsement } from './support/made-endorsement.ts';

const now = new Date('2026-06-01T12:00:00Z');
const maker = makeEndorsement(now);
const akPublic = makeAkPublic();
const roots = [{ der: maker.rootDer, class: 'discrete' as const }];

const check = (
  change: {
    ekPublic?: TpmtPublicRsa;
    akPublic?: TpmtPublic;
    ekCertificates?: Uint8Array[];
    software?: boolean;
  } = {},
  trusted: readonly ConfiguredRoot[] = roots,
  more: Partial<EnrollmentContext> = {},
) =>
  checkEnrollment(
    {
      ekPublic: encodeTpm2bPublic(change.ekPublic ?? maker.ekPublic),
      akPublic: encodeTpm2bPublic(change.akPublic ?? akPublic),
      ekCertificates: change.ekCertificates ?? [maker.certificate],
      software: change.software ?? false,
    },
    { roots: trusted, intermediates: [], now, ...more },
  );

const codesOf = (verdict: ReturnType<typeof check>) =>
  verdict.kind === 'refused' ? verdict.problems.map(({ code }) => code) : verdict.kind;

describe('validation of an enrolment', () => {
  it('takes the class from the root that vouches, and computes the Names itself', () => {
    const verdict = check();
    assert.ok(verdict.kind === 'checked');
    assert.equal(verdict.enrollment.class, 'discrete');
    assert.deepEqual(verdict.enrollment.akName, nameOf(akPublic));
    assert.deepEqual(verdict.enrollment.ekName, nameOf(maker.ekPublic));
  });

  it('lets a host call itself software, under whatever root', () => {
    for (const trusted of [roots, []]) {
      const verdict = check({ software: true }, trusted);
      assert.ok(verdict.kind === 'checked');
      assert.equal(verdict.enrollment.class, 'software');
    }
  });

  it('takes a maker from a root that may vouch for it, and from no host that calls itself software', () => {
    const intel = makeEndorsement(now, {
      extensions: [{ critical: false, ...tpmName({ manufacturer: 'id:494E5443' }) }],
    });
    const makerBy = (manufacturers: readonly string[] | undefined, software = false) => {
      const root = { der: intel.rootDer, class: 'firmware' as const };
      const verdict = check(
        { ekPublic: intel.ekPublic, ekCertificates: [intel.certificate], software },
        [{ ...root, ...(manufacturers && { manufacturers }) }],
      );
      assert.ok(verdict.kind === 'checked');
      return verdict.enrollment.tpm.maker;
    };
    assert.equal(makerBy(undefined), 'INTC');
    assert.equal(makerBy(['AMD', 'INTC']), 'INTC');
    assert.equal(makerBy(['AMD']), 'AMD');
    assert.equal(makerBy(['AMD', 'IFX']), undefined);
    assert.equal(makerBy(undefined, true), undefined);
  });

  it('accepts an unknown root, and no certificate at all, never by itself: unvouched', () => {
    assert.equal(check({}, []).kind, 'unvouched');
    assert.equal(check({ ekCertificates: [] }).kind, 'unvouched');
  });

  it('takes the class of a pin where no root vouches', () => {
    for (const ekCertificates of [[], [maker.certificate]]) {
      const verdict = check({ ekCertificates }, [], { pinnedClass: 'firmware' });
      assert.ok(verdict.kind === 'checked');
      assert.equal(verdict.enrollment.class, 'firmware');
      assert.deepEqual(verdict.enrollment.voucher, { by: 'pin' });
      assert.ok(verdict.enrollment.notes.every(({ effect }) => effect === 'observe'));
    }
    const inBundle = roots.map((root) => ({ ...root, inBundle: true }));
    for (const [trusted, by] of [
      [roots, 'configuration'],
      [inBundle, 'root'],
    ] as const) {
      const verdict = check({}, trusted, { pinnedClass: 'firmware' });
      assert.ok(verdict.kind === 'checked');
      assert.equal(verdict.enrollment.class, 'discrete');
      const fingerprint = createHash('sha256').update(maker.rootDer).digest();
      assert.deepEqual(verdict.enrollment.voucher, { by, fingerprint });
    }
  });

  it('takes no pin for what stands against an EK or its certificate', () => {
    const expired = makeEndorsement(now, { notAfter: new Date(now.getTime() - 1_000) });
    const change = { ekPublic: expired.ekPublic, ekCertificates: [expired.certificate] };
    const trusted = [{ der: expired.rootDer, class: 'discrete' as const }];
    assert.deepEqual(codesOf(check(change, trusted, { pinnedClass: 'firmware' })), [
      'CERT_EXPIRED',
    ]);
    const { ekPublic: genuine } = maker;
    const attributes = genuine.objectAttributes & ~TPMA_OBJECT.fixedTPM;
    const ekPublic = { ...genuine, objectAttributes: attributes };
    const refused = codesOf(
      check({ ekPublic, ekCertificates: [] }, [], { pinnedClass: 'virtual' }),
    );
    assert.deepEqual(refused, ['EK_ATTRIBUTES']);
  });

  it('goes by intermediates that it holds itself, and trusts them for nothing', () => {
    const chained = makeEndorsement(now, { intermediate: true });
    const { intermediateDer = new Uint8Array() } = chained;
    const change = { ekPublic: chained.ekPublic, ekCertificates: [chained.certificate] };
    const trusted = [{ der: chained.rootDer, class: 'firmware' as const }];
    assert.equal(check(change, trusted).kind, 'unvouched');
    assert.equal(check(change, trusted, { intermediates: [intermediateDer] }).kind, 'checked');
    assert.equal(check(change, [], { intermediates: [intermediateDer] }).kind, 'unvouched');
  });

  it('refuses the certificate of another key: EK_CERT_MISMATCH', () => {
    const other = makeEndorsement(now);
    const refused = check({ ekCertificates: [other.certificate], software: true }, []);
    assert.deepEqual(codesOf(refused), ['EK_CERT_MISMATCH']);
  });

  it("finds the key's own certificate among others, and leaves aside what it cannot read", () => {
    const other = makeEndorsement(now);
    const ekCertificates = [Buffer.from('none'), other.certificate, maker.certificate];
    assert.equal(check({ ekCertificates }).kind, 'checked');
  });

  it('refuses what holds no certificate at all: BAD_DER', () => {
    const none = () => check({ ekCertificates: [Buffer.from('none')] });
    assert.throws(none, { name: 'ParseError' });
  });

  it('refuses a chain that is broken, whatever the host calls itself: CERT_EXPIRED, EXT_CRITICAL', () => {
    const expired = makeEndorsement(now, { notAfter: new Date(now.getTime() - 1_000) });
    const critical = makeEndorsement(now, {
      extensions: [{ oid: '1.3.6.1.4.1.99999.1', critical: true, value: Uint8Array.of(5, 0) }],
    });
    for (const [made, code] of [
      [expired, 'CERT_EXPIRED'],
      [critical, 'EXT_CRITICAL'],
    ] as const) {
      const change = { ekPublic: made.ekPublic, ekCertificates: [made.certificate] };
      const trusted = [{ der: made.rootDer, class: 'discrete' as const }];
      for (const software of [false, true]) {
        assert.deepEqual(codesOf(check({ ...change, software }, trusted)), [code]);
      }
    }
  });

  it('tells every problem at once: EK_ATTRIBUTES, AK_NOT_RESTRICTED, AK_ATTRIBUTES', () => {
    const ekPublic = {
      ...maker.ekPublic,
      objectAttributes: maker.ekPublic.objectAttributes & ~TPMA_OBJECT.fixedTPM,
    };
    const general = {
      ...akPublic,
      objectAttributes:
        akPublic.objectAttributes & ~TPMA_OBJECT.restricted & ~TPMA_OBJECT.fixedParent,
    };
    const refused = codesOf(check({ ekPublic, akPublic: general }));
    assert.deepEqual(refused, ['EK_ATTRIBUTES', 'AK_NOT_RESTRICTED', 'AK_ATTRIBUTES']);
  });
});
