import type { Logger } from 'pino';
import { createEdge, listenTls, openTlsIdentity } from '@touchstone/transport';
import type { CaConfig } from './config.ts';
import type { CaContext } from './enroll.ts';
import { keepForgetting } from './forget.ts';
import { caRouter, type Limits } from './http/router.ts';
import { tlsPinsRouter } from './http/tls-pins.ts';
import { type OpenIssuance, openIssuance } from './issuance-client/index.ts';
import { requireHeld } from './issuer-held.ts';
import { loadReporter } from './reporter.ts';
import { keepLists, type ListTimes } from './revocation/index.ts';
import { keepRotating } from './rotation/index.ts';
import { loadRoots } from './roots.ts';
import { checkSchemaVersion, configureReporter, openPool } from './store/index.ts';
import { tpmRootsOf } from './tpm-roots/index.ts';

/** A host enrols in two requests, once. */
const DEFAULT_LIMITS: Limits = {
  perAddress: { burst: 40, perSecond: 2 },
  total: { burst: 1_000, perSecond: 100 },
};

const DEFAULT_LISTS: ListTimes = { everySeconds: 3_600, validSeconds: 86_400 };

export type Serving = { readonly port: number; close(): Promise<void> };

/** With the rights of the role `ca`. Throws before anything listens if a part is not as it has to be. */
export async function serve(config: CaConfig, configFile: string, log: Logger): Promise<Serving> {
  const roots = await loadRoots(config.roots);
  const { reporterKeyFile } = config;
  const reporter = reporterKeyFile === undefined ? undefined : await loadReporter(reporterKeyFile);
  const tls = await openTlsIdentity(config);
  const pool = await openPool(config.database, (err) => log.error({ err }, 'database connection'));
  let issuance: OpenIssuance | undefined;
  try {
    await checkSchemaVersion(pool);
    issuance = await openIssuance(config, configFile, log);
    const tpmRoots = tpmRootsOf(pool, roots);
    if (reporter !== undefined) await configureReporter(pool, reporter);
    const issuer = await requireHeld(pool, issuance);
    const { publicUrl, revocationLists: lists = DEFAULT_LISTS } = config;
    const custody = config.custody?.issuing.kind ?? 'file';
    const context: CaContext = { pool, issuance, tpmRoots, publicUrl, lists, custody, log };
    const router = caRouter(context, config.limits ?? DEFAULT_LIMITS);
    const app = createEdge({ log });
    app.use(router.routes());
    app.use(tlsPinsRouter(tls).routes());
    app.use(router.allowedMethods());
    const listening = await listenTls(app, { ...config.listen, ...tls.shown });
    const stop = new AbortController();
    const noTls = (err: unknown) => log.warn({ err }, 'the TLS files were not looked at');
    const kept = [
      tls.keep(listening, stop.signal, noTls),
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
        issuance?.close();
        await pool.end();
      },
    };
  } catch (error) {
    issuance?.close();
    await pool.end();
    throw error;
  }
}
