import http, { type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { buffer } from 'node:stream/consumers';

export type RawRequest = {
  readonly method?: string;
  /** Sent as it is, percent signs and all. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Uint8Array | string;
};

export type RawAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
};

/** One request to an https URL's origin or a unix socket's path, checked by nothing on its way. */
export function fetchFrom(where: string, request: RawRequest): Promise<RawAnswer> {
  const { method = 'GET', path, headers = {}, body } = request;
  const secure = where.startsWith('https:');
  const to = secure
    ? { hostname: new URL(where).hostname, port: new URL(where).port, rejectUnauthorized: false }
    : { socketPath: where };
  return new Promise((resolve, reject) => {
    const options = { ...to, method, path, headers, agent: false };
    const sent = (secure ? https : http).request(options, (incoming) => {
      buffer(incoming).then(
        (bytes) =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text: bytes.toString(),
          }),
        reject,
      );
    });
    sent.setTimeout(20_000, () => sent.destroy(new Error('no answer within 20 s')));
    // A server that answers before it has read everything closes the connection on the rest.
    sent.once('error', reject);
    sent.end(body);
  });
}
