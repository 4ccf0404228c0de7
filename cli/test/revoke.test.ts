import assert from 'node:assert/strict';
import type { FixedServer } from './support/fixed-server.ts';
import { type Operator, TOKEN } from './support/operator.ts';
import { hostDetail, hostSummary } from './support/records.ts';
import { useServerAndCa } from './support/server-and-ca.ts';

const CA_TOKEN = `tsc_${'Cas3cret'.repeat(5)}abc`;
const DETAIL = hostDetail(hostSummary('laptop-1', 'trusted'));
const { host, ekRef } = DETAIL;
const REVOKED = { ...DETAIL, host: { ...host, state: 'revoked', stateBeneath: 'revoked' } };
const AT_CA = 'POST /v1/operator/revocations';
const WHY = ['--reason', 'stolen'];

describe('Somebody who revokes', () => {
  let server: FixedServer;
  let ca: FixedServer;
  let operator: Operator;

  useServerAndCa((scene) => {
    ({ server, ca, operator } = scene);
    server.answer(`GET /v1/hosts/${host.name}`, DETAIL);
    server.answer(`POST /v1/hosts/${host.id}/revocation`, REVOKED);
    ca.answer('GET /v1/operator/session', {
      ...{ tokenId: host.id, name: 'anna', person: 'olga', role: 'operator', quorum: 2 },
      ca: 'https://ca.example',
    });
    ca.answer(AT_CA, { ekRef, revoked: 2, listed: true });
  });
  const login = (input: string) =>
    operator.run(
      ['login', '--server', server.url, '--fingerprint', server.pin, '--token-file', '-'],
      { input },
    );
  const askedAtCa = () => ca.asked.find(({ body }) => body !== undefined)?.body;

  describe('a host, with a token of the CA', () => {
    beforeEach(() => login(`${TOKEN}.${CA_TOKEN}`));

    it('ends it at the server first, and then its TPM at the CA', async () => {
      const { out, exit } = await operator.run(['host', 'revoke', host.name, ...WHY]);
      assert.equal(exit, 0);
      assert.match(out, /state +revoked/u);
      assert.match(out, /The CA certifies its TPM no more, for good/u);
      assert.match(out, /2 certificates of it are revoked/u);
      assert.deepEqual(askedAtCa(), { ekRef, reason: 'stolen' });
      const told = out.slice(out.indexOf('The CA certifies')).split('\n');
      assert.ok(told.every((line) => line.length <= 80));
    });

    it('has both in one JSON', async () => {
      const { out } = await operator.run(['host', 'revoke', host.name, ...WHY, '--json']);
      const answer = JSON.parse(out) as { host: { state: string }; atCa: unknown };
      assert.equal(answer.host.state, 'revoked');
      assert.deepEqual(answer.atCa, { ekRef, revoked: 2, listed: true });
    });

    it('is told that the lists do not say so yet', async () => {
      ca.answer(AT_CA, { ekRef, revoked: 1, listed: false });
      const { out } = await operator.run(['host', 'revoke', host.name, ...WHY]);
      assert.match(out, /1 certificate of it is revoked/u);
      assert.match(out, /do not say so yet/u);
    });

    it('is told what is left to do where the CA fails, and the exit status says no', async () => {
      ca.refuse(AT_CA, 404, 'EK_UNKNOWN');
      const { err, exit } = await operator.run(['host', 'revoke', host.name, ...WHY]);
      assert.notEqual(exit, 0);
      assert.match(err, /EK_UNKNOWN/u);
      assert.match(err, new RegExp(`touchstone ca revoke [^]*${ekRef}`));
      assert.ok(server.asked.some(({ route }) => route.endsWith('/revocation')));
    });

    it('can revoke a TPM by its reference alone', async () => {
      const { out } = await operator.run(['ca', 'revoke', ekRef.toUpperCase(), ...WHY]);
      assert.match(out, /no more, for good/u);
      assert.deepEqual(askedAtCa(), { ekRef, reason: 'stolen' });
      assert.equal((await operator.run(['ca', 'revoke', host.name, ...WHY])).exit, 64);
    });
  });

  describe('a host, with a token of the server alone', () => {
    beforeEach(() => login(TOKEN));

    it('ends it at the server, and is told who can do the rest', async () => {
      const { out, exit } = await operator.run(['host', 'revoke', host.name, ...WHY]);
      assert.equal(exit, 0);
      assert.match(out, /The CA was not told/u);
      assert.match(out, new RegExp(`touchstone ca revoke [^]*${ekRef}`));
      assert.deepEqual(ca.asked, []);
    });

    it('cannot revoke a TPM: CA_NOT_LOGGED_IN', async () => {
      const { err, exit } = await operator.run(['ca', 'revoke', ekRef, ...WHY]);
      assert.equal(exit, 77);
      assert.match(err, /CA_NOT_LOGGED_IN/u);
    });
  });
});
