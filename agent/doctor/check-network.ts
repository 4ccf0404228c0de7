import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:https';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import type { AgentCheck } from '@touchstone/schemas';
import { checkPin } from '@touchstone/transport';
import { failure, fault, ok } from './check.ts';

/** For each step. */
const TIMEOUT_MS = 5_000;

export type Peer = {
  /** 'server' or 'CA'. */
  readonly name: string;
  readonly url: string;
  readonly pins: readonly string[];
  /** Where it says whether it can do its work. */
  readonly readyPath?: string;
};

export type PeerChecks = {
  readonly checks: readonly AgentCheck[];
  /** The peer's Date header; null where it did not come so far. */
  readonly date: Date | null;
};

/** Name, connection, TLS, the pinned key, readiness: step by step, up to the first that fails. */
export async function checkPeer({ name, url, pins, readyPath }: Peer): Promise<PeerChecks> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/u, '$1');
  const address = `${hostname}:${port || 443}`;
  const checks: AgentCheck[] = [];
  let tcp: Socket | undefined;
  let tls: TLSSocket | undefined;
  const failed = (check: AgentCheck): PeerChecks => ({ checks: [...checks, check], date: null });
  try {
    if (isIP(host) === 0) {
      const error = await resolves(host);
      if (error !== null) return failed(fault('NAME_UNRESOLVED', `${name} name`, error));
      checks.push(ok(`${name} name`, host));
    }
    try {
      tcp = connectTcp({ host, port: Number(port || 443) });
      await happens(tcp, 'connect');
      checks.push(ok(`${name} connection`, address));
    } catch (error) {
      return failed(fault('CONNECTION_FAILED', `${name} connection`, `${address}: ${said(error)}`));
    }
    try {
      // As the agent does: the key itself is checked, not who vouches for it.
      tls = connectTls({ socket: tcp, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
      await happens(tls, 'secureConnect');
      checks.push(ok(`${name} TLS`, tls.getProtocol() ?? ''));
    } catch (error) {
      return failed(fault('TLS_FAILED', `${name} TLS`, `${address}: ${said(error)}`));
    }
    try {
      checks.push(ok(`${name} key`, checkPin(tls, pins)));
    } catch (error) {
      return failed(failure(`${name} key`, error));
    }
    if (readyPath === undefined) return { checks, date: null };
    return await checkReady(name, { socket: tls, url: new URL(readyPath, url) }, checks);
  } finally {
    tls?.destroy();
    tcp?.destroy();
  }
}

async function checkReady(
  name: string,
  { socket, url }: { readonly socket: TLSSocket; readonly url: URL },
  checks: readonly AgentCheck[],
): Promise<PeerChecks> {
  const subject = `${name} readiness`;
  try {
    const asked = request(url, {
      createConnection: () => socket,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    asked.end();
    const [answer] = await once(asked, 'response');
    answer.resume();
    const { statusCode, headers } = answer as { statusCode: number; headers: { date?: string } };
    const date = headers.date === undefined ? null : new Date(headers.date);
    const status = `${url.pathname}: status ${statusCode}`;
    const check =
      statusCode === 200 ? ok(subject, 'ready') : fault('SERVER_NOT_READY', subject, status);
    return { checks: [...checks, check], date };
  } catch (error) {
    return {
      checks: [...checks, fault('SERVER_NOT_READY', subject, `${url.pathname}: ${said(error)}`)],
      date: null,
    };
  }
}

/**
 * What the system's resolver says of it; null for an address. By getent(1), as a process that ends when its time is
 * up: getaddrinfo(3) in this one could not be told to.
 */
async function resolves(host: string): Promise<string | null> {
  try {
    await promisify(execFile)('getent', ['ahosts', '--', host], { timeout: TIMEOUT_MS });
    return null;
  } catch (error) {
    const { killed } = error as { killed?: boolean };
    return killed ? `${host}: no answer within ${TIMEOUT_MS / 1_000} s` : host;
  }
}

async function happens(socket: Socket, event: string): Promise<void> {
  // An error that comes after the one that was waited for must not end the process.
  socket.on('error', () => undefined);
  await once(socket, event, { signal: AbortSignal.timeout(TIMEOUT_MS) });
}

function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'AbortError') return `no answer within ${TIMEOUT_MS / 1_000} s`;
  return error.message;
}
