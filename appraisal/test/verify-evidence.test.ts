import assert from 'node:assert/strict';
import type { Evidence } from '@touchstone/schemas';
import { TPMA_OBJECT } from '@touchstone/tpm';
import { appraiseEvidence, parseEvidence, verifyEvidence } from '../index.ts';
import { certify, ISSUER, makeAk, NOW } from './support/made-authority.ts';
import {
  AK,
  appraisal,
  CHALLENGE,
  goodLog,
  HOST_ID,
  logOf,
  logReference,
  makeEvidence,
  MEASURED,
  newEvent,
  PCRS,
  valuesAfter,
  verification,
} from './support/made-evidence.ts';
import { OVERDUE, REVOKED, revocationWith, TOO_OLD } from './support/made-revocation.ts';
import { codes, refused, verified } from './support/made-host.ts';

const DAY_MS = 86_400_000;
const VALUES = valuesAfter(goodLog());
const REQUEST = {
  requestId: HOST_ID,
  vm: HOST_ID,
  operation: 'start' as const,
  definitionDigest: 'a'.repeat(64),
  imageDigests: [],
};

describe('verifyEvidence', () => {
  it('takes good evidence for authentic', () => {
    const evidence = verified(makeEvidence());
    assert.equal(evidence.certifiedClass, 'software');
    assert.match(evidence.digest, /^[0-9a-f]{64}$/);
  });

  it('takes enrolment evidence, of a host without an identifier', () => {
    const statement = { purpose: 'enrol', hostId: null } as const;
    verified(makeEvidence({ statement }), { purpose: 'enrol', hostId: null });
  });

  it('gives every finding, not only the first', () => {
    const evidence = makeEvidence({
      statement: { hostId: null },
      extraData: new Uint8Array(32),
      qualifiedSigner: Buffer.concat([Uint8Array.of(0, 0x0b), Buffer.alloc(32)]),
    });
    const expected = ['HOST_ID_MISMATCH', 'QUOTE_NONCE_MISMATCH', 'AK_NOT_CHILD_OF_EK'];
    assert.deepEqual(codes(refused(evidence)), expected);
  });
});

describe('verifyEvidence: what was said', () => {
  it('I33 refuses a prove statement presented as evidence: WRONG_PURPOSE', () => {
    const nonce = Buffer.from(CHALLENGE).toString('hex');
    const statement = { purpose: 'prove', challenge: '', nonce } as const;
    const evidence = makeEvidence({ statement, challenge: new Uint8Array() });
    assert.equal(codes(refused(evidence))[0], 'WRONG_PURPOSE');
  });

  it('I33 refuses a challenge of ours given to a prover as its nonce: WRONG_PURPOSE', () => {
    const nonce = Buffer.from(CHALLENGE).toString('hex');
    const challenge = Buffer.from(CHALLENGE).toString('base64url');
    for (const statement of [
      { purpose: 'prove', challenge, nonce } as const,
      { purpose: 'attest', challenge, nonce } as const,
    ]) {
      assert.equal(codes(refused(makeEvidence({ statement })))[0], 'WRONG_PURPOSE');
    }
  });

  it('I33 refuses prove even where somebody asks for it: WRONG_PURPOSE', () => {
    const statement = { purpose: 'prove' } as const;
    assert.deepEqual(codes(refused(makeEvidence({ statement }), { purpose: 'prove' })), [
      'WRONG_PURPOSE',
    ]);
  });

  it('refuses evidence of another purpose: WRONG_PURPOSE, and another domain under extraData', () => {
    const statement = { purpose: 'permit' as const, permits: [REQUEST] };
    const found = codes(refused(makeEvidence({ statement })));
    assert.deepEqual(found, ['WRONG_PURPOSE', 'WRONG_PURPOSE', 'QUOTE_NONCE_MISMATCH']);
    verified(makeEvidence({ statement }), { purpose: 'permit' });
  });

  it('refuses a permit without a request: WRONG_PURPOSE', () => {
    const statement = { purpose: 'permit' } as const;
    const found = codes(refused(makeEvidence({ statement }), { purpose: 'permit' }));
    assert.deepEqual(found, ['WRONG_PURPOSE']);
  });

  it('refuses the statement of another host: HOST_ID_MISMATCH', () => {
    const hostId = HOST_ID.replace('6f', '7f');
    assert.deepEqual(codes(refused(makeEvidence(), { hostId })), ['HOST_ID_MISMATCH']);
    assert.deepEqual(codes(refused(makeEvidence(), { hostId: null })), ['HOST_ID_MISMATCH']);
  });

  it('refuses a quote over another nonce: QUOTE_NONCE_MISMATCH', () => {
    const challenge = Buffer.alloc(32, 0xc6);
    const found = codes(refused(makeEvidence({ challenge })));
    assert.deepEqual(found, ['QUOTE_NONCE_MISMATCH', 'QUOTE_NONCE_MISMATCH']);
  });

  it('refuses a statement that the quote does not cover: QUOTE_NONCE_MISMATCH', () => {
    const good = makeEvidence();
    const other = makeEvidence({ statement: { bundleEpoch: 2 } });
    const evidence: Evidence = { ...good, statement: other.statement };
    assert.deepEqual(codes(refused(evidence)), ['QUOTE_NONCE_MISMATCH']);
  });

  it('refuses extraData that only begins with what is expected: QUOTE_NONCE_MISMATCH', () => {
    const { attest } = parseEvidence(makeEvidence());
    for (const extraData of [
      Buffer.concat([attest.extraData, Uint8Array.of(0)]),
      attest.extraData.subarray(0, 31),
      new Uint8Array(),
    ]) {
      assert.deepEqual(codes(refused(makeEvidence({ extraData }))), ['QUOTE_NONCE_MISMATCH']);
    }
  });

  it('refuses an agent that knows too old a trust bundle: BUNDLE_EPOCH_OLD', () => {
    assert.deepEqual(codes(refused(makeEvidence(), { bundleEpochMin: 2 })), ['BUNDLE_EPOCH_OLD']);
  });
});

