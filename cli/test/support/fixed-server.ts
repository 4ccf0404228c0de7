import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AppError,
  type AppErrorOptions,
  createEdge,
  listenTls,
  spkiPinOf,
} from '@touchstone/transport';
import { trustBundlesNaming } from './trust-bundle.ts';

export type Asked = { readonly route: string; readonly bearer: string; readonly body: unknown };

/** A TLS server that gives fixed answers, its trust bundle's without being told, and remembers what it was asked. */
export type FixedServer = {
  readonly url: string;
  readonly pin: string;
  readonly asked: Asked[];
  /** `route` is method and path with its query: `GET /v1/hosts`. */
  answer(route: string, value: unknown): void;
  refuse(route: string, status: number, code: string, options?: AppErrorOptions): void;
  /** Forgets answers and questions. */
  reset(): void;
  close(): Promise<void>;
};

export async function startFixedServer(): Promise<FixedServer> {
  const { key, cert } = selfSigned();
  const always = [['GET /v1/trust-bundles/after/0', () => trustBundlesNaming()]] as const;
  const answers = new Map<string, () => unknown>(always);
  const asked: Asked[] = [];
  const app = createEdge();
  app.use(async (ctx, next) => {
    const route = `${ctx.method} ${ctx.url}`;
    const body = await readAll(ctx.req);
    const bearer = ctx.get('authorization').replace(/^Bearer /u, '');
    asked.push({ route, bearer, body: body === '' ? undefined : JSON.parse(body) });
    const answer = answers.get(route);
    if (answer === undefined) return next();
    ctx.type = 'application/json';
    ctx.body = JSON.stringify(answer());
    return undefined;
  });
  const listening = await listenTls(app, { host: '127.0.0.1', port: 0, key, cert });
  return {
    url: `https://127.0.0.1:${listening.port}`,
    pin: spkiPinOf(cert),
    asked,
    answer: (route, value) => answers.set(route, () => value),
    refuse: (route, status, code, options) =>
      answers.set(route, () => {
        throw new AppError(code, status, options);
      }),
    reset: () => {
      answers.clear();
      for (const [route, answer] of always) answers.set(route, answer);
      asked.length = 0;
    },
    close: () => listening.close(),
  };
}

async function readAll(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function selfSigned(): { key: string; cert: string } {
  const directory = mkdtempSync(join(tmpdir(), 'touchstone-cli-'));
  try {
    const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const files = ['-keyout', keyFile, '-out', certFile, '-days', '1', '-subj', '/CN=fixed'];
    execFileSync('openssl', ['req', '-x509', ...newKey, ...files], { stdio: 'ignore' });
    return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
