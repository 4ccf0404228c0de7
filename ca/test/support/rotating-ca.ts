import assert from 'node:assert/strict';
import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
  sign,
  X509Certificate,
} from 'node:crypto';
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { akQualifiedNameOf, parseAkCertificate } from '@touchstone/endorsement';
import {
  CaBundle,
  type CaProgress,
  checkAgainst,
  type RotationPhase,
  type RotationStart,
  type SigningJwk,
} from '@touchstone/schemas';
import { EK_TEMPLATE_RSA2048, encodeTpmtPublic, nameOf } from '@touchstone/tpm';
import pg from 'pg';
import { pino } from 'pino';
import type { Postgres, PostgresLogin } from '../../../test/support/postgres.ts';
import { activateEnrollment } from '../../activate.ts';
import type { CaContext } from '../../enroll.ts';
import { establishAuthorities } from '../../establish.ts';
import { fileCustodyIn, type Issuance, localIssuance } from '../../issuance/index.ts';
import { goOnByItself } from '../../rotation/go-on.ts';
import { advanceRotation, startRotation, takeProgress } from '../../rotation/index.ts';
import {
  configureReporter,
  databaseNow,
  insertEnrollment,
  listAuthorities,
  listRotations,
  migrate,
  openRotations,
  type RotationRecord,
  readBundle,
} from '../../store/index.ts';
import { tpmRootsOf } from '../../tpm-roots/index.ts';
import { makeAkPublic } from './made-endorsement.ts';

const words = () => Promise.resolve(Buffer.from('a passphrase that is long enough'));
/** Of keys that are made here; what guards the real ones has a test of its own. */
const CHEAP = { scryptCost: 1_024 };
const silent = pino({ level: 'silent' });

/** The issuance in this process, over the files of `stateDir`. */
const issuanceIn = (stateDir: string): Issuance =>
  localIssuance(fileCustodyIn(stateDir, { root: words, issuing: words }, CHEAP), () => new Date());

/** A host without a TPM, and the certificate that its verifier holds it to. */
export type RotatingHost = {
  readonly name: string;
  readonly ekRef: Buffer;
  readonly ekName: Buffer;
  readonly ak: ReturnType<typeof makeAkPublic>;
  away: boolean;
  /** PEM, of the bundle that it has seen last. */
  anchors: readonly string[];
  /** PEM, as the activation gave them. */
  certificates: readonly string[];
  /** Hex. */
  issuer: string;
};

/** A CA that was set up, to be copied. */
export type Template = {
  readonly login: PostgresLogin;
  readonly stateDir: string;
  readonly dir: string;
};

export async function rotatingTemplate(postgres: Postgres, database: string): Promise<Template> {
  const dir = await mkdtemp(join(tmpdir(), 'ts-rotating-'));
  const stateDir = join(dir, 'template');
  const logins = await postgres.createDatabase(database, ['ca_migrate', 'ca']);
  const client = new pg.Client(logins.ca_migrate);
  await client.connect();
  try {
    await migrate(client, silent);
    const issuance = issuanceIn(stateDir);
    await issuance.ekRef(randomBytes(34));
    const now = await databaseNow(client);
    await establishAuthorities(client, issuance, { now, earlier: undefined });
  } finally {
    await client.end();
  }
  return { login: logins.ca, stateDir, dir };
}

/** A copy of its own, with `hosts` enrolled. */
export async function copyOf(
  postgres: Postgres,
  { login, ...template }: Template,
  name: string,
  hosts: readonly string[] = [],
): Promise<RotatingCa> {
  const database = `${login.database}_${name}`;
  const stateDir = join(template.dir, name);
  await postgres.query('postgres', `CREATE DATABASE ${database} TEMPLATE ${login.database}`);
  await postgres.query('postgres', `GRANT CONNECT ON DATABASE ${database} TO ca`);
  await cp(template.stateDir, stateDir, { recursive: true });
  const ca = new RotatingCa({ ...login, database }, stateDir);
  await configureReporter(ca.pool, ca.reporter.jwk);
  for (const host of hosts) await ca.addHost(host);
  return ca;
}

