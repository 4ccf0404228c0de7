import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startAgentHost } from '../support/agent-host.ts';
import { attack } from '../support/attack.ts';
import { modesBelow, placesInUse } from '../support/exposure.ts';
import { type GateScene, startGateScene } from '../support/gate-scene.ts';
import { codeOf } from '../support/refusals.ts';

/** Whoever is root on a host can do all of this: DESIGN section 5 says what a software TPM is worth then. */
describe('A host whose own administrator attacks the gate', function () {
  this.timeout(60_000);
  let scene: GateScene;
  let vm: string;
  const inState = (...path: string[]) => join(scene.host.stateDir, ...path);
  before(async function () {
    this.timeout(90_000);
    scene = await startGateScene('insider');
    vm = await scene.newVm();
  });
  after(() => scene?.stop());

  /** Does it while the host is off; afterwards all is as it was, and a VM starts again. */
  const whileOff = async (change: () => Promise<void>, back: () => Promise<void>, seen: string) => {
    const { host } = scene;
    await host.stopAgent();
    await host.cutPower();
    await change();
    await host.startAgent();
    const probe = host.probe();
    const { exitCode, codes, stderr } = await host.run(vm, probe.command);
    assert.equal(probe.started(), false, 'it was started');
    assert.notEqual(exitCode, 0);
    assert.ok(codes.includes(seen), stderr);
    await host.stopAgent();
    await host.cutPower();
    await back();
    await host.startAgent();
    await scene.permitted(vm);
  };
  const latestLog = async () => {
    const numbers = (await readdir(scene.host.stateDir))
      .map((name) => Number(/^boot-log-([0-9]+)\.bin$/u.exec(name)?.[1]))
      .filter((number) => !Number.isNaN(number));
    return Math.max(...numbers);
  };

  it('cannot lay the log of the good boot beneath a changed one: LOG_REPLAY_MISMATCH', async () => {
    const { configuration } = scene.host;
    const good = await readFile(configuration);
    const boot = await latestLog();
    await whileOff(
      async () => {
        await writeFile(configuration, 'nested = yes\n');
        await cp(inState(`boot-log-${boot}.bin`), inState(`boot-log-${boot + 1}.bin`));
      },
      () => writeFile(configuration, good),
      'LOG_REPLAY_MISMATCH',
    );
  });

  it('cannot have less measured: EVENT_DIFFERS', async () => {
    const file = inState('agent.yaml');
    const list = await readFile(file);
    await whileOff(
      () => writeFile(file, 'measure:\n  - { pcr: 13, file: /etc/hostname }\n'),
      () => writeFile(file, list),
      'EVENT_DIFFERS',
    );
  });

  it('cannot lend it the key of another host: EK_CHANGED', async () => {
    const other = await startAgentHost(scene.touchstone, { name: 'lender', trusted: false });
    const [keyFile, enrolmentFile] = [inState('attestation-key.json'), inState('enrolment.json')];
    const [key, enrolment] = [await readFile(keyFile), await readFile(enrolmentFile, 'utf8')];
    const lent = await readFile(join(other.stateDir, 'attestation-key.json'), 'utf8');
    // An enrolment that names another key is none: it is made to fit as well.
    const { akName } = JSON.parse(lent) as { akName: string };
    const fitting = { ...(JSON.parse(enrolment) as object), akName };
    try {
      await whileOff(
        async () => {
          await writeFile(keyFile, lent);
          await writeFile(enrolmentFile, JSON.stringify(fitting));
        },
        async () => {
          await writeFile(keyFile, key);
          await writeFile(enrolmentFile, enrolment);
        },
        'EK_CHANGED',
      );
    } finally {
      await other.stop();
    }
  });

  it('cannot lead the agent to write through a link in the place of its socket', async () => {
    const { host } = scene;
    const victim = inState('victim');
    await host.stopAgent();
    await writeFile(victim, 'mine');
    await rm(inState('agent.sock'), { force: true });
    await symlink(victim, inState('agent.sock'));
    await host.startAgent();
    assert.equal(await readFile(victim, 'utf8'), 'mine');
    await scene.permitted(vm);
    await unlink(victim);
  });

  it('finds no more than is its owner’s: no file, no socket is anybody else’s to open (T11)', () =>
    attack('T11', async () => {
      const { stateDir } = scene.host;
      const files = await modesBelow(stateDir);
      assert.equal(files.get(stateDir)?.mode, 0o700);
      // What lies deeper is behind that directory; it is closed by itself as well.
      const made = [...files].filter(([path]) => path !== inState('agent.yaml'));
      const open = made.filter(([, { mode }]) => mode & 0o077).map(([path]) => path);
      assert.deepEqual(open, []);
      assert.ok([...files.values()].some(({ isSocket }) => isSocket));
      const used = await placesInUse(stateDir);
      assert.ok(used.processes >= 2, 'the agent and its TPM');
      assert.deepEqual(used.shared, []);
      return { outcome: 'HOLDS' };
    }));

  it('starts by any spelling of the uuid the VM of that uuid, and by a path none', async () => {
    const { host } = scene;
    await scene.permitted(vm.toUpperCase());
    for (const strange of [`../${vm}`, `${vm}\n`, `{${vm}}`, '', vm.replaceAll('-', '')]) {
      const probe = host.probe();
      const { exitCode } = await host.run(strange, probe.command);
      assert.notEqual(exitCode, 0);
      assert.equal(probe.started(), false);
    }
    assert.equal(await codeOf(host.ask(vm.toUpperCase(), ['/bin/true'])), 'SCHEMA_MISMATCH');
  });

  it('reads no option of `run` out of the command', async () => {
    const { host } = scene;
    const probe = host.probe();
    const nowhere = inState('nowhere');
    const command = [...probe.command, '--vm', randomUUID(), '--state', nowhere];
    const { exitCode, stderr } = await host.run(vm, command);
    assert.equal(exitCode, 0, stderr);
    assert.equal(probe.started(), true);
    assert.equal(existsSync(nowhere), false);
  });

  it('starts nothing by a command without end: refused, and the next is answered', async () => {
    const { host } = scene;
    const huge = Array.from({ length: 1_025 }, () => 'x');
    assert.equal(await codeOf(host.ask(vm, ['/bin/true', ...huge])), 'SCHEMA_MISMATCH');
    const large = Array.from({ length: 1_000 }, () => 'x'.repeat(32_000));
    const refused = await host.ask(vm, ['/bin/true', ...large]).catch((error: unknown) => error);
    assert.ok(refused instanceof Error, 'an answer to 32 MB');
    await scene.permitted(vm);
  });

  it('cannot turn its software TPM back: TPM_ROLLED_BACK, and an earlier state is worth nothing', async () => {
    const { host, touchstone } = scene;
    const saved = join(host.stateDir, '..', 'saved');
    await mkdir(saved);
    const state = async (from: string, to: string) => {
      for (const name of await readdir(from)) {
        if (name.startsWith('tpm2-')) await cp(join(from, name), join(to, name));
      }
    };
    await host.stopAgent();
    await host.cutPower();
    await state(inState('swtpm'), saved);
    await host.startAgent();
    await scene.permitted(vm);
    await host.reboot();
    await scene.permitted(vm);
    await host.stopAgent();
    await host.cutPower();
    await state(saved, inState('swtpm'));
    await host.startAgent();
    assert.equal((await scene.denied(vm)).code, 'TPM_ROLLED_BACK');
    assert.equal((await touchstone.host(host.name)).host.state, 'untrusted');
  });
});
