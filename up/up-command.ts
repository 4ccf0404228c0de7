import { resolve } from 'node:path';
import { type Deployment, startDeployment } from './deployment.ts';
import { UpError } from './failure.ts';
import { loginText } from './first-tokens.ts';
import { freePort } from './free-port.ts';

export type UpOptions = {
  readonly data: string;
  readonly listen: string;
  readonly interval: string;
  readonly quorum?: string;
  readonly json?: true;
};

/** `touchstone up`: in the foreground, until SIGTERM or SIGINT, or until a part of it ends. */
export async function up(options: UpOptions, stop: AbortSignal): Promise<void> {
  const { host, serverPort, caPort } = await addressOf(options.listen);
  const deployment = await startDeployment({
    dataDir: resolve(options.data),
    host,
    serverPort,
    caPort,
    intervalSeconds: intervalOf(options.interval),
    ...(options.quorum === undefined ? {} : { quorum: quorumOf(options.quorum) }),
    progress: (line) => process.stderr.write(`touchstone: ${line}\n`),
  });
  try {
    noteOtherQuorum(options.quorum, deployment.quorum);
    process.stdout.write(options.json ? jsonText(deployment) : upText(deployment, options.data));
    const stopped = new Promise<null>((told) => {
      if (stop.aborted) told(null);
      else stop.addEventListener('abort', () => told(null), { once: true });
    });
    const failed = await Promise.race([deployment.failed, stopped]);
    if (failed === null) return;
    throw new UpError(
      'CHILD_FAILED',
      `${failed} has ended by itself; everything else was stopped`,
      `Read the logs in ${resolve(options.data)}, then start again: nothing is lost.`,
    );
  } finally {
    process.stderr.write('touchstone: stopping\n');
    await deployment.stop();
  }
}

/** HOST:PORT of the server; the CA takes the next port. Port 0 takes free ones. */
async function addressOf(
  listen: string,
): Promise<{ host: string; serverPort: number; caPort: number }> {
  const match = /^([A-Za-z0-9.-]+):([0-9]{1,5})$/u.exec(listen);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port > 65_534) {
    throw new UpError('USAGE', `--listen ${listen}`, 'Give it as HOST:PORT.');
  }
  const host = match[1];
  if (port > 0) return { host, serverPort: port, caPort: port + 1 };
  return { host, serverPort: await freePort(host), caPort: await freePort(host) };
}

function intervalOf(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 86_400) return seconds;
  throw new UpError('USAGE', `--interval ${text}`, 'Give whole seconds, 1 to 86400.');
}

function quorumOf(text: string): number {
  if (text === '1' || text === '2') return Number(text);
  throw new UpError('USAGE', `--quorum ${text}`, 'Give 1 or 2.');
}

/** It is set once: from then on people decide about it. */
function noteOtherQuorum(asked: string | undefined, quorum: number): void {
  if (asked === undefined || quorumOf(asked) === quorum) return;
  process.stderr.write(
    `touchstone: the quorum of this deployment is ${quorum}; \`touchstone quorum set ${asked}\` changes it\n`,
  );
}

const jsonText = (deployment: Deployment): string => {
  const { url, fingerprint, ca, quorum } = deployment;
  const { firstToken, secondToken, firstCaToken, secondCaToken } = deployment;
  return `${JSON.stringify({
    ...{ ready: true, server: url, fingerprint, token: firstToken },
    ...(secondToken === null ? {} : { secondToken }),
    ...{ ca: ca.url, caFingerprint: ca.pin, caToken: firstCaToken },
    ...(secondCaToken === null ? {} : { secondCaToken }),
    quorum,
  })}\n`;
};

function upText(deployment: Deployment, data: string): string {
  const { url, fingerprint, ca, quorum } = deployment;
  return (
    `\nTouchstone is up.\n\n  server       ${url}\n  fingerprint  ${fingerprint}\n` +
    `  CA           ${ca.url}\n  fingerprint  ${ca.pin}\n\n${tokensText(deployment, data)}` +
    `Enrol a host:  touchstone-agent enroll --server ${url} --fingerprint ${fingerprint}\n` +
    (deployment.firstToken === null ? '' : CHIPS) +
    `Look at it:    ${url} in a browser, which will not know the certificate: it is this deployment’s own.\n` +
    `${quorum === 1 ? 'Quorum is 1: one person can loosen what is trusted.' : 'Quorum is 2: it takes two people to loosen what is trusted.'}\nCtrl-C stops it.\n`
  );
}

/** Said once: a deployment of software TPMs alone needs none of it. */
const CHIPS =
  'Hosts with a chip need the certificates of its maker first, which do not come with Touchstone:\n' +
  '               fetch them from the maker, or Microsoft’s TrustedTpm.cab with most of them from\n' +
  '               https://go.microsoft.com/fwlink/?linkid=2097925 (cabextract -d DIR TrustedTpm.cab)\n' +
  '               touchstone ca bundle import DIR\n';

/** One text to log in with, though server and CA each have a token of their own in it. */
function tokensText(deployment: Deployment, data: string): string {
  const { url, fingerprint, firstToken, firstCaToken } = deployment;
  const first = loginText(firstToken, firstCaToken);
  if (first === null) {
    return `The operator’s first token was printed when ${data} was made; it is not kept here.\n`;
  }
  const second = loginText(deployment.secondToken, deployment.secondCaToken);
  // A deployment of a version before had none at its CA.
  const whose =
    firstToken === null ? 'The operator’s first token of the CA' : 'The operator’s first token';
  return (
    `${whose}, printed this once:\n\n  ${first}\n\n` +
    (second === null
      ? ''
      : `For another person, who is to be the second; printed this once:\n\n  ${second}\n\n`) +
    `Log in:        touchstone login --server ${url} --fingerprint ${fingerprint} --token-file -\n`
  );
}
