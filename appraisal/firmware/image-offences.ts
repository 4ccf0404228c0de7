import {
  type CryptoAgileLog,
  type ImageMeaning,
  type LogEvent,
  readMeaning,
} from '@touchstone/eventlog';
import { hexOf } from '../bytes.ts';
import { unverifiedPath } from '../comparison/device-image.ts';
import { digestIn, type QuotedBanks } from '../comparison/rule-index.ts';
import { eventOffence, type Offence } from './offence.ts';
import type { MeasuredList } from './secure-boot-variables.ts';

/** A program that was started. Its digest is proved by the PCR; what the device path says is a label. */
export type StartedImage = { readonly event: LogEvent; readonly meaning: ImageMeaning };

/** In PCRs that were quoted; in the log's order. */
export function startedImages(log: CryptoAgileLog, quoted: QuotedBanks): StartedImage[] {
  return log.events.flatMap((event): StartedImage[] => {
    if (!event.extends || !quoted.has(event.pcr)) return [];
    const meaning = readMeaning(event);
    return meaning.kind === 'image' ? [{ event, meaning }] : [];
  });
}

/** Started although dbx, as it was measured in the same boot, has its digest. dbx knows SHA-256 (of the others nobody makes use). */
export function revokedOffences(
  images: readonly StartedImage[],
  quoted: QuotedBanks,
  dbx: MeasuredList | undefined,
): Offence[] {
  if (images.length === 0) return [];
  const started = images.flatMap(
    ({ event }) => event.digests.find(({ bank }) => bank === 'sha256')?.digest ?? [],
  );
  const revoked = digestsIn(dbx, new Set(started.map(beginningOf)));
  if (revoked.size === 0) return [];
  return images.flatMap(({ event, meaning }): Offence[] => {
    if (quoted.get(event.pcr)?.includes('sha256') !== true) return [];
    const digest = digestIn(event, 'sha256');
    if (digest === undefined || !revoked.has(digest)) return [];
    const actual = `Authenticode sha256 ${digest} is in dbx${unverifiedPath(meaning)}`;
    return [eventOffence('IMAGE_REVOKED', event, { actual })];
  });
}

/** The SHA-256 image digests of a list; of hundreds only those that begin as one that is asked for. */
export function digestsIn(
  list: MeasuredList | undefined,
  beginnings?: ReadonlySet<number>,
): ReadonlySet<string> {
  const digests = new Set<string>();
  for (const { kind, signatures } of list?.lists ?? []) {
    if (kind !== 'sha256') continue;
    for (const { data } of signatures) {
      if (beginnings === undefined || beginnings.has(beginningOf(data))) digests.add(hexOf(data));
    }
  }
  return digests;
}

/** Four bytes of a digest. */
const beginningOf = ([a = 0, b = 0, c = 0, d = 0]: Uint8Array): number =>
  ((a * 256 + b) * 256 + c) * 256 + d;
