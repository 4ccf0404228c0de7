import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Type } from 'typebox';
import {
  checkAgainst,
  closed,
  HttpsUrl,
  parseStrictJson,
  Selection,
  Sha256Hex,
  Uuid,
} from '@touchstone/schemas';
import type { DatabaseLogin } from './store/database.ts';

const Path = Type.String({ pattern: '^[^\\u0000]+$', maxLength: 4_096 });
const Port = Type.Integer({ minimum: 0, maximum: 65_535 });
const Identifier = Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength: 63 });

const Days = Type.Integer({ minimum: 1, maximum: 36_500 });

/** `host` is the directory of PostgreSQL's unix socket, or a host name. */
const DatabaseConfig = closed({
  host: Type.String({ minLength: 1, maxLength: 4_096 }),
  port: Port,
  database: Identifier,
  user: Identifier,
  passwordFile: Path,
  /** Over the network: TLS, with a certificate for this host that one of these CAs (PEM) signed. */
  tls: Type.Optional(closed({ caFile: Path })),
});
type DatabaseConfig = Type.Static<typeof DatabaseConfig>;

/** The server's configuration file. Secrets are in files of their own; paths are relative to it. */
const ServerConfig = closed({
  listen: closed({ host: Type.String({ minLength: 1, maxLength: 255 }), port: Port }),
  tls: closed({ keyFile: Path, certFile: Path }),
  /** What `tls` will be: agents hear of its key while the file is there. */
  nextTls: Type.Optional(closed({ certFile: Path })),
  publicUrl: HttpsUrl,
  database: DatabaseConfig,
  migrateDatabase: DatabaseConfig,
  rootSecretFile: Path,
  /** The first keys. From then on the server makes and keeps its own: docs/decisions/0043. */
  resultKeyFile: Path,
  permitKeyFile: Path,
  signingKeyDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_650 })),
  bundleKeyFile: Path,
  /** The bundle key before this one, for as long as it takes to sign the bundle that names the new one. */
  previousBundleKeyFile: Type.Optional(Path),
  ca: closed({ url: HttpsUrl, pin: Sha256Hex }),
  intervalSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 86_400 })),
  selection: Type.Optional(Selection),
  /** What has to be as it was attested for a disk key to be released: some of what is quoted, and never PCR 10. */
  releasePcrs: Type.Optional(Selection),
  /** For so long a revocation list of the CA's counts after a newer one was due. */
  crlGraceSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 31_536_000 })),
  /** VMs that this server runs in, where it cannot find that out itself: none of them is gated. */
  carriedBy: Type.Optional(Type.Array(Uuid, { maxItems: 64, uniqueItems: true })),
  /** What a new deployment begins with; from then on the database has it. */
  quorum: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 })),
  maxEvidenceBytes: Type.Optional(Type.Integer({ minimum: 65_536, maximum: 16_777_216 })),
  /** How long each kind of record is kept; `migrate` tells the database. docs/deployment.md. */
  retentionDays: Type.Optional(
    closed({
      attestations: Type.Optional(Days),
      starts: Type.Optional(Days),
      audit: Type.Optional(Days),
      alerts: Type.Optional(Days),
      joinTokens: Type.Optional(Days),
      apiTokens: Type.Optional(Days),
      browserSessions: Type.Optional(Days),
      pendingHosts: Type.Optional(Days),
      waitingOffers: Type.Optional(Days),
    }),
  ),
});

const DEFAULTS = {
  intervalSeconds: 60,
  crlGraceSeconds: 86_400,
  selection: { sha256: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14] },
  quorum: 1,
  signingKeyDays: 90,
  // Real firmware logs are 20 to 200 KiB, and as base64url a third more.
  maxEvidenceBytes: 4_194_304,
  retentionDays: {},
} as const;

type Given = Type.Static<typeof ServerConfig>;
type Absent = 'previousBundleKeyFile' | 'nextTls';
export type ServerConfig = Required<Omit<Given, Absent>> & Pick<Given, Absent>;

/** @throws JsonError, SchemaError */
export async function readConfig(path: string): Promise<ServerConfig> {
  const given = checkAgainst(ServerConfig, parseStrictJson(await readFile(path)));
  const selection = given.selection ?? { sha256: [...DEFAULTS.selection.sha256] };
  const ascending = Object.values(selection).every((pcrs) =>
    pcrs.every((pcr, index) => index === 0 || pcr > (pcrs[index - 1] ?? pcr)),
  );
  if (!ascending || Object.values(selection).flat().length === 0) {
    throw new Error('selection: at least one PCR, each list ascending');
  }
  const releasePcrs = releasePcrsOf(given, selection);
  const at = (file: string) => resolve(dirname(path), file);
  const login = ({ tls, ...one }: DatabaseConfig) => ({
    ...one,
    passwordFile: at(one.passwordFile),
    ...(tls === undefined ? {} : { tls: { caFile: at(tls.caFile) } }),
  });
  return {
    ...DEFAULTS,
    ...given,
    carriedBy: given.carriedBy ?? [],
    ...{ selection, releasePcrs },
    tls: { keyFile: at(given.tls.keyFile), certFile: at(given.tls.certFile) },
    ...(given.nextTls === undefined ? {} : { nextTls: { certFile: at(given.nextTls.certFile) } }),
    database: login(given.database),
    migrateDatabase: login(given.migrateDatabase),
    rootSecretFile: at(given.rootSecretFile),
    resultKeyFile: at(given.resultKeyFile),
    permitKeyFile: at(given.permitKeyFile),
    bundleKeyFile: at(given.bundleKeyFile),
    ...(given.previousBundleKeyFile === undefined
      ? {}
      : { previousBundleKeyFile: at(given.previousBundleKeyFile) }),
  };
}

/** Firmware, boot chain, command line, kernel and initrd, shim's policy. Not 10: IMA extends it all the time. */
const RELEASE_PCRS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14];

/** By default those of them that are quoted in the SHA-256 bank. */
function releasePcrsOf({ releasePcrs }: Given, selection: Selection): Selection {
  const quoted = (bank: keyof Selection): readonly number[] => selection[bank] ?? [];
  if (releasePcrs === undefined) {
    return { sha256: RELEASE_PCRS.filter((pcr) => quoted('sha256').includes(pcr)) };
  }
  for (const [bank, pcrs] of Object.entries(releasePcrs)) {
    const bad = pcrs.find((pcr) => pcr === 10 || !quoted(bank as keyof Selection).includes(pcr));
    if (bad !== undefined) throw new Error(`releasePcrs: ${bank}:${bad} is not quoted, or is 10`);
  }
  return releasePcrs;
}

const ROOT_SECRET_LENGTH = 32;

export async function readRootSecret(path: string): Promise<Uint8Array> {
  const secret = await readFile(path);
  if (secret.length !== ROOT_SECRET_LENGTH) throw new Error(`${path}: not 32 bytes`);
  return secret;
}

export async function loginOf(config: DatabaseConfig): Promise<DatabaseLogin> {
  const { passwordFile, tls, ...login } = config;
  const password = (await readFile(passwordFile, 'utf8')).trimEnd();
  if (tls === undefined) return { ...login, password };
  // `host` as well: an address has no server name, and its certificate would be checked against "localhost".
  const ca = await readFile(tls.caFile, 'utf8');
  return { ...login, password, ssl: { ca, host: login.host, rejectUnauthorized: true } };
}
