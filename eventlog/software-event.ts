import { ParseError, Reader, Writer } from '@touchstone/tpm';

/**
 * What the agent measures into a software TPM, one EV_EVENT_TAG an event: a TCG_PCClientTaggedEvent
 * (TCG PC Client PFP, 10.4.2.1) whose digest is the hash of the whole of it.
 */
export type SoftwareEvent =
  | { readonly kind: 'file'; readonly path: string; readonly sha256: string }
  /** A directory's files as one: `sha256` is of a manifest of them. `path` is without its last slash. */
  | { readonly kind: 'tree'; readonly path: string; readonly sha256: string }
  | { readonly kind: 'command-line'; readonly text: string }
  | { readonly kind: 'absent'; readonly path: string };

/** Spec ID vendor info of a software log. The host says it; the class, not this, chooses the grammar. */
export const SOFTWARE_VENDOR_INFO: Uint8Array = new TextEncoder().encode('touchstone-sw');

// taggedEventID, little-endian on the wire: "TS" and a number.
export const SW_EVENT_FILE = 0x54530001;
export const SW_EVENT_TREE = 0x54530002;
export const SW_EVENT_COMMAND_LINE = 0x54530003;
export const SW_EVENT_ABSENT = 0x54530004;

/** The data of one EV_EVENT_TAG. RangeError for a path that is not absolute, or a digest that is none. */
export function encodeSoftwareEvent(event: SoftwareEvent): Uint8Array {
  const [taggedEventID, text] = taggedText(event);
  if (!text.isWellFormed()) throw new RangeError('a lone surrogate has no UTF-8');
  const taggedEventData = new TextEncoder().encode(text);
  return new Writer('little')
    .u32(taggedEventID)
    .u32(taggedEventData.length)
    .bytes(taggedEventData)
    .finish();
}

function taggedText(event: SoftwareEvent): [taggedEventID: number, text: string] {
  switch (event.kind) {
    case 'file':
      return [SW_EVENT_FILE, measuredText(event.sha256, event.path, FILE_PATH)];
    case 'tree': {
      const path = event.path.endsWith('/') ? event.path : `${event.path}/`;
      return [SW_EVENT_TREE, measuredText(event.sha256, path, TREE_PATH)];
    }
    case 'command-line':
      return [SW_EVENT_COMMAND_LINE, event.text];
    case 'absent':
      if (!ANY_PATH.test(event.path)) throw new RangeError('a path is absolute');
      return [SW_EVENT_ABSENT, event.path];
  }
}

function measuredText(sha256: string, path: string, shape: RegExp): string {
  if (!SHA256_HEX.test(sha256)) throw new RangeError('a SHA-256 is 64 lower-case hex digits');
  if (!shape.test(path)) throw new RangeError(`${JSON.stringify(path)} is no absolute path`);
  return `${sha256}  ${path}`;
}

const SHA256_HEX = /^[0-9a-f]{64}$/;
// `s` and not `m`: a name may hold a line feed, and only NUL is in no path.
const ANY_PATH = /^\/[^\0]*$/s;
const FILE_PATH = /^\/(?:[^\0]*[^/\0])$/s;
const TREE_PATH = /^\/(?:[^\0]*\/)?$/s;
const MEASURED = /^([0-9a-f]{64}) {2}(.*)$/s;

/** The counterpart. Throws ParseError SOFTWARE_EVENT, TRUNCATED or TRAILING_BYTES. */
export function parseSoftwareEvent(data: Uint8Array): SoftwareEvent {
  const reader = new Reader(data, 'little');
  const taggedEventID = reader.u32('taggedEventID');
  const taggedEventData = reader.bytes(reader.u32('taggedEventDataSize'), 'taggedEventData');
  reader.end('taggedEvent');
  const text = utf8(taggedEventData);
  switch (taggedEventID) {
    case SW_EVENT_FILE:
      return { kind: 'file', ...measured(text, FILE_PATH) };
    case SW_EVENT_TREE: {
      const { path, sha256 } = measured(text, TREE_PATH);
      return { kind: 'tree', path: path === '/' ? path : path.slice(0, -1), sha256 };
    }
    case SW_EVENT_COMMAND_LINE:
      return { kind: 'command-line', text };
    case SW_EVENT_ABSENT:
      if (!ANY_PATH.test(text)) throw malformed('taggedEventData', TEXT_OFFSET);
      return { kind: 'absent', path: text };
    default:
      throw malformed('taggedEventID', 0);
  }
}

const TEXT_OFFSET = 8;

function measured(text: string, shape: RegExp): { path: string; sha256: string } {
  const [, sha256, path] = MEASURED.exec(text) ?? [];
  if (sha256 === undefined || path === undefined || !shape.test(path)) {
    throw malformed('taggedEventData', TEXT_OFFSET);
  }
  return { path, sha256 };
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed('taggedEventData', TEXT_OFFSET);
  }
}

const malformed = (field: string, offset: number): ParseError =>
  new ParseError('SOFTWARE_EVENT', field, offset);
