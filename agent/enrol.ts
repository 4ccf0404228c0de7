import { type AkKind, type BindingKey, HostEnrolmentAnswer } from '@touchstone/schemas';
import { parseTpm2bPublic } from '@touchstone/tpm';
import { AppError } from '@touchstone/transport';
import { certify } from './certify.ts';
import { agentError, codeOf, detailOf } from './codes.ts';
import { answerChallenge } from './evidence/deliver.ts';
import { probeSealedDisks } from './keys/probe.ts';
import { ownNetwork } from './network.ts';
import {
  type Enrolment,
  type KeyRecord,
  readBindingRecord,
  readEnrolment,
  readKeyRecord,
  replaceKeyRecord,
  writeBindingRecord,
  writeEnrolment,
  writeKeyRecord,
} from './state/identity.ts';
import { writeTpmRecord } from './state/tpm-record.ts';
import { akKindOf } from './tpm/attestation-key.ts';
import type { Attester } from './tpm/attester.ts';
import { certificateAddressOf, claimedMakerOf } from './tpm/certificate-address.ts';
import { certifyBindingKey, createBindingKey } from './tpm/binding-key.ts';
import { takeFirstBundle } from './trust-bundle.ts';

export type EnrolmentInput = {
  readonly stateDir: string;
  readonly attester: Attester;
  readonly server: string;
  readonly fingerprint: string;
  readonly name: string;
  readonly joinToken?: string;
  /** Which EK, somebody said: then it is that one or none. */
  readonly ekInsisted?: boolean;
  /** Of a key that has still to be made; as the lost one was, where it is not given. */
  readonly ak?: AkKind;
  readonly progress: (line: string) => void;
};

/**
 * DESIGN section 4, Enrol. Every step may be repeated: an enrolment that stopped half-way goes on with
 * the key that it made. A TPM that was cleared has lost the key: a new one is made and enrolled, and the
 * server has an operator decide about it.
 * @throws AppError ALREADY_ENROLLED, or what the TPM, the CA or the server refused
 */
export async function enrol(input: EnrolmentInput): Promise<Enrolment & { state: string }> {
  const { stateDir, attester, server, fingerprint, progress } = input;
  const enrolled = await readEnrolment(stateDir);
  const known = await readKeyRecord(stateDir);
  const lost = known !== null && (await wasLost(attester, known));
  if (enrolled !== null && enrolled.akName === known?.akName && !lost) {
    throw agentError('ALREADY_ENROLLED', { status: 409, detail: stateDir });
  }
  // The connection itself vouches for the first bundle: no courier's word would do.
  const network = ownNetwork;
  const client = network.pinned({ url: server, pin: () => [fingerprint] });
  try {
    progress('asking the server, by its pinned key, for the trust bundle');
    const trustBundle = await takeFirstBundle(client);
    const { tpm } = attester;
    const where = tpm.kind === 'device' ? `the TPM at ${tpm.path}` : 'the software TPM';
    progress(`opening ${where} and making the attestation key`);
    if (lost) progress('the TPM was cleared: making a new key in place of the one that it lost');
    let key = await ownKey(input, { known, lost });
    const { name, certificate } = await attester.use(async (_tpm, ek) => ek);
    if (certificate === null) {
      progress(
        'this TPM has no EK certificate: an operator of the CA has to pin its EK, whose Name is',
      );
      progress(name);
      await tellAddress(attester, progress);
    }
    progress(`proving to the CA that this TPM holds it (AK ${key.akName.slice(0, 16)}…)`);
    const hold = <T>(work: () => Promise<T>) => work();
    const prover = { attester, network, bundle: trustBundle, hold };
    const certified = await certify({ ...prover, key }).catch(async (error: unknown) => {
      const algorithm = algorithmAskedFor(error);
      if (algorithm === undefined || input.ekInsisted) throw error;
      progress(
        `the CA takes the ${algorithm.toUpperCase()} endorsement key of this TPM’s maker: making a key below that one`,
      );
      key = await keyBelow(input, key, algorithm);
      return certify({ ...prover, key });
    });
    const { certificates, enrollmentId, findings } = certified;
    for (const { effect, code, actual = '', remedy } of findings) {
      if (effect === 'warn') progress(`the CA warns: ${code}, ${actual}. ${remedy}`);
    }
    progress('sending the first evidence to the server');
    const { challenge, evidence } = await answerChallenge(
      { client, attester, key },
      { purpose: 'enrol', hostId: null, bundleEpoch: trustBundle.epoch },
    );
    const answer = await client.request({
      method: 'POST',
      path: '/v1/hosts',
      schema: HostEnrolmentAnswer,
      body: {
        certificates,
        akPublic: key.public,
        evidence,
        binding: await bindingFor(input, { key, challenge }),
        name: input.name,
        ...(input.joinToken === undefined ? {} : { joinToken: input.joinToken }),
      },
    });
    const enrolment: Enrolment = {
      schema: 'touchstone/agent-enrolment/1',
      hostId: answer.hostId,
      akName: key.akName,
      class: answer.class,
      server,
      fingerprint,
      enrollmentId,
      certificates,
      intervalSeconds: answer.intervalSeconds,
      trustBundle,
    };
    await writeEnrolment(stateDir, enrolment);
    return { ...enrolment, state: answer.state };
  } finally {
    await client.close();
  }
}

