import type { RotationRecord } from '../store/index.ts';

export type RotationKeys = { readonly olds: readonly string[]; readonly news: readonly string[] };

/** The keys (hex) that change places: the root is among them only where it rotates. */
export function keysOf(rotation: RotationRecord): RotationKeys {
  const { kind, oldRoot, oldIssuing, newRoot, newIssuing } = rotation;
  const there = (keyId: string | null) => (keyId === null ? [] : [keyId]);
  return kind === 'root'
    ? { olds: [oldRoot, oldIssuing], news: [...there(newRoot), ...there(newIssuing)] }
    : { olds: [oldIssuing], news: there(newIssuing) };
}

/** The keys that go in the end: in a rehearsal, and when it is taken back, the new ones. */
export function goingOf(rotation: RotationRecord): readonly string[] {
  const { olds, news } = keysOf(rotation);
  return rotation.mode === 'rehearsal' || rotation.phase === 'rolling-back' ? news : olds;
}

/** Of these, the one that certificates are by. */
export function goingIssuer(rotation: RotationRecord): string | null {
  const { oldIssuing, newIssuing } = rotation;
  return rotation.mode === 'rehearsal' || rotation.phase === 'rolling-back'
    ? newIssuing
    : oldIssuing;
}
