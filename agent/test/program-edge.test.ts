import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Proof, ResultAnswer } from '@touchstone/schemas';
import { type Client, type Listening, listenUnix, unixClient } from '@touchstone/transport';
import { agentError } from '../codes.ts';
import { programEdge } from '../programs/routes.ts';

const RESULT = { result: 'a.b.c', receivedAt: '2026-01-01T00:00:00.000Z' };

describe('the socket of a program', () => {
  let dir: string;
  let socket: Listening;
  let client: Client;
  let proofs: number;

  beforeEach(async () => {
    proofs = 0;
    dir = await mkdtemp(join(tmpdir(), 'ts-program-'));
    const prove = () => {
      proofs += 1;
      return Promise.reject(agentError('PROOF_PENDING'));
    };
    const answers = { result: () => RESULT, prove };
    const edge = programEdge('vault', answers, pino({ level: 'silent' }));
    socket = await listenUnix(edge, { path: join(dir, 'vault.sock'), mode: 0o600 });
    client = unixClient({ path: join(dir, 'vault.sock') });
  });
  afterEach(async () => {
    await client.close();
    await socket.close();
    await rm(dir, { recursive: true });
  });

  it('answers each question by its own method alone: METHOD_NOT_ALLOWED', async () => {
    const other = { code: 'METHOD_NOT_ALLOWED', status: 405 };
    const result = { method: 'POST', path: '/v1/result', body: {}, schema: ResultAnswer } as const;
    await assert.rejects(client.request(result), other);
    const proof = { method: 'GET', path: '/v1/prove', schema: Proof } as const;
    await assert.rejects(client.request(proof), other);
  });

  it('reads no longer question than a nonce makes: BODY_TOO_LARGE', async () => {
    const body = { nonce: '00'.repeat(1_024) };
    const asked = client.request({ method: 'POST', path: '/v1/prove', body, schema: Proof });
    await assert.rejects(asked, { code: 'BODY_TOO_LARGE', status: 413 });
    assert.equal(proofs, 0);
  });

  it('is not asked without end: RATE_LIMITED', async () => {
    const ask = () => client.request({ method: 'GET', path: '/v1/result', schema: ResultAnswer });
    const without = async () => {
      for (let asked = 0; asked < 2_000; asked += 1) await ask();
    };
    await assert.rejects(without(), { code: 'RATE_LIMITED', status: 429 });
  });
});
