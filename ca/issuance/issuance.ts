import type { AssuranceClass, TpmDescription } from '@touchstone/endorsement';

/** `root`: an anchor of agents. `issuing`: signs AK certificates and their revocation lists. */
export type KeyRole = 'root' | 'issuing';

/** A key in custody. `label` is who asked for it, and asking again under one label gives the same key. */
export type HeldKey = {
  readonly keyId: string;
  readonly role: KeyRole;
  readonly label: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
};

/** What the CA found out itself about an AK that was activated. Nothing in it is the host's word. */
export type AkSubject = {
  /** TPMT_PUBLIC */
  readonly akPublic: Uint8Array;
  readonly akQualifiedName: Uint8Array;
  readonly class: AssuranceClass;
  readonly ekRef: Uint8Array;
  /** Its maker, and what is known against it. */
  readonly tpm?: TpmDescription;
};

/** One certificate that is believed no more: RFC 5280, 5.3. */
export type RevokedCertificate = {
  readonly serial: Uint8Array;
  readonly at: Date;
  readonly reason: 'unspecified' | 'keyCompromise' | 'cessationOfOperation' | 'superseded';
};

/**
 * All that the CA's keys are used for. There is no way to have other bytes signed: each structure is made here, from
 * its fields. It runs as a process of its own that has no network and no database; whoever asks passes the time, and
 * is refused if that is far from this process's own. Certificates are DER.
 */
export type Issuance = {
  makeKey(label: string, role: KeyRole): Promise<HeldKey>;
  keys(): Promise<readonly HeldKey[]>;
  /** One that is not there is gone already, unless it may lie where this process cannot look: ROOT_KEY_LOCKED. */
  destroyKey(keyId: string, role: KeyRole): Promise<void>;
  /** Self-signed. */
  signRoot(asked: { readonly keyId: string; readonly now: Date }): Promise<Uint8Array>;
  signIssuing(asked: {
    readonly root: Uint8Array;
    readonly keyId: string;
    readonly now: Date;
  }): Promise<Uint8Array>;
  /** A cross-certificate: the name and key of the root `subject`, signed by the root `by`. */
  signCross(asked: {
    readonly subject: Uint8Array;
    readonly by: Uint8Array;
    readonly now: Date;
  }): Promise<Uint8Array>;
  /** Of seven days, and of no more than its issuer has left. */
  signAk(asked: {
    readonly issuer: Uint8Array;
    readonly ak: AkSubject;
    /** Where the revocation list is that this certificate would stand in. */
    readonly crlUrl?: string;
    readonly now: Date;
  }): Promise<{ readonly der: Uint8Array; readonly serial: Uint8Array }>;
  signCrl(asked: {
    readonly issuer: Uint8Array;
    /** The issuing distribution point; absent: for certificates that name none. */
    readonly url?: string;
    readonly number: bigint;
    readonly thisUpdate: Date;
    readonly nextUpdate: Date;
    readonly revoked: readonly RevokedCertificate[];
  }): Promise<Uint8Array>;
  /** For a key (SubjectPublicKeyInfo, EC P-256) that is to sign trust bundles where the one before is lost. */
  signBundleKey(asked: {
    readonly root: Uint8Array;
    readonly spki: Uint8Array;
    readonly now: Date;
  }): Promise<Uint8Array>;
  /** HMAC-SHA-256 under a secret that no rotation touches: DESIGN 4, Enrol 3. */
  ekRef(ekName: Uint8Array): Promise<Uint8Array>;
};
