import { openTpm, type Tpm, type TpmClock } from 'node-tpm2-tss-bindings';
import type { Measurement } from '../config.ts';
import { measureBoot } from '../measure/boot-log.ts';
import { readGivenCertificates } from '../state/given-certificates.ts';
import type { ChosenTpm } from './choose-tpm.ts';
import { emptyBanksOf, type SelectableBank } from './empty-banks.ts';
import { type EndorsementKey, openEndorsementKey } from './endorsement-key.ts';
import { ensureSoftwareTpm } from './software-tpm.ts';

/** A chip may take half a minute to make an RSA key; the kernel's own bound is longer. */
const DEVICE_TIMEOUT_MS = 60_000;

/** A TPM with its EK, in the boot in which it was opened. */
export type OpenTpm = {
  readonly tpm: Tpm;
  readonly ek: EndorsementKey;
  readonly boot: TpmClock;
  /** Banks that the TPM has and that hold nothing of this boot. */
  readonly emptyBanks: readonly SelectableBank[];
};

/**
 * Opens the TPM that was chosen; what boots on a software TPM is measured here.
 * @throws TpmError; AppError SOFTWARE_TPM_FAILED, EK_CERTIFICATE_MISSING
 */
export async function openHostTpm(
  stateDir: string,
  { tpm: host, ek: wish }: ChosenTpm,
  measure: readonly Measurement[],
): Promise<OpenTpm> {
  const tpm = await (host.kind === 'device'
    ? openTpm({ tcti: `device:${host.path}`, commandTimeoutMs: DEVICE_TIMEOUT_MS })
    : openTpm({ tcti: await ensureSoftwareTpm(stateDir) }));
  try {
    const boot = await tpm.readClock();
    if (host.kind === 'software') await measureBoot(tpm, stateDir, measure);
    const given = await readGivenCertificates(stateDir);
    const ek = await openEndorsementKey(tpm, wish, { chip: host.kind === 'device', given });
    return { tpm, ek, boot, emptyBanks: await emptyBanksOf(tpm) };
  } catch (error) {
    await tpm.close();
    throw error;
  }
}

/** Whether the TPM is in the boot in which it was opened: sessions and loaded keys end with it. @throws TpmError */
export async function isInItsBoot({ tpm, boot }: OpenTpm): Promise<boolean> {
  const { resetCount, restartCount } = await tpm.readClock();
  return resetCount === boot.resetCount && restartCount === boot.restartCount;
}
