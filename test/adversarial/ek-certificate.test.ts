import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { parseAkCertificate, parseEkCertificate } from '@touchstone/endorsement';
import { EndorsementKeyList, type EnrollmentChallenge, type Finding } from '@touchstone/schemas';
import { EK_TEMPLATE_RSA2048, encodeTpm2bPublic } from '@touchstone/tpm';
import { AppError } from '@touchstone/transport';
import { attack } from '../support/attack.ts';
import { type CaReplica, startCaReplica, type TrustedRoot } from '../support/ca-replica.ts';
import { corpusPath, describeCorpus } from '../support/corpus.ts';
import { ForgedHost } from '../support/forged-host.ts';
import {
  basicConstraints,
  keyUsage,
  type Made,
  type Making,
  makeCertificate,
  nameOf,
  nvWrapped,
  oaepSpki,
  SUBJECT_DIRECTORY_ATTRIBUTES,
  tpmName,
  unknownExtension,
  usedFor,
} from '../support/made-certificate.ts';
import { codeOf } from '../support/refusals.ts';
import { rocaModulus } from '../support/roca-modulus.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const INTEL = tpmName({ manufacturer: 'id:494E5443' });

describe('An EK certificate at the CA', function () {
  this.timeout(60_000);
  const root = makeCertificate('A root of TPMs');
  const intel = makeCertificate('A root of one maker');
  const strict = makeCertificate('A strict root');
  const lenient = makeCertificate('A lenient root');
  const both = makeCertificate('A root of TPMs with two EKs');
  let touchstone: Touchstone;
  let ca: CaReplica;
  /** Its EK serves for all of them: what is tried is what is said of it. */
  let host: ForgedHost;

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    const roots: TrustedRoot[] = [
      { der: root.der, class: 'discrete' },
      { der: intel.der, class: 'firmware', manufacturers: ['id:494E5443'] },
      { der: strict.der, class: 'discrete', eku: 'strict' },
      { der: lenient.der, class: 'discrete', eku: 'lenient' },
      { der: both.der, class: 'discrete', ekAlgorithm: 'ecc' },
    ];
    ca = await startCaReplica(touchstone, roots);
    host = new ForgedHost(touchstone);
  });
  after(async function () {
    this.timeout(60_000);
    await ca?.stop();
    await touchstone?.stop();
  });

  const ekOf = (issuer: Made, making: Making = {}) =>
    makeCertificate('An EK', { ...{ keys: host.ek, issuer, extensions: [] }, ...making });
  const sent = (certificates: readonly Uint8Array[], software = false) =>
    host.enrollmentRequest({ ekCertificates: certificates.map(base64Url), software });
  /** For a key that nobody has: no more than an answer can be got. */
  const sentFor = (modulus: Buffer) => {
    const e = Buffer.from([1, 0, 1]).toString('base64url');
    const jwk = { kty: 'RSA', n: modulus.toString('base64url'), e };
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    const certificate = ekOf(root, {
      spki: publicKey.export({ format: 'der', type: 'spki' }),
      extensions: [usedFor()],
    });
    return host.enrollmentRequest({
      ekCertificates: [base64Url(certificate.der)],
      ekPublic: base64Url(encodeTpm2bPublic({ ...EK_TEMPLATE_RSA2048, unique: modulus })),
      software: false,
    });
  };
  const refused = (...request: Parameters<typeof sent>) =>
    codeOf(ca.enroll(sent(...request))).then((code) => ({ outcome: 'R', code }) as const);
  /** The class in the AK's certificate, and what the CA had to say. */
  const taken = async (...request: Parameters<typeof sent>) => {
    const { findings = [] } = await ca.enroll(sent(...request));
    await host.certify(ca, sent(...request));
    const certificate = parseAkCertificate(new X509Certificate(host.certificates[0] ?? '').raw);
    return { class: certificate.class, findings };
  };
  const quirks = ({ findings = [] }: Pick<EnrollmentChallenge, 'findings'>) =>
    findings
      .find(({ code }) => code === 'EK_CERT_QUIRKS')
      ?.actual?.split(', ')
      .map((quirk) => quirk.replace(/^quirk:/, '')) ?? [];

  describe('that claims another maker than the one that vouches for it', () => {
    const warned = (findings: readonly Finding[]) => {
      const [found] = findings.filter(({ effect }) => effect !== 'observe');
      assert.equal(found?.effect, 'warn');
      return { outcome: 'W', code: found.code } as const;
    };

    for (const manufacturer of ['id:494E5443', 'id:494e5443', 'INTC', 'id:414D4400', 'STM ']) {
      it(`is of class software where nobody vouches for ${manufacturer}: I14`, () =>
        attack('I14', async () => {
          const nobody = makeCertificate('Nobody');
          const certificate = ekOf(nobody, { extensions: [tpmName({ manufacturer })] });
          const answer = await taken([certificate.der], true);
          assert.equal(answer.class, 'software');
          return warned(answer.findings);
        }));
    }

    it('is of its root’s class where the root is another maker’s: I14', () =>
      attack('I14', async () => {
        const amd = tpmName({ manufacturer: 'id:414D4400' });
        const answer = await taken([ekOf(intel, { extensions: [amd] }).der]);
        assert.equal(answer.class, 'firmware');
        const [found] = answer.findings;
        assert.deepEqual([found?.expected, found?.actual], ['INTC', 'id:414D4400']);
        return warned(answer.findings);
      }));

    it('is of its root’s class where it names no maker: I14', () =>
      attack('I14', async () => {
        const answer = await taken([ekOf(intel).der]);
        assert.equal(answer.class, 'firmware');
        return warned(answer.findings);
      }));

    it('gets its host no class by it at the server: CLASS_NOT_ADMITTED', async () => {
      const nobody = makeCertificate('Nobody');
      await host.certify(ca, sent([ekOf(nobody, { extensions: [INTEL] }).der], true));
      const token = await touchstone.joinToken({ classes: ['discrete', 'firmware'] });
      assert.equal(await codeOf(host.enrol(token)), 'CLASS_NOT_ADMITTED');
    });

    it('is not, where it names the maker that vouches, or none and nobody does', async () => {
      const honest = await taken([ekOf(intel, { extensions: [INTEL, usedFor()] }).der]);
      assert.equal(honest.class, 'firmware');
      assert.ok(honest.findings.every(({ effect }) => effect === 'observe'));
      const real = await TestHost.boot(touchstone);
      try {
        const { findings = [] } = await ca.enroll(await real.enrollmentRequest());
        assert.ok(
          findings.every(({ effect }) => effect === 'observe'),
          'swtpm’s own',
        );
      } finally {
        await real.stop();
      }
    });
  });

  describe('with a critical extension that nobody knows', () => {
    const critical = unknownExtension(true);
    const constraints = { oid: '2.5.29.30', critical: true, value: nameOf([]) } as const;
    const bad = makeCertificate('Of our own kind', {
      issuer: root,
      extensions: [basicConstraints(true), keyUsage('keyCertSign'), critical],
    });
    const chains: Readonly<Record<string, () => Uint8Array[]>> = {
      'in the leaf': () => [ekOf(root, { extensions: [critical] }).der],
      'in the leaf, beside a critical subjectAltName': () => [
        ekOf(root, { extensions: [tpmName({ manufacturer: 'STM ' }, true), critical] }).der,
      ],
      'in the leaf, name constraints': () => [ekOf(root, { extensions: [constraints] }).der],
      'in an intermediate': () => [ekOf(bad).der, bad.der],
    };
    for (const [where, chain] of Object.entries(chains)) {
      it(`is refused: ${where}: I15`, () => attack('I15', () => refused(chain())));
    }

    it('is refused of a host that calls itself software too: I15', () =>
      attack('I15', () => {
        const nobody = makeCertificate('Nobody');
        return refused([ekOf(nobody, { extensions: [critical] }).der], true);
      }));

    it('is taken where it is not critical', async () => {
      const answer = await taken([ekOf(root, { extensions: [unknownExtension()] }).der]);
      assert.equal(answer.class, 'discrete');
    });
  });

  describe('of the form that real chips have', () => {
    const san = tpmName({ manufacturer: 'STM ' }, true);
    const noSubject = { subject: nameOf([]), extensions: [san] };

    it('a critical directoryName in place of the subject, and no DNS name: I16', () =>
      attack('I16', async () => {
        const answer = await taken([ekOf(root, noSubject).der]);
        assert.equal(answer.class, 'discrete');
        const found = quirks(answer);
        for (const quirk of ['no-subject', 'critical-subject-alt-name']) {
          assert.ok(found.includes(quirk), found.join());
        }
        return { outcome: 'T' };
      }));

    const zeros = Buffer.alloc(300);
    const forms: Readonly<Record<string, () => Uint8Array>> = {
      'subject-directory-attributes': () =>
        ekOf(root, { extensions: [SUBJECT_DIRECTORY_ATTRIBUTES] }).der,
      'rsaes-oaep-key': () => ekOf(root, { spki: oaepSpki(host.ek.publicKey) }).der,
      'negative-serial': () => ekOf(root, { serial: Uint8Array.of(0x80, 1, 2) }).der,
      'long-serial': () => ekOf(root, { serial: Buffer.alloc(24, 0x41) }).der,
      'nv-wrapper': () => nvWrapped(ekOf(root).der),
      'trailing-bytes': () => Buffer.concat([ekOf(root).der, zeros]),
      'padded-serial': () => ekOf(root, { serial: Uint8Array.of(0, 0, 1) }).der,
      'no-authority-key-id': () => ekOf(root).der,
      'no-eku': () => ekOf(root).der,
      'no-expiry': () => ekOf(root, { notAfter: new Date('9999-12-31T23:59:59Z') }).der,
    };
    for (const [quirk, make] of Object.entries(forms)) {
      it(`is taken and noted: ${quirk}: I17`, () =>
        attack('I17', async () => {
          const answer = await taken([make()]);
          assert.equal(answer.class, 'discrete');
          assert.ok(quirks(answer).includes(quirk), quirks(answer).join());
          return { outcome: 'T' };
        }));
    }
  });

  describe('whose issuer has ended since', () => {
    const DAY_MS = 86_400_000;
    const ago = (days: number) => new Date(Date.now() - days * DAY_MS);
    const ended = (name: string, issuer?: Made) =>
      makeCertificate(name, {
        ...(issuer === undefined ? {} : { issuer }),
        ...{ notBefore: ago(9), notAfter: ago(3) },
      });

    it('is taken where that issuer was valid when it signed, and noted: expired-issuer', async () => {
      const old = ended('An old issuer', root);
      const leaf = ekOf(old, { notBefore: ago(5), extensions: [usedFor()] });
      const answer = await taken([leaf.der, old.der]);
      assert.equal(answer.class, 'discrete');
      assert.ok(quirks(answer).includes('expired-issuer'));
      // It is kept with the EK, for operators to see.
      const { keys } = await ca.client.request({
        ...{ method: 'GET', path: '/v1/operator/endorsement-keys', schema: EndorsementKeyList },
        bearer: touchstone.caToken,
      });
      assert.ok(keys.some((key) => key.quirks.includes('expired-issuer')));
    });

    it('is refused where that one had ended by then, or another signed: CERT_EXPIRED', async () => {
      const old = ended('An old issuer', root);
      const late = ekOf(old, { notBefore: ago(1) });
      assert.equal((await refused([late.der, old.der])).code, 'CERT_EXPIRED');
      const impostor = ended('An old issuer');
      const forged = ekOf(impostor, { notBefore: ago(5) });
      assert.equal((await refused([forged.der, old.der])).code, 'CERT_SIGNATURE_INVALID');
    });
  });

  describe('that does not say that it is for endorsement keys', () => {
    const WEB = '1.3.6.1.5.5.7.3.1';
    const told = (findings: readonly Finding[]) => {
      const found = findings.find(({ code }) => code === 'EK_CERT_EKU');
      assert.equal(found?.effect, 'warn');
      return { outcome: 'W', code: found.code } as const;
    };

    it('is taken with a warning where it says nothing: I19', () =>
      attack('I19', async () => told((await taken([ekOf(root).der])).findings)));

    it('is taken with a warning where it is for other uses, if its root is lenient: I19', () =>
      attack('I19', async () => {
        const answer = await taken([ekOf(lenient, { extensions: [usedFor(WEB)] }).der]);
        return told(answer.findings);
      }));

    it('is refused where its root asks for it, and for other uses unless it is lenient', async () => {
      const chains = [
        ekOf(strict),
        ekOf(strict, { extensions: [usedFor(WEB)] }),
        ekOf(root, { extensions: [usedFor(WEB)] }),
      ];
      for (const { der } of chains) {
        assert.equal((await refused([der])).code, 'EK_CERT_PROFILE');
        // What calls itself software is no better for it.
        const own = await codeOf(ca.enroll(sent([der], true)));
        assert.equal(own, 'EK_CERT_PROFILE');
      }
    });

    it('gets no word where it says so', async () => {
      const { findings } = await taken([ekOf(strict, { extensions: [usedFor()] }).der]);
      assert.deepEqual(
        findings.filter(({ effect }) => effect !== 'observe'),
        [],
      );
    });
  });

  describe('of an algorithm that is not the one taken of its maker’s TPMs', () => {
    it('is refused, and the answer names the one that is: EK_ALGORITHM_NOT_CHOSEN', async () => {
      const answer = ca.enroll(sent([ekOf(both, { extensions: [usedFor()] }).der]));
      await assert.rejects(answer, (error: unknown) => {
        assert.ok(error instanceof AppError);
        const [found] = error.findings ?? [];
        assert.equal(error.code, 'EK_ALGORITHM_NOT_CHOSEN');
        assert.deepEqual([found?.expected, found?.actual], ['ecc', 'rsa']);
        return true;
      });
    });

    it('is nothing to a host that calls itself software', async () => {
      const answer = await taken([ekOf(both, { extensions: [usedFor()] }).der], true);
      assert.equal(answer.class, 'software');
    });
  });

  describe('over a key that Infineon’s library made', () => {
    it('says so in the AK’s certificate, each time, and warns: I22', async () => {
      const { findings } = await ca.enroll(sentFor(rocaModulus(2048, 71)));
      const [found] = findings?.filter(({ code }) => code === 'EK_WEAK_KEY') ?? [];
      assert.deepEqual([found?.effect, found?.actual], ['warn', 'ek-roca']);
    });
  });

  describe('under an intermediate that the host brought', () => {
    const ca1 = [basicConstraints(true), keyUsage('keyCertSign')];
    const under = (issuer: Made, name: string, extensions: Making['extensions'] = ca1) =>
      makeCertificate(name, { issuer, extensions });
    const chains: Readonly<Record<string, readonly [Made, ...Made[]]>> = {
      'that is no CA': [under(root, 'Another EK', [basicConstraints(false)])],
      'that says nothing of being a CA': [under(root, 'An old one', [])],
      'that may sign lists only': [
        under(root, 'A signer of lists', [basicConstraints(true), keyUsage('cRLSign')]),
      ],
      'below one that may have none below it': below(
        under(root, 'The last', [basicConstraints(true, 0), keyUsage('keyCertSign')]),
      ),
      'that is no CA, above one that is': below(under(root, 'No CA', [basicConstraints(false)])),
    };
    function below(upper: Made): readonly [Made, Made] {
      return [under(upper, 'One too many'), upper];
    }
    for (const [what, [issuer, ...more]] of Object.entries(chains)) {
      it(`is refused: ${what}: I18`, () =>
        attack('I18', () => refused([ekOf(issuer), issuer, ...more].map(({ der }) => der))));
    }

    it('is taken where each may have those below it', async () => {
      const upper = under(root, 'May have one', [
        basicConstraints(true, 1),
        keyUsage('keyCertSign'),
      ]);
      const lower = under(upper, 'The one below');
      const chain = [ekOf(lower), lower, upper].map(({ der }) => der);
      assert.equal((await taken(chain)).class, 'discrete');
    });

    it('is refused where the root’s name is all that it has: SIGNATURE_INVALID', async () => {
      const impostor = makeCertificate('A root of TPMs');
      assert.equal((await refused([ekOf(impostor).der])).code, 'CERT_SIGNATURE_INVALID');
    });
  });
});

