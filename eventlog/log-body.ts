import { ParseError, type Reader } from '@touchstone/tpm';
import type { LogEvent } from './log-event.ts';

/** All that comes after a log's header. */
export type LogBody = {
  readonly events: readonly LogEvent[];
  /** Bytes of padding (0x00 or 0xFF throughout) after the last event. */
  readonly paddingBytes: number;
};

/** Reads events until the log or nothing but padding ends it. */
export function readBody(
  reader: Reader,
  bytes: Uint8Array,
  how: {
    readonly firstIndex: number;
    readonly maxEvents: number;
    /** Bytes of the shortest event in this layout. */
    readonly smallest: number;
    readonly read: (reader: Reader, index: number) => LogEvent;
  },
): LogBody {
  const { firstIndex, maxEvents, smallest, read } = how;
  const isPadding = paddingOf(bytes, smallest);
  const events: LogEvent[] = [];
  while (reader.remaining > 0 && !isPadding(reader.offset)) {
    if (events.length >= maxEvents) {
      throw new ParseError('LOG_TOO_MANY_EVENTS', 'events', reader.offset, `over ${maxEvents}`);
    }
    events.push(read(reader, firstIndex + events.length));
  }
  return { events, paddingBytes: reader.remaining };
}

/**
 * Tells offsets in the run of one padding byte that ends the log. An event never begins within it: in 0xFF
 * it would be of PCR 0xFFFFFFFF, in zeros it would be EV_PREBOOT_CERT with nothing in it. The last event
 * may reach into the run, for its data may end in the same byte. Zeros too few for an event are no
 * padding but the cut-off start of an event of PCR 0.
 */
function paddingOf(bytes: Uint8Array, smallest: number): (offset: number) => boolean {
  const filler = bytes.at(-1);
  if (filler !== 0x00 && filler !== 0xff) return () => false;
  let start = bytes.length;
  while (start > 0 && bytes[start - 1] === filler) start--;
  const least = filler === 0x00 ? smallest : 1;
  return (offset) => offset >= start && bytes.length - offset >= least;
}
