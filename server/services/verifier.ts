import type { Logger } from 'pino';
import type { Selection } from '@touchstone/schemas';
import type { ActivePolicy } from '../store/active-policy.ts';
import type { Database } from '../store/database.ts';
import type { AskToRenew } from './ask-to-renew.ts';
import type { Appraiser } from './appraiser.ts';
import type { WindowCounter } from './count-for-windows.ts';
import type { ChallengeKeys } from './challenge-keys.ts';
import type { DatabaseClock } from './database-clock.ts';
import type { Host } from '../store/host.ts';
import type { PreviewTurns } from './preview-turns.ts';
import type { IssuerList } from './issuers.ts';
import type { Identity } from './known-identities.ts';
import type { DiskKeySealer } from './sealed-disk-key.ts';
import type { KeySealer } from './sealed-key.ts';
import type { RevocationLists } from './revocation-lists.ts';
import type { SigningKey } from './signing-key.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { TrustBundles } from './trust-bundles.ts';

/** The parts that main wires; every service works on these. */
export type Verifier = {
  readonly database: Database;
  readonly clock: DatabaseClock;
  readonly issuers: IssuerList;
  readonly revocation: RevocationLists;
  readonly challengeKeysAt: (now: Date) => ChallengeKeys;
  readonly bundles: TrustBundles;
  readonly appraiser: Appraiser;
  /** For previews alone: they keep no attestation waiting, and judge what many hosts show once. */
  readonly previewer: Pick<Appraiser, 'appraise'>;
  readonly previews: PreviewTurns;
  readonly policy: ActivePolicy;
  readonly windows: WindowCounter;
  readonly identityOf: (host: Host) => Identity;
  readonly askToRenew: AskToRenew;
  readonly limitStranger: (host: Host) => void;
  readonly signing: SigningKeys;
  readonly sealer: KeySealer;
  readonly diskKeys: DiskKeySealer;
  readonly bundleKey: SigningKey;
  /** Of `signing`: the ones that sign now. */
  readonly resultKey: SigningKey;
  readonly permitKey: SigningKey;
  readonly settings: {
    readonly publicUrl: string;
    readonly ca: { readonly url: string; readonly pin: string };
    /** What every quote has to cover, exactly. */
    readonly selection: Selection;
    /** Of those, what has to be as it was attested for a disk key to be released. Empty: none is. */
    readonly releasePcrs: Selection;
    readonly intervalSeconds: number;
    /** For so long a revocation list counts after a newer one was due. */
    readonly crlGraceSeconds: number;
    /** A key signs results or permits for so long, and then another does. */
    readonly signingKeyDays: number;
    /** The largest body that carries evidence. */
    readonly maxEvidenceBytes: number;
    readonly build: string;
    /** The life of the certificate that this process serves with. */
    readonly tlsCertificate: { readonly since: Date; readonly endsAt: Date };
  };
  readonly log: Logger;
};

/**
 * Who an operator call comes from, for the audit log and for what names its author. `person` is whose token it is.
 */
export type Actor = { readonly id: string; readonly name: string; readonly person: string };

export const auditActor = ({ name, id }: Actor): string => `${name}/${id}`;
