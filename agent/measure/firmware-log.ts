import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';

const SECURITYFS = '/sys/kernel/security';
/** In base64 what evidence has room for: schemas, Evidence. */
const MAX_LOG_BYTES = 12 * 1_048_576;

/**
 * The log that the firmware kept of this boot, from the kernel: empty where it shows none, which the verifier
 * refuses. A kernel's file has no size of its own: it is read to its end. `path` is one that is read in its place.
 */
export async function readFirmwareLog(device: string, path?: string): Promise<Uint8Array> {
  if (path !== undefined) return readBounded(path);
  const name = /^tpmrm([0-9]+)$/u.exec(basename(device))?.[1];
  if (name === undefined) return new Uint8Array();
  return readBounded(join(SECURITYFS, `tpm${name}`, 'binary_bios_measurements'));
}

async function readBounded(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    throw cause;
  });
  if (file === null) return new Uint8Array();
  try {
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(65_536), 0, 65_536, null);
      if (bytesRead === 0) return Buffer.concat(chunks);
      length += bytesRead;
      if (length > MAX_LOG_BYTES) throw new RangeError(`${path} is over ${MAX_LOG_BYTES} bytes`);
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
