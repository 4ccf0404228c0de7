import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { agentError } from '../codes.ts';

const MAX_CONFIGURATION_BYTES = 1_048_576;

/**
 * That libvirt takes in no VM over a connection that is not encrypted. Of a migration itself its hook sees nothing; but
 * with `migrate_tls_force` libvirt refuses all that is not TLS. Read as that libvirtd sees the file.
 * @throws AppError MIGRATION_NOT_ENCRYPTED
 */
export async function requireEncryptedMigration(
  libvirtd: number | undefined,
  processes = '/proc',
): Promise<void> {
  const root = libvirtd === undefined ? '/' : join(processes, String(libvirtd), 'root');
  const path = join(root, 'etc/libvirt/qemu.conf');
  const text = await head(path).catch((cause: unknown) => {
    throw agentError('MIGRATION_NOT_ENCRYPTED', { detail: `${path} cannot be read`, cause });
  });
  const stated = [...text.matchAll(/^[ \t]*migrate_tls_force[ \t]*=[ \t]*([^#\s]*)/gmu)];
  if (stated.length > 0 && stated.every(([, value]) => value === '1')) return;
  throw agentError('MIGRATION_NOT_ENCRYPTED', { detail: 'migrate_tls_force is not 1' });
}

async function head(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_CONFIGURATION_BYTES));
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
