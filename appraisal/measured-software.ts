import {
  digestCoversData,
  encodeSoftwareEvent,
  type LogEvent,
  parseSoftwareEvent,
  type SoftwareEvent,
} from '@touchstone/eventlog';
import type { AllowedMeasurement } from '@touchstone/schemas';
import { hash, ParseError } from '@touchstone/tpm';
import { hexOf } from './bytes.ts';
import type { StrongBank } from './strong-bank.ts';

/** What a believed event tells a person. */
type Believed = {
  readonly kind: SoftwareEvent['kind'];
  readonly name: string;
  /** What was found there: a digest of the file, `absent`, or a command line. */
  readonly content: string;
  /** SHA-256 of the file or of the directory's manifest. */
  readonly file?: string;
  /** What stays the same while the content changes. A command line has nothing of the kind. */
  readonly place?: string;
};

/** Events do not change, and a finding asks six times what one of them says. */
const KNOWN = new WeakMap<LogEvent, { readonly believed: Believed | undefined }>();

/** An event's data, once its digest is that of its data; undefined for everything else. */
export function believedSoftware(event: LogEvent): Believed | undefined {
  if (event.claimedTypeName !== 'EV_EVENT_TAG') return undefined;
  let known = KNOWN.get(event);
  if (known === undefined) {
    known = { believed: believedOf(event) };
    KNOWN.set(event, known);
  }
  return known.believed;
}

function believedOf(event: LogEvent): Believed | undefined {
  if (!digestCoversData(event)) return undefined;
  const read = softwareEvent(event.data);
  if (read === undefined) return undefined;
  const { kind } = read;
  switch (kind) {
    case 'file':
      return {
        kind,
        name: read.path,
        content: `file sha256 ${read.sha256}`,
        file: read.sha256,
        place: placeOf(read.path),
      };
    case 'tree': {
      const name = read.path.endsWith('/') ? read.path : `${read.path}/`;
      const content = `directory sha256 ${read.sha256}`;
      return { kind, name, content, file: read.sha256, place: placeOf(name) };
    }
    case 'absent':
      return { kind, name: read.path, content: 'absent', place: placeOf(read.path) };
    case 'command-line':
      return { kind, name: read.text, content: JSON.stringify(read.text) };
  }
}

/** A file, and the directory that takes its place, are one place. */
export const placeOf = (path: string): string => path.replace(/(?<=.)\/+$/, '');

/** Whether what is allowed is that nothing is there. */
export function allowsAbsence(allowed: AllowedMeasurement, bank: StrongBank): boolean {
  const { name } = allowed;
  if (name === undefined || !name.startsWith('/')) return false;
  try {
    return hexOf(hash(bank, encodeSoftwareEvent({ kind: 'absent', path: name }))) === allowed[bank];
  } catch {
    return false;
  }
}

function softwareEvent(data: Uint8Array): SoftwareEvent | undefined {
  try {
    return parseSoftwareEvent(data);
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}
