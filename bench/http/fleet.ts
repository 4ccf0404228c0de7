import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import type { Labels } from '@touchstone/schemas';
import { encodeTpm2bPublic } from '@touchstone/tpm';
import type { Authority } from '../host/authority.ts';
import { BOOT_LOG, BOOT_LOG_DIGEST, bootPcrs } from '../host/boot.ts';
import { evidenceOf, RESET_COUNT } from '../host/evidence.ts';
import { newSoftwareHost, type SoftwareHost } from '../host/software-host.ts';

/** As a configuration file of the server has it. */
export type Login = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly passwordFile: string;
};

export type FleetOptions = {
  readonly login: Login;
  readonly authority: Authority;
  readonly labels: Labels;
  readonly pcrs: readonly number[];
  /** What the names of its hosts begin with. */
  readonly name: string;
};

const BATCH = 500;

/**
 * Hosts as they are stored once they have enrolled and were approved, each with an AK, a certificate, evidence and
 * a verdict of its own: what 100,000 enrolments would leave behind, without the hours that they would take.
 */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #client: pg.Client;
  #size = 0;

  private constructor(options: FleetOptions, client: pg.Client) {
    this.#options = options;
    this.#client = client;
  }

  static async open(options: FleetOptions): Promise<Fleet> {
    const { passwordFile, ...login } = options.login;
    const password = (await readFile(passwordFile, 'utf8')).trimEnd();
    const client = new pg.Client({ ...login, password });
    await client.connect();
    await client.query('INSERT INTO blobs (digest, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      BOOT_LOG_DIGEST,
      BOOT_LOG,
    ]);
    return new Fleet(options, client);
  }

  /** Up to `size` hosts. Gives `kept` of the new ones, evenly spread, with their keys. */
  async growTo(
    size: number,
    kept: number,
    progress: (line: string) => void,
  ): Promise<SoftwareHost[]> {
    const first = this.#size;
    const every = Math.max(1, Math.floor((size - first) / kept));
    const hosts: SoftwareHost[] = [];
    while (this.#size < size) {
      const now = new Date();
      const batch = Array.from({ length: Math.min(BATCH, size - this.#size) }, (_, index) =>
        newSoftwareHost(
          this.#options.authority,
          `${this.#options.name}-${this.#size + index}`,
          now,
        ),
      );
      await this.#insert(batch, now);
      hosts.push(...batch.filter((_, index) => (this.#size + index - first) % every === 0));
      this.#size += batch.length;
      if (this.#size % 5_000 < BATCH) progress(`${this.#size} hosts are enrolled`);
    }
    // What autovacuum does by itself, later.
    await this.#client.query('ANALYZE hosts, evidence, attestations');
    return hosts.slice(0, kept);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.end();
  }

  async #insert(hosts: readonly SoftwareHost[], now: Date): Promise<void> {
    const { pcrs, labels } = this.#options;
    const rows = hosts.map((host) => {
      const challenge = randomBytes(61).toString('base64url');
      const { statement, quote } = evidenceOf(host, {
        ...{ purpose: 'enrol', challenge, pcrs, clockMs: 1n },
      });
      const [attest, signature] = [quote.attest, quote.signature].map(bytesOf);
      const digest = createHash('sha256').update(attest!).digest('hex');
      return { host, attest, signature, digest, statement: bytesOf(statement), id: randomUUID() };
    });
    const stored = [JSON.stringify({ sha256: bootPcrs(pcrs) }), JSON.stringify({ sha256: pcrs })];
    const digests = rows.map(({ digest }) => digest);
    await this.#client.query('BEGIN');
    await this.#client.query(
      `INSERT INTO evidence (digest, purpose, statement, attest, signature, ak_certificate, pcrs, blobs,
                             selection, received_at, day)
       SELECT *, $6::jsonb, $7::text[], $8::jsonb, $9::timestamptz, ($9 AT TIME ZONE 'UTC')::date
         FROM (SELECT unnest($1::text[]), 'enrol', unnest($2::bytea[]), unnest($3::bytea[]),
                      unnest($4::bytea[]), unnest($5::bytea[])) AS new`,
      [
        ...[digests, rows.map((row) => row.statement), rows.map((row) => row.attest)],
        ...[rows.map((row) => row.signature), hosts.map((host) => host.certificate)],
        ...[stored[0], [BOOT_LOG_DIGEST], stored[1], now],
      ],
    );
    await this.#client.query(
      `INSERT INTO attestations (id, host_id, evidence, at, cause, class, labels, baselines, policy_id,
                                 verdict, state, self_reported, findings, events, result, day)
       SELECT unnest($1::uuid[]), unnest($2::uuid[]), unnest($3::text[]), $4::timestamptz, 'evidence',
              'software', $5::jsonb, '[]', 'bench', 'warning', 'trusted', true, '[]', '[]', $6, ($4 AT TIME ZONE 'UTC')::date`,
      [
        ...[rows.map((row) => row.id), hosts.map((host) => host.id), digests, now],
        ...[JSON.stringify(labels), 'x'.repeat(RESULT_LENGTH)],
      ],
    );
    await this.#client.query(
      `INSERT INTO hosts (id, name, ek_ref, ak_name, approved_ak_name, ak_public, ak_certificate,
                          binding_public, mark_evidence, latest_attestation, state, state_since, class,
                          admissible_classes, labels, enrolled_at, reset_count, restart_count, clock,
                          last_authentic_at, mark_evidence_day, latest_attestation_day)
       SELECT unnest($1::uuid[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]),
              unnest($4::text[]), unnest($5::bytea[]), unnest($6::bytea[]), unnest($7::bytea[]),
              unnest($8::text[]), unnest($9::uuid[]), 'trusted', $10::timestamptz, 'software', '{software}',
              $11::jsonb, $10, $12, 0, 1, $10, today, today
         FROM (SELECT ($10 AT TIME ZONE 'UTC')::date AS today) AS now`,
      [
        ...[hosts.map(({ id }) => id), hosts.map(({ name }) => name)],
        ...[hosts.map(({ ekRef }) => Buffer.from(ekRef).toString('hex'))],
        ...[hosts.map(({ akName }) => akName)],
        ...[hosts.map(({ akPublic }) => Buffer.from(encodeTpm2bPublic(akPublic)))],
        ...[hosts.map(({ certificate }) => Buffer.from(certificate))],
        ...[hosts.map(({ bindingPublic }) => Buffer.from(bindingPublic))],
        ...[digests, rows.map((row) => row.id), now, JSON.stringify(labels), RESET_COUNT],
      ],
    );
    await this.#client.query('COMMIT');
  }
}

/** Of a signed result, characters. */
const RESULT_LENGTH = 2_000;

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64url');
