import { join } from 'node:path';
import { runToEnd } from './child.ts';
import { UpError } from './failure.ts';
import { room } from './rooms.ts';
import { keepSecret } from './secrets.ts';

/** Of one side: a token, and another for another person where loosening takes two. */
export type FirstTokens = { readonly first: string | null; readonly second: string | null };

const GIVERS = {
  server: { name: 'the verifier', command: 'first-token', marker: 'first-token-given' },
  ca: { name: 'the CA', command: 'first-operator', marker: 'ca/first-token-given' },
} as const;

/** Asked for once a data directory: it is given out once, and its hash alone is stored. */
export async function firstTokensOf(
  of: 'server' | 'ca',
  dataDir: string,
  given: { readonly config: string; readonly logFile: string; readonly quorum?: number },
): Promise<FirstTokens> {
  const { name, command, marker } = GIVERS[of];
  let made: FirstTokens = { first: null, second: null };
  await keepSecret(join(dataDir, marker), async () => {
    const { config, logFile, quorum } = given;
    const asked = quorum === undefined ? [] : ['--quorum', String(quorum)];
    const giving = { name, command: room(of, command, '--config', config, ...asked), logFile };
    made = readTokens(name, await runToEnd(giving), logFile);
    return markText();
  });
  return made;
}

/** What came back from a backup has tokens of its own. */
export async function markTokensGiven(dataDir: string): Promise<void> {
  for (const { marker } of Object.values(GIVERS)) {
    await keepSecret(join(dataDir, marker), () => Promise.resolve(markText()));
  }
}

const markText = () => `${new Date().toISOString()}\n`;

/** @throws UpError CHILD_FAILED */
export function readTokens(name: string, said: string, logFile: string): FirstTokens {
  const { token, second } = JSON.parse(said) as { token?: unknown; second?: { token?: unknown } };
  if (typeof token === 'string') {
    return { first: token, second: typeof second?.token === 'string' ? second.token : null };
  }
  throw new UpError('CHILD_FAILED', `${name} gave no first token`, `Read ${logFile}.`);
}

/** The one text that somebody logs in with: `login` takes it apart again. Null where there is nothing to give. */
export const loginText = (server: string | null, ca: string | null): string | null =>
  [server, ca].filter((token) => token !== null).join('.') || null;
