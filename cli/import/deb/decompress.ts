import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { ParseError } from '@touchstone/tpm';
import xz from 'xz-decompress';

type Bytes = AsyncIterable<Uint8Array>;

const METHODS: Readonly<Record<string, (compressed: Bytes) => Bytes>> = {
  '': (plain) => plain,
  '.gz': (compressed) => through(compressed, createGunzip()),
  '.zst': (compressed) => through(compressed, createZstdDecompress()),
  '.xz': unxz,
};

/**
 * The content of a package's part, piece by piece, as its name says that it is compressed. Memory does not
 * grow with what it expands to: xz and zstd keep windows of at most 64 and 128 MiB.
 *
 * @throws ParseError DEB_COMPRESSION; while it is read, DEB_DAMAGED
 */
export function decompress(compressed: Bytes, name: string, offset: number): Bytes {
  const method = METHODS[name.replace(/^(control|data)\.tar/u, '')];
  if (method === undefined) throw new ParseError('DEB_COMPRESSION', name, offset);
  return damageTold(method(compressed), name, offset);
}

async function* damageTold(bytes: Bytes, name: string, offset: number): Bytes {
  try {
    yield* bytes;
  } catch (error) {
    if (error instanceof ParseError) throw error;
    throw new ParseError('DEB_DAMAGED', name, offset);
  }
}

async function* through(compressed: Bytes, decoder: ReturnType<typeof createGunzip>): Bytes {
  const source = Readable.from(compressed);
  // An error of the source reaches whoever reads, and no stream is left open.
  source.on('error', (error) => decoder.destroy(error));
  try {
    yield* source.pipe(decoder) as Bytes;
  } finally {
    source.destroy();
    decoder.destroy();
  }
}

/** The decoder serves one stream at a time, and the next only when this one is done or given up. */
async function* unxz(compressed: Bytes): Bytes {
  const reader = new xz.XzReadableStream(asStream(compressed)).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function asStream(bytes: Bytes): ReadableStream<Uint8Array> {
  return Readable.toWeb(Readable.from(bytes)) as ReadableStream<Uint8Array>;
}
