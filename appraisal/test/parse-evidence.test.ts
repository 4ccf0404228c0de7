import assert from 'node:assert/strict';
import type { Evidence } from '@touchstone/schemas';
import { encodeTpmtSignature } from '@touchstone/tpm';
import { appraise, EvidenceError, parseEvidence } from '../index.ts';
import { appraisal, base64Url, makeEvidence, verification } from './support/made-evidence.ts';

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64url');

const withStatement = (text: string): Evidence =>
  makeEvidence({ statementBytes: Buffer.from(text, 'utf8') });

const GOOD = makeEvidence();
const STATEMENT = bytesOf(GOOD.statement).toString('utf8');

const refuses = (evidence: Evidence, code: string, field?: RegExp): void => {
  assert.throws(
    () => parseEvidence(evidence),
    (error: unknown) => {
      assert.ok(error instanceof EvidenceError, String(error));
      assert.equal(error.code, code);
      if (field !== undefined) assert.match(error.field, field);
      return true;
    },
  );
  const outcome = appraise(evidence, verification(), appraisal());
  assert.ok(!outcome.ok);
  assert.equal(outcome.findings[0]?.code, code);
  assert.equal(outcome.findings[0]?.effect, 'enforce');
};

describe('parseEvidence', () => {
  it('reads what an agent sends', () => {
    const parsed = parseEvidence(GOOD);
    assert.equal(parsed.statement.purpose, 'attest');
    assert.equal(parsed.pcrs.get('sha256')?.size, 11);
    assert.equal(parsed.attest.clockInfo.resetCount, 7);
  });

  it('I36 refuses a statement with a key twice: STATEMENT_MALFORMED', () => {
    const twice = STATEMENT.replace('"purpose":"attest"', '"purpose":"permit","purpose":"attest"');
    refuses(withStatement(twice), 'STATEMENT_MALFORMED');
  });

  const malformed: Record<string, string> = {
    'an unknown key': STATEMENT.replace('{', '{"more":1,'),
    'an unknown nested key': STATEMENT.replace('"claimedKernel"', '"more":1,"claimedKernel"'),
    'a lone surrogate': STATEMENT.replace('"host"', '"\\ud800"'),
    'a number past 2^53': STATEMENT.replace('"bundleEpoch":1', '"bundleEpoch":9007199254740993'),
    'a number that is no epoch': STATEMENT.replace('"bundleEpoch":1', '"bundleEpoch":1.5'),
    'a prototype key': STATEMENT.replace('{', '{"__proto__":{},'),
    'another schema': STATEMENT.replace('statement/1', 'statement/3'),
    'a byte order mark': `\ufeff${STATEMENT}`,
    'something after it': `${STATEMENT}{}`,
    'no object': '[]',
    'no text': '',
  };
  for (const [what, text] of Object.entries(malformed)) {
    if (text === '') continue;
    it(`I36 refuses a statement with ${what}: STATEMENT_MALFORMED`, () => {
      refuses(withStatement(text), 'STATEMENT_MALFORMED', /^statement/);
    });
  }

  it('I36 refuses a statement that is not UTF-8: STATEMENT_MALFORMED', () => {
    const bytes = Buffer.from(STATEMENT, 'utf8');
    bytes[20] = 0xff;
    refuses(makeEvidence({ statementBytes: bytes }), 'STATEMENT_MALFORMED');
  });

  it('Q5 refuses a structure that no TPM made: NOT_TPM_GENERATED', () => {
    refuses(makeEvidence({ magic: 0xff544348 }), 'NOT_TPM_GENERATED', /magic/);
  });

  const attestations = { NV: 0x8014, CERTIFY: 0x8017, TIME: 0x8019, CREATION: 0x801a };
  for (const [name, type] of Object.entries(attestations)) {
    it(`Q6 refuses a signed attestation of type ${name} with the body of a quote: NOT_A_QUOTE`, () => {
      refuses(makeEvidence({ type }), 'NOT_A_QUOTE', /type/);
    });
  }

  it('refuses a tag of no attestation: QUOTE_MALFORMED', () => {
    refuses(makeEvidence({ type: 0x1234 }), 'QUOTE_MALFORMED');
  });

  it('Q18 refuses a byte after the quote, signed or not: TRAILING_BYTES', () => {
    const trailing = { attest: Uint8Array.of(0) };
    refuses(makeEvidence({ trailing }), 'TRAILING_BYTES', /quote\.attest/);
  });

  it('Q18 refuses a byte after the signature: TRAILING_BYTES', () => {
    const trailing = { signature: Uint8Array.of(0) };
    refuses(makeEvidence({ trailing }), 'TRAILING_BYTES', /quote\.signature/);
  });

  it('refuses the quote cut at every byte: never a quote', () => {
    const attest = bytesOf(GOOD.quote.attest);
    for (let length = 1; length < attest.length; length += 1) {
      const quote = { ...GOOD.quote, attest: base64Url(attest.subarray(0, length)) };
      assert.throws(() => parseEvidence({ ...GOOD, quote }), EvidenceError);
    }
  });

  it('refuses an unknown signature scheme: QUOTE_MALFORMED', () => {
    const signature = Buffer.from(
      encodeTpmtSignature({
        sigAlg: 'ecdsa',
        hash: 'sha256',
        r: Uint8Array.of(1),
        s: Uint8Array.of(1),
      }),
    );
    signature.writeUInt16BE(0x0005, 0);
    const quote = { ...GOOD.quote, signature: base64Url(signature) };
    refuses({ ...GOOD, quote }, 'QUOTE_MALFORMED');
  });

  const first = GOOD.pcrs.sha256?.['0'] ?? '';
  const wrong: Record<string, Evidence> = {
    'base64url that no encoder writes': { ...GOOD, statement: `${GOOD.statement}=` },
    'standard base64': { ...GOOD, quote: { ...GOOD.quote, attest: '+/+/' } },
    'a PCR value of another bank': { ...GOOD, pcrs: { sha256: { 0: first.slice(24) } } },
    'a PCR value in upper case': { ...GOOD, pcrs: { sha256: { 0: 'AB'.repeat(32) } } },
    'a PCR 24': { ...GOOD, pcrs: { sha256: { 24: first } } },
    'a PCR with a leading zero': { ...GOOD, pcrs: { sha256: { '00': first } } },
    'a blob that is no base64url': { ...GOOD, blobs: { ['0'.repeat(64)]: '*' } },
  };
  for (const [what, evidence] of Object.entries(wrong)) {
    it(`refuses ${what}: EVIDENCE_MALFORMED`, () => refuses(evidence, 'EVIDENCE_MALFORMED'));
  }
});
