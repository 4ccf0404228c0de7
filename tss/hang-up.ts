import { readdirSync } from 'node:fs';
import { tssLibraries } from './tss-libraries.ts';

const AF_UNIX = 1;
const SHUT_RDWR = 2;
const SOCKADDR_BYTES = 128;

/**
 * Ends this process's connections to a swtpm that hangs, so that the thread that waits in read(2) comes
 * back: libuv has four, and each that stays there is one less for files, DNS and cryptography.
 *
 * tpm2-tss's swtpm TCTI connects anew for each command, knows no timeout and does not tell its file
 * descriptor; so the descriptors are looked through for the one whose peer has the path. A device needs
 * none of this: the kernel's driver ends a command by itself, though late.
 */
export function hangUp(tcti: string): void {
  const path = /^swtpm:path=(.+)$/.exec(tcti)?.[1];
  if (path === undefined) return;
  const libraries = tssLibraries();
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    const peer = unixPeer(fd);
    if (peer === path || peer === `${path}.ctrl`) libraries.shutdown(fd, SHUT_RDWR);
  }
}

function unixPeer(fd: number): string | undefined {
  const address = Buffer.alloc(SOCKADDR_BYTES);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(SOCKADDR_BYTES);
  if (tssLibraries().getpeername(fd, address, length) !== 0) return undefined;
  if (address.readUInt16LE(0) !== AF_UNIX) return undefined;
  const path = address.subarray(2, length.readUInt32LE());
  const end = path.indexOf(0);
  return path.toString('utf8', 0, end < 0 ? path.length : end);
}
