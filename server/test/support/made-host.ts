import { createHash, sign } from 'node:crypto';
import { qualifyingDataOf } from '@touchstone/appraisal';
import { akQualifiedNameOf, type AssuranceClass } from '@touchstone/endorsement';
import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  parseEventLog,
  replayEventLog,
  SOFTWARE_VENDOR_INFO,
} from '@touchstone/eventlog';
import type { Evidence, HostEnrolment, StartRequest, Statement } from '@touchstone/schemas';
import {
  BINDING_TEMPLATES,
  encodeTpm2bPublic,
  encodeTpmlPcrSelection,
  encodeTpmtSignature,
  hash,
  hierarchyName,
  nameOf,
  pcrDigest,
  qualifiedNameOf,
  TPM_RH_ENDORSEMENT,
  type TpmtPublic,
  type TpmtPublicEcc,
  Writer,
} from '@touchstone/tpm';
import { imaBytes, imaPcr, type MadeImaEntry } from '../../../test/support/made-ima-list.ts';
import { certify, makeAk, makeEk, type MadeAk } from './made-authority.ts';
import { SELECTION } from './made-verifier.ts';

/** What a host measured: one file in PCR 13. */
type Boot = {
  readonly file: string;
  /** More of the kind, in PCR 13 as well. */
  readonly moreFiles: number;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly clock: bigint;
  /** Of the trust bundle that its agent knows. */
  readonly bundleEpoch: number;
  /** What IMA measured; null where the agent sends no list. */
  readonly ima: readonly MadeImaEntry[] | null;
  /** As a kernel before 5.8 extends. */
  readonly imaPadded: boolean;
};

type Answering = {
  readonly purpose: Statement['purpose'];
  readonly challenge: string;
  readonly hostId: string | null;
  readonly request?: StartRequest;
  /** What the second version of statements has beyond the first; without it, a statement is of the first. */
  readonly second?: Pick<Statement, 'permits' | 'sessionNonce' | 'gate'>;
  /** What is sent of the list, by default all of it; null as an agent of an older version does. */
  readonly sent?: SentIma | null;
};

/** Of an IMA list. */
export type SentIma = {
  readonly fromEntry: number;
  readonly entries: readonly MadeImaEntry[];
  readonly more?: true;
};

/** A host with a TPM whose keys and counters are in our hands. */
export function makeHost(options: { class?: AssuranceClass; ek?: ReturnType<typeof makeEk> } = {}) {
  const { class: assuranceClass = 'software', ek = makeEk() } = options;
  const ak = makeAk();
  const akName = Buffer.from(nameOf(ak.akPublic)).toString('hex');
  const certificate = certify(ek, ak, assuranceClass);
  const boot: { -readonly [K in keyof Boot]: Boot[K] } = {
    file: 'good',
    moreFiles: 0,
    resetCount: 7,
    restartCount: 0,
    clock: 1_000n,
    bundleEpoch: 1,
    ima: null,
    imaPadded: false,
  };

  const answer = (answering: Answering): Evidence => {
    boot.clock += 1n;
    return makeEvidence(ak, akQualifiedNameOf(ek, ak.akPublic), akName, boot, answering);
  };
  return {
    ek,
    ak,
    akName,
    boot,
    answer,
    enrolment: (
      challenge: string,
      { name, joinToken, binding }: { name: string; joinToken?: string; binding?: Binding },
    ): HostEnrolment => ({
      certificates: [certificate],
      akPublic: Buffer.from(encodeTpm2bPublic(ak.akPublic)).toString('base64url'),
      evidence: answer({ purpose: 'enrol', challenge, hostId: null }),
      binding: bindingOf(ek, ak, challenge, binding),
      name,
      ...(joinToken === undefined ? {} : { joinToken }),
    }),
    /** Another boot, with this file measured. */
    reboot(file: string) {
      Object.assign(boot, { file, resetCount: boot.resetCount + 1, restartCount: 0 });
    },
  };
}

export type MadeHost = ReturnType<typeof makeHost>;

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

