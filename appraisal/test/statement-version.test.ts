import assert from 'node:assert/strict';
import type { StartRequest, Statement } from '@touchstone/schemas';
import { parseEvidence } from '../parse-evidence.ts';
import { makeEvidence } from './support/made-evidence.ts';

const WHOLE: Statement = JSON.parse(
  Buffer.from(makeEvidence({}).statement, 'base64url').toString('utf8'),
) as Statement;

const FIRST: StartRequest = {
  requestId: '00000000-0000-4000-8000-000000000001',
  vm: '00000000-0000-4000-8000-0000000000aa',
  operation: 'start',
  definitionDigest: 'd'.repeat(64),
  imageDigests: [],
};
const SECOND: StartRequest = { ...FIRST, door: 'libvirt', dataDisks: [] };
const other = (request: StartRequest): StartRequest => ({
  ...request,
  requestId: '00000000-0000-4000-8000-000000000002',
});
const GATE = { running: [], exposures: [], decided: [], omitted: 0 };

const parse = (version: 1 | 2, more: Partial<Statement>) => {
  const statement: Statement = { ...WHOLE, ...more, schema: `touchstone/statement/${version}` };
  return parseEvidence(makeEvidence({ statementBytes: Buffer.from(JSON.stringify(statement)) }));
};
const permit = { purpose: 'permit' } as const;

describe('A statement', () => {
  it('of the first version has one request and nothing that came later', () => {
    assert.equal(parse(1, { ...permit, permits: [FIRST] }).statement.permits?.length, 1);
  });

  it('of the second version has up to 256 requests, each with its door and its data disks', () => {
    const permits = Array.from({ length: 256 }, (_, at) => ({
      ...SECOND,
      requestId: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
      imageDigests: Array.from({ length: 8 }, (__, image) => String(image).repeat(64)),
    }));
    const { statement } = parse(2, { ...permit, permits, sessionNonce: 'ab'.repeat(32) });
    assert.equal(statement.permits?.length, 256);
  });

  it('of the second version reports of the gate where it attests', () => {
    assert.deepEqual(parse(2, { gate: GATE }).statement.gate, GATE);
  });

  const malformed: [string, 1 | 2, Partial<Statement>][] = [
    ['of the first version with two requests', 1, { permits: [FIRST, other(FIRST)] }],
    ['of the first version with a door', 1, { permits: [{ ...FIRST, door: 'run' }] }],
    ['of the first version with data disks', 1, { permits: [{ ...FIRST, dataDisks: [] }] }],
    ['of the first version with a migration', 1, { permits: [{ ...FIRST, operation: 'migrate' }] }],
    ['of the first version with a session', 1, { permits: [FIRST], sessionNonce: 'ab' }],
    ['of the first version with a report of the gate', 1, { purpose: 'attest', gate: GATE }],
    ['of the second version without a door', 2, { permits: [{ ...FIRST, dataDisks: [] }] }],
    ['of the second version without data disks', 2, { permits: [{ ...FIRST, door: 'run' }] }],
    ['with one request twice', 2, { permits: [SECOND, SECOND] }],
    ['with no request in its list', 2, { permits: [] }],
    ['with 257 requests', 2, { permits: Array.from({ length: 257 }, () => SECOND) }],
    [
      'that restores and says nothing of the file',
      2,
      { permits: [{ ...SECOND, operation: 'restore' }] },
    ],
    ['that starts from a saved file', 2, { permits: [{ ...SECOND, savedState: null }] }],
    ['that attests with a session', 2, { purpose: 'attest', sessionNonce: 'ab' }],
    ['that asks for a permit with a report of the gate', 2, { permits: [SECOND], gate: GATE }],
  ];
  for (const [what, version, more] of malformed) {
    it(`${what} is not read: STATEMENT_MALFORMED`, () => {
      assert.throws(() => parse(version, { ...permit, ...more }), { code: 'STATEMENT_MALFORMED' });
    });
  }
});
