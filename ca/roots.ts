import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseCertificate } from '@touchstone/endorsement';
import { caError } from './ca-error.ts';
import type { CaConfig } from './config.ts';
import type { ConfiguredRoot } from './validation/index.ts';

/** The roots that the administrator named, PEM or DER. Throws AppError CONFIG_INVALID for any other file. */
export function loadRoots(roots: CaConfig['roots']): Promise<ConfiguredRoot[]> {
  return Promise.all(
    roots.map(async ({ certificateFile, ...said }) => {
      const bytes = await readFile(certificateFile);
      try {
        const isPem = bytes.includes('-----BEGIN CERTIFICATE-----');
        const { der } = parseCertificate(isPem ? new X509Certificate(bytes).raw : bytes);
        return { der, ...said };
      } catch (cause) {
        const detail = `${certificateFile} is no certificate`;
        throw caError('CONFIG_INVALID', 500, { detail, field: '/roots', cause });
      }
    }),
  );
}
