import { randomBytes, sign, verify } from 'node:crypto';
import {
  appraise,
  appraiseEvidence,
  AppraisalMemo,
  parseEvidence,
  verifyEvidence,
} from '@touchstone/appraisal';
import { crlKeyOf, parseAkCertificate, type Revocation } from '@touchstone/endorsement';
import { publicKeyOf } from '@touchstone/tpm';
import { newAuthority } from './host/authority.ts';
import { baselinesOfBoot } from './host/baseline.ts';
import { evidenceOf } from './host/evidence.ts';
import { isGood } from './host/good-verdict.ts';
import { newSoftwareHost } from './host/software-host.ts';
import { medianRound, type Round } from './median.ts';
import { MEASURED_CORE, pin } from './processor.ts';
import type { Figure, Row, Run } from './row.ts';

const PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14];
const LABELS = { site: 'bench' };
const REACH = 1.5;
/** With base64url and the statement's JSON, which the row leaves out. */
const REACH_WITH_JSON = 2;
/** Each quote is another; so many are walked round. */
const QUOTES = 256;

export const steady: Row = {
  name: 'steady',
  summary: 'appraise() of a host that has attested before, against one verify of its quote',
  measure,
};

async function measure({ rounds, quick, progress }: Run): Promise<Figure[]> {
  progress('making quotes');
  const { parsed, whole, verifies } = work(quick ? 8 : QUOTES);
  await pin(process.pid, MEASURED_CORE);
  const calls = quick ? 16 : 2_048;
  const [ofParsed, ofWhole]: [Round[], Round[]] = [[], []];
  // The compiler has seen everything before anything counts.
  for (const some of [parsed, whole, verifies]) timed(some, 8 * calls);
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    const floor = timed(verifies, calls);
    ofParsed.push({ measured: timed(parsed, calls), floor });
    ofWhole.push({ measured: timed(whole, calls), floor });
  }
  return [
    figure('appraise(), ECDSA P-256, 12 events', ofParsed, REACH),
    figure('the same from base64url and JSON', ofWhole, REACH_WITH_JSON),
  ];
}

function figure(what: string, rounds: readonly Round[], reach: number): Figure {
  const { ratio, measured, floor } = medianRound(rounds);
  return {
    what,
    measured: { value: measured, unit: 'us' },
    against: { name: 'one verify', value: floor, unit: 'us' },
    ...{ ratio, reach: `under ${reach} times`, reached: ratio < reach },
  };
}

/** Microseconds of CPU for a call, of so many one after the other; what collects garbage counts too. */
function timed(calls: readonly (() => boolean)[], count: number): number {
  const before = process.cpuUsage();
  let well = 0;
  for (let index = 0; index < count; index += 1) well += calls[index % calls.length]?.() ? 1 : 0;
  const { user, system } = process.cpuUsage(before);
  if (well !== count) throw new Error(`${count - well} of ${count} did not come out well`);
  return (user + system) / count;
}

type Calls = readonly (() => boolean)[];

/** As many lists as 100,000 hosts have, each with some that are revoked; the host's own is that of no name. */
function revocationAround(keyId: string, now: Date): Revocation {
  const nextUpdate = new Date(now.getTime() + 86_400_000);
  const entries = Array.from({ length: 100 }, (_, index) => `66${index.toString(16)}`);
  const entry = { at: now, reason: 'unspecified' } as const;
  const revoked = new Map(entries.map((serial) => [serial, entry]));
  const list = { url: null, number: 1n, nextUpdate, revoked };
  const keys = Array.from({ length: 128 }, (_, partition) => crlKeyOf(keyId, partition));
  return { lists: new Map(keys.map((key) => [key, list])), graceSeconds: 86_400 };
}

/** One host's quotes, each over a challenge of its own: to appraise, and to verify and nothing else. */
function work(quotes: number): Readonly<Record<'parsed' | 'whole' | 'verifies', Calls>> {
  const now = new Date();
  const authority = newAuthority(now);
  const host = newSoftwareHost(authority, 'bench-host', now);
  const selection = { sha256: [...PCRS] };
  const identity = {
    ...({ purpose: 'attest', hostId: host.id, akPublic: host.akPublic } as const),
    akCertificate: parseAkCertificate(host.certificate),
    issuers: [
      { keyId: authority.keyId, certificate: authority.certificate, state: 'active' } as const,
    ],
    revocation: revocationAround(authority.keyId, now),
  };
  const baselines = baselinesOfBoot(authority, { pcrs: PCRS, labels: LABELS, now });
  const policy = { hostId: host.id, class: 'software', labels: LABELS, baselines, now } as const;
  const made = Array.from({ length: quotes }, (_, index) => {
    const challenge = randomBytes(61);
    const asked = { purpose: 'attest', challenge: challenge.toString('base64url') } as const;
    const evidence = evidenceOf(host, { ...asked, pcrs: PCRS, clockMs: BigInt(index + 1) });
    return { challenge, evidence };
  });

  const memo = new AppraisalMemo();
  const whole = made.map(({ challenge, evidence }) => () => {
    const appraisal = appraise(evidence, { ...identity, selection, challenge, now }, policy, memo);
    return appraisal.ok && isGood(appraisal.result.verdict);
  });
  const parsed = made.map(({ challenge, evidence }) => {
    const read = parseEvidence(evidence);
    return () => {
      const verified = verifyEvidence(read, { ...identity, selection, challenge, now });
      return verified.ok && isGood(appraiseEvidence(verified.evidence, policy, memo).verdict);
    };
  });
  const key = publicKeyOf(host.akPublic);
  // The fastest that node:crypto has: a DER signature, and nothing beside the key.
  const verifies = made.map(({ evidence }) => {
    const { attestBytes } = parseEvidence(evidence);
    const signature = sign('sha256', attestBytes, host.akKey);
    return () => verify('sha256', attestBytes, key, signature);
  });
  return { parsed, whole, verifies };
}
