import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Session } from '@touchstone/schemas';
import { pinnedClient } from '@touchstone/transport';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { touchstoneCommand } from '../support/command.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const INTERVAL_SECONDS = 2;

describe('TLS keys that change', function () {
  this.timeout(120_000);
  let directory: string;
  let touchstone: Touchstone;
  let there: AgentHost;
  let away: AgentHost;
  let profile: string;
  const vm = randomUUID();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-tls-'));
    await chmod(directory, 0o711);
    profile = join(directory, 'profile.json');
    touchstone = await startTouchstone({ intervalSeconds: INTERVAL_SECONDS });
    [there, away] = await Promise.all([
      startAgentHost(touchstone, { name: 'there' }),
      startAgentHost(touchstone, { name: 'away' }),
    ]);
    await touchstone.addVm({ uuid: vm, name: 'gated' });
    const { url, fingerprint, token } = touchstone;
    const login = ['login', '--server', url, '--fingerprint', fingerprint, '--token-file', '-'];
    const loggedIn = await touchstoneCommand([...login, '--profile', profile], { input: token });
    assert.equal(loggedIn.exitCode, 0, loggedIn.stderr);
  });
  after(async () => {
    await there?.stop();
    await away?.stop();
    await touchstone?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const rotate = (...args: string[]) =>
    touchstoneCommand(['keys', 'rotate', 'tls', '--data', touchstone.directory, ...args]);
  const startsVm = async (host: AgentHost) => {
    const probe = host.probe();
    const outcome = await host.run(vm, probe.command);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.ok(probe.started());
  };
  it('are known to hosts before they are used; no start is refused meanwhile', async () => {
    await away.stopAgent();
    let over = false;
    let started = 0;
    const starting = (async () => {
      while (!over) {
        await startsVm(there);
        started += 1;
      }
    })();
    const outcome = await rotate('--json').finally(() => (over = true));
    await starting;
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    const { was, now } = JSON.parse(outcome.stdout) as Record<string, Record<string, string>>;
    assert.equal(was?.['server'], touchstone.fingerprint);
    assert.notEqual(now?.['server'], was?.['server']);
    assert.notEqual(now?.['ca'], was?.['ca']);
    // Which of the two is waited for depends on what was seen first: one knows it soon, and the other is soon away.
    assert.match(outcome.stderr, /of 2 hosts know it;.* waiting for .*(there|away)/u);
    assert.match(outcome.stderr, /1 of 2 hosts know it; 1 away/u);
    assert.ok(started > 0);
    await startsVm(there);

    const [old, other] = [was, now].map((pins) =>
      pinnedClient({ url: touchstone.url, pin: pins?.['server'] ?? '' }),
    );
    const session = {
      ...({ method: 'GET', path: '/v1/session', schema: Session } as const),
      bearer: touchstone.token,
    };
    await assert.rejects(old!.request(session), { code: 'PIN_MISMATCH' });
    await other!.request(session);
    await Promise.all([old!.close(), other!.close()]);
  });

  it('are learnt by a host that was away, by its bundle’s signatures alone', async () => {
    await away.startAgent();
    await startsVm(away);
    assert.match(await away.log(), /trust bundle taken/u);
  });

  it('are learnt by a login in the same way, once, and never back', async () => {
    const list = () => touchstoneCommand(['host', 'list', '--profile', profile]);
    const first = await list();
    assert.equal(first.exitCode, 0, first.stderr);
    assert.match(first.stderr, /has another TLS key/u);
    const again = await list();
    assert.doesNotMatch(again.stderr, /has another TLS key/u);
    // As somebody would have it who has an old key and old bundles.
    const held = JSON.parse(await readFile(profile, 'utf8')) as Record<string, unknown>;
    const turned = {
      ...held,
      fingerprint: '0'.repeat(64),
      formerFingerprints: [held['fingerprint']],
    };
    await writeFile(profile, JSON.stringify(turned), { mode: 0o600 });
    const refused = await list();
    assert.equal(refused.exitCode, 69, refused.stdout);
    assert.match(refused.stderr, /PIN_MISMATCH|pinned key/u);
    await writeFile(profile, JSON.stringify(held), { mode: 0o600 });
  });
});
