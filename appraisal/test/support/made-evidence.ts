import { createHash, sign } from 'node:crypto';
import { akQualifiedNameOf } from '@touchstone/endorsement';
import { EV_EVENT_TAG, encodeEventLog, encodeSoftwareEvent } from '@touchstone/eventlog';
import { type NewEvent, parseEventLog, replayEventLog } from '@touchstone/eventlog';
import { SOFTWARE_VENDOR_INFO, type SoftwareEvent } from '@touchstone/eventlog';
import type { Evidence, Selection, Statement } from '@touchstone/schemas';
import { type BankName, encodeTpmlPcrSelection, encodeTpmtSignature } from '@touchstone/tpm';
import { hash, nameOf, pcrDigest, Writer } from '@touchstone/tpm';
import { qualifyingDataOf } from '../../index.ts';
import type { AppraisalContext, VerificationContext } from '../../index.ts';
import { certify, EK_PUBLIC, ISSUER, type MadeAk, makeAk, NOW } from './made-authority.ts';

export const HOST_ID = '6f2d7c1e-9a6b-4d0c-8a52-0d3a5a1f9b11';
export const CHALLENGE = Uint8Array.from(Buffer.alloc(32, 0xc5));
export const PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13];
const SELECTION: Selection = { sha256: PCRS };

export const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

/** What the agent measures, by PCR. */
export type Measured = { readonly pcr: number; readonly event: SoftwareEvent };

export const file = (pcr: number, path: string, contents: string): Measured => ({
  pcr,
  event: { kind: 'file', path, sha256: sha256(contents) },
});

export const MEASURED: readonly Measured[] = [
  { pcr: 8, event: { kind: 'command-line', text: 'root=/dev/vda1 ro lockdown=integrity' } },
  file(9, '/boot/vmlinuz', 'kernel'),
  file(9, '/boot/initrd.img', 'initrd'),
  { pcr: 13, event: { kind: 'tree', path: '/usr/lib/touchstone', sha256: sha256('tree') } },
  file(13, '/etc/touchstone/agent.yaml', 'server: one'),
  { pcr: 13, event: { kind: 'absent', path: '/etc/touchstone/extra.yaml' } },
];

export const newEvent = ({ pcr, event }: Measured): NewEvent => ({
  pcr,
  type: EV_EVENT_TAG,
  data: encodeSoftwareEvent(event),
});

export function logOf(
  events: readonly NewEvent[],
  vendorInfo = SOFTWARE_VENDOR_INFO,
  banks: readonly BankName[] = ['sha256'],
): Uint8Array {
  return encodeEventLog({ vendorInfo, banks, events });
}

export const goodLog = (measured: readonly Measured[] = MEASURED): Uint8Array =>
  logOf(measured.map(newEvent));

/** PCR values as a TPM would hold them after these events. */
export function valuesAfter(log: Uint8Array, selection: Selection = SELECTION): Evidence['pcrs'] {
  const replayed = replayEventLog(parseEventLog(log)).banks;
  const entries = Object.entries(selection) as [BankName, number[]][];
  return Object.fromEntries(
    entries.map(([bank, pcrs]) => [
      bank,
      Object.fromEntries(
        pcrs.map((pcr) => {
          const value = replayed.get(bank)?.get(pcr) ?? hash(bank).fill(0);
          return [`${pcr}`, Buffer.from(value).toString('hex')];
        }),
      ),
    ]),
  );
}

export type Making = {
  readonly ak?: MadeAk;
  readonly log?: Uint8Array | null;
  /** What the TPM holds, if not what the log gives. */
  readonly pcrs?: Evidence['pcrs'];
  /** What is quoted; what the statement says; what values are sent. */
  readonly quoted?: Selection;
  readonly sent?: Evidence['pcrs'];
  readonly statement?: Partial<Statement>;
  readonly statementBytes?: Uint8Array;
  readonly challenge?: Uint8Array;
  readonly extraData?: Uint8Array;
  readonly qualifiedSigner?: Uint8Array;
  readonly magic?: number;
  readonly type?: number;
  readonly safe?: number;
  readonly firmware?: bigint;
  readonly boot?: { readonly resetCount?: number; readonly restartCount?: number };
  readonly trailing?: Partial<Record<'attest' | 'signature', Uint8Array>>;
};

export const AK = makeAk();
export const AK_NAME = Buffer.from(nameOf(AK.akPublic)).toString('hex');

