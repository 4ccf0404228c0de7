import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { ApiTokenCreated } from '@touchstone/schemas';
import { fetchFrom } from './raw-http.ts';
import { TestHost } from './test-host.ts';
import type { Touchstone } from './touchstone.ts';

/** Every row of every table of ours that this client may read, as PostgreSQL writes it. Ends the client. */
export async function everyRow(client: pg.Client): Promise<string> {
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    const texts: string[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ text: string }>(
        `SELECT t::text AS text FROM ${name} t`,
      );
      texts.push(...rows.map(({ text }) => text));
    }
    return texts.join('\n');
  } finally {
    await client.end();
  }
}

/** Has every kind of secret made and used, rightly and in every wrong place; and all the answers that refused. */
export async function useSecrets(
  touchstone: Touchstone,
): Promise<{ readonly secrets: Readonly<Record<string, string>>; readonly errors: string }> {
  const { url, token: firstToken } = touchstone;
  const made = await touchstone.operator('POST', '/v1/tokens', ApiTokenCreated, {
    ...{ name: 'second', roles: ['viewer'] },
  });
  const [joinToken, unused] = [await touchstone.joinToken(), await touchstone.joinToken()];
  const wrong = `tsj_${randomBytes(32).toString('base64url')}`;
  const session = await fetchFrom(url, {
    ...{ method: 'POST', path: '/v1/browser-sessions' },
    headers: { authorization: `Bearer ${made.token}` },
  });
  const [, cookie = ''] = /=(tsb_[^;]+)/u.exec(`${session.headers['set-cookie']?.[0]}`) ?? [];
  if (cookie === '') throw new Error(`no cookie: ${session.status} ${session.text}`);

  const errors: string[] = [];
  const send = async (
    method: string,
    path: string,
    options: { as?: string; body?: object } = {},
  ) => {
    const { as = firstToken, body } = options;
    const answer = await fetchFrom(url, {
      ...{
        method,
        path,
        headers: { authorization: `Bearer ${as}`, cookie: `touchstone=${cookie}` },
      },
      ...(body === undefined
        ? {}
        : {
            body: JSON.stringify(body),
            headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
          }),
    });
    if (answer.status >= 400) errors.push(answer.text);
  };
  const host = await TestHost.boot(touchstone);
  let activated = '';
  try {
    const activate = host.activate.bind(host);
    host.activate = async (...challenge) => {
      const secret = await activate(...challenge);
      activated = Buffer.from(secret).toString('base64url');
      return secret;
    };
    await host.certify();
    for (const token of [wrong, made.token, joinToken, joinToken]) {
      await host
        .enrol(token)
        .catch((error: Error) => errors.push(JSON.stringify(error), `${error}`));
    }
  } finally {
    await host.stop();
  }
  // Where an id belongs: whoever copies the wrong one of two lines does that.
  for (const secret of [firstToken, made.token, joinToken, unused, cookie]) {
    await send('DELETE', `/v1/tokens/${secret}`);
    await send('DELETE', `/v1/join-tokens/${secret}`);
    await send('GET', `/v1/hosts/${secret}`);
    await send('GET', `/v1/nowhere/${secret}`, { as: secret });
    await send('GET', `/v1/baselines?name=${secret}`);
    await send('POST', '/v1/tokens', { body: { name: secret, roles: [secret] } });
    await send('POST', '/v1/join-tokens', { as: `${secret}x`, body: { [secret]: secret } });
  }
  const directory = join(touchstone.directory, 'secrets');
  const passwords: Record<string, string> = {};
  for (const name of await readdir(directory)) {
    passwords[name] = (await readFile(join(directory, name), 'utf8')).trim();
  }
  return {
    secrets: {
      ...passwords,
      ...{ 'first token': firstToken, 'second token': made.token, 'join token': joinToken },
      ...{
        'unused join token': unused,
        'wrong join token': wrong,
        cookie,
        'activation secret': activated,
      },
    },
    errors: errors.join('\n'),
  };
}
