import { ParseError, Reader } from '@touchstone/tpm';

/**
 * A SIPA event of Windows: an id, a size, and data of its own kind or, for an aggregation, events again
 * (Windows SDK, wbcl.h). Nothing is made of them here but that they are there.
 */
export type SipaEvent = { readonly id: number; readonly name?: string };

const AGGREGATION = 0x4000_0000;
/** Holds a quote of Windows' own, and what it is over; extends nothing. */
export const SIPA_TRUST_POINT = 0xc0010004;
/** Windows nests three: a trust boundary, an aggregation in it, and its events. */
const MAX_DEPTH = 8;
const MAX_EVENTS = 4_096;
const HEADER_SIZE = 8;

/** Whether an id is of the classes of wbcl.h: containers, information, errors, pre-boot, OS, ... DRTM. */
export function isSipaEvent(id: number): boolean {
  const kind = (id >>> 16) & 0x0fff;
  return kind >= 0x0001 && kind <= 0x000c && (id & 0xffff) !== 0;
}

/**
 * The events of one EV_EVENT_TAG, aggregations before what they hold, in order. Reads without recursion:
 * depth and count are bounded whatever the sizes say. Throws ParseError SIPA_DEPTH, SIPA_EVENTS, or TRUNCATED
 * where an event reaches over the one that it is in.
 */
export function parseSipaEvents(bytes: Uint8Array): readonly SipaEvent[] {
  const events: SipaEvent[] = [];
  const open: Reader[] = [new Reader(bytes, 'little')];
  for (let reader = open.at(-1); reader !== undefined; reader = open.at(-1)) {
    if (reader.remaining === 0) {
      open.pop();
      continue;
    }
    const { offset } = reader;
    const field = `SipaEvent[${events.length}]`;
    if (events.length >= MAX_EVENTS) throw new ParseError('SIPA_EVENTS', field, offset);
    const id = reader.u32(`${field}.id`);
    const size = reader.u32(`${field}.size`);
    const name = NAMES.get(id);
    events.push({ id, ...(name !== undefined && { name }) });
    const body = reader.window(size, `${field}.data`);
    // An aggregation that is empty, or shorter than an event, holds none.
    if ((id & AGGREGATION) === 0 || size < HEADER_SIZE) continue;
    if (open.length >= MAX_DEPTH) throw new ParseError('SIPA_DEPTH', field, offset);
    open.push(body);
  }
  return events;
}

/** How many events there are, and those of them that are known, each once in the order of the first. */
export function sipaSummary(bytes: Uint8Array): {
  readonly count: number;
  readonly names: readonly string[];
} {
  const events = parseSipaEvents(bytes);
  const names = new Set(events.flatMap(({ name }) => name ?? []));
  return { count: events.length, names: [...names] };
}

/** Windows SDK, wbcl.h: those that say what was booted and how. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0x40010001, 'trust boundary'],
  [0x40010002, 'ELAM aggregation'],
  [0x40010003, 'loaded module'],
  [SIPA_TRUST_POINT, 'trust point'],
  [0x40010005, 'KSR aggregation'],
  [0x00020001, 'information'],
  [0x00020002, 'boot counter'],
  [0x00020003, 'transfer control'],
  [0x00020004, 'application return'],
  [0x00020005, 'BitLocker unlock'],
  [0x00020006, 'event counter'],
  [0x00020007, 'counter id'],
  [0x00020008, 'memory-overwrite bit not cancelable'],
  [0x00020009, 'application SVN'],
  [0x0002000a, 'SVN chain status'],
  [0x0002000b, 'memory-overwrite bit status'],
  [0x00040001, 'boot debugging'],
  [0x00040002, 'boot revocation list'],
  [0x00050001, 'kernel debugging'],
  [0x00050002, 'code integrity'],
  [0x00050003, 'test signing'],
  [0x00050004, 'data execution prevention'],
  [0x00050005, 'safe mode'],
  [0x00050006, 'Windows PE'],
  [0x00050008, 'OS device'],
  [0x00050009, 'system root'],
  [0x0005000a, 'hypervisor launch type'],
  [0x0005000b, 'hypervisor path'],
  [0x0005000d, 'hypervisor debugging'],
  [0x0005000e, 'driver load policy'],
  [0x0005000f, 'system integrity policy'],
  [0x00050012, 'VSM launch type'],
  [0x00050013, 'OS revocation list'],
  [0x00050021, 'flight signing'],
  [0x00050024, 'hibernation disabled'],
  [0x00050025, 'dumps disabled'],
  [0x00060001, 'no authority'],
  [0x00060002, 'authority key'],
  [0x00070001, 'file path'],
  [0x00070002, 'image size'],
  [0x00070003, 'hash algorithm'],
  [0x00070004, 'Authenticode hash'],
  [0x00070005, 'authority issuer'],
  [0x00070006, 'authority serial'],
  [0x00070007, 'image base'],
  [0x00070008, 'authority publisher'],
  [0x00070009, 'authority thumbprint'],
  [0x0007000a, 'image validated'],
  [0x0007000b, 'module SVN'],
  [0x00090001, 'ELAM key name'],
  [0x00090002, 'ELAM configuration'],
  [0x00090003, 'ELAM policy'],
  [0x00090004, 'ELAM measurement'],
  [0x000a0001, 'VSM required'],
  [0x000a0002, 'VSM requires Secure Boot'],
  [0x000a0007, 'HVCI policy'],
  [0x000b0001, 'KSR signature'],
  [0x000c0001, 'DRTM state authority'],
]);
