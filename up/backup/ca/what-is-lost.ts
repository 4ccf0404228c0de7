import type pg from 'pg';
import { readCaStanding } from './manifest.ts';
import type { CaManifest } from './manifest.ts';

/** What the server, or the CA that is to be replaced, knows beyond a backup. */
export type Seen = {
  /** The highest epoch of the CA's bundle that is known to have been seen; null where nobody here knows. */
  readonly epoch: number | null;
  /** Issuers of the CA that the backup does not know. */
  readonly later: readonly string[];
  /** Issuers that are believed no more, and that the backup would have believed again. */
  readonly refused: readonly string[];
};

type Issuers = readonly { readonly keyId: string; readonly state: string }[];

/** `server`: its database, where it is at hand; `present`: that of the CA which is there now. */
export async function whatWasSeen(
  manifest: CaManifest,
  { server, present }: { readonly server: pg.Client | null; readonly present: pg.Client | null },
  told: number | null,
): Promise<Seen> {
  const known = [...(server === null ? [] : [await ofServer(server)])];
  if (present !== null) {
    // A CA that is half there tells nothing, and is replaced for that.
    const standing = await readCaStanding(present).catch(() => null);
    if (standing !== null) known.push({ epoch: standing.epoch, issuers: standing.authorities });
  }
  const epochs = [...known.map(({ epoch }) => epoch), ...(told === null ? [] : [told])];
  const issuers = known.flatMap((each) => each.issuers);
  const inBackup = new Map(manifest.authorities.map(({ keyId, state }) => [keyId, state]));
  const gone = (state: string | undefined) => state === 'refused' || state === 'destroyed';
  const unique = (ids: readonly string[]) => [...new Set(ids)].toSorted();
  return {
    epoch: epochs.length === 0 ? null : Math.max(...epochs),
    later: unique(issuers.filter(({ keyId }) => !inBackup.has(keyId)).map(({ keyId }) => keyId)),
    refused: unique(
      issuers
        .filter(({ keyId, state }) => {
          return gone(state) && inBackup.has(keyId) && !gone(inBackup.get(keyId));
        })
        .map(({ keyId }) => keyId),
    ),
  };
}

async function ofServer(server: pg.Client): Promise<{ epoch: number; issuers: Issuers }> {
  const { rows } = await server.query<{ epoch: string; document: { issuers: Issuers } }>(
    'SELECT epoch::text, document FROM ca_bundle',
  );
  const [row] = rows;
  return row === undefined
    ? { epoch: 0, issuers: [] }
    : { epoch: Number(row.epoch), issuers: row.document.issuers };
}

/** Whether going on from this backup takes something back. */
export const isOlder = ({ epoch }: Pick<CaManifest, 'epoch'>, seen: Seen): boolean =>
  seen.epoch !== null && seen.epoch > epoch;

/** In words. */
export function lossText({ epoch, createdAt }: CaManifest, seen: Seen): string[] {
  const [later, refused] = [seen.later.join(', '), seen.refused.join(', ')];
  return [
    `the backup has epoch ${epoch} of ${createdAt}; epoch ${seen.epoch ?? 'unknown'} was seen`,
    ...(later === ''
      ? []
      : [`keys made since are gone: what ${later} has signed ends, and its hosts renew`]),
    ...(refused === ''
      ? []
      : [
          `keys given up since would be believed again: ${refused}; start a rotation at once, with --compromise if they were stolen`,
        ]),
    'TPMs revoked, pinned or taken out of service since, roots and operators of the CA: as they were then',
  ];
}
