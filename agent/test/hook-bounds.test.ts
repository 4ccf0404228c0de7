import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { hookText } from '../libvirt/hook.ts';
import { QUICK_ALARM } from './support/quick-alarm.ts';

/** What the hook takes: of the domain's XML, and of the agent's answer. */
const MAX_XML = 1_048_576;
const MAX_ANSWER = 65_536;

describe('libvirt’s hook, which libvirt waits for', () => {
  const vm = randomUUID();
  let directory: string;
  let hook: string;
  let agent: Server;
  let listener: RequestListener;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-hook-'));
    hook = join(directory, 'touchstone');
    const socketPath = join(directory, 'agent.sock');
    await writeFile(hook, await hookText(socketPath));
    agent = createServer((request, response) => listener(request, response)).listen(socketPath);
    await once(agent, 'listening');
  });
  after(async () => {
    agent?.closeAllConnections();
    agent?.close();
    await rm(directory, { recursive: true });
  });

  const says =
    (headers: Record<string, string> = {}): RequestListener =>
    (request, response) => {
      const yes = `permitted ${vm}\n`;
      const head = { 'content-length': `${yes.length}`, ...headers };
      request.resume().once('end', () => response.writeHead(200, head).end(yes));
    };
  const silent: RequestListener = (request) => void request.resume();

  /** `xml`: null where its end never comes. */
  async function ran(verb: string, xml: string | null, perl: readonly string[] = []) {
    const child = spawn('/usr/bin/perl', [...perl, hook, 'g', ...verb.split(' '), '-']);
    child.stdin.on('error', () => {});
    if (xml === null) child.stdin.write('<domain>');
    else child.stdin.end(xml);
    const said = text(child.stderr);
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { exitCode, stderr: await said };
  }
  const domain = (length = 0) => `<domain><uuid>${vm}</uuid></domain>`.padEnd(length);

  for (const [verb, seconds, exitCode] of [
    ['prepare begin', 180, 1],
    ['restore begin', 10, 1],
    ['migrate begin', 10, 1],
    ['started begin', 5, 0],
    ['reconnect begin', 5, 0],
  ] as const) {
    it(`waits ${seconds} s at \`${verb}\`, and then ends with ${exitCode}`, async () => {
      listener = silent;
      for (const xml of [domain(), null]) {
        const ended = await ran(verb, xml, QUICK_ALARM);
        assert.equal(ended.exitCode, exitCode, ended.stderr);
        const [alarm = '', ...others] = ended.stderr.split('\n');
        assert.equal(alarm, `alarm ${seconds}`);
        const refusal = exitCode === 0 ? /^$/u : new RegExp(`no answer within ${seconds} s`, 'u');
        assert.match(others.join(''), refusal);
      }
    });
  }

  it('reads an XML of a megabyte, and starts nothing of a longer one, whoever says yes', async () => {
    listener = says();
    assert.equal((await ran('prepare begin', domain(MAX_XML))).exitCode, 0);
    const { exitCode, stderr } = await ran('prepare begin', domain(MAX_XML + 1));
    assert.equal(exitCode, 1);
    assert.match(stderr, /its XML is longer than 1048576 bytes/u);
  });

  it('takes no yes from an answer that is longer than it reads', async () => {
    listener = says({ more: 'a'.repeat(MAX_ANSWER - 1_024) });
    assert.equal((await ran('prepare begin', domain())).exitCode, 0);
    listener = says({ more: 'a'.repeat(MAX_ANSWER) });
    const { exitCode, stderr } = await ran('prepare begin', domain());
    assert.equal(exitCode, 1);
    assert.match(stderr, /an answer without end/u);
  });
});