function makeEvidence(
  ak: MadeAk,
  qualifiedSigner: Uint8Array,
  akName: string,
  boot: Boot,
  { purpose, challenge, hostId, request, second, sent }: Answering,
): Evidence {
  const whole: SentIma | null = boot.ima === null ? null : { fromEntry: 0, entries: boot.ima };
  const ima = sent === undefined ? whole : sent;
  const log = encodeEventLog({
    vendorInfo: SOFTWARE_VENDOR_INFO,
    banks: ['sha256'],
    events: [
      '/etc/touchstone/agent.json',
      ...Array.from({ length: boot.moreFiles }, (_, index) => `/f${index}`),
    ].map((path) => ({
      pcr: 13,
      type: EV_EVENT_TAG,
      data: encodeSoftwareEvent({ kind: 'file', path, sha256: sha256(boot.file) }),
    })),
  });
  const replayed = replayEventLog(parseEventLog(log)).banks.get('sha256');
  const values = new Map(
    SELECTION.sha256.map((pcr) => {
      const value = pcr === 10 ? imaPcr(boot.ima ?? [], boot.imaPadded) : replayed?.get(pcr);
      return [pcr, value ?? hash('sha256').fill(0)] as const;
    }),
  );
  const statement: Statement = {
    schema: second === undefined ? 'touchstone/statement/1' : 'touchstone/statement/2',
    purpose,
    hostId,
    akName,
    bundleEpoch: boot.bundleEpoch,
    challenge,
    selection: SELECTION,
    logs: [
      { kind: 'boot', algorithm: 'sha256', digest: sha256(log), size: log.length },
      ...(ima === null ? [] : [{ kind: 'ima', fromEntry: ima.fromEntry } as const]),
    ],
    selfReported: { claimedHostname: 'host', claimedKernel: '6.1', agentVersion: '0.1.0' },
    ...(request === undefined ? {} : { permits: [request] }),
    ...second,
  };
  const statementBytes = Buffer.from(JSON.stringify(statement), 'utf8');
  const selection = [{ bank: 'sha256' as const, pcrs: SELECTION.sha256 }];
  const attest = new Writer()
    .u32(0xff544347)
    .u16(0x8018)
    .sized16(qualifiedSigner)
    .sized16(qualifyingDataOf(purpose, Buffer.from(challenge, 'base64url'), statementBytes))
    .u64(boot.clock)
    .u32(boot.resetCount)
    .u32(boot.restartCount)
    .u8(1)
    .u64(1n)
    .bytes(encodeTpmlPcrSelection(selection))
    .sized16(pcrDigest(selection, new Map([['sha256' as const, values]]), 'sha256'))
    .finish();
  const rs = sign('sha256', attest, { key: ak.privateKey, dsaEncoding: 'ieee-p1363' });
  return {
    schema: 'touchstone/evidence/1',
    statement: base64Url(statementBytes),
    quote: {
      attest: base64Url(attest),
      signature: base64Url(
        encodeTpmtSignature({
          sigAlg: 'ecdsa',
          hash: 'sha256',
          r: rs.subarray(0, 32),
          s: rs.subarray(32),
        }),
      ),
    },
    pcrs: {
      sha256: Object.fromEntries(
        [...values].map(([pcr, value]) => [`${pcr}`, Buffer.from(value).toString('hex')]),
      ),
    },
    blobs: { [sha256(log)]: base64Url(log) },
    ...(ima === null
      ? {}
      : {
          imaList: {
            entries: base64Url(imaBytes(ima.entries)),
            ...(ima.more === undefined ? {} : { more: ima.more }),
          },
        }),
  };
}

/** What a test wants otherwise than a TPM would do it. */
export type Binding = {
  readonly template?: TpmtPublicEcc;
  readonly unique?: TpmtPublicEcc['unique'];
  readonly signer?: MadeAk;
  readonly challenge?: string;
  /** Of the key above it. */
  readonly parentQualifiedName?: Uint8Array;
  readonly claimedParentQualifiedName?: Uint8Array;
  readonly type?: number;
  readonly sent?: (honest: TpmtPublicEcc) => TpmtPublicEcc;
};

/** A binding key and its certification, as a TPM with this EK and AK would make them. */
function bindingOf(
  ek: TpmtPublic,
  ak: MadeAk,
  challenge: string,
  wanted: Binding = {},
): HostEnrolment['binding'] {
  const point = makeAk().akPublic.unique;
  const template = wanted.template ?? BINDING_TEMPLATES.sha256;
  const made: TpmtPublicEcc = { ...template, unique: wanted.unique ?? point };
  const ekName = qualifiedNameOf(hierarchyName(TPM_RH_ENDORSEMENT), ek);
  const parent = wanted.parentQualifiedName ?? ekName;
  const over = Buffer.from(wanted.challenge ?? challenge, 'base64url');
  const attest = new Writer()
    .u32(0xff544347)
    .u16(wanted.type ?? 0x8017)
    .sized16(akQualifiedNameOf(ek, ak.akPublic))
    .sized16(hash('sha256', Buffer.from('touchstone/binding/1\0'), over))
    .u64(1n)
    .u32(1)
    .u32(0)
    .u8(1)
    .u64(1n)
    .sized16(nameOf(made))
    .sized16(qualifiedNameOf(parent, made))
    .finish();
  const { privateKey } = wanted.signer ?? ak;
  const rs = sign('sha256', attest, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const signature = { r: rs.subarray(0, 32), s: rs.subarray(32) };
  return {
    public: base64Url(encodeTpm2bPublic(wanted.sent?.(made) ?? made)),
    attest: base64Url(attest),
    signature: base64Url(encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', ...signature })),
    parentQualifiedName: Buffer.from(wanted.claimedParentQualifiedName ?? parent).toString('hex'),
  };
}
