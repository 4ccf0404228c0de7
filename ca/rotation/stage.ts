import { caError } from '../ca-error.ts';
import type { KeyRole } from '../issuance/index.ts';
import {
  type Authority,
  changeState,
  inTransaction,
  insertAuthority,
  insertCross,
  listAuthorities,
  raiseEpoch,
  readEpoch,
  recordNewKeys,
  type RotationRecord,
} from '../store/index.ts';
import { refuseAllOthers } from './compromise.ts';
import { type RotationContext, transition } from './transition.ts';

/**
 * Makes the keys, under labels of this rotation's own, and their certificates; with a new root, cross-certificates both
 * ways, but none that a compromised key would vouch by, and none that makes agents believe the real root because of a
 * throw-away one. Done twice it is done once: a label has one key, and a key that has a certificate keeps it.
 */
async function stageKeys(
  context: RotationContext,
  rotation: RotationRecord,
): Promise<{ readonly root: string; readonly issuing: string }> {
  const { issuance, pool } = context;
  const { now } = await readEpoch(pool);
  const key = (role: KeyRole) => issuance.makeKey(`${rotation.id}/${role}`, role);
  const held = async (keyId: string) =>
    (await listAuthorities(pool)).find((authority) => authority.keyId === keyId);
  const store = async (made: Pick<Authority, 'keyId' | 'role' | 'certificate' | 'signedBy'>) => {
    const row = { ...made, state: 'staged', rotationId: rotation.id } as const;
    await inTransaction(pool, (client) => insertAuthority(client, row));
    return required(await held(made.keyId));
  };

  const oldRoot = required(await held(rotation.oldRoot));
  let root = oldRoot;
  if (rotation.kind === 'root') {
    const { keyId } = await key('root');
    root =
      (await held(keyId)) ??
      (await store({
        ...{ keyId, role: 'root', signedBy: keyId },
        certificate: await issuance.signRoot({ keyId, now }),
      }));
  }
  const { keyId } = await key('issuing');
  const issuing =
    (await held(keyId)) ??
    (await store({
      ...{ keyId, role: 'issuing', signedBy: root.keyId },
      certificate: await issuance.signIssuing({ root: root.certificate, keyId, now }),
    }));

  for (const [subject, by] of crossesOf(rotation, { oldRoot, root })) {
    const certificate = await issuance.signCross({
      ...{ subject: subject.certificate, by: by.certificate, now },
    });
    await insertCross(pool, rotation.id, { subject: subject.keyId, by: by.keyId, certificate });
  }
  return { root: root.keyId, issuing: issuing.keyId };
}

/** What is signed by what. */
function crossesOf(
  { kind, mode }: RotationRecord,
  { oldRoot, root }: { readonly oldRoot: Authority; readonly root: Authority },
): readonly (readonly [Authority, Authority])[] {
  if (kind === 'issuing' || mode === 'compromise') return [];
  const newWithOld = [root, oldRoot] as const;
  return mode === 'rehearsal' ? [newWithOld] : [newWithOld, [oldRoot, root]];
}

const required = (authority: Authority | undefined): Authority => {
  if (authority === undefined) throw caError('STATE_INCOMPLETE', 500, { detail: 'an authority' });
  return authority;
};

/**
 * Everybody is told of the new ones, which issue nothing yet. Where the old ones are compromised nobody is asked: the new
 * ones are active and every other is refused, in one transaction.
 */
export async function leaveStage(
  context: RotationContext,
  rotation: RotationRecord,
): Promise<void> {
  const made = await stageKeys(context, rotation);
  const keyIds = rotation.kind === 'root' ? [made.root, made.issuing] : [made.issuing];
  const compromised = rotation.mode === 'compromise';
  const to = compromised ? 'switch' : 'distribute';
  await transition(context, rotation, to, async (client) => {
    await recordNewKeys(client, rotation.id, made);
    if (compromised) await refuseAllOthers(client, rotation.kind, keyIds);
    await changeState(client, { keyIds, to: compromised ? 'active' : 'verify-only' });
    await raiseEpoch(client);
  });
}
