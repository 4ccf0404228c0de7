/**
 * health.ts URL CERTIFICATE: exit code 0 if the process behind URL calls itself well. It is asked over
 * TLS, and believed only with this very certificate.
 */
import { readFileSync } from 'node:fs';
import { get } from 'node:https';

const [url, certificate] = process.argv.slice(2);
if (url === undefined || certificate === undefined) process.exit(64);

const request = get(
  url,
  // What it is called plays no part: the certificate is its own issuer, and no other is trusted.
  { ca: readFileSync(certificate), checkServerIdentity: () => undefined, timeout: 4_000 },
  (answer) => process.exit(answer.statusCode === 200 ? 0 : 1),
);
request.on('timeout', () => request.destroy(new Error('no answer within 4 s')));
request.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
