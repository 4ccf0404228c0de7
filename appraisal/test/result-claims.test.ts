import assert from 'node:assert/strict';
import { checkAgainst, ResultClaims } from '@touchstone/schemas';
import { resultClaims } from '../index.ts';
import { NOW } from './support/made-authority.ts';
import { AK_NAME, file, goodLog, HOST_ID, MEASURED } from './support/made-evidence.ts';
import { appraised } from './support/made-host.ts';

const issue = {
  issuer: 'https://verifier.example:8443',
  hostId: HOST_ID,
  state: 'trusted',
  id: '0f6f7a2c-5a1e-4c3b-9a57-7a1d5d3b9c10',
  now: NOW,
  build: '0.1.0',
} as const;

describe('resultClaims', () => {
  it('has the shape of EAR, in seconds, for three minutes', () => {
    const claims = resultClaims(appraised(), issue);
    checkAgainst(ResultClaims, claims);
    assert.equal(claims.iat, NOW.getTime() / 1_000);
    assert.equal(claims.exp - claims.iat, 180);
    const { host } = claims.submods;
    assert.equal(host['ear.status'], 'warning');
    assert.equal(host['touchstone.ak-name'], AK_NAME);
    assert.deepEqual(host['touchstone.boot'], { resetCount: 7, restartCount: 1, clock: '123456' });
    assert.equal(host['touchstone.self-reported-measurements'], true);
    assert.equal(host['touchstone.class'], 'software');
  });

  it('holds whatever a host writes into its log', () => {
    const paths = ['/\u001b]0;x\u0007', `/${'é'.repeat(5_000)}`, '/\u{1f600}'.repeat(700), '/<b>'];
    const files = paths.map((path) => file(13, path, 'x'));
    const text = '\u0000"\\\n'.repeat(2_000);
    const commandLine = { pcr: 8, event: { kind: 'command-line', text } } as const;
    const log = goodLog([...MEASURED, ...files, commandLine]);
    resultClaims(appraised({ log }), issue);
  });

  it('refuses to issue what its own schema would not take', () => {
    const other = { ...issue, hostId: 'shed' };
    assert.throws(() => resultClaims(appraised(), other), { code: 'SCHEMA_MISMATCH' });
  });
});
