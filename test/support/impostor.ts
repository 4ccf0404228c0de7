import { readFile } from 'node:fs/promises';
import type { IncomingMessage, OutgoingHttpHeaders, RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Touchstone } from './touchstone.ts';

export type Answer = { readonly status: number; readonly body: unknown };

/**
 * What becomes of the server's answer to one request. `ask` forwards the request and gives the honest
 * answer; null ends the connection without one.
 */
export type Tampering = (
  ask: () => Promise<Answer>,
  request: { readonly path: string; readonly body: unknown },
) => Promise<Answer | string | null> | Answer | string | null;

/**
 * Somebody between an agent and its server who has the deployment's TLS key, so that the pin matches.
 * Honest until a test tampers; what it forwards is the server's own business.
 */
export interface Impostor {
  readonly url: string;
  /** From now on, each answer to POST `path` is what `tampering` makes of it. A string is sent as it is. */
  tamper(path: string, tampering: Tampering): void;
  honest(): void;
  /** Every answer that the server gave to POST `path`, as it gave it. */
  answers(path: string): readonly Answer[];
  stop(): Promise<void>;
}

export async function startImpostor(touchstone: Touchstone): Promise<Impostor> {
  const tls = (name: string) => readFile(join(touchstone.directory, 'server', name));
  const [key, cert] = await Promise.all([tls('tls-key.pem'), tls('tls-cert.pem')]);
  const tamperings = new Map<string, Tampering>();
  const given: { readonly path: string; readonly answer: Answer }[] = [];

  const relay: RequestListener = (incoming, outgoing) => {
    const handle = async () => {
      const path = incoming.url ?? '/';
      const sent = await buffer(incoming);
      const ask = async () => {
        const answer = await forward(touchstone.url, incoming, sent);
        given.push({ path, answer });
        return answer;
      };
      const tampering = incoming.method === 'POST' ? tamperings.get(path) : undefined;
      const body = sent.length === 0 ? undefined : (JSON.parse(sent.toString()) as unknown);
      const answer = tampering === undefined ? await ask() : await tampering(ask, { path, body });
      if (answer === null) return void outgoing.destroy();
      const { status, text } =
        typeof answer === 'string'
          ? { status: 200, text: answer }
          : { status: answer.status, text: JSON.stringify(answer.body) };
      const type = status < 300 ? 'application/json' : 'application/problem+json';
      outgoing.writeHead(status, { 'content-type': type }).end(text);
      return undefined;
    };
    handle().catch(() => outgoing.destroy());
  };
  const server = https.createServer({ key, cert, minVersion: 'TLSv1.3' }, relay);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tamper: (path, tampering) => void tamperings.set(path, tampering),
    honest: () => tamperings.clear(),
    answers: (path) => given.filter((one) => one.path === path).map(({ answer }) => answer),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function forward(origin: string, { method, url, headers }: IncomingMessage, body: Buffer) {
  return new Promise<Answer>((resolve, reject) => {
    const wanted: OutgoingHttpHeaders = {
      accept: headers.accept,
      ...(body.length === 0
        ? {}
        : { 'content-type': headers['content-type'], 'content-length': body.length }),
    };
    const request = https.request(
      new URL(url ?? '/', origin),
      { method, headers: wanted, rejectUnauthorized: false },
      (incoming) => {
        buffer(incoming).then(
          (bytes) =>
            resolve({
              status: incoming.statusCode ?? 0,
              body: JSON.parse(bytes.toString()) as unknown,
            }),
          reject,
        );
      },
    );
    request.once('error', reject);
    request.end(body);
  });
}