describe('verifyEvidence: who said it', () => {
  it('I31 refuses an AK that is a primary or a child of another key: AK_NOT_CHILD_OF_EK', () => {
    const qualifiedSigner = Buffer.concat([Uint8Array.of(0, 0x0b), Buffer.alloc(32, 9)]);
    assert.deepEqual(codes(refused(makeEvidence({ qualifiedSigner }))), ['AK_NOT_CHILD_OF_EK']);
  });

  it('refuses the evidence of another AK: name, certificate, signature', () => {
    const found = codes(refused(makeEvidence({ ak: makeAk() })));
    assert.deepEqual(found, ['AK_NAME_MISMATCH', 'SIGNATURE_INVALID', 'AK_NOT_CHILD_OF_EK']);
  });

  it('refuses the certificate of another AK: AK_CERT_KEY_MISMATCH', () => {
    const found = codes(refused(makeEvidence(), { akCertificate: certify(makeAk()) }));
    assert.deepEqual(found, ['AK_CERT_KEY_MISMATCH', 'AK_NOT_CHILD_OF_EK']);
  });

  it('I1 refuses an unrestricted AK, certified or not: AK_NOT_RESTRICTED', () => {
    const objectAttributes = AK.akPublic.objectAttributes & ~TPMA_OBJECT.restricted;
    const ak = makeAk({ objectAttributes });
    const found = refused(makeEvidence({ ak }), {
      akPublic: ak.akPublic,
      akCertificate: certify(ak),
    });
    assert.deepEqual(codes(found), ['AK_NOT_RESTRICTED']);
    assert.notEqual(found[0]?.remedy, '');
  });

  it('refuses certificates by their dates and issuer', () => {
    const later = new Date(NOW.getTime() + 2 * DAY_MS);
    assert.ok(codes(refused(makeEvidence(), { now: later })).includes('AK_CERT_EXPIRED'));
    const sooner = new Date(NOW.getTime() - 2 * DAY_MS);
    assert.ok(codes(refused(makeEvidence(), { now: sooner })).includes('AK_CERT_NOT_YET_VALID'));
    const nobody = codes(refused(makeEvidence(), { issuers: [] }));
    assert.deepEqual(nobody, ['AK_CERT_ISSUER_UNKNOWN']);
    const issuers = [{ ...ISSUER, state: 'refused' as const }];
    assert.deepEqual(codes(refused(makeEvidence(), { issuers })), ['AK_CERT_ISSUER_REFUSED']);
    verified(makeEvidence(), { issuers: [{ ...ISSUER, state: 'verify-only' }] });
  });

  it('refuses a certificate that is revoked, or of which that is not known', () => {
    const [revoked] = refused(makeEvidence(), { revocation: REVOKED });
    assert.equal(revoked?.code, 'AK_CERT_REVOKED');
    assert.match(revoked.actual ?? '', /cessationOfOperation/);
    for (const revocation of [TOO_OLD, { lists: new Map(), graceSeconds: 3_600 }]) {
      const unknown = codes(refused(makeEvidence(), { revocation }));
      assert.deepEqual(unknown, ['AK_CERT_REVOCATION_UNKNOWN']);
    }
    verified(makeEvidence(), { revocation: revocationWith() });
    verified(makeEvidence(), { revocation: OVERDUE });
  });

  it('refuses a quote of which any one bit was changed', () => {
    const good = makeEvidence();
    const attest = Buffer.from(good.quote.attest, 'base64url');
    // The counters: no field there has a form to break, so that only the signature speaks.
    const at = attest.length - 34 - 10 - 8 - 17;
    attest[at] = (attest[at] ?? 0) ^ 1;
    const quote = { ...good.quote, attest: attest.toString('base64url') };
    assert.deepEqual(codes(refused({ ...good, quote })), ['SIGNATURE_INVALID']);
  });
});

