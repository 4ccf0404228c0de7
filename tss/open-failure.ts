import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { TpmErrorCode } from './codes.ts';

const BY_ERRNO: Readonly<Record<string, TpmErrorCode>> = {
  ENOENT: 'TPM_ABSENT',
  ENODEV: 'TPM_ABSENT',
  ENXIO: 'TPM_ABSENT',
  EACCES: 'TPM_NOT_PERMITTED',
  EPERM: 'TPM_NOT_PERMITTED',
  EBUSY: 'TPM_BUSY',
};

/**
 * Why a TCTI did not open: tpm2-tss says IO_ERROR whatever the reason. Asked afterwards, of the file itself: a
 * reason that is gone by now is TPM_UNAVAILABLE, and the next try succeeds.
 */
export async function openFailure(tcti: string): Promise<TpmErrorCode> {
  const device = /^device:(.+)$/u.exec(tcti)?.[1];
  const socket = /^swtpm:path=(.+)$/u.exec(tcti)?.[1];
  try {
    if (socket !== undefined) await stat(socket);
    if (device !== undefined) {
      const file = await open(device, constants.O_RDWR | constants.O_NONBLOCK);
      await file.close();
    }
    return 'TPM_UNAVAILABLE';
  } catch (error) {
    return BY_ERRNO[(error as NodeJS.ErrnoException).code ?? ''] ?? 'TPM_UNAVAILABLE';
  }
}
