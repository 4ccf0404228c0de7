import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { openShell, sectionsOf, type Shell } from '../support/document-commands.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const DOCUMENT = 'docs/keys-for-one-person.md';
const PATIENCE_MS = 60_000;

/** Each line of the page, typed as it stands there. */
describe(DOCUMENT, function () {
  this.timeout(180_000);
  const { text, sections } = sectionsOf(DOCUMENT);
  let directory: string;
  let touchstone: Touchstone;
  let shell: Shell;
  let [mia, noah]: AgentHost[] = [];

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-one-person-'));
    // PostgreSQL runs as a user of its own, and has to pass through.
    await chmod(directory, 0o711);
    touchstone = await startTouchstone({ intervalSeconds: 1 });
    shell = await openShell(directory, {
      'https://127.0.0.1:8443': touchstone.url,
      ' F ': ` ${touchstone.fingerprint} `,
      '/var/lib/touchstone-again': join(directory, 'again'),
      '/var/lib/touchstone': touchstone.directory,
    });
    await writeFile(join(directory, 'first-token'), `${touchstone.token}.${touchstone.caToken}\n`, {
      mode: 0o600,
    });
    [mia, noah] = await Promise.all(
      ['mia', 'noah'].map((name) => startAgentHost(touchstone, { name })),
    );
  });
  after(async () => {
    await mia?.stop();
    await noah?.stop();
    await touchstone?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** All that a section says, one line after the other. */
  const typeAll = async (heading: string, options: { readonly input?: string } = {}) => {
    const lines = sections.get(heading) ?? [];
    assert.ok(lines.length > 0, heading);
    let said = '';
    for (const line of lines) {
      const { exitCode, stdout, stderr } = await shell.type(line, options);
      assert.equal(exitCode, 0, `${line}\n${stdout}${stderr}`);
      said += stdout + stderr;
    }
    return said;
  };
  const stateOf = async (name: string) => (await touchstone.host(name)).host.state;
  const until = async (what: string, holds: () => Promise<boolean>) => {
    const end = Date.now() + PATIENCE_MS;
    while (!(await holds())) {
      assert.ok(Date.now() < end, `${what}\n${shell.screen().slice(-2_000)}`);
      await sleep(200);
    }
  };
  const trusted = (name: string) =>
    until(`${name} is trusted`, async () => (await stateOf(name)) === 'trusted');

  it('needs no word for who signs certificates', () => {
    assert.doesNotMatch(text, /issue?r|issuing/iu);
  });

  it('Once', async () => {
    assert.match(await typeAll('Once'), /nothing is missing/u);
  });

  it('Look, now and then', async () => {
    assert.match(await typeAll('Look, now and then'), /2 hosts/u);
  });

  it('Change the key that vouches for hosts', async () => {
    assert.match(await typeAll('Change the key that vouches for hosts'), /\bdone\b/u);
    assert.deepEqual([await stateOf('mia'), await stateOf('noah')], ['trusted', 'trusted']);
  });

  it('Change the key that all hosts trust', async () => {
    assert.match(await typeAll('Change the key that all hosts trust'), /\bdone\b/u);
    assert.deepEqual([await stateOf('mia'), await stateOf('noah')], ['trusted', 'trusted']);
  });

  it('A laptop was away', async () => {
    await mia?.stopAgent();
    await until('mia is away', async () => (await stateOf('mia')) === 'stale');
    const [begin = '', watch = ''] = sections.get('Change the key that vouches for hosts') ?? [];
    assert.equal((await shell.type(begin)).exitCode, 0);
    await until('it waits for mia', async () =>
      /mia \(away\)/u.test(await typeAll('A laptop was away')),
    );
    await mia?.startAgent();
    assert.equal((await shell.type(watch)).exitCode, 0);
    await trusted('mia');
  });

  it('Somebody may have a copy of a key', async () => {
    await mia?.stopAgent();
    await until('mia is away', async () => (await stateOf('mia')) === 'stale');
    const heading = 'Somebody may have a copy of a key';
    const [begin = ''] = sections.get(heading) ?? [];
    assert.equal((await shell.type(begin, { input: 'no\n' })).exitCode, 1);
    const said = await typeAll(heading, { input: 'yes\n' });
    assert.match(said, /2 hosts and 0 VMs lose trust/u);
    await trusted('noah');
    await mia?.startAgent();
    await trusted('mia');
  });

  it('The machine is gone', async () => {
    assert.match(await typeAll('The machine is gone'), /tst_[\w-]+\.tsc_[\w-]+/u);
  });

  it('shows no word for who signs certificates either, all through', () => {
    assert.doesNotMatch(shell.screen(), /issuer|issuing/iu);
  });
});
