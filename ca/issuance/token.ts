import type { Crypto } from 'node-webcrypto-p11';
import { CustodyError } from './custody-error.ts';

export type TokenOptions = {
  /** Path of the PKCS#11 library. */
  readonly library: string;
  /** The token's label. */
  readonly token: string;
  /** Of its user. */
  readonly pin: () => Promise<Uint8Array>;
};

/** Work in a session with a token; a session that was lost is opened anew, and the work tried once more. */
export type Token = {
  run<T>(work: (crypto: Crypto) => Promise<T>): Promise<T>;
  /** Before the process ends: a library that is not told so may fall over its own end. */
  close(): Promise<void>;
};

/** More slots than a library shows. */
const MAX_SLOTS = 64;
/** Login was refused: once more would bring the token nearer to locking itself. */
const LOGIN_REFUSED = ['CKR_PIN_INCORRECT', 'CKR_PIN_LOCKED', 'CKR_PIN_EXPIRED', 'CKR_PIN_INVALID'];

/**
 * A PKCS#11 token, reached when it is first needed.
 * @throws CustodyError TOKEN_SUPPORT_MISSING, TOKEN_NOT_FOUND, TOKEN_LOGIN_REFUSED, TOKEN_FAILED
 */
export function openToken({ library, token, pin }: TokenOptions): Token {
  let session: Promise<Crypto> | undefined;
  let refused: CustodyError | undefined;

  const open = async (): Promise<Crypto> => {
    const { Crypto: Provider } = await loadProvider();
    const slot = slotOf(Provider, library, token);
    const crypto = new Provider({ ...{ library, name: token, slot, readWrite: true } });
    const secret = await pin();
    try {
      crypto.login(Buffer.from(secret).toString('utf8'));
    } catch (cause) {
      if (nameOf(cause) === 'CKR_USER_ALREADY_LOGGED_IN') return crypto;
      if (!LOGIN_REFUSED.includes(nameOf(cause))) throw cause;
      refused = new CustodyError('TOKEN_LOGIN_REFUSED', `${token}: ${nameOf(cause)}`, cause);
      throw refused;
    }
    return crypto;
  };
  const attempt = async <T>(work: (crypto: Crypto) => Promise<T>): Promise<T> => {
    if (refused !== undefined) throw refused;
    session ??= open();
    try {
      return await work(await session);
    } catch (cause) {
      session = undefined;
      throw cause instanceof CustodyError
        ? cause
        : new CustodyError('TOKEN_FAILED', `${token}: ${nameOf(cause)}`, cause);
    }
  };

  return {
    run: async (work) => {
      try {
        return await attempt(work);
      } catch (error) {
        if (!(error instanceof CustodyError) || error.code !== 'TOKEN_FAILED') throw error;
        return attempt(work);
      }
    },
    close: async () => {
      const crypto = await session?.catch(() => undefined);
      session = undefined;
      try {
        crypto?.close();
      } catch {
        // A session that was lost is closed.
      }
    },
  };
}

/** An optional package with a part that is compiled at set-up: without it, no token, and nothing in its place. */
async function loadProvider() {
  try {
    return await import('node-webcrypto-p11');
  } catch (cause) {
    throw new CustodyError('TOKEN_SUPPORT_MISSING', 'node-webcrypto-p11', cause);
  }
}

type Provider = Awaited<ReturnType<typeof loadProvider>>['Crypto'];

/** Slots are numbered as a library finds them, and anew when tokens come and go: the label alone says which. */
function slotOf(Provider: Provider, library: string, token: string): number {
  let cause: unknown;
  for (let slot = 0; slot < MAX_SLOTS; slot += 1) {
    try {
      const crypto = new Provider({ ...{ library, name: token, slot } });
      // The standard pads a label with blanks to 32 characters.
      const isIt = crypto.slot.getToken().label.trimEnd() === token;
      crypto.close();
      if (isIt) return slot;
    } catch (error) {
      cause = error;
      // A slot whose token nobody has initialized is passed over; there is none behind the last.
      if (nameOf(error) !== 'CKR_TOKEN_NOT_RECOGNIZED') break;
    }
  }
  throw new CustodyError('TOKEN_NOT_FOUND', `${token} by ${library}`, cause);
}

/** PKCS#11's name for what happened: `CKR_...`; or the first line of what was said. */
function nameOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /CKR_[A-Z0-9_]+/.exec(message)?.[0] ?? message.split('\n')[0]?.slice(0, 200) ?? '';
}
