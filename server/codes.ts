import type { Finding, FindingEffect } from '@touchstone/schemas';
import { AppError, type AppErrorOptions } from '@touchstone/transport';
import { ENROLMENT_CODES } from './codes/enrolment-codes.ts';
import { EVIDENCE_CODES } from './codes/evidence-codes.ts';
import { EXPOSURE_CODES } from './codes/exposure-codes.ts';
import { EXPIRY_CODES } from './codes/expiry-codes.ts';
import { GATE_CODES } from './codes/gate-codes.ts';
import { IMA_CODES } from './codes/ima-codes.ts';
import { OPERATOR_CODES } from './codes/operator-codes.ts';
import { PROCESS_CODES } from './codes/process-codes.ts';
import { QUORUM_CODES } from './codes/quorum-codes.ts';
import { REVOCATION_CODES } from './codes/revocation-codes.ts';
import { WINDOW_CODES } from './codes/window-codes.ts';

/** Every code of the verifier's own. Those about evidence itself are the appraisal's and endorsement's. */
export const SERVER_CODES = {
  ...PROCESS_CODES,
  ...EVIDENCE_CODES,
  ...IMA_CODES,
  ...ENROLMENT_CODES,
  ...GATE_CODES,
  ...EXPOSURE_CODES,
  ...OPERATOR_CODES,
  ...EXPIRY_CODES,
  ...QUORUM_CODES,
  ...REVOCATION_CODES,
  ...WINDOW_CODES,
} as const;

export type ServerCode = keyof typeof SERVER_CODES;

/** An operation of the server's that failed, with its code's own title, status and remedy. */
export function refusal(code: ServerCode, options: AppErrorOptions = {}): AppError {
  const { status, title, remedy } = SERVER_CODES[code];
  return new AppError(code, status, { title, remedy, ...options });
}

type FindingDetail = {
  readonly subject?: string;
  readonly expected?: string;
  readonly actual?: string;
  readonly effect?: FindingEffect;
};

/** A finding of the server's own: about a host's state, a VM's record or a request. */
export function serverFinding(code: ServerCode, detail: FindingDetail = {}): Finding {
  const { title, remedy, actor } = SERVER_CODES[code];
  return {
    code,
    effect: detail.effect ?? 'enforce',
    subject: detail.subject ?? title,
    ...(detail.expected === undefined ? {} : { expected: bounded(detail.expected) }),
    ...(detail.actual === undefined ? {} : { actual: bounded(detail.actual) }),
    remedy,
    actor,
  };
}

const bounded = (text: string): string => text.slice(0, 2_048);