/** The CA's rotation over a real database and real keys, and hosts and a verifier that do as they are told. */
export class RotatingCa {
  readonly login: PostgresLogin;
  readonly stateDir: string;
  readonly pool: pg.Pool;
  readonly context: CaContext;
  readonly hosts: RotatingHost[] = [];
  readonly reporter = makeReporter();
  #reportedAt = 0;
  readonly #name = `rotating-${randomUUID()}`;

  constructor(login: PostgresLogin, stateDir: string) {
    this.login = login;
    this.stateDir = stateDir;
    const { host, port, database, user, password } = login;
    this.pool = new pg.Pool({
      ...{ host, port, database, user, password, max: 4, application_name: this.#name },
    });
    this.pool.on('error', () => {});
    this.context = {
      ...{
        pool: this.pool,
        issuance: issuanceIn(stateDir),
        custody: 'file',
        lists: { everySeconds: 3_600, validSeconds: 86_400 },
      },
      tpmRoots: tpmRootsOf(this.pool, []),
      ...{ publicUrl: 'https://ca.example:9443', log: silent },
    };
  }

  bundle = (): Promise<CaBundle> => readBundle(this.pool);

  /** When the database has seen that all other processes are gone, and has undone what they had begun. */
  async aloneAgain(): Promise<void> {
    for (;;) {
      const { rows } = await this.pool.query<{ others: boolean }>(
        `SELECT EXISTS (SELECT 1 FROM pg_stat_activity
           WHERE datname = current_database() AND backend_type = 'client backend'
             AND application_name <> $1) AS others`,
        [this.#name],
      );
      if (rows[0]?.others !== true) return;
    }
  }

  /** By hand, with everybody following. */
  async rotateTo(asked: RotationStart, to: RotationPhase): Promise<RotationRecord> {
    let rotation = await startRotation(this.context, asked);
    while (rotation.phase !== to) {
      await this.follow();
      await this.report();
      const { id, phase: from } = rotation;
      rotation = await advanceRotation(this.context, { id, from, force: false });
    }
    return rotation;
  }

  /** What the keeper does in one round. */
  tick = (): Promise<void> => goOnByItself(this.context);

  close = (): Promise<void> => this.pool.end();

  async addHost(name: string): Promise<RotatingHost> {
    const ekName = randomBytes(34);
    const { anchors } = await this.bundle();
    const host: RotatingHost = {
      ...{ name, ekName, ekRef: Buffer.from(await this.context.issuance.ekRef(ekName)) },
      ...{ ak: makeAkPublic(), away: false, anchors, certificates: [], issuer: '' },
    };
    await this.renew(host);
    this.hosts.push(host);
    return host;
  }

  /** An activation, by the secret that its TPM would have opened. */
  async renew(host: RotatingHost): Promise<void> {
    const secret = randomBytes(32);
    const id = randomUUID();
    await insertEnrollment(this.pool, {
      ...{
        id,
        class: 'software',
        software: true,
        renews: null,
        voucher: { by: 'itself' },
        quirks: [],
        tpm: { weaknesses: [] },
      },
      secretSha256: createHash('sha256').update(secret).digest(),
      ...{ ekName: host.ekName, ekRef: host.ekRef, ekCertificates: [] },
      ...{ akName: nameOf(host.ak), akPublic: encodeTpmtPublic(host.ak) },
      akQualifiedName: akQualifiedNameOf(EK_TEMPLATE_RSA2048, host.ak),
      ekPublic: encodeTpmtPublic(EK_TEMPLATE_RSA2048),
    });
    const { certificates } = await activateEnrollment(this.context, id, {
      secret: secret.toString('base64url'),
    });
    host.certificates = certificates;
    host.issuer = parseAkCertificate(new X509Certificate(certificates[0] ?? '').raw).issuerKeyId;
  }

  /** Hosts that are there follow the bundle: they know its anchors, and renew if they are asked to. */
  async follow(): Promise<void> {
    const { anchors, renewals = [] } = await this.bundle();
    for (const host of this.hosts.filter(({ away }) => !away)) {
      host.anchors = anchors;
      const asked = renewals.some(
        ({ issuerKeyId, ekRefs }) =>
          issuerKeyId === host.issuer &&
          (ekRefs === undefined || ekRefs.includes(host.ekRef.toString('hex'))),
      );
      if (asked) await this.renew(host);
    }
  }

  /** The verifier has polled, and says what it sees. */
  async report(change: Partial<CaProgress> = {}): Promise<void> {
    this.#reportedAt = Math.max(Date.now(), this.#reportedAt + 1);
    const { epoch, anchors } = await this.bundle();
    const behind = this.hosts.filter((host) => anchors.some((one) => !host.anchors.includes(one)));
    const issuers = [...new Set(this.hosts.map(({ issuer }) => issuer))];
    const progress: CaProgress = {
      schema: 'touchstone/ca-progress/1',
      at: new Date(this.#reportedAt).toISOString(),
      ...{ caEpoch: epoch, trustBundleEpoch: epoch, hosts: this.hosts.length },
      behind: named(behind),
      issuers: issuers.map((keyId) => ({
        keyId,
        hosts: named(this.hosts.filter(({ issuer }) => issuer === keyId)),
        vms: { count: 0, named: [] },
      })),
      ...change,
    };
    await takeProgress(this.pool, { report: this.reporter.sign(progress) });
  }
}

const named = (hosts: readonly RotatingHost[]): CaProgress['behind'] => ({
  count: hosts.length,
  away: hosts.filter(({ away }) => away).length,
  named: hosts.slice(0, 100).map(({ name, ekRef, away }) => ({
    ...{ name, ekRef: ekRef.toString('hex'), state: 'trusted' as const, away, lastSeen: null },
  })),
});

export type Reporter = { readonly jwk: SigningJwk; sign(progress: unknown, typ?: string): string };

/** A verifier's result key. */
export function makeReporter(
  privateKey: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
): Reporter {
  const { x = '', y = '' } = privateKey.export({ format: 'jwk' }) as { x?: string; y?: string };
  const kid = createHash('sha256').update(`${x}.${y}`).digest('base64url');
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    jwk: { ...{ kty: 'EC', crv: 'P-256', x, y, kid }, ...{ alg: 'ES256', use: 'sig' } },
    sign: (progress, typ = 'touchstone-ca-progress+jwt') => {
      const signed = `${part({ alg: 'ES256', kid, typ })}.${part(progress)}`;
      const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
      return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
    },
  };
}

/** What holds at every moment, whatever phase there is and whatever died in between. */
export async function assertSound(
  ca: RotatingCa,
  /** While the keys are taken for stolen, hosts are refused until they renew. */
  { refusing = false } = {},
): Promise<CaBundle> {
  const bundle = checkAgainst(CaBundle, JSON.parse(JSON.stringify(await ca.bundle())));
  const authorities = await listAuthorities(ca.pool);
  const active = authorities.filter(({ state }) => state === 'active');
  assert.deepEqual(active.map(({ role }) => role).toSorted(), ['issuing', 'root']);
  const believed = bundle.issuers.filter(({ state }) => state !== 'refused');
  assert.equal(believed.filter(({ state }) => state === 'active').length, 1);
  for (const { name, issuer } of ca.hosts) {
    const isBelieved = believed.some(({ keyId }) => keyId === issuer);
    assert.ok(isBelieved || refusing, `${name} is refused: ${issuer}`);
  }
  const open = await openRotations(ca.pool);
  const keys = await ca.context.issuance.keys();
  for (const { keyId, label } of keys) {
    const known = authorities.some((one) => one.keyId === keyId && one.state !== 'destroyed');
    const made = open.some(({ id }) => label.startsWith(`${id}/`));
    assert.ok(known || made, `the key ${label} is forgotten`);
  }
  for (const { keyId, state } of authorities) {
    if (state === 'destroyed' || state === 'refused') continue;
    assert.ok(
      keys.some((key) => key.keyId === keyId),
      `the key of ${keyId} is gone`,
    );
  }
  return bundle;
}

export const newestRotation = async ({ pool }: RotatingCa): Promise<RotationRecord | undefined> =>
  (await listRotations(pool, 1))[0];
