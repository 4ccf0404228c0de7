import type { StartPlans, StartPlansRequest } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { hostByAkName } from '../store/hosts.ts';
import { vmsByUuid } from '../store/vms.ts';
import { answerWithChallenge } from './answer-with-challenge.ts';
import type { Verifier } from './verifier.ts';

/**
 * POST /v1/start-plans: which disks a host need not read before it describes these VMs. It is told to whoever names a
 * known AK, proves nothing, and is looked at again when the permit is asked for. With it whoever wants one is given the
 * challenge for that.
 * @throws AppError HOST_UNKNOWN
 */
export async function giveStartPlans(
  verifier: Verifier,
  { akName, vms: asked, challenge: wanted }: StartPlansRequest,
): Promise<StartPlans> {
  const { database } = verifier;
  if ((await hostByAkName(database, akName)) === null) {
    throw refusal('HOST_UNKNOWN', { detail: `No host has the AK ${akName}.` });
  }
  const vms = await vmsByUuid(database, asked);
  const plans = asked.map((vm) => ({ vm, known: vms.has(vm), disks: vms.get(vm)?.disks ?? [] }));
  if (wanted === undefined) return { plans };
  return { plans, challenge: await answerWithChallenge(verifier, { akName, purpose: 'permit' }) };
}
