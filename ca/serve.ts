import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { createEdge, listenTls } from '@touchstone/transport';
import { caError } from './ca-error.ts';
import type { CaConfig } from './config.ts';
import type { CaContext } from './enroll.ts';
import { keepForgetting } from './forget.ts';
import { caRouter, type Limits } from './http/router.ts';
import { heldAuthority } from './issuance/index.ts';
import { loadReporter } from './reporter.ts';
import { keepLists, type ListTimes } from './revocation/index.ts';
import { keepRotating } from './rotation/index.ts';
import { loadRoots } from './roots.ts';
import { activeIssuer, checkSchemaVersion, configureReporter, openPool } from './store/index.ts';
import { tpmRootsOf } from './tpm-roots/index.ts';

/** A host enrols in two requests, once. */
const DEFAULT_LIMITS: Limits = {
  perAddress: { burst: 40, perSecond: 2 },
  total: { burst: 1_000, perSecond: 100 },
};

const DEFAULT_LISTS: ListTimes = { everySeconds: 3_600, validSeconds: 86_400 };

export type Serving = { readonly port: number; close(): Promise<void> };

/** With the rights of the role `ca`. Throws before anything listens if a part is not as it has to be. */
export async function serve(config: CaConfig, log: Logger): Promise<Serving> {
  const issuance = await heldAuthority(config.stateDir);
  const roots = await loadRoots(config.roots);
  const { reporterKeyFile } = config;
  const reporter = reporterKeyFile === undefined ? undefined : await loadReporter(reporterKeyFile);
  const key = await readFile(config.tls.keyFile, 'utf8');
  const cert = await readFile(config.tls.certFile, 'utf8');
  const pool = await openPool(config.database, (err) => log.error({ err }, 'database connection'));
  try {
    await checkSchemaVersion(pool);
    const tpmRoots = tpmRootsOf(pool, roots);
    const issuer = await activeIssuer(pool);
    if (reporter !== undefined) await configureReporter(pool, reporter);
    if (issuer === undefined) throw caError('STATE_INCOMPLETE', 503, { detail: 'no issuing CA' });
    const { publicUrl, revocationLists: lists = DEFAULT_LISTS } = config;
    const context: CaContext = { pool, issuance, tpmRoots, publicUrl, lists, custody: 'file', log };
    const router = caRouter(context, config.limits ?? DEFAULT_LIMITS);
    const app = createEdge({ log });
    app.use(router.routes());
    app.use(router.allowedMethods());
    const listening = await listenTls(app, { ...config.listen, key, cert });
    const stop = new AbortController();
    const kept = [
      keepForgetting(pool, log, stop.signal),
      keepLists(context, stop.signal),
      keepRotating({ pool, issuance, log }, stop.signal),
    ];
    log.info({ port: listening.port, issuer: issuer.keyId }, 'serving');
    return {
      port: listening.port,
      close: async () => {
        stop.abort();
        await listening.close();
        await Promise.all(kept);
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}
