import type { Connection, Send } from './connection.ts';
import { structure, sized } from './structures.ts';
import { TpmError } from './tpm-error.ts';

/** Part 2, 7.4 and TSS 2.0 ESAPI, 4.2: names that ESYS has for what needs no metadata. */
export const ESYS_TR_NONE = 0xfff;
const ESYS_TR_PASSWORD = 0x0ff;
export const ESYS_TR_RH_OWNER = 0x101;
export const ESYS_TR_RH_NULL = 0x107;
export const ESYS_TR_RH_ENDORSEMENT = 0x10b;

/** No session at all; and a password session for the first handle, its auth being what ESYS holds. */
export const NO_SESSIONS = [ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE] as const;
export const PASSWORD = [ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE] as const;

/** TPMA_SESSION: Part 2, 8.4. */
const CONTINUE_SESSION = 0x01;
const ENCRYPT = 0x40;
const DECRYPT_ENCRYPT = 0x20 | ENCRYPT;
const EVERY_ATTRIBUTE = 0xff;

/** A key that the TPM holds. It belongs to the Tpm that gave it, until it is flushed. */
export interface TpmObject {
  /** TPM_HANDLE, e.g. 0x81010001. */
  readonly handle: number;
}

/** An authorization session. It belongs to the Tpm that gave it, until it is flushed. */
export interface TpmSession {
  readonly kind: 'hmac' | 'policy';
  /** Only then can somebody on the bus not read what it encrypts. */
  readonly salted: boolean;
}

/** What the TPM holds for one context, by ESYS_TR. */
export class Resources {
  readonly connection: Connection;
  readonly #objects = new Map<TpmObject, number>();
  readonly #sessions = new Map<TpmSession, number>();

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** `cell`: an ESYS_TR that a command has just filled. */
  addObject(command: string, cell: Buffer): TpmObject {
    const tr = cell.readUInt32LE();
    const object = Object.freeze({ handle: this.#handleOf(command, tr) });
    this.#objects.set(object, tr);
    return object;
  }

  addSession(cell: Buffer, kind: TpmSession['kind'], salted: boolean): TpmSession {
    const session = Object.freeze({ kind, salted });
    this.#sessions.set(session, cell.readUInt32LE());
    return session;
  }

  /** TPM_HANDLEs of the objects and sessions that are held here. Within a job only. */
  heldHandles(): Set<number> {
    const objects = [...this.#objects.keys()].map(({ handle }) => handle);
    const sessions = [...this.#sessions.values()].map((tr) => this.#handleOf('flush', tr));
    return new Set([...objects, ...sessions]);
  }

  #handleOf(command: string, tr: number): number {
    const handle = Buffer.alloc(4);
    this.connection.local(command, 'Esys_TR_GetTpmHandle', tr, handle);
    return handle.readUInt32LE();
  }

  objectTr(command: string, object: TpmObject): number {
    return known(command, this.#objects.get(object));
  }

  sessionTr(command: string, session: TpmSession): number {
    return known(command, this.#sessions.get(session));
  }

  /** Right before the command, in its job: ESYS uses it for the object's authorizations from now on. */
  setAuth(command: string, object: TpmObject, auth: Uint8Array): void {
    const value = structure('TPM2B_AUTH', sized(auth), command);
    try {
      this.connection.local(command, 'Esys_TR_SetAuth', this.objectTr(command, object), value);
    } finally {
      value.fill(0);
    }
  }

  /**
   * The ESYS_TRs of a command's sessions. One of them, a salted one if there is any, is told to encrypt the
   * first parameter both ways (Part 1, 21): a second one with the attribute would be an error.
   */
  withEncryption(command: string, sessions: readonly TpmSession[]): [number, number, number] {
    const encrypting =
      sessions.find((session) => session.salted && session.kind === 'hmac') ??
      sessions.find((session) => session.salted) ??
      sessions.find((session) => session.kind === 'hmac');
    const trs = sessions.map((session) => {
      const tr = this.sessionTr(command, session);
      const flags = CONTINUE_SESSION | (session === encrypting ? DECRYPT_ENCRYPT : 0);
      this.connection.local(command, 'Esys_TRSess_SetAttributes', tr, flags, EVERY_ATTRIBUTE);
      return tr;
    });
    return [trs[0] ?? ESYS_TR_NONE, trs[1] ?? ESYS_TR_NONE, trs[2] ?? ESYS_TR_NONE];
  }

  /** For a command without a parameter that could be encrypted: its answer is, by this session or not at all. */
  withEncryptedResponse(command: string, session: TpmSession): number {
    if (!session.salted) {
      throw new TpmError('TPM_MISUSE', command, 'the answer would go over the bus in the clear');
    }
    const tr = this.sessionTr(command, session);
    const flags = CONTINUE_SESSION | ENCRYPT;
    this.connection.local(command, 'Esys_TRSess_SetAttributes', tr, flags, EVERY_ATTRIBUTE);
    return tr;
  }

  flush(item: TpmObject | TpmSession): Promise<void> {
    const command = 'TPM2_FlushContext';
    return this.connection.run(command, async (send) => {
      if ('handle' in item) await this.#flushObject(send, item, this.objectTr(command, item));
      else await this.#flushSession(send, item, this.sessionTr(command, item));
    });
  }

  async flushAll(send: Send): Promise<void> {
    for (const [session, tr] of this.#sessions) await this.#flushSession(send, session, tr);
    for (const [object, tr] of this.#objects) await this.#flushObject(send, object, tr);
  }

  async #flushObject(send: Send, object: TpmObject, tr: number): Promise<void> {
    if (isTransient(object.handle)) {
      await send('Esys_FlushContext', tr);
    } else {
      const cell = Buffer.alloc(4);
      cell.writeUInt32LE(tr);
      this.connection.local('flush', 'Esys_TR_Close', cell);
    }
    this.#objects.delete(object);
  }

  async #flushSession(send: Send, session: TpmSession, tr: number): Promise<void> {
    await send('Esys_FlushContext', tr);
    this.#sessions.delete(session);
  }
}

/** TPM_HT_TRANSIENT: Part 2, 7.2. Persistent objects stay in the TPM; ESYS only forgets them. */
function isTransient(handle: number): boolean {
  return handle >>> 24 === 0x80;
}

function known(command: string, tr: number | undefined): number {
  if (tr !== undefined) return tr;
  throw new TpmError('TPM_MISUSE', command, 'flushed already, or of another Tpm');
}
