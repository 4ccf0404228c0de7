import { Router } from '@koa/router';
import {
  CertificateRenewal,
  CertificateRenewalAnswer,
  ChallengeAnswer,
  ChallengeRequest,
  Evidence,
  EvidenceAnswer,
  HostEnrolment,
  HostEnrolmentAnswer,
  PermitsAnswer,
  TrustBundle,
  Uuid,
} from '@touchstone/schemas';
import { readJson, tokenBuckets } from '@touchstone/transport';
import { enrolHost } from '../services/enrol-host.ts';
import { giveChallenge } from '../services/give-challenge.ts';
import { renewCertificate } from '../services/renew-certificate.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import { trustBundle } from '../services/trust-bundle.ts';
import type { Verifier } from '../services/verifier.ts';
import { keyOf, present } from './operator-call.ts';

/** Evidence with a firmware log of some MiB, in base64url. */
const EVIDENCE_BYTES = 16_777_216;

/** Many hosts may come from one address: a proxy's, or a router's. */
const BUCKETS = {
  perAddress: { burst: 400, perSecond: 100 },
  total: { burst: 4_000, perSecond: 4_000 },
} as const;

/** What agents call. They carry no bearer token: what counts is signed by their AK. */
export function agentRoutes(verifier: Verifier): Router {
  const router = new Router();
  const limit = tokenBuckets(BUCKETS);
  router.get('/v1/trust-bundle', limit, (ctx) => {
    ctx.body = present(TrustBundle, trustBundle(verifier));
  });
  router.post('/v1/challenges', limit, async (ctx) => {
    const request = await readJson(ctx, ChallengeRequest);
    ctx.body = present(ChallengeAnswer, giveChallenge(verifier, request));
  });
  router.post('/v1/hosts', limit, async (ctx) => {
    const enrolment = await readJson(ctx, HostEnrolment, { maxBytes: EVIDENCE_BYTES });
    ctx.body = present(HostEnrolmentAnswer, await enrolHost(verifier, enrolment));
  });
  router.put('/v1/hosts/:key/certificate', limit, async (ctx) => {
    const hostId = keyOf(ctx, Uuid);
    const renewal = await readJson(ctx, CertificateRenewal);
    ctx.body = present(CertificateRenewalAnswer, await renewCertificate(verifier, hostId, renewal));
  });
  router.post('/v1/evidence', limit, async (ctx) => {
    const evidence = await readJson(ctx, Evidence, { maxBytes: EVIDENCE_BYTES });
    ctx.body = present(EvidenceAnswer, await takeAttestation(verifier, evidence));
  });
  router.post('/v1/permits', limit, async (ctx) => {
    const evidence = await readJson(ctx, Evidence, { maxBytes: EVIDENCE_BYTES });
    ctx.body = present(PermitsAnswer, await takePermitRequest(verifier, evidence));
  });
  return router;
}