describe('verifyEvidence: what was quoted', () => {
  const expect = (evidence: Evidence, first: string, changed = {}) => {
    const found = codes(refused(evidence, changed));
    assert.equal(found[0], first, found.join());
    return found;
  };

  it('Q7 refuses PCR 16 and 23 presented as 0 and 1: SELECTION_MISMATCH', () => {
    const rest = PCRS.slice(2);
    const quoted = { sha256: [...rest, 16, 23] };
    const pcrs = valuesAfter(goodLog(), quoted);
    const { 16: zero = '', 23: one = '', ...others } = pcrs.sha256 ?? {};
    const sent = { sha256: { ...others, 0: zero, 1: one } };
    const found = expect(makeEvidence({ quoted, pcrs, sent }), 'SELECTION_MISMATCH');
    assert.ok(found.includes('UNCOVERED_PCR'));
    assert.ok(found.includes('PCR_DIGEST_MISMATCH'));
  });

  it('Q8 refuses a quote that selects nothing: SELECTION_EMPTY', () => {
    for (const quoted of [{}, { sha256: [] }]) {
      expect(makeEvidence({ quoted, pcrs: {} }), 'SELECTION_EMPTY');
      expect(makeEvidence({ quoted, pcrs: {}, sent: VALUES }), 'SELECTION_EMPTY');
    }
  });

  it('Q8 refuses it even where nothing was asked for: SELECTION_EMPTY', () => {
    const evidence = makeEvidence({ quoted: {}, pcrs: {}, statement: { selection: {} } });
    expect(evidence, 'SELECTION_EMPTY', { selection: {} });
  });

  it('Q9 refuses a selection without one of the PCRs asked for: SELECTION_INCOMPLETE', () => {
    for (const pcr of PCRS) {
      const quoted = { sha256: PCRS.filter((other) => other !== pcr) };
      const pcrs = valuesAfter(goodLog(), quoted);
      const found = refused(makeEvidence({ quoted, pcrs }));
      assert.deepEqual(codes(found), ['SELECTION_INCOMPLETE']);
      assert.match(found[0]?.subject ?? '', new RegExp(`sha256:${pcr}$`));
      const statement = { selection: quoted };
      expect(makeEvidence({ quoted, pcrs, statement }), 'SELECTION_INCOMPLETE');
    }
  });

  it('Q10 refuses a value that the quote does not cover: UNCOVERED_PCR', () => {
    const sent = { sha256: { ...VALUES.sha256, 14: '11'.repeat(32) } };
    assert.deepEqual(codes(refused(makeEvidence({ sent }))), ['UNCOVERED_PCR']);
    const bank = { ...VALUES, sha384: { 0: '00'.repeat(48) } };
    assert.deepEqual(codes(refused(makeEvidence({ sent: bank }))), ['UNCOVERED_PCR']);
  });

  it('refuses a PCR more than was asked for: SELECTION_MISMATCH', () => {
    const quoted = { sha256: [...PCRS, 14] };
    expect(makeEvidence({ quoted }), 'SELECTION_MISMATCH');
  });

  it('refuses another bank than was asked for: SELECTION_MISMATCH', () => {
    const log = logOf(MEASURED.map(newEvent), undefined, ['sha1']);
    expect(makeEvidence({ log, quoted: { sha1: PCRS } }), 'SELECTION_MISMATCH');
  });

  it('Q11 refuses values swapped between PCRs: PCR_DIGEST_MISMATCH', () => {
    const { 8: eight = '', 9: nine = '' } = VALUES.sha256 ?? {};
    const sent = { sha256: { ...VALUES.sha256, 8: nine, 9: eight } };
    assert.deepEqual(codes(refused(makeEvidence({ sent }))), ['PCR_DIGEST_MISMATCH']);
  });

  it('refuses a quoted PCR without its value: SELECTION_INCOMPLETE', () => {
    const { 13: _last, ...others } = VALUES.sha256 ?? {};
    const found = codes(refused(makeEvidence({ sent: { sha256: others } })));
    assert.deepEqual(found, ['SELECTION_INCOMPLETE', 'PCR_DIGEST_MISMATCH']);
  });

  it('refuses a statement that says another selection: SELECTION_MISMATCH', () => {
    const statement = { selection: { sha256: [...PCRS, 14] } };
    assert.deepEqual(codes(refused(makeEvidence({ statement }))), ['SELECTION_MISMATCH']);
  });
});

