import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AkKind, EkKind } from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import type { AgentSurroundings } from '../surroundings.ts';
import type { Attester } from '../tpm/attester.ts';
import { type Machine, passedOverBy, SOFTWARE_TPM } from '../tpm/host-tpm.ts';
import { withState } from '../with-state.ts';

export type EnrolOptions = {
  readonly state: string;
  readonly server: string;
  readonly fingerprint: string;
  readonly joinTokenFile?: string;
  readonly name: string;
  readonly tpm?: string;
  readonly ek?: EkKind;
  readonly ak?: AkKind;
  readonly ekCertificate?: readonly string[];
  readonly json?: true;
};

export async function enrolCommand(
  surroundings: AgentSurroundings,
  options: EnrolOptions,
): Promise<void> {
  const { chooseTpm } = await import('../tpm/choose-tpm.ts');
  const { machine } = surroundings;
  await withState(
    surroundings,
    options.state,
    (stateDir, attester) => enrolHost(surroundings, options, { stateDir, attester }),
    async (stateDir, preferredEk) => {
      await keepGiven(surroundings, stateDir, options.ekCertificate);
      return chooseTpm(stateDir, machine, { ...options, preferredEk });
    },
  );
}

async function enrolHost(
  surroundings: AgentSurroundings,
  options: EnrolOptions,
  { stateDir, attester }: { readonly stateDir: string; readonly attester: Attester },
): Promise<void> {
  const { stdout, stderr, machine } = surroundings;
  const joinToken = await readJoinToken(surroundings, options.joinTokenFile);
  const progress = (line: string) => void stderr.write(`touchstone-agent: ${line}\n`);
  if (attester.tpm.kind === 'software') progress(await whySoftware(machine));
  const { enrol } = await import('../enrol.ts');
  const enrolled = await enrol({
    ...{ stateDir, attester, progress },
    server: options.server,
    fingerprint: options.fingerprint,
    name: options.name,
    ...(joinToken === undefined ? {} : { joinToken }),
    ...(options.ak === undefined ? {} : { ak: options.ak }),
    ekInsisted: options.ek !== undefined,
  });
  const { hostId, class: assuranceClass, state } = enrolled;
  const outcome = { hostId, name: options.name, class: assuranceClass, state };
  stdout.write(options.json ? `${JSON.stringify(outcome)}\n` : enrolledText(outcome));
}

/** For this enrolment and each time that the TPM is opened. @throws AppError EK_CERTIFICATE_FILE */
async function keepGiven(
  { workingDirectory }: AgentSurroundings,
  stateDir: string,
  files: readonly string[] | undefined,
): Promise<void> {
  if (files === undefined) return;
  const { readCertificateFiles } = await import('../tpm/certificate-files.ts');
  const { writeGivenCertificates } = await import('../state/given-certificates.ts');
  const paths = files.map((file) => resolve(workingDirectory, file));
  await writeGivenCertificates(stateDir, await readCertificateFiles(paths));
}

async function whySoftware(machine: Machine): Promise<string> {
  const passedOver = await passedOverBy(SOFTWARE_TPM, machine);
  return passedOver === null
    ? 'this machine has no TPM: a software TPM stands in, and the host is shown as class software'
    : `a software TPM, as this host’s; the machine’s own is left aside: ${passedOver}`;
}

/** @throws AppError JOIN_TOKEN_UNREADABLE */
async function readJoinToken(
  { workingDirectory }: AgentSurroundings,
  file: string | undefined,
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return (await readFile(resolve(workingDirectory, file), 'utf8')).trim();
  } catch (cause) {
    throw agentError('JOIN_TOKEN_UNREADABLE', { status: 400, detail: file, cause });
  }
}

function enrolledText(outcome: {
  hostId: string;
  name: string;
  class: string;
  state: string;
}): string {
  const next =
    outcome.state === 'pending'
      ? `An operator now approves it:  touchstone host approve ${outcome.name}\n`
      : '';
  return (
    `Enrolled as ${outcome.name} (${outcome.hostId}), class ${outcome.class}, state ${outcome.state}.\n` +
    `${next}Start the agent:  touchstone-agent daemon\n`
  );
}
