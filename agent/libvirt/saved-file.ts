import { constants, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Of a file that libvirt saved a VM to: magic, then its XML. src/qemu/qemu_saveimage.h of libvirt. */
const MAGIC = 'LibvirtQemudSave';
const HEADER_BYTES = 92;
const MAX_XML_BYTES = 1_048_576;
/** Of one libvirtd. */
const MAX_OPEN = 4_096;

/**
 * The saved file of that VM that libvirtd has open, as a path that leads to the very file, whatever has its name by
 * now. Null where it has none open. More than one is none: nobody could say which is read.
 */
export async function openSavedFile(
  vm: string,
  libvirtd: number,
  processes = '/proc',
): Promise<string | null> {
  const found = new Map<string, string>();
  for (const pid of [libvirtd, ...(await childrenOf(libvirtd, processes))]) {
    const directory = join(processes, String(pid), 'fd');
    const names = await readdir(directory).catch(() => []);
    for (const name of names.slice(0, MAX_OPEN)) {
      const path = join(directory, name);
      const identity = await savedIdentity(path, vm).catch(() => null);
      if (identity !== null) found.set(identity, path);
    }
  }
  const [only] = found.size === 1 ? found.values() : [];
  return only ?? null;
}

/** libvirt's helper that reads past the cache. */
async function childrenOf(pid: number, processes: string): Promise<readonly number[]> {
  const tasks = join(processes, String(pid), 'task');
  const threads = await readdir(tasks).catch(() => []);
  const lists = await Promise.all(
    threads.slice(0, MAX_OPEN).map((thread) => readText(join(tasks, thread, 'children'))),
  );
  return lists.join(' ').split(' ').filter(Boolean).map(Number);
}

async function readText(path: string): Promise<string> {
  const file = await open(path).catch(() => null);
  const text = await file?.readFile('latin1').catch(() => '');
  await file?.close();
  return text ?? '';
}

/** Device and inode, where it is a saved file of that VM. */
async function savedIdentity(path: string, vm: string): Promise<string | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await file.stat({ bigint: true });
    if (!status.isFile()) return null;
    const header = Buffer.alloc(HEADER_BYTES);
    const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0);
    if (bytesRead < HEADER_BYTES || header.toString('latin1', 0, MAGIC.length) !== MAGIC)
      return null;
    const length = Math.min(header.readUInt32LE(MAGIC.length + 4), MAX_XML_BYTES);
    const xml = Buffer.alloc(length);
    await file.read(xml, 0, length, HEADER_BYTES);
    return xml.includes(`<uuid>${vm}</uuid>`) ? `${status.dev} ${status.ino}` : null;
  } finally {
    await file.close();
  }
}
