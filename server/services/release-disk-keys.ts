import { randomBytes } from 'node:crypto';
import type { VerifiedEvidence } from '@touchstone/appraisal';
import type { DiskName, ReleaseKey, SealedDiskKey } from '@touchstone/schemas';
import type { Queryable } from '../store/database.ts';
import { diskKeysOf, type StoredDiskKey } from '../store/disk-keys.ts';
import type { Host } from '../store/host.ts';
import { sealDiskKey, sealReleaseKey } from './release-key.ts';
import type { Verifier } from './verifier.ts';

/** A VM whose permit was granted, and the disks whose keys it is to get. */
export type Wanted = {
  readonly permitId: string;
  readonly vm: string;
  readonly disks: readonly DiskName[];
};

/** What goes with one answer. By permit id: keys, or the disk that there is none for and why. */
export type Released = {
  readonly release: { readonly key: ReleaseKey; readonly digest: string } | null;
  readonly keys: ReadonlyMap<string, readonly SealedDiskKey[]>;
  readonly withheld: ReadonlyMap<string, { readonly disk: DiskName; readonly why: string }>;
};

/** The least that a nonceTPM has: TCG Part 1, 19.6.8. */
const MIN_NONCE_BYTES = 16;
const KEY_BYTES = 32;

/**
 * One release key for all disks of one answer, and their keys under it: DESIGN 4, Start a VM, 5. Whatever is in the way
 * of a VM's keys is said of that VM, and of no other; keys are in the clear only while this runs.
 */
export async function releaseDiskKeys(
  verifier: Verifier,
  on: Queryable,
  asked: { readonly host: Host; readonly verified: VerifiedEvidence },
  wanted: readonly Wanted[],
): Promise<Released> {
  const keys = new Map<string, readonly SealedDiskKey[]>();
  const withheld = new Map<string, { disk: DiskName; why: string }>();
  if (wanted.length === 0) return { release: null, keys, withheld };
  const stored = await diskKeysOf(on, [...new Set(wanted.map(({ vm }) => vm))]);
  const has = (vm: string, disk: DiskName) =>
    stored.some((key) => key.vm === vm && key.disk === disk);
  // Of a permit that will be given, if any is.
  const { permitId: of = '' } =
    wanted.find(({ vm, disks }) => disks.every((disk) => has(vm, disk))) ?? {};
  const releaseKey = randomBytes(KEY_BYTES);
  try {
    const made = makeRelease(verifier, asked, { permitId: of, releaseKey });
    for (const { permitId, vm, disks } of wanted) {
      const sealed: SealedDiskKey[] = [];
      for (const disk of disks) {
        const one =
          typeof made === 'string'
            ? made
            : sealOne(verifier, { vm, disk, permitId, releaseKey, stored });
        if (typeof one === 'string') withheld.set(permitId, { disk, why: one });
        else sealed.push(one);
      }
      if (!withheld.has(permitId)) keys.set(permitId, sealed);
    }
    return { release: typeof made === 'string' || keys.size === 0 ? null : made, keys, withheld };
  } finally {
    releaseKey.fill(0);
  }
}

/** Or why there is none. */
function makeRelease(
  { signing, settings, log }: Verifier,
  { host, verified }: { readonly host: Host; readonly verified: VerifiedEvidence },
  { permitId, releaseKey }: { readonly permitId: string; readonly releaseKey: Uint8Array },
): { readonly key: ReleaseKey; readonly digest: string } | string {
  const sessionNonce = Buffer.from(verified.statement.sessionNonce ?? '', 'hex');
  if (sessionNonce.length < MIN_NONCE_BYTES) return 'the host opened no session for it';
  if (host.bindingPublic.length === 0) return 'the host has no binding key: enrol it again';
  const pcrs = settings.releasePcrs;
  if (Object.values(pcrs).flat().length === 0) return 'no PCR that it could be bound to is quoted';
  try {
    const signer = signing.releaseSigner();
    if (signer === null) return 'the server has no release key yet';
    const obfuscation = randomBytes(KEY_BYTES);
    const made = sealReleaseKey({
      ...{ bindingPublic: host.bindingPublic, pcrs, attested: verified.pcrs, signer },
      ...{ sessionNonce, permitId, releaseKey, obfuscation },
    });
    return { key: made.release, digest: made.digest };
  } catch (error) {
    log.error({ err: error, host: host.id }, 'no release key could be made');
    return 'no release key could be made for the host';
  }
}

/** Or why there is none. */
function sealOne(
  { diskKeys, log }: Verifier,
  of: {
    readonly vm: string;
    readonly disk: DiskName;
    readonly permitId: string;
    readonly releaseKey: Uint8Array;
    readonly stored: readonly StoredDiskKey[];
  },
): SealedDiskKey | string {
  const { vm, disk, permitId, releaseKey } = of;
  const found = of.stored.find((key) => key.vm === vm && key.disk === disk);
  if (found === undefined) return 'no key is stored';
  let key: Buffer | null = null;
  try {
    key = diskKeys.open(found.sealed, { vm, disk });
    return sealDiskKey(releaseKey, key, { permitId, disk }, randomBytes(12));
  } catch (error) {
    log.error({ err: error, vm, disk }, 'the stored key of a disk does not open');
    return 'the stored key does not open';
  } finally {
    key?.fill(0);
  }
}
