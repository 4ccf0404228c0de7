import { createHash } from 'node:crypto';
import type { RotationStart } from '@touchstone/schemas';
import pg from 'pg';
import { goOnByItself } from '../../rotation/go-on.ts';
import { type RotationContext, startRotation, takeBackRotation } from '../../rotation/index.ts';
import { oneAtATime } from '../../rotation/one-at-a-time.ts';
import { listAuthorities, openRotations } from '../../store/index.ts';
import type { RotatingCa } from './rotating-ca.ts';

/** What a process of the CA does in its life: start it, or take it back, or go on with what there is. */
export type Errand =
  | { readonly do: 'start'; readonly asked: RotationStart }
  | { readonly do: 'take-back'; readonly id: string }
  | { readonly do: 'go-on' };

/** What changes nothing leaves nothing half done. */
const READS = /^\s*(SELECT|BEGIN)\b/iu;
const CHANGING = ['makeKey', 'destroyKey', 'signRoot', 'signIssuing', 'signCross'] as const;

/**
 * A process of the CA that dies just before its `nth` change: a statement that is no SELECT, or a call of the issuance.
 * `die` does not come back; where it cannot end the process, nothing of it is heard of any more, and its connections are
 * cut. `true` if it died, `false` if it did all that it could.
 */
export async function liveUntil(
  ca: Pick<RotatingCa, 'login' | 'context'>,
  errand: Errand,
  { nth, die }: { readonly nth: number; readonly die?: () => void },
): Promise<boolean> {
  let changes = 0;
  let dead = false;
  const clients = new Set<pg.Client>();
  let died: () => void = () => {};
  const death = new Promise<true>((resolve) => {
    died = () => resolve(true);
  });
  /** Before each change: from the one on at which it dies, nothing happens and nothing returns. */
  const goesOn = (): boolean => {
    changes += 1;
    if (!dead && changes === nth) {
      die?.();
      dead = true;
      for (const client of clients) cut(client);
      died();
    }
    return !dead;
  };

  class MortalClient extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      clients.add(this);
      this.on('error', () => {});
      // One that was connecting when the end came.
      this.on('connect', () => dead && cut(this));
    }

    override connect = ((...given: []) =>
      dead ? new Promise(() => {}) : super.connect(...given)) as pg.Client['connect'];

    override query = ((...given: Parameters<pg.Client['query']>) => {
      const [text] = given as unknown as [string];
      if (dead || (!READS.test(text) && !goesOn())) return new Promise(() => {});
      return super.query(...given);
    }) as pg.Client['query'];
  }
  const { host, port, database, user, password } = ca.login;
  const pool = new pg.Pool({
    ...{ host, port, database, user, password, max: 4, Client: MortalClient },
  });
  pool.on('error', () => {});

  const issuance = { ...ca.context.issuance };
  for (const name of CHANGING) {
    const real = issuance[name] as (asked: unknown, role: unknown) => Promise<unknown>;
    Object.assign(issuance, {
      [name]: (asked: unknown, role: unknown) =>
        goesOn() ? real(asked, role) : new Promise(() => {}),
    });
  }
  const context: RotationContext = { pool, issuance, log: ca.context.log };
  const life = run(context, errand).then(() => false);
  life.catch(() => {});
  const ended = await Promise.race([life, death]);
  if (!ended) await pool.end();
  return ended;
}

async function run(context: RotationContext, errand: Errand): Promise<void> {
  if (errand.do === 'start') await startRotation(context, errand.asked);
  if (errand.do === 'take-back') await takeBackRotation(context, errand.id);
  if (errand.do === 'go-on') await oneAtATime(context.pool, () => goOnByItself(context));
}

/** As the kernel does it with the sockets of a process that is gone. */
function cut(client: pg.Client): void {
  const { connection } = client as unknown as {
    connection: { stream: { destroy(): void } };
  };
  connection.stream.destroy();
}

/** Of all that a rotation changes: the same text for the same state. */
export async function stateOf({ pool, context }: RotatingCa): Promise<string> {
  const authorities = (await listAuthorities(pool)).map(({ keyId, state }) => [keyId, state]);
  const open = (await openRotations(pool)).map(({ id, phase }) => [id, phase]);
  const { rows } = await pool.query(
    `SELECT encode(subject_key_id, 'hex') AS subject, encode(by_key_id, 'hex') AS by, withdrawn_at
       FROM cross_certificates ORDER BY 1, 2`,
  );
  const keys = (await context.issuance.keys()).map(({ keyId }) => keyId).toSorted();
  const all = JSON.stringify([authorities, open, rows, keys]);
  return createHash('sha256').update(all).digest('hex');
}
