import { type CryptoAgileLog, type LogEvent, readMeaning } from '@touchstone/eventlog';
import type { BootImage, BootState, KeyList } from '@touchstone/schemas';
import { hashHex } from '@touchstone/tpm';
import type { LiveBaseline } from '../comparison/applicable-baselines.ts';
import { digestIn, type QuotedBanks } from '../comparison/rule-index.ts';
import { lineOfText } from '../line-of-text.ts';
import type { QuirkName } from '../quirks.ts';
import { RETURNING } from './action-offences.ts';
import type { Authority } from './authorities.ts';
import { type BelievedEvent, ofKind } from './believed-events.ts';
import type { StartedImage } from './image-offences.ts';
import type { KexecGuard } from './kexec.ts';
import { countOf, type MeasuredList, type SecureBootVariables } from './secure-boot-variables.ts';

/** As the schema bounds them. */
const MOST = { authorities: 16, sbat: 16, mok: 16, images: 32, commandLines: 8 } as const;

/** One of shim's lists, which PCR 14 holds; its name is a label. */
type MokList = { readonly event: LogEvent; readonly name: string };

/** In PCRs that were quoted; in the log's order. */
export const mokListsIn = (log: CryptoAgileLog, quoted: QuotedBanks): MokList[] =>
  log.events.flatMap((event) => {
    if (event.pcr !== 14 || !event.extends || !quoted.has(event.pcr)) return [];
    const meaning = readMeaning(event);
    return meaning.kind === 'mok' ? [{ event, name: meaning.name }] : [];
  });

/** What is known of a boot without a log that can be read. */
export const UNKNOWN_BOOT: BootState = {
  ...{ secureBoot: 'unknown', setupMode: 'unknown', auditMode: 'unknown', deployedMode: 'unknown' },
  ...{ keys: {}, authorities: [], sbat: [], mok: [], images: [], imagesOmitted: 0 },
  ...{ commandLines: [], exitBootServices: 'absent', returned: 0, kexec: 'open', quirks: [] },
};

/** The boot in plain data, bounded, for people and for whoever relies on the result. */
export function bootStateOf(boot: {
  readonly variables: SecureBootVariables;
  readonly authorities: readonly Authority[];
  readonly believed: readonly BelievedEvent[];
  readonly images: readonly StartedImage[];
  readonly mok: readonly MokList[];
  readonly quoted: QuotedBanks;
  readonly documents: readonly LiveBaseline[];
  readonly hasExit: boolean;
  readonly kexec: KexecGuard;
  readonly quirks: readonly QuirkName[];
}): BootState {
  const { variables, authorities, believed, images, quoted, documents } = boot;
  const { secureBoot, setupMode, auditMode, deployedMode, pk, kek, db, dbx } = variables;
  const texts = ofKind(believed, 'action').map(({ meaning }) => meaning.text);
  return {
    ...{ secureBoot, setupMode, auditMode, deployedMode },
    keys: {
      ...(pk && { pk: keyList(pk) }),
      ...(kek && { kek: keyList(kek) }),
      ...(db && { db: keyList(db) }),
      ...(dbx && { dbx: keyList(dbx) }),
    },
    authorities: authorities
      .slice(0, MOST.authorities)
      .map(({ variable, sha256 }) => ({ variable: lineOfText(variable, 64), sha256 })),
    sbat: sbatLines(believed)
      .slice(0, MOST.sbat)
      .map((line) => lineOfText(line, 64)),
    mok: boot.mok.slice(0, MOST.mok).map(({ event, name }) => ({
      claimedName: lineOfText(name, 64),
      digest: shownDigest(event, quoted),
    })),
    images: images.slice(0, MOST.images).map((one) => bootImage(one, quoted, documents)),
    imagesOmitted: Math.max(0, images.length - MOST.images),
    commandLines: commandLinesIn(believed).slice(0, MOST.commandLines),
    exitBootServices: boot.hasExit ? 'seen' : 'absent',
    returned: texts.filter((text) => text === RETURNING).length,
    kexec: boot.kexec,
    quirks: [...boot.quirks],
  };
}

/** Of a software TPM's log there is no more to tell than what the host says that it was started with. */
export const softwareBootState = (believed: readonly BelievedEvent[]): BootState => ({
  ...UNKNOWN_BOOT,
  commandLines: commandLinesIn(believed).slice(0, MOST.commandLines),
});

const keyList = (list: MeasuredList): KeyList => ({
  entries: countOf(list),
  sha256: hashHex('sha256', list.value),
});

/** Of the revocations that shim keeps, the first that were measured: what comes later may be of the system's own making. */
export function sbatLines(believed: readonly BelievedEvent[]): string[] {
  const text = ofKind(believed, 'sbat').find(({ meaning }) => meaning.basis === 'data');
  return (text?.meaning.text ?? '').split(/\r?\n/u).filter((line) => line !== '');
}

function commandLinesIn(believed: readonly BelievedEvent[]): BootState['commandLines'] {
  return ofKind(believed, 'command-line').flatMap(({ meaning: { source, text } }) =>
    text === undefined ? [] : [{ source, text: lineOfText(text, 2_048) }],
  );
}

function bootImage(
  { event, meaning }: StartedImage,
  quoted: QuotedBanks,
  documents: readonly LiveBaseline[],
): BootImage {
  const name = nameIn(documents, event);
  const file = meaning.file ?? '';
  return {
    role: meaning.role,
    digest: shownDigest(event, quoted),
    ...(name === undefined ? {} : { name: lineOfText(name, 256) }),
    ...(file === '' ? {} : { claimedFile: lineOfText(file, 256) }),
  };
}

const shownDigest = (event: LogEvent, quoted: QuotedBanks): string => {
  const [bank = 'sha256'] = quoted.get(event.pcr) ?? [];
  return digestIn(event, bank) ?? '0'.repeat(64);
};

/** As the first document calls it that allows it. */
function nameIn(documents: readonly LiveBaseline[], event: LogEvent): string | undefined {
  for (const { baseline, banks } of documents) {
    const rules = baseline.rules.filter(
      ({ pcr, type }) => pcr === event.pcr && type === event.claimedTypeName,
    );
    const allowed = rules
      .flatMap(({ allow = [] }) => allow)
      .find((one) => banks.every((bank) => one[bank] === digestIn(event, bank)));
    if (allowed?.name !== undefined) return allowed.name;
  }
  return undefined;
}
