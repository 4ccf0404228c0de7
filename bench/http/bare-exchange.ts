/**
 * The floor of the row `http`, a process of its own: what one attestation takes when nothing is looked at,
 * judged or stored. Koa alone, two requests with their bodies read as JSON, one verify of an ECDSA P-256
 * signature, one ES256 signature.
 *
 * Usage: bare-exchange.ts KEY.pem CERTIFICATE.pem. Says on standard output at which port it is.
 */
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import Koa from 'koa';

const [key = '', cert = ''] = process.argv.slice(2).map((file) => readFileSync(file, 'utf8'));
const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ieee = { dsaEncoding: 'ieee-p1363' } as const;
const quote = randomBytes(180);
const signature = sign('sha256', quote, { key: own.privateKey, ...ieee });
const base64Url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

const app = new Koa();
app.use(async (ctx) => {
  const body = (await json(ctx.req)) as { akName?: string; statement?: string };
  if (ctx.path === '/v1/challenges') {
    ctx.body = { challenge: randomBytes(61).toString('base64url') };
    return;
  }
  const ok = verify('sha256', quote, { key: own.publicKey, ...ieee }, signature);
  const claims = { iat: Math.floor(Date.now() / 1_000), ok, of: body.statement?.length };
  const signed = `${base64Url({ alg: 'ES256' })}.${base64Url(claims)}`;
  const jws = sign('sha256', Buffer.from(signed), { key: own.privateKey, ...ieee });
  ctx.body = { result: `${signed}.${jws.toString('base64url')}` };
});

const server = https.createServer({ key, cert, minVersion: 'TLSv1.3' }, app.callback());
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`);
});
