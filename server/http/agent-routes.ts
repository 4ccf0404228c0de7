import { Router } from '@koa/router';
import { type Static, type TSchema, Type } from 'typebox';
import {
  CertificateRenewal,
  CertificateRenewalAnswer,
  ChallengeAnswer,
  ChallengeRequest,
  Evidence,
  EvidenceAnswer,
  HostEnrolment,
  HostEnrolmentAnswer,
  OrdersAnswer,
  PermitsAnswer,
  StartPlans,
  StartPlansRequest,
  TrustBundles,
  Uuid,
} from '@touchstone/schemas';
import { boundLargeBodies, readJson, tokenBuckets } from '@touchstone/transport';
import { answerWithChallenge } from '../services/answer-with-challenge.ts';
import { enrolHost } from '../services/enrol-host.ts';
import { giveOrders } from '../services/mandates.ts';
import { renewCertificate } from '../services/renew-certificate.ts';
import { giveStartPlans } from '../services/start-plans.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import type { Verifier } from '../services/verifier.ts';
import { keyOf, present } from './operator-call.ts';

/** Many hosts may come from one address: a proxy's, or a router's. */
const BUCKETS = {
  perAddress: { burst: 400, perSecond: 100 },
  total: { burst: 4_000, perSecond: 4_000 },
} as const;

/**
 * Hosts with VMs ask for their orders every 10 s, which costs little: 10,000 of them may be behind one address, and none
 * of their attestations waits for it.
 */
const ORDERS_BUCKETS = {
  perAddress: { burst: 1_000, perSecond: 1_000 },
  total: { burst: 4_000, perSecond: 4_000 },
} as const;

/** Logs of real firmware, and statements of 256 requests, stay below: they are neither counted here nor do they wait for those that are. */
const LARGE_BODIES = {
  over: 524_288,
  atOnce: { perAddress: 3, total: 6 },
  rate: {
    perAddress: { burst: 6, perSecond: 1 },
    total: { burst: 12, perSecond: 3 },
  },
} as const;

const Epoch = Type.String({ pattern: '^(0|[1-9][0-9]{0,9})$', maxLength: 10 });

/** One call of an agent, parsed. */
type Call<B> = { readonly verifier: Verifier; readonly key: string; readonly body: B };

type AgentRoute = {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** With at most one parameter, `:key`. */
  readonly path: string;
  readonly summary: string;
  readonly key?: TSchema;
  readonly body?: TSchema;
  readonly carriesEvidence?: true;
  /** Counted apart from all others. */
  readonly givesOrders?: true;
  readonly answer: TSchema;
  readonly handle: (call: Call<never>) => unknown;
};

type Typed<B extends TSchema, A extends TSchema> = Omit<
  AgentRoute,
  'body' | 'answer' | 'handle'
> & {
  readonly body?: B;
  readonly answer: A;
  readonly handle: (call: Call<Static<B>>) => Static<A> | Promise<Static<A>>;
};

const route = <B extends TSchema, A extends TSchema>(typed: Typed<B, A>): AgentRoute => typed;

/** What agents call. They carry no bearer token: what counts is signed by their AK. */
export const AGENT_ROUTES: readonly AgentRoute[] = [
  route({
    method: 'GET',
    path: '/v1/trust-bundle',
    summary: 'Every key that an agent must know',
    answer: TrustBundles,
    handle: ({ verifier: { bundles } }) => ({ bundles: [bundles.current().jws] }),
  }),
  route({
    method: 'GET',
    path: '/v1/trust-bundles/after/:key',
    summary: 'The trust bundles after an epoch, each signed by the key that the one before names',
    key: Epoch,
    answer: TrustBundles,
    handle: async ({ verifier: { bundles }, key }) => ({
      bundles: await bundles.after(Number(key)),
    }),
  }),
  route({
    method: 'POST',
    path: '/v1/challenges',
    summary: 'A challenge for one AK and one purpose',
    body: ChallengeRequest,
    answer: ChallengeAnswer,
    handle: ({ verifier, body }) => answerWithChallenge(verifier, body),
  }),
  route({
    method: 'POST',
    path: '/v1/start-plans',
    summary: 'Which disks of VMs a host need not read before it asks to start them',
    body: StartPlansRequest,
    answer: StartPlans,
    handle: ({ verifier, body }) => giveStartPlans(verifier, body),
  }),
  route({
    method: 'POST',
    path: '/v1/hosts',
    summary: 'Enrol a host',
    body: HostEnrolment,
    carriesEvidence: true,
    answer: HostEnrolmentAnswer,
    handle: ({ verifier, body }) => enrolHost(verifier, body),
  }),
  route({
    method: 'PUT',
    path: '/v1/hosts/:key/certificate',
    summary: "Bring a known host's renewed AK certificate",
    key: Uuid,
    body: CertificateRenewal,
    answer: CertificateRenewalAnswer,
    handle: ({ verifier, key, body }) => renewCertificate(verifier, key, body),
  }),
  route({
    method: 'GET',
    path: '/v1/hosts/:key/orders',
    summary: "A host's state and what it is to do with its VMs, signed for its AK",
    key: Uuid,
    givesOrders: true,
    answer: OrdersAnswer,
    handle: ({ verifier, key }) => giveOrders(verifier, key),
  }),
  route({
    method: 'POST',
    path: '/v1/evidence',
    summary: 'Attest',
    body: Evidence,
    carriesEvidence: true,
    answer: EvidenceAnswer,
    handle: ({ verifier, body }) => takeAttestation(verifier, body),
  }),
  route({
    method: 'POST',
    path: '/v1/permits',
    summary: 'Ask, with fresh evidence, to start a VM',
    body: Evidence,
    carriesEvidence: true,
    answer: PermitsAnswer,
    handle: ({ verifier, body }) => takePermitRequest(verifier, body),
  }),
];

export function agentRoutes(verifier: Verifier): Router {
  const router = new Router();
  const limit = tokenBuckets(BUCKETS);
  const limitOrders = tokenBuckets(ORDERS_BUCKETS);
  const boundLarge = boundLargeBodies(LARGE_BODIES);
  const { maxEvidenceBytes } = verifier.settings;
  for (const served of AGENT_ROUTES) {
    const { method, path, key, body, carriesEvidence, givesOrders, answer, handle } = served;
    const bounds = carriesEvidence === true ? { maxBytes: maxEvidenceBytes } : {};
    const counted = givesOrders === true ? limitOrders : limit;
    const before = carriesEvidence === true ? [counted, boundLarge] : [counted];
    router.register(
      path,
      [method],
      [
        ...before,
        async (ctx) => {
          const call = {
            verifier,
            key: keyOf(ctx, key),
            body: (body === undefined ? undefined : await readJson(ctx, body, bounds)) as never,
          };
          ctx.body = present(answer, await handle(call));
        },
      ],
    );
  }
  return router;
}
