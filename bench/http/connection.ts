import https from 'node:https';
import { buffer } from 'node:stream/consumers';

/**
 * One connection that is kept, over TLS 1.3 and from an address of its own: servers count by address how much
 * is asked of them, and a fleet has many. All of 127.0.0.0/8 is this machine.
 */
export class Connection {
  readonly #agent: https.Agent;
  readonly #origin: string;

  constructor(origin: string, index: number) {
    this.#origin = origin;
    this.#agent = new https.Agent({
      keepAlive: true,
      maxSockets: 1,
      localAddress: `127.1.${index >> 8}.${(index & 0xff) + 1}`,
      // What is measured here is ours, on this machine.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
    });
  }

  /** @throws Error for anything but a 200 */
  post(path: string, body: unknown): Promise<unknown> {
    const bytes = Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
      const url = new URL(path, this.#origin);
      const request = https.request(
        url,
        { method: 'POST', agent: this.#agent, headers },
        (answer) => {
          buffer(answer).then((read) => {
            if (answer.statusCode === 200) resolve(JSON.parse(read.toString()));
            else reject(new Error(`${path}: ${answer.statusCode} ${read.toString()}`));
          }, reject);
        },
      );
      request.once('error', reject);
      request.end(bytes);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