describeCorpus('An EK certificate of a real chip', function () {
  const read = (path: string): Uint8Array => {
    const bytes = readFileSync(corpusPath(path));
    return bytes.includes('-----BEGIN') ? new X509Certificate(bytes).raw : bytes;
  };
  const CHAIN = ['ekca/keylime/STM_RSA_06I.pem', 'ekcert/hirs/stMicroCaCerts_stmtpmekroot.crt'];
  let touchstone: Touchstone;
  let ca: CaReplica;
  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    ca = await startCaReplica(touchstone, [
      { der: read('ekca/keylime/GS_TPM_RT.pem'), class: 'discrete', manufacturers: ['STM'] },
    ]);
  });
  after(async function () {
    this.timeout(60_000);
    await ca?.stop();
    await touchstone?.stop();
  });

  /** Nobody here has the chip: an answer that only the chip can open is all that can be got. */
  const ask = (path: string, software: boolean) => {
    const certificate = read(path);
    const { publicKey } = parseEkCertificate(certificate);
    const { n = '' } = publicKey.export({ format: 'jwk' });
    const ek = { ...EK_TEMPLATE_RSA2048, unique: Buffer.from(n, 'base64url') };
    return ca.enroll(
      new ForgedHost(touchstone).enrollmentRequest({
        ekCertificates: [certificate, ...(software ? [] : CHAIN.map(read))].map(base64Url),
        ekPublic: base64Url(encodeTpm2bPublic(ek)),
        software,
      }),
    );
  };
  const told = ({ findings = [] }: EnrollmentChallenge) =>
    findings.map(({ code, actual }) => `${code} ${actual}`);

  for (const path of ['ekcert/immune/agent-ek.pem', 'ekcert/paccor/ek.crt']) {
    it(`${path} is taken through two intermediates up to GlobalSign: I16, I17`, () =>
      attack('I16', () =>
        attack('I17', async () => {
          const noted =
            'quirk:no-subject, quirk:critical-subject-alt-name, quirk:subject-directory-attributes';
          assert.deepEqual(told(await ask(path, false)), [`EK_CERT_QUIRKS ${noted}`]);
          return { outcome: 'T' };
        }),
      ));

    it(`${path} is of class software and warned of where its host calls itself so: I14`, () =>
      attack('I14', async () => {
        const [found] = (await ask(path, true)).findings ?? [];
        assert.equal(found?.actual, 'id:53544D20');
        return { outcome: 'W', code: found.code };
      }));
  }

  it('of swtpm is taken as software, and nothing of it is a warning: I17', () =>
    attack('I17', async () => {
      const answer = await ask('ekcert/tpm2/ek-rsa2048.crt', true);
      assert.deepEqual(told(answer), [
        'EK_CERT_QUIRKS quirk:critical-subject-alt-name, quirk:subject-directory-attributes, quirk:no-expiry',
      ]);
      return { outcome: 'T' };
    }));

  for (const path of ['hirs/nuc-1_ek_cert_untouched.cer', 'paccor/ek.cer']) {
    it(`ekcert/${path} is read in spite of its form, and refused for its date alone`, async () => {
      assert.equal(await codeOf(ask(`ekcert/${path}`, true)), 'CERT_EXPIRED');
    });
  }
});

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
