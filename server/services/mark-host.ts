import { statementVersionOf, type VerifiedEvidence } from '@touchstone/appraisal';
import type { Evidence } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import type { Queryable } from '../store/database.ts';
import type { Host, Mark } from '../store/host.ts';
import { moveMark } from '../store/host-mark.ts';
import { markOf } from './host-mark.ts';
import { explainOlder, type Older } from './older-evidence.ts';

/** Authentic evidence of a known host, that nobody judged yet. */
export type Taken = {
  readonly purpose: 'attest' | 'permit';
  readonly evidence: Evidence;
  readonly verified: VerifiedEvidence;
  readonly host: Host;
  /** Of the list of issuers that it was verified against. */
  readonly caEpoch: number;
  readonly challengeMadeAt: Date;
  readonly now: Date;
};

/** Evidence that moved its host's mark. */
export type Marked = Pick<Taken, 'purpose' | 'evidence' | 'verified' | 'now'> & {
  readonly kind: 'marked';
  /** As it stood before, locked until the transaction ends. */
  readonly host: Host;
  readonly mark: Mark;
  /** Whether it says what runs there. */
  readonly tellsOfGate: boolean;
};

/** Another replica was told since of an issuer that is believed no more: nothing has happened, and it is done over. */
export class IssuersChanged extends Error {}

/** @throws IssuersChanged; AppError STATEMENT_DOWNGRADED */
export async function markHost(on: Queryable, taken: Taken): Promise<Marked | Older> {
  const { purpose, evidence, verified, now } = taken;
  const { akName, digest } = verified;
  const mark = markOf(verified);
  const statementVersion = statementVersionOf(verified.statement);
  const tellsOfGate = purpose === 'attest' && statementVersion >= 2;
  const moved = await moveMark(on, {
    ...{ akName, mark, evidence: digest, statementVersion, tellsOfGate, now },
  });
  if (moved === null) {
    return explainOlder(on, { ...taken, mark, akName, digest, hostId: taken.host.id });
  }
  if (moved.caEpoch > taken.caEpoch) throw new IssuersChanged();
  if (moved.statementVersion > statementVersion) {
    const detail = `version ${statementVersion}, shown before: ${moved.statementVersion}`;
    throw refusal('STATEMENT_DOWNGRADED', { detail });
  }
  const { host } = moved;
  return { kind: 'marked', purpose, evidence, verified, now, host, mark, tellsOfGate };
}
