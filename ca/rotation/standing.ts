import type { CaProgress, RotationBlocker } from '@touchstone/schemas';
import { CA_CODES, type CaCode } from '../codes.ts';
import type { RotationRecord } from '../store/index.ts';
import type { Facts } from './facts.ts';

/** A report that came longer ago says nothing of now. */
const REPORT_SECONDS = 600;
/** As many as are named. */
const NAMED = 100;

/** How a phase stands: `done` of `of`, and what is against going on; `blockerCount` counts those without a name too. */
export type Standing = {
  readonly done: number;
  readonly of: number;
  readonly blockers: readonly RotationBlocker[];
  readonly blockerCount: number;
};

export const CLEAR: Standing = { done: 0, of: 0, blockers: [], blockerCount: 0 };

/** What the verifier said since this phase began, or what is against believing that. */
export function currentReport(
  { phaseEpoch }: Pick<RotationRecord, 'phaseEpoch'>,
  { report, now, epoch }: Facts,
): { readonly progress: CaProgress } | { readonly missing: Standing } {
  const missing = (because: string) => ({
    missing: blockedBy({ done: 0, of: report?.progress.hosts ?? 0 }, [
      { subject: 'the verifier', because, away: false },
    ]),
  });
  if (report === undefined) {
    return missing(
      'has never reported how far the hosts are; does `reporterKeyFile` of the CA name its key?',
    );
  }
  const age = (now.getTime() - report.receivedAt.getTime()) / 1_000;
  if (!(age <= REPORT_SECONDS)) {
    return missing(`has not reported since ${report.receivedAt.toISOString()}`);
  }
  const { caEpoch } = report.progress;
  // It keeps to a list that this CA has forgotten, and takes none of what this one says.
  if (caEpoch > epoch) {
    return missing(
      `goes by epoch ${caEpoch}, and this CA is at ${epoch}: it was put back to an older state (\`touchstone ca restore\` brings one back)`,
    );
  }
  if (caEpoch < phaseEpoch) {
    return missing(`goes by epoch ${caEpoch} of the CA's bundle and not yet by ${phaseEpoch}`);
  }
  return { progress: report.progress };
}

type NamedHosts = CaProgress['behind'];

/** Hosts as blockers: those that are there, and if they count, those that are away. */
export function hostsThatBlock(
  { count, away, named }: NamedHosts,
  { because, awayToo }: { readonly because: string; readonly awayToo: boolean },
): Pick<Standing, 'blockers' | 'blockerCount'> {
  return {
    blockers: named
      .filter((host) => awayToo || !host.away)
      .map((host) => ({ subject: host.name, because, away: host.away })),
    blockerCount: awayToo ? count : Math.max(0, count - away),
  };
}

export function blockedBy(
  progress: Pick<Standing, 'done' | 'of'>,
  blockers: readonly RotationBlocker[],
  blockerCount = blockers.length,
): Standing {
  return { ...progress, blockers: blockers.slice(0, NAMED), blockerCount };
}

/** For whoever looks: what the last try failed by comes first. It stands against nothing, it is tried again. */
export function withTrouble(
  { trouble }: Pick<RotationRecord, 'trouble'>,
  standing: Standing,
): Standing {
  if (trouble === null) return standing;
  const known = Object.hasOwn(CA_CODES, trouble) ? CA_CODES[trouble as CaCode] : undefined;
  const because = known === undefined ? trouble : `${known.title}. ${known.remedy}`;
  const blocker = { subject: 'the CA', because: because.slice(0, 512), away: false };
  return blockedBy(standing, [blocker, ...standing.blockers], standing.blockerCount + 1);
}
