import {
  BaselineError,
  captureBaselines,
  CaptureError,
  readBaselines,
  unmeetableRules,
  type WrittenBaseline,
} from '@touchstone/appraisal';
import type { Baseline, BaselineCapture, BaselineList, BaselineRecord } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import {
  baselineByKey,
  insertBaseline,
  latestVersions,
  listBaselines,
  lockBaselines,
} from '../store/baselines.ts';
import type { DatedReference } from '../store/attestations.ts';
import type { Queryable } from '../store/database.ts';
import { evidenceNow } from '../store/evidence.ts';
import { capturedIma } from './capture-ima.ts';
import { requireHost } from './host-views.ts';
import { mergeCaptured } from './merge-captured.ts';
import { keyText } from './policy-change.ts';
import { storedEvidence } from './reappraise.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/** No name has more documents than this: each was drafted by a person. */
const ALL = { limit: 10_000, after: null };

/**
 * Stores documents as drafts, as they were written, comments and all; all of a file or none of it.
 * @throws AppError 422 with the code and line of what is malformed; BASELINE_VERSION_EXISTS
 */
export async function draftBaselines(
  verifier: Verifier,
  by: Actor,
  yaml: string,
): Promise<BaselineList> {
  const written = parsedOrRefused(yaml);
  return verifier.database.transaction((on) => storeDrafts(verifier, on, { by, written }));
}

/** @throws AppError 422 with the code and line of what is malformed */
export function parsedOrRefused(yaml: string): WrittenBaseline[] {
  try {
    return readBaselines(yaml);
  } catch (cause) {
    if (!(cause instanceof BaselineError)) throw cause;
    const { code, line, field, message: detail } = cause;
    throw new AppError(code, 422, {
      title: 'The text is no baseline',
      detail,
      ...(line === undefined && field === undefined
        ? {}
        : { field: line === undefined ? `${field}` : `line ${line}` }),
      remedy: 'Correct the document where the detail says, and draft it again.',
      cause,
    });
  }
}

async function storeDrafts(
  { clock, settings }: Verifier,
  on: Queryable,
  drafted: {
    readonly by: Actor;
    readonly written: readonly WrittenBaseline[];
    readonly evidence?: DatedReference;
  },
): Promise<BaselineList> {
  const { by, written, ...from } = drafted;
  const documents = written.map(({ baseline }) => baseline);
  const now = clock.now();
  const baselines: BaselineRecord[] = [];
  for (const { baseline, text: yaml } of written) {
    await insertBaseline(on, { baseline, yaml, by: by.name, now, ...from });
    const stored = await baselineByKey(on, baseline);
    // Drafted before, word for word: whoever sends it again means the same.
    if (stored === null || linesOf(stored.yaml) !== linesOf(yaml)) {
      throw refusal('BASELINE_VERSION_EXISTS', { detail: keyText(baseline) });
    }
    baselines.push(stored);
  }
  for (const baseline of documents) {
    const action = 'baseline.draft';
    await appendAudit(on, { actor: auditActor(by), action, subject: keyText(baseline) }, now);
  }
  const warnings = documents.flatMap((baseline) => unmeetableRules(baseline, settings.selection));
  return { baselines, ...(warnings.length === 0 ? {} : { warnings: warnings.slice(0, 256) }) };
}

/** Without what copying changes: how lines end, and what comes after the last. */
const linesOf = (yaml: string): string => yaml.replaceAll('\r\n', '\n').trimEnd();

/**
 * Drafts from a host's last authentic evidence. What a host measures is golden because somebody says so:
 * for a host that is not trusted, the caller has to say it twice. What people wrote under the name before stays.
 * @throws AppError HOST_NOT_VERIFIED; 409 with findings where the measurements contradict themselves
 */
export async function captureBaseline(
  verifier: Verifier,
  by: Actor,
  idOrName: string,
  { name, labels, acceptUnverified = false }: BaselineCapture,
): Promise<BaselineList> {
  const host = await requireHost(verifier.database, idOrName);
  if (host.state !== 'trusted' && !acceptUnverified) {
    throw refusal('HOST_NOT_VERIFIED', { detail: `${host.name} is ${host.state}.` });
  }
  const evidence = await storedEvidence(verifier, verifier.database, host);
  return verifier.database.transaction(async (on) => {
    await lockBaselines(on, name);
    const latest = await latestVersions(on, name);
    const documents = capturedOrRefused({
      evidence,
      ima: await capturedIma(on, host.id, evidence),
      class: host.class,
      hostId: host.id,
      name,
      labels: labels ?? host.labels,
      provenance: {
        host: host.id,
        hostName: host.name,
        resetCount: Number(host.mark.resetCount),
        capturedAt: verifier.clock.now().toISOString(),
        hostState: host.state,
      },
      versionOf: (part) => (latest.get(part) ?? 0) + 1,
    });
    const { markEvidence: id, markEvidenceDay: day } = host;
    const from = await evidenceNow(on, { id, day });
    const records = await listBaselines(on, name, ALL);
    const written = documents.map((document) => mergeCaptured(document, records));
    return storeDrafts(verifier, on, { by, written, evidence: from });
  });
}

function capturedOrRefused(input: Parameters<typeof captureBaselines>[0]): Baseline[] {
  try {
    return captureBaselines(input);
  } catch (cause) {
    if (!(cause instanceof CaptureError)) throw cause;
    const { code, message: detail, findings } = cause;
    throw new AppError(code, 409, { title: 'Nothing can be captured', detail, findings, cause });
  }
}
