import { randomUUID } from 'node:crypto';
import type { Replacement } from '@touchstone/schemas';
import type { AppError } from '@touchstone/transport';
import { refusal, type ServerCode } from '../codes.ts';
import type { Queryable } from '../store/database.ts';
import { insertEvidence } from '../store/evidence.ts';
import type { Host } from '../store/host.ts';
import { lockHost } from '../store/hosts.ts';
import { countOffer, hasRoom, insertOffer } from '../store/replacements.ts';
import { storableEvidence } from './authenticate-evidence.ts';
import type { Applicant } from './enrol-host.ts';
import { markOf } from './host-mark.ts';
import { tellRefused } from './refused-enrolment.ts';
import type { Verifier } from './verifier.ts';

/** Who is in an applicant's way: the host of its TPM, and the host of its name. */
export type InTheWay = { readonly bound: Host | null; readonly namesake: Host | null };

/**
 * DESIGN 4, Enrol 4. Whatever it is, people hear of it, and no identity that is there changes:
 *
 * - a TPM that is another host's: refused, an alert on both hosts. Two machines that show one TPM are a relay. A name
 *   that no host has is the caller's to choose, and gets no alert of its own: there would be as many as it likes;
 * - the same TPM with another AK: queued as a re-enrolment of a cleared TPM;
 * - another TPM under a known name: queued as a replacement;
 * - the same AK with another TPM: no TPM does that. Refused.
 *
 * A join token is not asked and not spent: what is approved here is one AK Name, by a person.
 */
export function settleConflict(
  { database }: Verifier,
  applicant: Applicant,
  inTheWay: InTheWay,
): Promise<AppError> {
  const { enrolment, verified, now } = applicant;
  const detail = `offered as ${enrolment.name}, AK ${verified.akName}`;
  return database.transaction(async (on) => {
    const { code, subjects } = await settle(on, applicant, inTheWay);
    for (const subject of subjects) await tellRefused(on, { code, subject, detail }, now);
    return refusal(code);
  });
}

type Settled = { readonly code: ServerCode; readonly subjects: readonly string[] };

async function settle(
  on: Queryable,
  applicant: Applicant,
  { bound, namesake }: InTheWay,
): Promise<Settled> {
  const { name } = applicant.enrolment;
  if (bound !== null && bound.name !== name) {
    const other = namesake === null ? [] : [namesake.name];
    return { code: 'EK_ALREADY_BOUND', subjects: [bound.name, ...other] };
  }
  const host = await lockHost(on, (bound ?? namesake)?.id ?? '');
  if (host === null) {
    // Removed meanwhile, or long ago: only who was revoked is still in the way.
    const code = bound?.state === 'revoked' ? 'HOST_REVOKED' : 'HOST_UNKNOWN';
    return { code, subjects: [(bound ?? namesake)?.name ?? name] };
  }
  const subjects = [host.name];
  if (host.state === 'revoked') return { code: 'HOST_REVOKED', subjects };
  if (host.akName === applicant.verified.akName) return { code: 'AK_ALREADY_BOUND', subjects };
  const kind = bound === null ? 'replacement' : 're-enrolment';
  return { code: await queue(on, { host, applicant, kind }), subjects };
}

const QUEUED = {
  replacement: 'REPLACEMENT_QUEUED',
  're-enrolment': 'REENROLMENT_QUEUED',
} as const;

async function queue(
  on: Queryable,
  offered: {
    readonly host: Host;
    readonly applicant: Applicant;
    readonly kind: Replacement['kind'];
  },
): Promise<ServerCode> {
  const { host, kind } = offered;
  const { enrolment, akPublic, certificate, verified, now } = offered.applicant;
  const offer = { hostId: host.id, akName: verified.akName, at: now };
  const before = await countOffer(on, offer);
  if (before !== null) return before === 'rejected' ? 'REPLACEMENT_REJECTED' : QUEUED[kind];
  if (!(await hasRoom(on, host.id))) return 'REPLACEMENTS_FULL';
  await insertEvidence(on, storableEvidence(verified, enrolment.evidence));
  await insertOffer(on, {
    ...offer,
    id: randomUUID(),
    kind,
    class: certificate.class,
    ekRef: certificate.ekRef,
    akPublic,
    akCertificate: certificate.der,
    bindingPublic: offered.applicant.bindingPublic,
    mark: markOf(verified),
    evidence: verified.digest,
  });
  return QUEUED[kind];
}