/** The algorithm that the CA's answer names, if that is why it refused. */
function algorithmAskedFor(error: unknown): 'ecc' | 'rsa' | undefined {
  if (!(error instanceof AppError) || error.code !== 'EK_ALGORITHM_NOT_CHOSEN') return undefined;
  const named = error.findings?.find(({ code }) => code === error.code)?.expected;
  return named === 'ecc' || named === 'rsa' ? named : undefined;
}

/** In place of one that nobody has certified. @throws AppError EK_CERTIFICATE_MISSING */
async function keyBelow(
  { stateDir, attester }: EnrolmentInput,
  old: KeyRecord,
  algorithm: 'ecc' | 'rsa',
): Promise<KeyRecord> {
  await attester.takeEkOf(algorithm);
  const made = await attester.createKey(akKindOf(old));
  const ek = await attester.use(async (_tpm, { kind }) => kind);
  await replaceKeyRecord(stateDir, old, made);
  await writeTpmRecord(stateDir, { schema: 'touchstone/agent-tpm/1', tpm: attester.tpm, ek });
  return made;
}

/** Some makers publish what they did not write into the TPM. A person fetches it, for no URL is asked for from here. */
async function tellAddress(
  attester: Attester,
  progress: EnrolmentInput['progress'],
): Promise<void> {
  const address = await attester.use(async (tpm, ek) =>
    certificateAddressOf(await claimedMakerOf(tpm), parseTpm2bPublic(ek.public)),
  );
  if (address === undefined) return;
  progress(`its maker may have one: fetch ${address}`);
  progress(
    'and enrol again with --ek-certificate FILE; where there is none (404), it has to be pinned',
  );
}

/** @throws AppError AK_FIXED */
async function ownKey(
  { stateDir, attester, ak }: EnrolmentInput,
  { known, lost }: { readonly known: KeyRecord | null; readonly lost: boolean },
): Promise<KeyRecord> {
  const held = known === null ? undefined : akKindOf(known);
  if (known !== null && !lost) {
    if (ak === undefined || ak === held) return known;
    throw agentError('AK_FIXED', { status: 409, detail: `${held}, and not ${ak}` });
  }
  const made = await attester.createKey(ak ?? held);
  const ek = await attester.use(async (_tpm, { kind }) => kind);
  await writeTpmRecord(stateDir, { schema: 'touchstone/agent-tpm/1', tpm: attester.tpm, ek });
  await (known === null ? writeKeyRecord(stateDir, made) : replaceKeyRecord(stateDir, known, made));
  return made;
}

/** Whether the TPM says of its own blob that it is none. Whatever else fails, fails. */
async function wasLost(attester: Attester, record: KeyRecord): Promise<boolean> {
  try {
    await attester.key(record);
    return false;
  } catch (error) {
    if (error instanceof AppError && error.code === 'AK_LOST') return true;
    throw error;
  }
}

/** The one that was made for this AK, or a new one; certified anew for each challenge. */
async function bindingFor(
  { stateDir, attester, progress }: EnrolmentInput,
  { key, challenge }: { readonly key: KeyRecord; readonly challenge: string },
): Promise<BindingKey> {
  const known = await readBindingRecord(stateDir);
  const mine = known?.akName === key.akName ? known : null;
  const ak = await attester.key(key);
  const { record, certified } = await attester.use(async (tpm, ek) => {
    const made = mine ?? (await createBindingKey(tpm, ek, key.akName));
    if (mine === null) await writeBindingRecord(stateDir, made);
    const certifiedKey = await certifyBindingKey(tpm, ek, { ak, record: made, challenge });
    return { record: made, certified: certifiedKey };
  });
  await probeSealedDisks(attester, record).catch((error: unknown) => {
    if (codeOf(error) !== 'SEALED_DISKS_UNSUPPORTED') throw error;
    progress(`VMs with sealed disks cannot start on this host: ${detailOf(error)}`);
  });
  return certified;
}
