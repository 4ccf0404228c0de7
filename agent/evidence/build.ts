import { createHash } from 'node:crypto';
import { hostname, release } from 'node:os';
import { qualifyingDataOf } from '@touchstone/appraisal';
import { IMA_PCR } from '@touchstone/eventlog';
import type {
  Evidence,
  GateReport,
  ImaList as ImaListOnWire,
  Purpose,
  Selection,
  StartRequest,
  Statement,
} from '@touchstone/schemas';
import type { BankName, PcrSelection } from '@touchstone/tpm';
import { TpmError } from 'node-tpm2-tss-bindings';
import type { KeyRecord } from '../state/identity.ts';
import type { Attester } from '../tpm/attester.ts';
import type { QuotedPcrs } from '../tpm/quotes.ts';

const AGENT_VERSION = '0.1.0';

export type EvidenceInput = {
  readonly purpose: Purpose;
  readonly hostId: string | null;
  readonly bundleEpoch: number;
  readonly challenge: string;
  readonly selection: Selection;
  readonly permits?: readonly StartRequest[];
  readonly gate?: GateReport | undefined;
  /** nonceTPM, in hex, of the policy session in which a release key would be unsealed. */
  readonly sessionNonce?: string | undefined;
  /** In `prove`, whose challenge is empty. */
  readonly nonce?: string;
  /** That judged this host last. */
  readonly policyId?: string | undefined;
};

/**
 * Evidence for one challenge: the log first, then the quote over the statement that names it, then the
 * PCR values, and last IMA's list, so that whatever was extended before the quote is in it. The statement is hashed
 * as it is sent.
 */
export async function buildEvidence(
  attester: Attester,
  key: KeyRecord,
  input: EvidenceInput,
): Promise<Evidence> {
  try {
    return await evidenceOnce(attester, key, input);
  } catch (error) {
    // A TPM that was restarted or flushed under us is opened anew, once: nothing has left the host yet.
    if (!(error instanceof TpmError) || error.code === 'TPM_TIMEOUT') throw error;
    return evidenceOnce(attester, key, input);
  }
}

async function evidenceOnce(
  attester: Attester,
  key: KeyRecord,
  input: EvidenceInput,
): Promise<Evidence> {
  const log = await attester.bootLog();
  const emptyBanks = await attester.emptyBanks();
  const imaFrom = hasImaPcr(input.selection) ? await attester.imaList?.begin() : null;
  // A VM that waits for its permit is not kept waiting for advice.
  const nextBoot = input.purpose === 'attest' ? await attester.nextBoot() : [];
  const digest = createHash('sha256').update(log).digest('hex');
  const { purpose, hostId, bundleEpoch, challenge, selection, policyId } = input;
  const { permits, sessionNonce, gate, nonce } = input;
  const statement: Statement = {
    schema: 'touchstone/statement/2',
    purpose,
    hostId,
    akName: key.akName,
    bundleEpoch,
    challenge,
    selection,
    logs: [
      ...(log.length === 0
        ? []
        : [{ kind: 'boot', algorithm: 'sha256', digest, size: log.length } as const]),
      ...(typeof imaFrom === 'number' ? [{ kind: 'ima', fromEntry: imaFrom } as const] : []),
    ],
    selfReported: {
      claimedHostname: hostname().slice(0, 253),
      claimedKernel: release().slice(0, 128),
      agentVersion: AGENT_VERSION,
      ...(emptyBanks.length === 0 ? {} : { claimedEmptyBanks: [...emptyBanks] }),
      ...(policyId === undefined ? {} : { claimedPolicyId: policyId }),
      ...(nextBoot.length === 0 ? {} : { claimedNextBoot: [...nextBoot] }),
    },
    ...(nonce === undefined ? {} : { nonce }),
    ...(permits === undefined ? {} : { permits: [...permits] }),
    ...(gate === undefined ? {} : { gate }),
    ...(sessionNonce === undefined ? {} : { sessionNonce }),
  };
  const bytes = Buffer.from(JSON.stringify(statement));
  const quoted = await attester.quote(
    key,
    qualifyingDataOf(purpose, Buffer.from(challenge, 'base64url'), bytes),
    selectionOf(selection),
  );
  return {
    schema: 'touchstone/evidence/1',
    statement: bytes.toString('base64url'),
    quote: { attest: base64Url(quoted.attest), signature: base64Url(quoted.signature) },
    pcrs: pcrsOf(quoted.pcrs),
    blobs: log.length === 0 ? {} : { [digest]: base64Url(log) },
    ...(typeof imaFrom === 'number' ? { imaList: await imaListOf(attester, purpose, quoted) } : {}),
  };
}

const hasImaPcr = (selection: Selection): boolean =>
  Object.values(selection).some((pcrs) => pcrs.includes(IMA_PCR));

/** A PCR that never moved needs no list: what the kernel lists then it did not extend. */
async function imaListOf(
  { imaList }: Attester,
  purpose: EvidenceInput['purpose'],
  { pcrs }: QuotedPcrs,
): Promise<ImaListOnWire> {
  const moved = [...pcrs.values()].some((ofBank) => ofBank.get(IMA_PCR)?.some((byte) => byte > 0));
  if (!moved || imaList === null) return { entries: '' };
  // Who enrols has no next time to send the rest with.
  const { entries, more } = await imaList.read({ whole: purpose === 'enrol' });
  return { entries: base64Url(entries), ...(more ? { more } : {}) };
}

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

const selectionOf = (selection: Selection): PcrSelection =>
  Object.entries(selection).map(([bank, pcrs]) => ({ bank: bank as BankName, pcrs }));

function pcrsOf(values: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>>): Evidence['pcrs'] {
  const banks = [...values].map(([bank, ofBank]) => {
    const hex = [...ofBank].map(([pcr, value]) => [pcr, Buffer.from(value).toString('hex')]);
    return [bank, Object.fromEntries(hex)];
  });
  return Object.fromEntries(banks) as Evidence['pcrs'];
}