/**
 * Evidence as an agent and its TPM make it, byte for byte, except that the key is in our hands: so that
 * it can be made wrong in one place and be signed all the same.
 */
export function makeEvidence(making: Making = {}): Evidence {
  const { ak = AK, quoted = SELECTION, challenge = CHALLENGE } = making;
  const log = making.log === undefined ? goodLog() : making.log;
  const pcrs = making.pcrs ?? valuesAfter(log ?? logOf([]), quoted);
  const statement: Statement = {
    schema: 'touchstone/statement/1',
    purpose: 'attest',
    hostId: HOST_ID,
    akName: Buffer.from(nameOf(ak.akPublic)).toString('hex'),
    bundleEpoch: 1,
    challenge: Buffer.from(challenge).toString('base64url'),
    selection: SELECTION,
    logs: log === null ? [] : [logReference(log)],
    selfReported: { claimedHostname: 'host', claimedKernel: '6.1', agentVersion: '0.1.0' },
    ...making.statement,
  };
  const statementBytes = making.statementBytes ?? Buffer.from(JSON.stringify(statement), 'utf8');
  const attest = attestBytes({
    ...making,
    extraData: making.extraData ?? qualifyingDataOf(statement.purpose, challenge, statementBytes),
    qualifiedSigner: making.qualifiedSigner ?? akQualifiedNameOf(EK_PUBLIC, ak.akPublic),
    quoted,
    pcrs,
  });
  return {
    schema: 'touchstone/evidence/1',
    statement: base64Url(statementBytes),
    quote: {
      attest: base64Url(concat(attest, making.trailing?.attest)),
      signature: base64Url(
        concat(signed(ak, concat(attest, making.trailing?.attest)), making.trailing?.signature),
      ),
    },
    pcrs: making.sent ?? pcrs,
    blobs: log === null ? {} : { [sha256(log)]: base64Url(log) },
  };
}

export const logReference = (log: Uint8Array) => ({
  kind: 'boot' as const,
  algorithm: 'sha256' as const,
  digest: sha256(log),
  size: log.length,
});

function attestBytes(
  made: Making & { extraData: Uint8Array; qualifiedSigner: Uint8Array; quoted: Selection } & {
    pcrs: Evidence['pcrs'];
  },
): Uint8Array {
  const entries = Object.entries(made.quoted) as [BankName, number[]][];
  const selection = entries.map(([bank, pcrs]) => ({ bank, pcrs }));
  const held = Object.entries(made.pcrs) as [BankName, Record<string, string>][];
  const values = new Map(
    held.map(([bank, byPcr]) => [
      bank,
      new Map(
        Object.entries(byPcr).map(([pcr, hex]) => [Number(pcr), Buffer.from(hex, 'hex')] as const),
      ),
    ]),
  );
  return new Writer()
    .u32(made.magic ?? 0xff544347)
    .u16(made.type ?? 0x8018)
    .sized16(made.qualifiedSigner)
    .sized16(made.extraData)
    .u64(123_456n)
    .u32(made.boot?.resetCount ?? 7)
    .u32(made.boot?.restartCount ?? 1)
    .u8(made.safe ?? 1)
    .u64(made.firmware ?? 0x2020_0312_0011_2233n)
    .bytes(encodeTpmlPcrSelection(selection))
    .sized16(pcrDigest(selection, values, 'sha256'))
    .finish();
}

function signed(ak: MadeAk, message: Uint8Array): Uint8Array {
  const rs = sign('sha256', message, { key: ak.privateKey, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [rs.subarray(0, 32), rs.subarray(32)];
  return encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', r, s });
}

const concat = (a: Uint8Array, b: Uint8Array = new Uint8Array()): Uint8Array =>
  Buffer.concat([a, b]);

export const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

const AK_CERTIFICATE = certify(AK);

export const verification = (changed: Partial<VerificationContext> = {}): VerificationContext => ({
  purpose: 'attest',
  hostId: HOST_ID,
  challenge: CHALLENGE,
  akPublic: AK.akPublic,
  akCertificate: AK_CERTIFICATE,
  issuers: [ISSUER],
  selection: SELECTION,
  now: NOW,
  ...changed,
});

export const appraisal = (changed: Partial<AppraisalContext> = {}): AppraisalContext => ({
  hostId: HOST_ID,
  class: 'software',
  labels: { site: 'shed' },
  baselines: [],
  now: NOW,
  ...changed,
});
