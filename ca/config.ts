import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import {
  AssuranceClass,
  checkAgainst,
  closed,
  EkAlgorithm,
  HttpsUrl,
  JsonError,
  oneOf,
  parseStrictJson,
  SchemaError,
} from '@touchstone/schemas';
import { ConfigError } from './config-error.ts';
import { CustodyConfig, IssuanceConfig, resolvedCustody } from './custody-config.ts';

const Path = Type.String({ pattern: '^[^\\u0000]+$', maxLength: 4_096 });
const Text = Type.String({ minLength: 1, maxLength: 256 });
const Port = (minimum: number) => Type.Integer({ minimum, maximum: 65_535 });

const Database = closed({
  /** The directory of a unix socket, or a host. */
  host: Path,
  port: Port(1),
  database: Text,
  user: Text,
  passwordFile: Path,
  /** Over the network: TLS, with a certificate for this host that one of these CAs (PEM) signed. */
  tls: Type.Optional(closed({ caFile: Path })),
});

const Bucket = closed({
  burst: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  perSecond: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
});

const CaConfig = closed({
  /** Port 0 takes a free one. */
  listen: closed({ host: Text, port: Port(0) }),
  tls: closed({ keyFile: Path, certFile: Path }),
  /** What `tls` will be: the server hears of its key while the file is there. */
  nextTls: Type.Optional(closed({ certFile: Path })),
  database: Database,
  migrateDatabase: Database,
  stateDir: Path,
  issuance: Type.Optional(IssuanceConfig),
  custody: Type.Optional(CustodyConfig),
  roots: Type.Array(
    closed({
      certificateFile: Path,
      class: AssuranceClass,
      /** As its certificates may name them, `id:494E5443` or `INTC`. Another one is a warning. */
      manufacturers: Type.Optional(Type.Array(Text, { minItems: 1, maxItems: 64 })),
      /** Where its TPMs have certificates of several EKs, which one is taken. Default any. */
      ekAlgorithm: Type.Optional(EkAlgorithm),
      /** Whether its certificates have to say that they are for EKs: ca/validation/ek-chain.ts. */
      eku: Type.Optional(oneOf('strict', 'usual', 'lenient')),
    }),
    { maxItems: 256 },
  ),
  publicUrl: HttpsUrl,
  /** The public key (PEM) that the verifier signs its reports of progress with; a rotation waits for these. */
  reporterKeyFile: Type.Optional(Path),
  /** How long ended AK certificates are remembered; `init` tells the database. Default 400. */
  retentionDays: Type.Optional(
    closed({ certificates: Type.Integer({ minimum: 1, maximum: 36_500 }) }),
  ),
  /** How often revocation lists are made where nothing is revoked, and how long each counts: an hour and a day. */
  revocationLists: Type.Optional(
    closed({
      everySeconds: Type.Integer({ minimum: 1, maximum: 604_800 }),
      validSeconds: Type.Integer({ minimum: 2, maximum: 2_592_000 }),
    }),
  ),
  /** How fast enrolments may come. */
  limits: Type.Optional(closed({ perAddress: Bucket, total: Bucket })),
});

/** The CA's configuration file. Paths in it are relative to it. */
export type CaConfig = Static<typeof CaConfig>;

/** Throws ConfigError CONFIG_INVALID naming the field. */
export async function loadConfig(path: string): Promise<CaConfig> {
  const config = readConfig(await readFile(path));
  const at = (file: string) => resolve(dirname(path), file);
  const database = ({ passwordFile, tls, ...rest }: CaConfig['database']) => ({
    ...rest,
    passwordFile: at(passwordFile),
    ...(tls === undefined ? {} : { tls: { caFile: at(tls.caFile) } }),
  });
  return {
    ...config,
    tls: { keyFile: at(config.tls.keyFile), certFile: at(config.tls.certFile) },
    ...(config.nextTls === undefined ? {} : { nextTls: { certFile: at(config.nextTls.certFile) } }),
    database: database(config.database),
    migrateDatabase: database(config.migrateDatabase),
    stateDir: at(config.stateDir),
    ...(config.reporterKeyFile && { reporterKeyFile: at(config.reporterKeyFile) }),
    ...(config.custody && { custody: resolvedCustody(config.custody, at) }),
    ...(config.issuance?.kind === 'socket' && {
      issuance: { kind: 'socket', path: at(config.issuance.path) },
    }),
    roots: config.roots.map((root) => ({ ...root, certificateFile: at(root.certificateFile) })),
  };
}

function readConfig(bytes: Uint8Array): CaConfig {
  try {
    return checkAgainst(CaConfig, parseStrictJson(bytes));
  } catch (cause) {
    if (!(cause instanceof SchemaError || cause instanceof JsonError)) throw cause;
    throw new ConfigError(cause.message, cause);
  }
}
