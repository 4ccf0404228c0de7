import { X509Certificate } from 'node:crypto';
import type { AgentCheck } from '@touchstone/schemas';
import { latestRenewal } from '../renewal-time.ts';
import type { Enrolment, KeyRecord } from '../state/identity.ts';
import { fault, ok, warning } from './check.ts';

const ENROLMENT = 'enrolment';
const CERTIFICATE = 'certificate';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Below that, a clock that is a little behind its CA's. */
const SLACK_MS = 60_000;

/** Whether this host is enrolled, with the key that it has. */
export function checkEnrolment(key: KeyRecord | null, enrolment: Enrolment | null): AgentCheck {
  if (key === null && enrolment === null) {
    return warning('NOT_ENROLLED', ENROLMENT, 'neither a key nor an enrolment is here');
  }
  if (key === null || enrolment === null || key.akName !== enrolment.akName) {
    const which = key === null ? 'the key' : 'an enrolment of the key';
    return fault('ENROLMENT_UNFINISHED', ENROLMENT, `${which} is not here`);
  }
  return ok(ENROLMENT, `host ${enrolment.hostId} at ${enrolment.server}`);
}

/** The AK certificate at that time, by this host's clock. */
export function checkCertificate(pem: string, now: Date): AgentCheck {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return fault('CERTIFICATE_UNREADABLE', CERTIFICATE, detail);
  }
  const { validFromDate: from, validToDate: to } = certificate;
  const term = `from ${from.toISOString()} to ${to.toISOString()}`;
  if (now.getTime() + SLACK_MS < from.getTime()) {
    return fault('CLOCK_BEHIND_CERTIFICATE', CERTIFICATE, `${term}; now is ${now.toISOString()}`);
  }
  if (now >= to) return fault('CERTIFICATE_ENDED', CERTIFICATE, term);
  const due = latestRenewal(pem);
  if (now.getTime() > due.getTime() + HOUR_MS) {
    const detail = `${term}; at the latest on ${due.toISOString()}`;
    return warning('CERTIFICATE_RENEWAL_OVERDUE', CERTIFICATE, detail);
  }
  const days = Math.floor((to.getTime() - now.getTime()) / DAY_MS);
  return ok(CERTIFICATE, `valid for ${days} days more, renewed by ${due.toISOString()}`);
}
