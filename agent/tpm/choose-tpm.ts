import type { EkKind } from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import { readKeyRecord } from '../state/identity.ts';
import { readTpmRecord } from '../state/tpm-record.ts';
import type { EkWish } from './endorsement-key.ts';
import { findDevice, type HostTpm, type Machine, SOFTWARE_TPM } from './host-tpm.ts';

export type ChosenTpm = { readonly tpm: HostTpm; readonly ek: EkWish };

export type TpmWish = {
  /** `software`, or the path of a device. */
  readonly tpm?: string;
  readonly ek?: EkKind;
  readonly preferredEk?: EkKind | undefined;
};

/**
 * The TPM of this state directory: the one that its keys were made in. Where there are none yet: the one that is
 * asked for; else the machine's own; else, on a machine without any, a software TPM. One that is there and does not
 * serve is an error and no reason for a software TPM.
 * @throws AppError TPM_FIXED, TPM_UNUSABLE
 */
export async function chooseTpm(
  stateDir: string,
  machine: Machine,
  wish: TpmWish,
): Promise<ChosenTpm> {
  const held = await heldTpm(stateDir);
  if (held !== null) {
    const same =
      (wish.tpm === undefined || wish.tpm === nameOf(held.tpm)) &&
      (wish.ek === undefined || wish.ek === held.ek.only);
    if (!same) throw agentError('TPM_FIXED', { status: 409, detail: fixedDetail(held) });
    return held;
  }
  const ek: EkWish = {
    ...(wish.ek === undefined ? {} : { only: wish.ek }),
    ...(wish.preferredEk === undefined ? {} : { preferred: wish.preferredEk }),
  };
  if (wish.tpm === 'software') return { tpm: SOFTWARE_TPM, ek };
  const path = wish.tpm ?? (await findDevice(machine));
  if (path === null) return { tpm: SOFTWARE_TPM, ek };
  return { tpm: { kind: 'device', path }, ek };
}

/** For an agent that is enrolled; without keys there is nothing that it could do with another. */
export const tpmInUse = async (stateDir: string): Promise<ChosenTpm> =>
  (await heldTpm(stateDir)) ?? { tpm: SOFTWARE_TPM, ek: {} };

/** Keys without a record were made when there were software TPMs alone. */
async function heldTpm(stateDir: string): Promise<ChosenTpm | null> {
  const [key, record] = await Promise.all([readKeyRecord(stateDir), readTpmRecord(stateDir)]);
  if (key === null) return null;
  return record === null
    ? { tpm: SOFTWARE_TPM, ek: { only: 'rsa-2048' } }
    : { tpm: record.tpm, ek: { only: record.ek } };
}

/** As `--tpm` spells it. */
const nameOf = (tpm: HostTpm): string => (tpm.kind === 'device' ? tpm.path : 'software');

const fixedDetail = ({ tpm, ek }: ChosenTpm): string =>
  `its keys are in ${nameOf(tpm)}, below the EK ${ek.only}`;
