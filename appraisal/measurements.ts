import { IMA_PCR } from '@touchstone/eventlog';
import type { AssuranceClass } from '@touchstone/schemas';
import { hashHex, type PcrValues } from '@touchstone/tpm';
import type { LiveBaseline } from './comparison/applicable-baselines.ts';
import type { Choice } from './comparison/choose-documents.ts';
import { knownBaseline } from './baseline/known-baseline.ts';
import { ADVISORIES_VERSION } from './advisories/ledger.ts';
import { POLICY } from './policy-id.ts';
import { QUIRKS_VERSION } from './quirks.ts';
import type { VerifiedEvidence } from './verify-evidence.ts';

/** A log of the boot by the digest that the statement names it by, which its bytes were found to have. */
export type BootLogBytes = { readonly digest: string; readonly bytes: Uint8Array | undefined };

/**
 * All that the meaning of a boot follows from. Whoever judges measurements is given this and nothing
 * else: neither the host, nor its AK, nor the time, nor what the host says of itself. What was judged
 * holds therefore for everything of the same key.
 */
export type Measurements = {
  /** Chooses the log's grammar. */
  readonly class: AssuranceClass;
  /** The values quoted of the PCRs that hold still for a boot: all but IMA's, whose list is judged apart. */
  readonly pcrs: PcrValues;
  /** What the statement names: one, but for a host that errs. */
  readonly bootLogs: readonly BootLogBytes[];
  /** In the order in which they count. */
  readonly baselines: readonly LiveBaseline[];
  /** Further ones, where documents of update windows stand in for others. */
  readonly choices?: readonly Choice[];
};

/** Without the baselines: what the evidence gives by itself. */
export function measuredBy({
  statement,
  claimedBlobs,
  pcrs,
}: VerifiedEvidence): Pick<Measurements, 'pcrs' | 'bootLogs'> {
  const bootLogs = statement.logs.flatMap((log) =>
    log.kind === 'boot' ? [{ digest: log.digest, bytes: claimedBlobs.get(log.digest) }] : [],
  );
  return { pcrs: staticPcrs(pcrs), bootLogs };
}

function staticPcrs(pcrs: PcrValues): PcrValues {
  if (![...pcrs.values()].some((values) => values.has(IMA_PCR))) return pcrs;
  const others = [...pcrs].map(
    ([bank, values]) => [bank, new Map([...values].filter(([pcr]) => pcr !== IMA_PCR))] as const,
  );
  return new Map(others.filter(([, { size }]) => size > 0));
}

/**
 * What else a judgement follows from, by version: the rules here, the ledger of firmware quirks, the
 * advisories, the trust bundle, of which nothing is judged yet.
 */
const VERSIONS = `${POLICY} quirks ${QUIRKS_VERSION} advisories ${ADVISORIES_VERSION} bundle 0`;

/**
 * SHA-256, lower-case hex, over everything that a judgement follows from, so that nothing of it may differ
 * where keys are equal: documents by part, name, version and content, PCRs by bank, number, order and value.
 */
export function keyOf({
  class: held,
  pcrs,
  bootLogs,
  baselines,
  choices = [],
}: Measurements): string {
  // No word here holds a space or a line feed, so that no two texts are alike that say other things.
  let text = `${VERSIONS}\n${held}\n`;
  const values: Uint8Array[] = [];
  for (const [bank, byPcr] of pcrs) {
    text += `pcrs ${bank}`;
    for (const [pcr, value] of byPcr) {
      text += ` ${pcr}`;
      values.push(value);
    }
    text += '\n';
  }
  for (const { digest, bytes } of bootLogs) text += `log ${digest} ${bytes?.length}\n`;
  text += textOf(baselines);
  for (const choice of choices) {
    text += 'choice\n';
    for (const { window, documents } of choice) {
      text += `candidate ${JSON.stringify(window)}\n${textOf(documents)}`;
    }
  }
  return hashHex('sha256', Buffer.from(`${text}\n`, 'utf8'), ...values);
}

function textOf(documents: readonly LiveBaseline[]): string {
  let text = '';
  for (const { baseline, banks } of documents) {
    const { part, name, version } = baseline;
    const { digest } = knownBaseline(baseline);
    text += `baseline ${part} ${name} ${version} ${digest} ${banks.join()}\n`;
  }
  return text;
}
