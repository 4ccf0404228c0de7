import type { AllowedMeasurement, Baseline, BaselineRule, Finding } from '@touchstone/schemas';
import { isStrong } from '../strong-bank.ts';
import { lineOfText } from '../line-of-text.ts';
import { nameOfBaseline } from './event-text.ts';
import { COMPARISON_REASONS } from './comparison-reasons.ts';
import type { Lead } from './lead.ts';

/** What nothing is judged by, and findings are told with. */
export type Directory = {
  readonly hostId: string;
  /** The active documents, of other hosts too. */
  readonly baselines: readonly Baseline[];
  /** Documents that are not active. */
  readonly known: readonly Baseline[];
  /** Digests that the host says would be measured next time, or could be. Only the advice changes by them. */
  readonly claimedNextBoot: readonly string[];
};

type Named = {
  readonly baseline: Baseline;
  readonly rule: BaselineRule;
  readonly allowed: AllowedMeasurement;
};

/**
 * The same findings, told better: what an unapproved measurement is known as elsewhere, and which advice
 * follows. Their effects stay as they are.
 */
export function tellMore(
  findings: readonly Finding[],
  leads: Readonly<Record<string, Lead>>,
  directory: Directory,
): readonly Finding[] {
  if (Object.keys(leads).length === 0) return findings;
  const claimed = new Set(directory.claimedNextBoot);
  return findings.map((finding) => {
    const lead = leads[leadKey(finding)];
    return lead === undefined ? finding : toldMore(finding, lead, directory, claimed);
  });
}

/** One finding of a code for one event is all that a comparison makes. */
export const leadKey = ({ code, event }: Finding): string => `${code} ${event?.index}`;

function toldMore(
  finding: Finding,
  lead: Lead,
  directory: Directory,
  claimed: ReadonlySet<string>,
): Finding {
  const named = nearestOf(lead, directory);
  const code = codeOf(lead, named, directory.hostId, claimed) ?? finding.code;
  const reason = isTold(code) ? COMPARISON_REASONS[code] : finding;
  const nearest = [...(named === undefined ? [] : [inWords(named, lead)]), finding.nearest]
    .filter((one) => one !== undefined)
    .join('; ');
  return {
    ...finding,
    code,
    remedy: reason.remedy,
    actor: reason.actor,
    ...(nearest === '' ? {} : { nearest: lineOfText(nearest, 2_048) }),
  };
}

type ToldCode = 'EVENT_RESTART_RESOLVES' | 'EVENT_OF_ANOTHER_HOST' | 'EVENT_RETIRED';

const isTold = (code: string): code is ToldCode => Object.hasOwn(COMPARISON_REASONS, code);

function codeOf(
  lead: Lead,
  named: Named | undefined,
  hostId: string,
  claimed: ReadonlySet<string>,
): ToldCode | undefined {
  const host = named?.baseline.match.host;
  if (named?.baseline.part === 'host' && host !== undefined && host !== hostId) {
    return 'EVENT_OF_ANOTHER_HOST';
  }
  if (lead.wanted?.some((digest) => claimed.has(digest)) === true) return 'EVENT_RESTART_RESOLVES';
  return named !== undefined && isOlder(named.baseline, lead) ? 'EVENT_RETIRED' : undefined;
}

/** Whether a document is an earlier version of the one whose rule was not met. */
const isOlder = ({ part, name, version }: Baseline, { document }: Lead): boolean =>
  document !== undefined &&
  part === document.part &&
  name === document.name &&
  version < document.version;

/** Of all documents that list the measurement, the nearest: of the same name and part, then the newest. */
function nearestOf(lead: Lead, { baselines, known }: Directory): Named | undefined {
  const { document } = lead;
  const all = [...known, ...baselines].flatMap((baseline) => namedBy(baseline, lead) ?? []);
  const rank = ({ baseline: { part, name } }: Named): number =>
    (part === document?.part ? 1 : 0) + (name === document?.name ? 2 : 0);
  return all.toSorted((a, b) => rank(b) - rank(a) || b.baseline.version - a.baseline.version)[0];
}

/** The same documents come with every appraisal: each is read once. */
const LISTED = new WeakMap<Baseline, ReadonlyMap<string, Named>>();

function namedBy(baseline: Baseline, { pcr, bank, digest }: Lead): Named | undefined {
  let listed = LISTED.get(baseline);
  if (listed === undefined) {
    listed = measurementsOf(baseline);
    LISTED.set(baseline, listed);
  }
  return listed.get(`${pcr} ${bank} ${digest}`);
}

function measurementsOf(baseline: Baseline): ReadonlyMap<string, Named> {
  const listed = new Map<string, Named>();
  for (const rule of baseline.rules) {
    for (const allowed of rule.allow ?? []) {
      for (const bank of baseline.banks.filter(isStrong)) {
        listed.set(`${rule.pcr} ${bank} ${allowed[bank]}`, { baseline, rule, allowed });
      }
    }
  }
  return listed;
}

/** `grubx64.efi is 2.06-13+deb12u2 (from grub-efi-amd64-signed); the baseline allows 2.06-13+deb12u1`. */
function inWords({ baseline, rule, allowed }: Named, { wantedVersion }: Lead): string {
  const { name = `what rule ${rule.id} allows`, version, from } = allowed;
  const origin = from === undefined ? '' : ` (from ${from})`;
  const known = `by rule ${rule.id} of ${nameOfBaseline(baseline)}`;
  if (version === undefined) return `it is ${name}${origin}, ${known}`;
  const wanted = wantedVersion === undefined ? '' : `; the baseline allows ${wantedVersion}`;
  return `${name} is ${version}${origin}${wanted}; known ${known}`;
}
