import type { Socket } from 'node:net';

/**
 * What the agent and its courier say to each other, one question and one answer a connection: a frame is u32 (big
 * endian) length of a head, u32 length of a body, the head as JSON, and the body's bytes.
 */
type Frame = { readonly head: Buffer; readonly body: Buffer };

/** No answer to an agent is larger, and the process with the keys parses no more than this. */
export const MAX_CARRIED_BYTES = 8_388_608;

const LENGTHS_BYTES = 8;
export const MAX_HEAD_BYTES = 16_384;

export function writeFrame(socket: Socket, head: object, body: Uint8Array): void {
  const text = Buffer.from(JSON.stringify(head));
  const lengths = Buffer.alloc(LENGTHS_BYTES);
  lengths.writeUInt32BE(text.length, 0);
  lengths.writeUInt32BE(body.length, 4);
  socket.write(Buffer.concat([lengths, text]));
  socket.end(body);
}

/**
 * The one frame that comes, and nothing after it. What it says of its lengths allocates nothing: no more is kept than
 * came.
 * @throws Error for anything else
 */
export async function readFrame(socket: Socket, maxBodyBytes: number): Promise<Frame> {
  const come = new Growing();
  let whole = Infinity;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    if (come.size + chunk.length > LENGTHS_BYTES + MAX_HEAD_BYTES + maxBodyBytes) break;
    come.add(chunk);
    if (whole === Infinity && come.size >= LENGTHS_BYTES) whole = wholeOf(come.bytes, maxBodyBytes);
    if (come.size > whole) break;
  }
  const { bytes } = come;
  if (bytes.length !== whole) throw new Error(`${bytes.length} bytes came, and not one frame`);
  const headEnd = LENGTHS_BYTES + bytes.readUInt32BE(0);
  return { head: bytes.subarray(LENGTHS_BYTES, headEnd), body: bytes.subarray(headEnd) };
}

/** Bytes in one piece, in however many they come: never more than twice what came. */
class Growing {
  #room = Buffer.allocUnsafe(16_384);
  size = 0;

  get bytes(): Buffer {
    return this.#room.subarray(0, this.size);
  }

  add(chunk: Buffer): void {
    const size = this.size + chunk.length;
    if (size > this.#room.length) {
      const room = Buffer.allocUnsafe(Math.max(size, 2 * this.#room.length));
      this.bytes.copy(room);
      this.#room = room;
    }
    chunk.copy(this.#room, this.size);
    this.size = size;
  }
}

function wholeOf(bytes: Buffer, maxBodyBytes: number): number {
  const [head, body] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
  if (head > MAX_HEAD_BYTES) throw new Error(`a head of ${head} bytes`);
  if (body > maxBodyBytes) throw new Error(`a body of ${body} bytes`);
  return LENGTHS_BYTES + head + body;
}