describe('verifyEvidence: logs', () => {
  const log = goodLog();
  const good = makeEvidence();

  it('refuses a log that was not sent: LOG_BLOB_MISSING', () => {
    assert.deepEqual(codes(refused({ ...good, blobs: {} })), ['LOG_BLOB_MISSING']);
  });

  it('refuses another log under its name: LOG_BLOB_MISMATCH', () => {
    const other = Buffer.from(log);
    other[other.length - 1] = 0x21;
    const blobs = { [logReference(log).digest]: other.toString('base64url') };
    assert.deepEqual(codes(refused({ ...good, blobs })), ['LOG_BLOB_MISMATCH']);
  });

  it('refuses a log of another size than stated: LOG_BLOB_MISMATCH', () => {
    const statement = { logs: [{ ...logReference(log), size: log.length + 1 }] };
    assert.deepEqual(codes(refused(makeEvidence({ statement }))), ['LOG_BLOB_MISMATCH']);
  });

  it('refuses bytes that nothing names: LOG_BLOB_UNREFERENCED', () => {
    const blobs = { ...good.blobs, ['0'.repeat(64)]: 'AAAA' };
    assert.deepEqual(codes(refused({ ...good, blobs })), ['LOG_BLOB_UNREFERENCED']);
  });
});

describe('verifyEvidence: failing closed', () => {
  it('P4 makes an exception in a step a refusal: APPRAISAL_ERROR', () => {
    const context = {
      ...verification(),
      get issuers(): never {
        throw new Error('unreadable');
      },
    };
    const outcome = verifyEvidence(parseEvidence(makeEvidence()), context);
    assert.ok(!outcome.ok);
    assert.deepEqual(codes(outcome.findings), ['APPRAISAL_ERROR']);
  });

  it('has what it verified recognised, and no copy of it', () => {
    const evidence = verified(makeEvidence());
    const copy = { ...evidence, pcrs: new Map() };
    assert.throws(() => appraiseEvidence(copy, appraisal()), TypeError);
    assert.equal(appraiseEvidence(evidence, appraisal()).verdict, 'contraindicated');
  });
});
