import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ParsedEvidence, parseEvidence } from '@touchstone/appraisal';
import {
  type ChallengeAnswer,
  ChallengeRequest,
  Evidence,
  type EvidenceAnswer,
  type Finding,
  StartPlansRequest,
  type TrustBundle,
} from '@touchstone/schemas';
import { createEdge, listenTls, readJson, spkiPinOf } from '@touchstone/transport';
import type { Enrolment, KeyRecord } from '../../state/identity.ts';
import {
  bundleOf,
  claimsFor,
  makePermitKey,
  type PermitFor,
  type PermitKey,
  signPermit,
  signResult,
} from './permit-keys.ts';
import { resultFor } from './result-claims.ts';

export type Verifier = {
  readonly url: string;
  readonly pin: string;
  readonly bundle: TrustBundle;
  /** Any of a day: far from its renewal. */
  readonly certificate: string;
  readonly permitKey: PermitKey;
  readonly resultKey: PermitKey;
  /** What was asked for and delivered, in its order: a challenge's purpose, or a path. */
  readonly asked: string[];
  /** How the next questions are answered; back to honest ones by `behave({})`. */
  behave(behaviour: Behaviour): void;
  /** As a process that dies: connections end, answers do not come, and nobody listens there until it is back. */
  leave(): Promise<void>;
  comeBack(): Promise<void>;
  close(): Promise<void>;
};

/** What a permit request is answered with; each hook may wait, throw or answer anything. */
export type Behaviour = {
  readonly challenge?: (honest: ChallengeAnswer) => unknown;
  readonly permits?: (asked: Asked, honest: () => Promise<unknown>) => unknown;
  readonly evidence?: (honest: EvidenceAnswer, evidence: ParsedEvidence) => unknown;
  /** Without it there are no plans: 404. `challenge` where one was asked for along with them. */
  readonly plans?: (vms: readonly string[], challenge: ChallengeAnswer | undefined) => unknown;
};

/** A permit request, read but not appraised. */
export type Asked = {
  readonly evidence: ParsedEvidence;
  /** Of the first request. */
  readonly permit: PermitFor;
  readonly permits: readonly PermitFor[];
};

export const REFUSAL: Finding = {
  code: 'HOST_NOT_TRUSTED',
  effect: 'enforce',
  subject: 'hv1',
  expected: 'trusted',
  actual: 'state untrusted',
  remedy: 'Look at the host.',
  actor: 'operator',
};

/** Whoever asks for a permit does not look at it. */
const RESULT = { result: 'a.b.c', state: 'trusted', verdict: 'affirming' } as const;

