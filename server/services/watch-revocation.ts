import { AppError } from '@touchstone/transport';
import { raiseAlert } from '../store/alerts.ts';
import { firstNextUpdate } from '../store/revocation-lists.ts';
import type { Verifier } from './verifier.ts';

/** A CA that is started anew, or a connection that is lost, is no news. */
const FAILING_MS = 60_000;
const SUBJECT = "the CA's revocation lists";

type Watcher = Pick<Verifier, 'database' | 'clock' | 'settings' | 'log' | 'revocation'>;

/**
 * Tells people what becomes of the polls of revocation lists: each kind of failure once until it is over. What was
 * refused is told at once (CRL_OLDER and the like); that none come, after a minute; and that one is overdue, with the
 * time from which on hosts are refused.
 */
export function watchRevocation({ database, clock, settings, log, revocation }: Watcher) {
  const told = new Set<string>();
  let saidNone = false;
  let failingSinceMs: number | undefined;

  const tell = async (code: string, detail: string) => {
    if (told.has(code)) return;
    await raiseAlert(database, { code, subject: SUBJECT, detail }, clock.now());
    told.add(code);
    log.warn({ code, detail }, SUBJECT);
  };

  const tellFailure = async (failure: unknown) => {
    failingSinceMs ??= performance.now();
    const refused = failure instanceof AppError && failure.code.startsWith('CRL_');
    if (refused) return tell(failure.code, failure.detail ?? failure.message);
    if (performance.now() - failingSinceMs < FAILING_MS) return;
    await tell('CRL_NOT_FETCHED', failure instanceof Error ? failure.message : 'unknown');
  };

  const tellStale = async () => {
    const first = await firstNextUpdate(database);
    if (first === null || first >= clock.now()) {
      told.delete('CRL_STALE');
      return;
    }
    const until = new Date(first.getTime() + settings.crlGraceSeconds * 1_000);
    await tell(
      'CRL_STALE',
      `the first was due ${first.toISOString()}; it counts until ${until.toISOString()}, and hosts of it are refused then`,
    );
  };

  const sayNone = () => {
    if (saidNone || revocation.known() !== undefined) return;
    saidNone = true;
    log.warn('the CA gives no revocation lists: its version is older than the server’s');
  };

  return async (failure: unknown): Promise<void> => {
    try {
      if (failure === undefined) {
        failingSinceMs = undefined;
        sayNone();
        for (const code of [...told]) if (code !== 'CRL_STALE') told.delete(code);
      } else {
        await tellFailure(failure);
      }
      await tellStale();
    } catch (error) {
      log.error({ err: error }, 'nobody was told of the revocation lists');
    }
  };
}
