import { sign } from 'node:crypto';
import { qualifyingDataOf } from '@touchstone/appraisal';
import type { Evidence, Purpose, Statement } from '@touchstone/schemas';
import {
  encodeTpmlPcrSelection,
  encodeTpmtSignature,
  pcrDigest,
  TPM_GENERATED_VALUE,
  TPM_ST_ATTEST_QUOTE,
  Writer,
} from '@touchstone/tpm';
import { BOOT_LOG, BOOT_LOG_DIGEST, bootPcrs } from './boot.ts';
import type { SoftwareHost } from './software-host.ts';

/** What no two pieces of evidence of a host share. */
export type Asked = {
  readonly purpose: Extract<Purpose, 'attest' | 'enrol'>;
  /** base64url. */
  readonly challenge: string;
  /** PCRs of the SHA-256 bank. */
  readonly pcrs: readonly number[];
  readonly clockMs: bigint;
};

/** Evidence as an agent and its TPM make it, byte for byte. */
export function evidenceOf(host: SoftwareHost, asked: Asked): Evidence {
  const { purpose, challenge, pcrs, clockMs } = asked;
  const statement: Statement = {
    schema: 'touchstone/statement/1',
    purpose,
    hostId: purpose === 'enrol' ? null : host.id,
    akName: host.akName,
    bundleEpoch: 1,
    challenge,
    selection: { sha256: [...pcrs] },
    logs: [{ kind: 'boot', algorithm: 'sha256', digest: BOOT_LOG_DIGEST, size: BOOT_LOG.length }],
    selfReported: {
      claimedHostname: host.name,
      claimedKernel: '6.1.0-56-amd64',
      agentVersion: '0.1.0',
    },
  };
  const bytes = Buffer.from(JSON.stringify(statement));
  const values = bootPcrs(pcrs);
  const extraData = qualifyingDataOf(purpose, Buffer.from(challenge, 'base64url'), bytes);
  const attest = tpmsAttest(host, { extraData, clockMs, values });
  return {
    schema: 'touchstone/evidence/1',
    statement: bytes.toString('base64url'),
    quote: { attest: base64Url(attest), signature: base64Url(tpmtSignature(host, attest)) },
    pcrs: { sha256: values },
    blobs: { [BOOT_LOG_DIGEST]: base64Url(BOOT_LOG) },
  };
}

/** TPMS_ATTEST: Part 2, 10.12.12. */
function tpmsAttest(
  { akQualifiedName }: SoftwareHost,
  {
    extraData,
    clockMs,
    values,
  }: { extraData: Uint8Array; clockMs: bigint; values: Record<string, string> },
): Uint8Array {
  const held = Object.entries(values).map(
    ([pcr, hex]) => [Number(pcr), Buffer.from(hex, 'hex')] as const,
  );
  const selection = [{ bank: 'sha256' as const, pcrs: held.map(([pcr]) => pcr) }];
  return new Writer()
    .u32(TPM_GENERATED_VALUE)
    .u16(TPM_ST_ATTEST_QUOTE)
    .sized16(akQualifiedName)
    .sized16(extraData)
    .u64(clockMs)
    .u32(RESET_COUNT)
    .u32(0)
    .u8(1)
    .u64(0x2020_0312_0011_2233n)
    .bytes(encodeTpmlPcrSelection(selection))
    .sized16(pcrDigest(selection, new Map([['sha256', new Map(held)]]), 'sha256'))
    .finish();
}

export const RESET_COUNT = 7;

function tpmtSignature({ akKey }: SoftwareHost, message: Uint8Array): Uint8Array {
  const rs = sign('sha256', message, { key: akKey, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [rs.subarray(0, 32), rs.subarray(32)];
  return encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', r, s });
}

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
