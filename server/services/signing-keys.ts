import type { KeyObject } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { KeyUse, SigningJwk, TrustBundle } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import type { Queryable } from '../store/database.ts';
import { type ServerKey, serverKeys } from '../store/server-keys.ts';
import type { KeySealer } from './sealed-key.ts';
import { type SigningKey, signingKeyOf, type TokenType } from './signing-key.ts';

/** How often each replica looks which keys there are. */
export const KEYS_READ_EVERY_MS = 10_000;
/** A replica that could not look for so long signs nothing: its key may be withdrawn by now. */
export const KEYS_HOLD_MS = 300_000;

/** The uses that a server cannot do without. */
type NeededUse = Exclude<KeyUse, 'release'>;

/** What signs for a TPM, and no token: services/release-key.ts. */
export type ReleaseSigner = { readonly kid: string; readonly privateKey: KeyObject };

const TYPES = {
  result: 'touchstone-result+jwt',
  permit: 'touchstone-permit+jwt',
} as const satisfies Record<NeededUse, TokenType>;

/** What a permit key signs besides permits: schemas/mandates.ts. */
const MANDATE_TYPES = {
  licence: 'touchstone-licence+jwt',
  orders: 'touchstone-orders+jwt',
  observe: 'touchstone-observe+jwt',
} as const satisfies Record<string, TokenType>;

export type MandateKeys = Readonly<Record<keyof typeof MANDATE_TYPES, SigningKey>>;

/** Keys by which this server's reports to the CA are signed. `next`: it will be one. */
export type Reporters = {
  readonly active: SigningKey;
  readonly retired: readonly SigningKey[];
  readonly next: SigningJwk | undefined;
};

/** The keys that sign results and permits, as the database has them: the same at every replica. */
export type SigningKeys = {
  /** @throws AppError SERVER_KEYS_STALE on signing, when this replica has not looked for long */
  readonly resultKey: SigningKey;
  readonly permitKey: SigningKey;
  /** The permit key, each for one kind of mandate. */
  readonly mandateKeys: MandateKeys;
  /** Null where this deployment has none yet. @throws AppError SERVER_KEYS_STALE */
  releaseSigner(): ReleaseSigner | null;
  readonly reporters: Reporters;
  /** What a trust bundle has to carry, in an order that stays. */
  published(): TrustBundle['keys'];
  read(): Promise<void>;
};

type Held = {
  readonly byUse: Readonly<Record<NeededUse, SigningKey>>;
  readonly mandates: MandateKeys;
  readonly release: ReleaseSigner | null;
  readonly reporters: Reporters;
  readonly published: TrustBundle['keys'];
  readonly readAt: number;
};

/** @throws AppError SERVER_KEYS_MISSING, SERVER_KEY_UNREADABLE */
export async function openSigningKeys(
  database: Queryable,
  sealer: KeySealer,
  elapsedMs: () => number = () => performance.now(),
): Promise<SigningKeys> {
  const opened = new Map<string, SigningKey>();
  let release: ReleaseSigner | null = null;
  const open = async (key: ServerKey, typ: TokenType): Promise<SigningKey> => {
    const { use, kid, sealed } = key;
    const known = opened.get(`${typ} ${kid}`);
    if (known !== undefined) return known;
    if (sealed === null) throw refusal('SERVER_KEY_UNREADABLE', { detail: `${use} key ${kid}` });
    const made = await signingKeyOf(sealer.open(sealed, { use, kid }), typ);
    opened.set(`${typ} ${kid}`, made);
    return made;
  };
  const releaseOf = (key: ServerKey | undefined): ReleaseSigner | null => {
    if (key === undefined || key.sealed === null) return null;
    if (release?.kid !== key.kid) {
      release = { kid: key.kid, privateKey: sealer.open(key.sealed, key) };
    }
    return release;
  };
  const look = async (): Promise<Held> => {
    const readAt = elapsedMs();
    const keys = (await serverKeys(database)).filter(({ state }) => state !== 'withdrawn');
    const active = (use: NeededUse): ServerKey => {
      const key = keys.find((each) => each.use === use && each.state === 'active');
      if (key === undefined) throw refusal('SERVER_KEYS_MISSING', { detail: `no ${use} key` });
      return key;
    };
    const asReporter = (key: ServerKey) => open(key, 'touchstone-ca-progress+jwt');
    const results = keys.filter(({ use }) => use === 'result');
    return {
      byUse: {
        result: await open(active('result'), TYPES.result),
        permit: await open(active('permit'), TYPES.permit),
      },
      mandates: {
        licence: await open(active('permit'), MANDATE_TYPES.licence),
        orders: await open(active('permit'), MANDATE_TYPES.orders),
        observe: await open(active('permit'), MANDATE_TYPES.observe),
      },
      release: releaseOf(keys.find(({ use, state }) => use === 'release' && state === 'active')),
      reporters: {
        active: await asReporter(active('result')),
        retired: await Promise.all(
          results.filter(({ state }) => state === 'retired').map(asReporter),
        ),
        next: results.find(({ state }) => state === 'next')?.jwk,
      },
      published: keys.map(({ use, jwk }) => ({ use, jwk })),
      readAt,
    };
  };

  let held = await look();
  const lookedLately = (): Held => {
    if (elapsedMs() - held.readAt > KEYS_HOLD_MS) throw refusal('SERVER_KEYS_STALE');
    return held;
  };
  const keyOf = (choose: (of: Held) => SigningKey): SigningKey => ({
    get jwk() {
      return choose(held).jwk;
    },
    sign: (claims) => choose(lookedLately()).sign(claims),
  });
  return {
    resultKey: keyOf(({ byUse }) => byUse.result),
    permitKey: keyOf(({ byUse }) => byUse.permit),
    mandateKeys: {
      licence: keyOf(({ mandates }) => mandates.licence),
      orders: keyOf(({ mandates }) => mandates.orders),
      observe: keyOf(({ mandates }) => mandates.observe),
    },
    releaseSigner: () => lookedLately().release,
    get reporters() {
      return held.reporters;
    },
    published: () => held.published,
    async read() {
      held = await look();
    },
  };
}
