import type { Duplex } from 'node:stream';

/** A message on a stream: its length in four octets, big-endian, then as many octets of UTF-8 JSON. */
const HEADER_BYTES = 4;

export function writeFrame(stream: Duplex, message: unknown): void {
  const body = Buffer.from(JSON.stringify(message));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(body.length);
  stream.write(Buffer.concat([header, body]));
}

/** The messages of a stream until it ends. Throws RangeError for one that is longer than `maxBytes`, or cut short. */
export async function* framesOf(stream: Duplex, maxBytes: number): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    held = held.length === 0 ? (chunk as Buffer) : Buffer.concat([held, chunk as Buffer]);
    while (held.length >= HEADER_BYTES) {
      const length = held.readUInt32BE();
      if (length > maxBytes) throw new RangeError(`a message of ${length} bytes`);
      if (held.length < HEADER_BYTES + length) break;
      yield held.subarray(HEADER_BYTES, HEADER_BYTES + length);
      held = held.subarray(HEADER_BYTES + length);
    }
  }
  if (held.length > 0) throw new RangeError('a message that is cut short');
}
