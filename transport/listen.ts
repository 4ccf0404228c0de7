import { chmod, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import type Koa from 'koa';
import { boundConnections } from './crowded.ts';

export type Listening = { readonly port: number; close(): Promise<void> };

export type ListeningTls = Listening & {
  /** Whoever connects from now on sees this; connections that are there stay. PEM. */
  show(tls: { readonly key: string; readonly cert: string }): void;
};

/** Bounds on how long a client may take: a slow sender holds a socket no longer than this. */
const TIMEOUTS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16_384,
} as const;

/** Each takes some 55 KiB. */
const MOST_CONNECTIONS = 4_096;

/** TLS 1.3 only: every client of ours speaks it. `key` and `cert` are PEM. `port` 0 takes a free one. */
export async function listenTls(
  app: Koa,
  options: {
    readonly host: string;
    readonly port: number;
    readonly key: string;
    readonly cert: string;
    readonly maxConnections?: number;
  },
): Promise<ListeningTls> {
  const { key, cert, host, port, maxConnections = MOST_CONNECTIONS } = options;
  const server = https.createServer(
    { ...TIMEOUTS, key, cert, minVersion: 'TLSv1.3', handshakeTimeout: 10_000 },
    app.callback(),
  );
  boundConnections(server, maxConnections);
  await listening(server, () => server.listen(port, host));
  return {
    port: (server.address() as AddressInfo).port,
    show: (tls) => server.setSecureContext({ key: tls.key, cert: tls.cert, minVersion: 'TLSv1.3' }),
    close: () => closing(server),
  };
}

/**
 * A unix socket; `mode` decides who may connect, and where `maxConnections` is given how often at once. A socket that a
 * dead process left is replaced.
 */
export async function listenUnix(
  app: Koa,
  {
    path,
    mode,
    maxConnections,
  }: { readonly path: string; readonly mode: number; readonly maxConnections?: number },
): Promise<Listening> {
  await rm(path, { force: true });
  const server = http.createServer(TIMEOUTS, app.callback());
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  // Nobody may connect between bind and chmod, so the socket is made closed to others.
  const umask = process.umask(0o177);
  try {
    await listening(server, () => server.listen(path));
  } finally {
    process.umask(umask);
  }
  await chmod(path, mode);
  return {
    port: 0,
    close: async () => {
      await closing(server);
      await rm(path, { force: true });
    },
  };
}

function listening(server: Server, start: () => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.removeListener('error', reject);
      resolve();
    });
    start();
  });
}

function closing(server: http.Server | https.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 2_000).unref();
  });
}
