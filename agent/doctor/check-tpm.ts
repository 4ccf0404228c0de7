import type { AgentCheck } from '@touchstone/schemas';
import { parseEkCertificate } from '@touchstone/endorsement';
import { type Tpm, TpmError } from 'node-tpm2-tss-bindings';
import { detailOf } from '../codes.ts';
import { failure, ok, warning } from './check.ts';

const TPM_CAP_TPM_PROPERTIES = 6;
const TPM_CAP_COMMANDS = 2;
/** TPM_CC_FIRST, and MAX_CAP_CC: Part 2, 6.5.2. */
const FIRST_COMMAND = 0x11f;
const MAX_COMMANDS = 254;
/** TPM_CC: Part 2, 6.5.2. */
const RELEASE_COMMANDS = {
  TPM2_Import: 0x156,
  TPM2_Unseal: 0x15e,
  TPM2_PolicySigned: 0x160,
  TPM2_LoadExternal: 0x167,
  TPM2_PolicyPCR: 0x17f,
} as const;
/** TPM_PT: Part 2, 6.13. */
const PT = {
  manufacturer: 0x105,
  firmwareVersion1: 0x10b,
  firmwareVersion2: 0x10c,
  permanent: 0x200,
  sessionsAvailable: 0x204,
  objectsAvailable: 0x207,
  lockoutCounter: 0x20e,
  maxAuthFail: 0x20f,
} as const;
/** TPMA_PERMANENT: Part 2, 8.6. */
const IN_LOCKOUT = 1 << 9;

/** TCG EK Credential Profile 2.5, 2.2.1.4 and 2.2.1.5: low-range RSA and ECC, then the high range. */
const EK_CERTIFICATES = [
  ...[0x01c00002, 0x01c0000a],
  ...[0x01c00012, 0x01c00014, 0x01c00016, 0x01c00018, 0x01c0001a, 0x01c0001c, 0x01c0001e],
];

/** What the TPM says of itself. Nothing is loaded, started or written. @throws TpmError */
export async function checkTpm(tpm: Tpm): Promise<AgentCheck[]> {
  const fixed = await properties(tpm, PT.manufacturer, 8);
  const variable = await properties(tpm, PT.permanent, 16);
  const maker = Buffer.alloc(4);
  maker.writeUInt32BE(fixed.get(PT.manufacturer) ?? 0);
  const version = [PT.firmwareVersion1, PT.firmwareVersion2].map(
    (tag) => `0x${(fixed.get(tag) ?? 0).toString(16).padStart(8, '0')}`,
  );
  const name = maker.toString('latin1').replaceAll(/[^\x21-\x7e]/gu, '');
  return [
    ok('TPM', `answers: ${name}, firmware ${version.join(' ')}`),
    lockout(variable),
    places(variable),
    ...(await ekCertificates(tpm)),
    await sealedDisks(tpm),
  ];
}

function lockout(variable: ReadonlyMap<number, number>): AgentCheck {
  const count = variable.get(PT.lockoutCounter) ?? 0;
  const detail = `${count} of ${variable.get(PT.maxAuthFail) ?? 0} wrong authorizations`;
  const lockedOut = ((variable.get(PT.permanent) ?? 0) & IN_LOCKOUT) !== 0;
  return lockedOut
    ? failure('TPM lockout', new TpmError('TPM_LOCKED_OUT', 'TPM_PT_PERMANENT', detail), 'warning')
    : ok('TPM lockout', detail);
}

function places(variable: ReadonlyMap<number, number>): AgentCheck {
  const objects = variable.get(PT.objectsAvailable) ?? 0;
  const sessions = variable.get(PT.sessionsAvailable) ?? 0;
  const detail = `free for ${objects} objects and ${sessions} sessions`;
  return objects === 0 || sessions === 0
    ? failure(
        'TPM places',
        new TpmError('TPM_FULL', 'TPM_PT_HR_TRANSIENT_AVAIL', detail),
        'warning',
      )
    : ok('TPM places', detail);
}

/** What the TPM has, by its own word; enrolment tries them. */
async function sealedDisks(tpm: Tpm): Promise<AgentCheck> {
  const subject = 'sealed disks';
  const data = await tpm.getCapability(TPM_CAP_COMMANDS, FIRST_COMMAND, MAX_COMMANDS);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const has = new Set<number>();
  // TPML_CCA: Part 2, 10.9.2; the lower half of a TPMA_CC is the command's index.
  for (let at = 8; at + 4 <= data.byteLength; at += 4) has.add(view.getUint32(at) & 0xffff);
  const missing = Object.entries(RELEASE_COMMANDS).filter(([, code]) => !has.has(code));
  if (missing.length === 0) return ok(subject, 'the TPM has every command that their keys take');
  const names = missing.map(([name]) => name).join(', ');
  return warning('SEALED_DISKS_UNSUPPORTED', subject, `it lacks ${names}`);
}

async function ekCertificates(tpm: Tpm): Promise<AgentCheck[]> {
  const subject = 'EK certificate';
  const defined = await tpm.handles('nv-index');
  const indices = EK_CERTIFICATES.filter((index) => defined.includes(index));
  if (indices.length === 0) {
    return [warning('EK_CERTIFICATE_MISSING', subject, 'none of its NV indices is defined')];
  }
  const checks: AgentCheck[] = [];
  for (const index of indices) {
    const at = `NV 0x0${index.toString(16)}`;
    try {
      const { keyKind, quirks } = parseEkCertificate(await tpm.nvRead(index));
      checks.push(ok(subject, [`${at}: ${keyKind}`, ...quirks].join(', ')));
    } catch (error) {
      if (error instanceof TpmError) checks.push(failure(subject, error));
      else checks.push(warning('EK_CERTIFICATE_UNREADABLE', subject, `${at}: ${detailOf(error)}`));
    }
  }
  // One that can be read is enough.
  const readable = checks.some(({ outcome }) => outcome === 'ok');
  return readable ? checks : checks.map((check) => ({ ...check, outcome: 'fault' }));
}

/** TPMS_CAPABILITY_DATA: capability UINT32, then count UINT32, then property and value, UINT32 each. */
async function properties(tpm: Tpm, first: number, count: number): Promise<Map<number, number>> {
  const data = await tpm.getCapability(TPM_CAP_TPM_PROPERTIES, first, count);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const found = new Map<number, number>();
  for (let at = 8; at + 8 <= data.byteLength; at += 8) {
    found.set(view.getUint32(at), view.getUint32(at + 4));
  }
  return found;
}
