import type {
  ApiToken,
  DiskKeyList,
  DiskKeyRemoval,
  DiskKeySetting,
  DiskName,
  Vm,
} from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { deleteDiskKey, diskKeysOf, listDiskKeys, putDiskKey } from '../store/disk-keys.ts';
import { lockVm } from '../store/vms.ts';
import { requireApprover } from './require-approver.ts';
import { byQuorum, takeQuorum } from './quorum.ts';
import { turnKeys } from './turn-keys.ts';
import { auditActor, type Verifier } from './verifier.ts';
import { viewVm } from './vms.ts';

/** QEMU takes text; less than this is no key. */
const MIN_KEY_BYTES = 16;

/** What is stored of a VM, and never a key. @throws AppError VM_UNKNOWN */
export async function viewDiskKeys(verifier: Verifier, uuid: string): Promise<DiskKeyList> {
  await viewVm(verifier, uuid);
  return { keys: await listDiskKeys(verifier.database, uuid) };
}

/**
 * Stores the first key of a sealed disk; by the quorum it takes another's place, whose disk nobody opens then without
 * the file that it was made with. The same again is no error.
 * @throws AppError VM_UNKNOWN, DISK_NOT_SEALED, DISK_KEY_UNFIT, ROLE_MISSING, QUORUM_WAITING
 */
export async function setDiskKey(
  verifier: Verifier,
  by: ApiToken,
  vm: string,
  { disk, key: text }: DiskKeySetting,
): Promise<DiskKeyList> {
  const now = verifier.clock.now();
  const key = Buffer.from(text, 'base64url');
  try {
    requireFit(key);
    await byQuorum(verifier, async (on) => {
      const { name } = await requireSealed(on, vm, disk);
      const before = await storedFingerprint(verifier, on, { vm, disk });
      const fingerprint = verifier.diskKeys.fingerprint(key, { vm, disk });
      if (before === fingerprint) return null;
      if (before !== null) {
        requireApprover(by);
        const loosening = { action: 'disk-key.replace', subject: name, detail: `disk ${disk}` };
        const content = { vm, disk, before, fingerprint };
        const waiting = await takeQuorum(on, by, { ...loosening, content }, now);
        if (waiting !== null) return waiting;
      }
      const sealed = verifier.diskKeys.seal(key, { vm, disk });
      await putDiskKey(on, { vm, disk, sealed }, { setBy: auditActor(by), setAt: now });
      const action = before === null ? 'disk-key.set' : 'disk-key.replace';
      const line = { actor: auditActor(by), action, subject: vm, detail: `${name}: disk ${disk}` };
      await appendAudit(on, line, now);
      return null;
    });
  } finally {
    key.fill(0);
  }
  if (verifier.signing.releaseSigner() === null) await turnKeys(verifier);
  return viewDiskKeys(verifier, vm);
}

/**
 * By the quorum: what it opened nobody opens any more without the file that it was made with.
 * @throws AppError VM_UNKNOWN, DISK_KEY_UNKNOWN, QUORUM_WAITING
 */
export async function removeDiskKey(
  verifier: Verifier,
  by: ApiToken,
  vm: string,
  { disk }: DiskKeyRemoval,
): Promise<DiskKeyList> {
  const now = verifier.clock.now();
  await byQuorum(verifier, async (on) => {
    const record = await requireVm(on, vm);
    const before = await storedFingerprint(verifier, on, { vm, disk });
    if (before === null) throw refusal('DISK_KEY_UNKNOWN', { detail: `${record.name}: ${disk}` });
    const loosening = { action: 'disk-key.remove', subject: record.name, detail: `disk ${disk}` };
    const content = { vm, disk, before };
    const waiting = await takeQuorum(on, by, { ...loosening, content }, now);
    if (waiting !== null) return waiting;
    await deleteDiskKey(on, vm, disk);
    const line = { actor: auditActor(by), action: 'disk-key.remove', subject: vm };
    await appendAudit(on, { ...line, detail: `${record.name}: disk ${disk}` }, now);
    return null;
  });
  return viewDiskKeys(verifier, vm);
}

/** Of the key that is there; null where there is none. One that does not open is another than any. */
async function storedFingerprint(
  { diskKeys }: Verifier,
  on: Queryable,
  of: { readonly vm: string; readonly disk: DiskName },
): Promise<string | null> {
  const found = (await diskKeysOf(on, [of.vm])).find(({ disk }) => disk === of.disk);
  if (found === undefined) return null;
  let key: Buffer | null = null;
  try {
    key = diskKeys.open(found.sealed, of);
    return diskKeys.fingerprint(key, of);
  } catch {
    return 'unreadable';
  } finally {
    key?.fill(0);
  }
}

async function requireVm(on: Queryable, uuid: string): Promise<Vm> {
  const vm = await lockVm(on, uuid);
  if (vm === null) throw refusal('VM_UNKNOWN', { detail: uuid });
  return vm;
}

async function requireSealed(on: Queryable, uuid: string, disk: DiskName): Promise<Vm> {
  const vm = await requireVm(on, uuid);
  const sealed = vm.disks?.some(({ name, kind }) => name === disk && kind === 'sealed') === true;
  if (!sealed) throw refusal('DISK_NOT_SEALED', { detail: `${vm.name}: ${disk}` });
  return vm;
}

function requireFit(key: Uint8Array): void {
  const fits = key.length >= MIN_KEY_BYTES && isText(key);
  if (!fits) throw refusal('DISK_KEY_UNFIT', { detail: `${key.length} bytes` });
}

function isText(bytes: Uint8Array): boolean {
  try {
    return !new TextDecoder('utf-8', { fatal: true }).decode(bytes).includes('\0');
  } catch {
    return false;
  }
}