/** The server as an agent sees it, over real TLS, with keys of the test's; it believes everything. */
export async function startVerifier(): Promise<Verifier> {
  const dir = await mkdtemp(join(tmpdir(), 'ts-verifier-'));
  const [keyFile, certFile] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', keyFile, '-out', certFile, '-days', '1', '-subj', '/CN=verifier'],
    ],
    { stdio: 'ignore' },
  );
  const [key, cert] = [await readFile(keyFile, 'utf8'), await readFile(certFile, 'utf8')];
  await rm(dir, { recursive: true });
  const [permitKey, resultKey] = [await makePermitKey('p1'), await makePermitKey('r1')];
  const asked: string[] = [];
  let behaviour: Behaviour = {};

  const sockets = new Set<Socket>();
  const app = createEdge();
  app.use((ctx, next) => {
    const { socket } = ctx.req;
    if (!sockets.has(socket)) sockets.add(socket.once('close', () => sockets.delete(socket)));
    return next();
  });
  app.use(async (ctx, next) => {
    if (ctx.path !== '/v1/challenges') return next();
    const { purpose } = await readJson(ctx, ChallengeRequest);
    asked.push(purpose);
    const honest = honestChallenge();
    ctx.body = (await behaviour.challenge?.(honest)) ?? honest;
    return undefined;
  });
  app.use(async (ctx, next) => {
    if (ctx.path !== '/v1/start-plans' || behaviour.plans === undefined) return next();
    const { vms, challenge } = await readJson(ctx, StartPlansRequest);
    ctx.body = await behaviour.plans(vms, challenge && honestChallenge());
    return undefined;
  });
  app.use(async (ctx, next) => {
    if (ctx.path !== '/v1/evidence' && ctx.path !== '/v1/permits') return next();
    const evidence = parseEvidence(await readJson(ctx, Evidence, { maxBytes: 33_554_432 }));
    asked.push(ctx.path);
    if (ctx.path === '/v1/evidence') {
      const result = await signResult(resultFor(evidence), resultKey);
      const honest: EvidenceAnswer = { ...RESULT, result, intervalSeconds: 60 };
      ctx.body = (await behaviour.evidence?.(honest, evidence)) ?? honest;
      return undefined;
    }
    const all = permitsFor(evidence);
    const [permit] = all;
    if (permit === undefined) throw new Error('evidence without a request');
    const honest = async () => ({
      ...RESULT,
      answers: await Promise.all(
        all.map(async (one) => ({
          requestId: one.request.requestId,
          permit: await signPermit(claimsFor(one), permitKey),
        })),
      ),
    });
    const { permits = (_: Asked, answer: typeof honest) => answer() } = behaviour;
    ctx.body = await permits({ evidence, permit, permits: all }, honest);
    return undefined;
  });
  const listen = (port: number) => listenTls(app, { host: '127.0.0.1', port, key, cert });
  let listening = await listen(0);
  const { port } = listening;
  return {
    url: `https://127.0.0.1:${port}`,
    pin: spkiPinOf(cert),
    bundle: bundleOf(permitKey, resultKey),
    certificate: cert,
    permitKey,
    resultKey,
    asked,
    behave: (next) => {
      behaviour = next;
    },
    leave: () => {
      for (const socket of sockets) socket.destroy();
      return listening.close();
    },
    comeBack: async () => {
      await listening.close();
      listening = await listen(port);
    },
    close: () => listening.close(),
  };
}

const honestChallenge = (): ChallengeAnswer => ({
  challenge: randomBytes(48).toString('base64url'),
  expiresAt: new Date(Date.now() + 20_000).toISOString(),
  selection: { sha256: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13] },
  bundleEpoch: 1,
});

/** What an agent that enrolled there would have on disk. */
export const enrolmentAt = (
  { url, pin, bundle, certificate }: Verifier,
  { akName }: Pick<KeyRecord, 'akName'>,
): Enrolment => ({
  schema: 'touchstone/agent-enrolment/1',
  hostId: randomUUID(),
  akName,
  class: 'software',
  server: url,
  fingerprint: pin,
  enrollmentId: randomUUID(),
  certificates: [certificate],
  intervalSeconds: 60,
  trustBundle: bundle,
});

function permitsFor({ statement, attest }: ParsedEvidence): PermitFor[] {
  const { resetCount, restartCount, clock } = attest.clockInfo;
  return (statement.permits ?? []).map((request) => ({
    request,
    hostId: statement.hostId ?? '',
    akName: statement.akName,
    challenge: statement.challenge,
    boot: { resetCount, restartCount, clock },
  }));
}

/** An answer that refuses the request for that reason. */
export const refusing = ({ permit }: Pick<Asked, 'permit'>, finding: Finding = REFUSAL) => ({
  ...RESULT,
  answers: [
    {
      requestId: permit.request.requestId,
      refusal: { code: finding.code, findings: [finding] },
    },
  ],
});

/** An answer with that permit. */
export const permitting = (
  { permit }: Pick<Asked, 'permit'>,
  token: string,
  requestId?: string,
) => ({
  ...RESULT,
  answers: [{ requestId: requestId ?? permit.request.requestId, permit: token }],
});
