import { readFile } from 'node:fs/promises';
import type { Selection } from '@touchstone/schemas';
import { pinnedClient, spkiPinOf } from '@touchstone/transport';
import { startProcess } from './replica-process.ts';
import type { Touchstone } from './touchstone.ts';

/** The deployment as seen through another server process, over the same database and with the same keys. */
export type Replica = Touchstone & {
  /** Ends it as a crash does, and leaves its port to another. */
  crash(): Promise<void>;
};

export type ReplicaOptions = {
  readonly name?: string;
  readonly port?: number;
  /** Another TLS key than the deployment's. */
  readonly tls?: { readonly keyFile: string; readonly certFile: string };
  /** Another than signed the trust bundles so far. */
  readonly bundleKeyFile?: string;
  /** Another than the deployment asks to be quoted. */
  readonly selection?: Selection;
  /** Of its database: that of a copy. */
  readonly database?: object;
  readonly environment?: Readonly<Record<string, string>>;
};

export async function startReplica(
  touchstone: Touchstone,
  { port = 0, environment = {}, ...changed }: ReplicaOptions = {},
): Promise<Replica> {
  const { url, end } = await startProcess(touchstone, 'server', { port, changed, environment });
  const { tls } = changed;
  const fingerprint =
    tls === undefined ? touchstone.fingerprint : spkiPinOf(await readFile(tls.certFile, 'utf8'));
  const client = pinnedClient({ url, pin: fingerprint });
  const endWith = async (signal: NodeJS.Signals) => {
    await client.close();
    await end(signal);
  };
  return {
    ...touchstone,
    url,
    fingerprint,
    client,
    operator: (method, at, schema, body) =>
      client.request({
        method,
        path: at,
        schema,
        bearer: touchstone.token,
        ...(body === undefined ? {} : { body }),
      }),
    crash: () => endWith('SIGKILL'),
    stop: () => endWith('SIGTERM'),
  };
}
