import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { callbackify } from 'node:util';
import type { Errand, Return } from './errand.ts';

/** A server, a CA, and each of them anew when pins change. */
const MAX_KEPT = 8;
const CONNECT_MS = 10_000;

export type Carried = { readonly answer: Return; readonly bytes: Buffer };
type Failure = Extract<Return, { failed: string }>['failed'];

class Failed extends Error {
  readonly failed: Failure;

  constructor(failed: Failure, detail: string) {
    super(detail);
    this.failed = failed;
  }
}

/**
 * TLS connections that are kept, by where they lead and whose key is good there: those asked for longest ago go. Of
 * Node's own alone: what schemas and their checkers take in memory is the hypervisor's.
 */
export class Connections {
  readonly #kept = new Map<string, { readonly agent: Agent; seen: string | null }>();

  /** Never throws: what failed is an answer too. */
  async carry(errand: Errand, body: Buffer): Promise<Carried> {
    const late = AbortSignal.timeout(errand.timeoutMs);
    try {
      return await this.#exchange(errand, body, late);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      const failed =
        error instanceof Failed ? error.failed : late.aborted ? 'TIMEOUT' : 'UNREACHABLE';
      return { answer: { failed, detail: oneLine(detail) }, bytes: Buffer.alloc(0) };
    }
  }

  close(): void {
    for (const { agent } of this.#kept.values()) agent.destroy();
    this.#kept.clear();
  }

  async #exchange(errand: Errand, body: Buffer, signal: AbortSignal): Promise<Carried> {
    const { url, pins, method, path, hasBody, maxBytes } = errand;
    const kept = this.#to(url, pins);
    const sent = request(new URL(path, url), {
      ...{ agent: kept.agent, method, signal },
      headers: {
        accept: 'application/json, application/problem+json',
        ...(hasBody ? { 'content-type': 'application/json', 'content-length': body.length } : {}),
      },
    });
    sent.end(hasBody ? body : undefined);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const bytes = await bounded(answer, maxBytes);
    const { date, 'retry-after': after } = answer.headers;
    return {
      answer: {
        status: answer.statusCode ?? 0,
        retryAfterSeconds:
          after !== undefined && /^[0-9]{1,9}$/u.test(after) ? Number(after) : null,
        date:
          date === undefined || Number.isNaN(Date.parse(date))
            ? null
            : new Date(date).toISOString(),
        pin: kept.seen,
      },
      bytes,
    };
  }

  #to(url: string, pins: readonly string[] | null) {
    const name = JSON.stringify([url, pins]);
    const kept = this.#kept.get(name) ?? { agent: new Agent({ keepAlive: true }), seen: null };
    kept.agent.createConnection = (_options, callback) => {
      const opened = callbackify(async () => {
        const { socket, pin } = await open(url, pins);
        kept.seen = pin;
        return socket;
      });
      opened((error, socket) => callback?.(error, socket));
      return undefined;
    };
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    for (const [oldest, { agent }] of this.#kept) {
      if (this.#kept.size <= MAX_KEPT) break;
      this.#kept.delete(oldest);
      agent.destroy();
    }
    return kept;
  }
}

/** Nothing is sent before the key is known. The chain is not checked because the key itself is. */
async function open(
  url: string,
  pins: readonly string[] | null,
): Promise<{ readonly socket: TLSSocket; readonly pin: string | null }> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/u, '$1');
  const name = isIP(host) === 0 ? { servername: host } : {};
  const to = { host, port: Number(port || 443), ...name };
  const socket = connect({ ...to, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  socket.on('error', () => undefined);
  socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error('no connection in time')));
  await once(socket, 'secureConnect');
  socket.setTimeout(0);
  const spki = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
  const pin = spki === undefined ? null : createHash('sha256').update(spki).digest('hex');
  const isPin = (one: string) =>
    pin?.length === one.length && timingSafeEqual(Buffer.from(pin), Buffer.from(one));
  if (pins === null || pins.some(isPin)) return { socket, pin };
  socket.destroy();
  const presented = pin ?? 'no certificate';
  throw new Failed('PIN_MISMATCH', `pinned ${pins.join(' or ')}, presented ${presented}`);
}

async function bounded(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Failed('ANSWER_MALFORMED', `more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  try {
    JSON.parse(bytes.toString());
  } catch {
    throw new Failed('ANSWER_MALFORMED', 'no JSON');
  }
  return bytes;
}

const oneLine = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, 1_024);
