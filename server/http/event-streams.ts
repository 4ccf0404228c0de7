import { PassThrough, type Readable } from 'node:stream';
import { FleetBeat, FleetChange, FleetSnapshot } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import type { TSchema } from 'typebox';
import type { HostFeed } from '../services/host-feed.ts';
import { present } from './operator-call.ts';

const MOST_STREAMS = 256;
const MOST_STREAMS_A_TOKEN = 32;
/** Well under what proxies wait for; the page takes three of them for a broken stream. */
const BEAT_MS = 5_000;
/** What a reader may have left unread before it is sent away. */
const MOST_UNREAD_BYTES = 4_194_304;
/** After this a browser opens another one, at whichever replica. */
const LONGEST_MS = 3_600_000;

export type EventStreams = {
  /** @throws AppError STREAMS_EXHAUSTED */
  open(reader: {
    readonly tokenId: string;
    /** Asked at every beat: rights that have ended end the stream. */
    readonly mayStay: () => Promise<boolean>;
  }): Readable;
};

/** Server-sent events (HTML Living Standard, 9.2), bounded in number, time and memory. */
export function eventStreams(feed: HostFeed, now: () => Date): EventStreams {
  const open = new Map<Readable, string>();
  const countOf = (tokenId: string) => [...open.values()].filter((each) => each === tokenId).length;
  return {
    open: ({ tokenId, mayStay }) => {
      if (open.size >= MOST_STREAMS || countOf(tokenId) >= MOST_STREAMS_A_TOKEN) throw exhausted();
      const stream = new PassThrough();
      const tell = (event: string, schema: TSchema, data: unknown) => {
        stream.write(`event: ${event}\ndata: ${JSON.stringify(present(schema, data))}\n\n`);
        if (stream.writableLength + stream.readableLength > MOST_UNREAD_BYTES) stream.destroy();
      };
      const unsubscribe = feed.subscribe({
        snapshot: (data) => tell('hosts', FleetSnapshot, data),
        change: (data) => tell('change', FleetChange, data),
        lost: () => stream.end(),
      });
      const beat = setInterval(() => {
        void mayStay().then((may) => {
          if (stream.destroyed) return;
          if (may) tell('beat', FleetBeat, { now: now().toISOString() });
          else stream.end();
        });
      }, BEAT_MS).unref();
      const longest = setTimeout(() => stream.end(), LONGEST_MS).unref();
      open.set(stream, tokenId);
      stream.once('close', () => {
        unsubscribe();
        clearInterval(beat);
        clearTimeout(longest);
        open.delete(stream);
      });
      return stream;
    },
  };
}

const exhausted = (): AppError =>
  new AppError('STREAMS_EXHAUSTED', 503, {
    title: 'Too many event streams are open',
    remedy: 'Ask for the hosts from time to time instead.',
    retryAfterSeconds: 30,
  });
