import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChallengeAnswer, OrdersAnswer } from '@touchstone/schemas';
import { type Client, listenUnix, unixClient } from '@touchstone/transport';
import { createApp } from '../http/app.ts';
import { useFleet } from './support/made-fleet.ts';

/** More than one address may call of anything else at once. */
const ASKED = 900;

describe('Orders that many hosts behind one address ask for', () => {
  const fleet = useFleet();

  it('are given to all of them, and no attestation waits for that', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const directory = await mkdtemp(join(tmpdir(), 'ts-orders-'));
    const path = join(directory, 's');
    const listening = await listenUnix(createApp(fleet.verifier), { path, mode: 0o600 });
    const client: Client = unixClient({ path });
    try {
      const tokens = new Set<string>();
      const waiting = Array.from({ length: ASKED }).values();
      const ask = async () => {
        for (const _ of waiting) {
          const to = { method: 'GET', path: `/v1/hosts/${hostId}/orders` } as const;
          tokens.add((await client.request({ ...to, schema: OrdersAnswer })).orders);
        }
      };
      await Promise.all(Array.from({ length: 8 }, ask));
      assert.equal(tokens.size, 1, 'what says the same is the same token');
      const body = { akName: host.akName, purpose: 'attest' };
      const challenge = { method: 'POST', path: '/v1/challenges', body } as const;
      await client.request({ ...challenge, schema: ChallengeAnswer });
    } finally {
      await client.close();
      await listening.close();
      await rm(directory, { recursive: true });
    }
  });
});
