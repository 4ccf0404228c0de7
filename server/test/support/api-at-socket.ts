import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import type { Role } from '@touchstone/schemas';
import { type Client, listenUnix, type Listening, unixClient } from '@touchstone/transport';
import { createApp } from '../../http/app.ts';
import type { OperatorRoute } from '../../http/operator-route.ts';
import { type MadeVerifier, startVerifier } from './made-verifier.ts';

export const ROLES: readonly Role[] = ['viewer', 'operator', 'approver', 'ca-admin'];

type Served = {
  readonly verifier: MadeVerifier;
  readonly client: Client;
  readonly listening: Listening;
  readonly dir: string;
  readonly everything: string;
};

/** The API of a verifier, for the tests of one `describe`. */
export function useApi() {
  let served: Partial<Served> = {};
  before(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'ts-api-'));
    served = { dir };
    const verifier = await startVerifier();
    served = { dir, verifier };
    const path = join(dir, 'sock');
    const listening = await listenUnix(createApp(verifier), { path, mode: 0o600 });
    served = { dir, verifier, listening, client: unixClient({ path }) };
    served = { ...served, everything: await verifier.token([...ROLES]) };
  });
  after(async () => {
    const { client, listening, verifier, dir } = served;
    await client?.close();
    await listening?.close();
    await verifier?.stop();
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  const begun = <K extends keyof Served>(part: K): Served[K] => served[part] ?? assert.fail(part);
  return {
    get verifier() {
      return begun('verifier');
    },
    get client() {
      return begun('client');
    },
    /** A token with every role. */
    get everything() {
      return begun('everything');
    },

    /** Whether or not it is what a client of ours would read. */
    raw: (path: string, headers: Record<string, string> = {}) =>
      new Promise<{ status: number; headers: IncomingHttpHeaders; text: string; body: unknown }>(
        (resolve, reject) => {
          const socketPath = join(begun('dir'), 'sock');
          const asked = request({ socketPath, path, headers }, (answer) => {
            answer.setEncoding('utf8');
            let text = '';
            answer.on('data', (chunk: string) => (text += chunk));
            answer.on('end', () => {
              const { statusCode: status = 0 } = answer;
              const json = /json/u.test(answer.headers['content-type'] ?? '');
              const body = json ? (JSON.parse(text) as unknown) : undefined;
              resolve({ status, headers: answer.headers, text, body });
            });
          });
          asked.on('error', reject);
          asked.end();
        },
      ),

    /** A route of operators, for an id that nothing has. */
    call: (route: OperatorRoute, bearer?: string) =>
      begun('client').request({
        method: route.method,
        path: route.path.replace(':key', randomUUID()),
        schema: Type.Unknown(),
        ...(route.method === 'POST' || route.method === 'PUT' ? { body: {} } : {}),
        ...(bearer === undefined ? {} : { bearer }),
      }),
  };
}
