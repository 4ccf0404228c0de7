import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { pino } from 'pino';
import type { Revocation } from '@touchstone/endorsement';
import type { Role } from '@touchstone/schemas';
import { type Postgres, startPostgres } from '../../../test/support/postgres.ts';
import { refusal } from '../../codes.ts';
import { askToRenew } from '../../services/ask-to-renew.ts';
import { makeAppraiser } from '../../services/appraiser.ts';
import { challengeKeysOf } from '../../services/challenge-key-days.ts';
import { windowCounter } from '../../services/count-for-windows.ts';
import type { KnownIssuers } from '../../services/issuers.ts';
import { knownIdentities } from '../../services/known-identities.ts';
import { judgesApart } from '../../services/judges-apart.ts';
import { previewTurns, sharedJudges } from '../../services/preview-turns.ts';
import { makeSecretToken } from '../../services/secret-token.ts';
import { adoptKeys } from '../../services/adopt-keys.ts';
import { diskKeySealer } from '../../services/sealed-disk-key.ts';
import { keySealer } from '../../services/sealed-key.ts';
import { openSigningKeys } from '../../services/signing-keys.ts';
import { signingKey } from '../../services/signing-key.ts';
import { strangerLimit } from '../../services/stranger-limit.ts';
import { trustBundles } from '../../services/trust-bundles.ts';
import type { Verifier } from '../../services/verifier.ts';
import { insertApiToken } from '../../store/api-tokens.ts';
import { activePolicy } from '../../store/active-policy.ts';
import { openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { ISSUER, ISSUER_PEM } from './made-authority.ts';

export const SELECTION = { sha256: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13] };

const ONE_ISSUER: KnownIssuers = { epoch: 1, anchors: [ISSUER_PEM], issuers: [ISSUER] };

export type MadeVerifier = Verifier & {
  /** As the cluster's administrator: what no role of the server may do. */
  asAdministrator(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** The cluster, for databases beside this one. */
  readonly postgres: Postgres;
  /** Moves the clock on. */
  pass(seconds: number): void;
  /** The list of issuers that the CA would have given; by default the one issuer of these tests. */
  believe(list?: KnownIssuers): void;
  /** The revocation lists that the CA would have given; none of them until it is said. */
  revoke(lists: Revocation | undefined): void;
  /** A bearer token. */
  token(roles: Role[], options?: { expired?: true; revoked?: true }): Promise<string>;
  withoutClock(off: boolean): void;
  stop(): Promise<void>;
};

/** A verifier over a real database; its clock is ours, and its CA is a list. */
export async function startVerifier(): Promise<MadeVerifier> {
  const postgres = await startPostgres();
  try {
    const logins = await postgres.createDatabase('server', [
      'server_migrate',
      'server',
      'server_read',
    ]);
    await migrate(logins.server_migrate, () => {});
    const database = openDatabase(logins.server, () => {});
    let passedMs = 0;
    let off = false;
    const now = () => {
      if (off) throw refusal('CLOCK_OFF');
      return new Date(Date.now() + passedMs);
    };
    let believed: KnownIssuers = ONE_ISSUER;
    const asAdministrator = async (sql: string, values: unknown[] = []) =>
      (await postgres.query('server', sql, values)).rows as Record<string, unknown>[];
    const rootSecret = randomBytes(32);
    const sealer = keySealer(rootSecret);
    await adoptKeys({ database, sealer }, { result: newKey(), permit: newKey() });
    const signing = await openSigningKeys(database, sealer);
    let revocation: Revocation | undefined;
    const issuers = {
      known: () => believed,
      recalled: async () => believed,
      poll: async () => {},
      pollSoon: async () => {},
      keep: async () => {},
    };
    const parts = {
      database,
      ...{ signing, sealer, resultKey: signing.resultKey, permitKey: signing.permitKey },
      diskKeys: diskKeySealer(rootSecret),
      bundleKey: await signingKey(newKey(), 'touchstone-bundle+jwt'),
      clock: { now, measure: async () => {}, keep: async () => {} },
      issuers,
      revocation: {
        known: () => revocation,
        poll: async () => {},
        pollSoon: async () => {},
        keep: async () => {},
      },
      askToRenew: askToRenew({ database, issuers }),
      challengeKeysAt: challengeKeysOf(randomBytes(32)),
      settings: {
        publicUrl: 'https://verifier.test:8443',
        ca: { url: 'https://ca.test:8444', pin: 'a'.repeat(64) },
        selection: SELECTION,
        releasePcrs: { sha256: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] },
        intervalSeconds: 60,
        crlGraceSeconds: 3_600,
        signingKeyDays: 90,
        maxEvidenceBytes: 4_194_304,
        build: 'server test',
        tlsCertificate: { since: new Date(0), endsAt: new Date('2100-01-01') },
      },
      appraiser: makeAppraiser(judgesApart()),
      previewer: makeAppraiser(sharedJudges(judgesApart())),
      previews: previewTurns(),
      policy: activePolicy(),
      windows: windowCounter(),
      identityOf: knownIdentities(),
      limitStranger: strangerLimit(60),
      log: pino({ level: 'silent' }),
    };
    const bundles = trustBundles(parts);
    await bundles.refresh();
    return {
      ...parts,
      ...{ bundles, postgres, asAdministrator },
      pass: (seconds) => {
        passedMs += seconds * 1_000;
      },
      revoke: (lists) => {
        revocation = lists;
      },
      believe: (list = ONE_ISSUER) => {
        believed = list;
      },
      withoutClock: (gone) => {
        off = gone;
      },
      async token(roles, { expired, revoked } = {}) {
        const { token, hash } = makeSecretToken('tst_');
        const [row] = await asAdministrator('SELECT gen_random_uuid() AS id');
        const id = row?.['id'] as string;
        const at = now();
        const expiresAt = expired ? new Date(at.getTime() - 1_000).toISOString() : null;
        const record = {
          id,
          name: 'somebody',
          person: 'somebody',
          roles,
          createdAt: at.toISOString(),
        };
        await insertApiToken(database, { ...record, expiresAt, revokedAt: null }, hash);
        if (revoked) {
          await asAdministrator('UPDATE api_tokens SET revoked_at = now() WHERE id = $1', [id]);
        }
        return token;
      },
      async stop() {
        await database.close();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

const newKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ format: 'pem', type: 'pkcs8' })
    .toString();
