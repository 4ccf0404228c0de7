import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attack } from '../../test/support/attack.ts';
import { describeLibvirt } from '../../test/support/describe-libvirt.ts';
import { type LibvirtHost, startLibvirtHost } from '../../test/support/libvirt-host.ts';
import { makeLuksImage } from '../../test/support/luks-image.ts';
import { installHook } from '../libvirt/install-hook.ts';
import {
  type LibvirtGate,
  permitted,
  permittedWith,
  refused,
  REQUEST,
  startLibvirtGate,
} from './support/libvirt-gate.ts';

describeLibvirt('libvirt’s hook and the agent’s door', () => {
  let host: LibvirtHost;
  let gate: LibvirtGate;
  let disk: string;
  let vm: string;

  before(async function () {
    this.timeout(240_000);
    host = await startLibvirtHost();
    gate = await startLibvirtGate(host);
    disk = join(host.directory, 'disk.raw');
    await writeFile(disk, Buffer.alloc(65_536, 1));
    vm = await host.define({ name: 'g', disks: [{ file: disk, further: '<readonly/>' }] });
  });
  afterEach(async () => {
    gate.decide = permitted;
    gate.plan = { disks: [] };
    gate.hear = async () => {};
    await host.virsh('destroy', 'g');
  });
  after(async () => {
    await gate?.close();
    await host?.stop();
  });

  it('a permitted VM starts: asked as what it is, with its disk’s digest', async () => {
    assert.equal((await host.virsh('start', 'g')).stderr, '');
    assert.equal(await host.stateOf('g'), 'running');
    const asked = gate.asked.at(-1);
    assert.deepEqual([asked?.vm, asked?.operation, asked?.door], [vm, 'start', 'libvirt']);
  });

  it('a refusal is one line of virsh’s error: the finding, what to do, and the request’s id', async () => {
    gate.decide = refused;
    const { exitCode, stderr } = await host.virsh('start', 'g');
    assert.equal(exitCode, 1);
    const line =
      `Touchstone: request ${REQUEST}: HOST_NOT_TRUSTED: host: it booted another kernel. ` +
      'To do: Boot the approved kernel.';
    assert.ok(
      stderr.split('\n').some((text) => text.endsWith(line)),
      stderr,
    );
    assert.equal(await host.stateOf('g'), 'shut off');
  });

  it('refuses by `virsh create`, and when libvirtd starts what is to start by itself', async () => {
    gate.decide = refused;
    const xml = join(host.directory, 'g.xml');
    await host.did('undefine', 'g');
    assert.equal((await host.virsh('create', xml)).exitCode, 1);
    assert.equal(await host.stateOf('g'), 'gone');
    await host.did('define', xml);
    await host.did('autostart', 'g');
    const before = gate.asked.length;
    await host.stopLibvirtd();
    await rm(join(host.run, 'qemu/autostarted'), { force: true });
    await host.startLibvirtd();
    await host.did('autostart', '--disable', 'g');
    assert.equal(gate.asked.length, before + 1);
    assert.equal(await host.stateOf('g'), 'shut off');
  });

  it('libvirtd is restarted while the agent is away, and the VM runs on: G29', () =>
    attack('G29', async () => {
      await host.did('start', 'g');
      const pid = host.qemuPid('g');
      assert.ok(pid);
      await rename(gate.socketPath, `${gate.socketPath}.away`);
      await host.stopLibvirtd();
      await host.startLibvirtd();
      await rename(`${gate.socketPath}.away`, gate.socketPath);
      assert.equal(await host.stateOf('g'), 'running');
      assert.equal(host.qemuPid('g'), pid);
      return { outcome: 'HOLDS' };
    }));

  it('kills what was started from another image than was read, and nothing else: G14', async () => {
    gate.decide = async (asked, definition) => {
      const decided = await permitted(asked, definition);
      await rename(disk, `${disk}.read`);
      await writeFile(disk, Buffer.alloc(65_536, 2));
      return decided;
    };
    const { exitCode, stderr } = await host.virsh('start', 'g');
    await rename(`${disk}.read`, disk);
    assert.equal(exitCode, 1);
    const [, requestId] = /request ([0-9a-f-]{36}): IMAGES_DIFFER: /.exec(stderr) ?? [];
    assert.equal(await host.stateOf('g'), 'shut off');
    const told = gate.became.at(-1);
    assert.deepEqual([told?.requestId, told?.vm, told?.code], [requestId, vm, 'IMAGES_DIFFER']);
  });

  it('and so does the agent that was started in between: G14', () =>
    attack('G14', async () => {
      const [asked, go] = [join(host.run, 'asked'), join(host.run, 'go')];
      const hook = join(host.etc, 'hooks/qemu.d/zz-last');
      const wait = `touch ${asked}; until [ -e ${go} ]; do sleep 0.05; done`;
      await writeFile(hook, `#!/bin/sh\n[ "$2" != prepare ] || { ${wait}; }\n`, { mode: 0o755 });
      const starting = host.virsh('start', 'g');
      while (!existsSync(asked)) await sleep(10);
      await gate.restart();
      await rename(disk, `${disk}.read`);
      await writeFile(disk, Buffer.alloc(65_536, 2));
      await writeFile(go, '');
      const { stderr } = await starting;
      await rename(`${disk}.read`, disk);
      for (const file of [hook, asked, go]) await rm(file);
      const [, requestId, code = ''] = /request ([0-9a-f-]{36}): ([A-Z_]+): /.exec(stderr) ?? [];
      assert.equal(await host.stateOf('g'), 'shut off');
      assert.equal(gate.became.at(-1)?.requestId, requestId);
      return { outcome: 'D', code };
    }));

  it('what runs on though it differs, since libvirt waited no longer, is told as running, and shown so', async () => {
    gate.decide = async (asked, definition) => {
      const decided = await permitted(asked, definition);
      await rename(disk, `${disk}.read`);
      await writeFile(disk, Buffer.alloc(65_536, 2));
      return decided;
    };
    const starting = host.virsh('start', 'g');
    gate.hear = async (verb) => void (verb === 'started begin' && (await starting));
    const before = gate.became.length;
    const { exitCode, stderr } = await starting;
    while (gate.became.length === before) await sleep(10);
    await rename(`${disk}.read`, disk);
    assert.equal(exitCode, 0, stderr);
    assert.equal(await host.stateOf('g'), 'running');
    const { what, code, requestId = '' } = gate.became.at(-1) ?? {};
    assert.deepEqual([what, code], ['differs', 'IMAGES_DIFFER']);
    const [shown] = gate.exposures;
    assert.deepEqual([shown?.code, shown?.vm], ['IMAGES_DIFFER', vm]);
    assert.match(shown?.detail ?? '', RegExp(`^It ran on: .*${requestId}.*${disk}`, 'u'));
  });

  describe('a VM that was permitted and does not run', () => {
    let failing: string;
    const start = () => host.virsh('start', 'f');
    const told = () => gate.became.filter((each) => each.vm === failing);

    before(async () => {
      // Nobody listens there: QEMU ends.
      const devices = `<serial type='tcp'><source mode='connect' host='127.0.0.1' service='1'/></serial>`;
      failing = await host.define({ name: 'f', devices });
    });

    it('is told as that, and as no refusal: VM_DID_NOT_RUN', async () => {
      assert.equal((await start()).exitCode, 1);
      const { requestId } = gate.permits.at(-1) ?? assert.fail();
      assert.deepEqual(
        told().map((each) => [each.what, each.code, each.requestId]),
        [['failed', 'VM_DID_NOT_RUN', requestId]],
      );
    });

    it('is not told of where the agent was restarted since, and might have missed that it ran', async () => {
      const before = told().length;
      const hook = join(host.etc, 'hooks/qemu.d/zz-last');
      const [asked, go] = [join(host.run, 'asked'), join(host.run, 'go')];
      const wait = `touch ${asked}; until [ -e ${go} ]; do sleep 0.05; done`;
      await writeFile(hook, `#!/bin/sh\n[ "$2" != prepare ] || { ${wait}; }\n`, { mode: 0o755 });
      const starting = start();
      while (!existsSync(asked)) await sleep(10);
      await gate.restart();
      await writeFile(go, '');
      assert.equal((await starting).exitCode, 1);
      for (const file of [hook, asked, go]) await rm(file);
      assert.equal(told().length, before);
    });

    it('is none that ran and was stopped, nor one that was refused', async () => {
      const before = gate.became.length;
      await host.did('start', 'g');
      await host.did('destroy', 'g');
      gate.decide = refused;
      assert.equal((await start()).exitCode, 1);
      assert.equal(gate.became.length, before);
    });
  });

  /** Gives its exit code. */
  const asHook = async (xml: string, ...verb: readonly string[]): Promise<unknown> => {
    const child = spawn(join(host.etc, 'hooks/qemu.d/touchstone'), ['g', ...verb, '-']);
    child.stdin.on('error', () => {});
    child.stdin.end(xml);
    const [exitCode] = await once(child, 'close');
    return exitCode;
  };
  const domain = (inside: string) =>
    `<domain type='qemu'><name>g</name><uuid>${vm}</uuid>${inside}</domain>`;

  describe('at `started begin`', () => {
    it('what nobody can read any more was not asked about, and is refused: G13', () =>
      attack('G13', async () => {
        for (const inside of ['<a/>'.repeat(25_000), 'a'.repeat(1_100_000), '<!ELEMENT>']) {
          assert.equal(await asHook(domain(inside), 'started', 'begin'), 1);
          assert.equal(await asHook(domain(inside), 'reconnect', 'begin'), 0);
        }
        return { outcome: 'D', code: 'DOMAIN_DIFFERS' };
      }));

    it('and is told under the id of what was asked about, by its name', async () => {
      const requestId = randomUUID();
      gate.decide = async (asked, definition) => {
        const { answer, ...decided } = await permitted(asked, definition);
        return { ...decided, answer: { ...answer, requestId } };
      };
      assert.equal(await asHook(await host.did('dumpxml', 'g'), 'prepare', 'begin'), 0);
      assert.equal(await asHook(domain('<!ELEMENT>'), 'started', 'begin'), 1);
      const told = gate.became.at(-1);
      assert.deepEqual([told?.requestId, told?.vm, told?.code], [requestId, vm, 'DOMAIN_DIFFERS']);
    });

    it('what was never permitted here is told, and goes on', async () => {
      assert.equal(await asHook(domain(''), 'started', 'begin'), 0);
    });
  });

  describe('where the agent does not say yes', () => {
    let server: Server | undefined;
    const yes = () => `permitted ${vm}\n`;
    const http = (body: string, status = '200 OK') =>
      `HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\n\r\n${body}`;

    /** Somebody else at the socket: `answer` is all that he sends. */
    async function listen(answer: () => string): Promise<void> {
      const socketPath = join(host.directory, 'other.sock');
      server = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end(answer()));
      }).listen(socketPath);
      await once(server, 'listening');
      await installHook({ configuration: host.etc, socketPath });
    }
    afterEach(async () => {
      server?.close();
      server = undefined;
      await installHook({ configuration: host.etc, socketPath: gate.socketPath });
    });

    it('a plain yes of whoever listens there would start it', async () => {
      await listen(() => http(yes()));
      assert.equal((await host.virsh('start', 'g')).stderr, '');
    });

    const answers: readonly (readonly [string, () => string])[] = [
      ['for another VM', () => http(`permitted ${randomUUID()}\n`)],
      ['cut short', () => http(yes().slice(0, -1))],
      ['with more behind it', () => http(`${yes()}${yes()}`)],
      ['with another status', () => http(yes(), '500 Internal Server Error')],
      ['as JSON', () => http('{"decision":"permitted"}')],
      ['without a body', () => http('')],
      ['that is no HTTP', yes],
      ['of nothing', () => ''],
      ['without end', () => http('permitted '.repeat(20_000))],
    ];
    for (const [title, answer] of answers) {
      it(`an answer ${title} starts nothing: G12`, () =>
        attack('G12', async () => {
          await listen(answer);
          const { exitCode, stderr } = await host.virsh('start', 'g');
          assert.equal(exitCode, 1);
          assert.equal(await host.stateOf('g'), 'shut off');
          const [, code = ''] = /Touchstone: ([A-Z_]+): /.exec(stderr) ?? [];
          return { outcome: 'D', code };
        }));
    }

    for (const verb of ['restore', 'migrate'] as const) {
      it(`at \`${verb} begin\` nothing but that it was noted is a yes: G12`, async () => {
        let answer = '';
        await listen(() => answer);
        for (const [body, exitCode] of [
          [http('noted\n'), 0],
          [http('refused it is held\n'), 1],
          [http('noted'), 1],
          [http(yes()), 1],
          [http('noted\n', '503 Service Unavailable'), 1],
          ['', 1],
        ] as const) {
          answer = body;
          assert.equal(await asHook(domain(''), verb, 'begin'), exitCode, JSON.stringify(body));
        }
      });
    }

    it('nobody there starts nothing: G12', () =>
      attack('G12', async () => {
        const socketPath = join(host.directory, 'nobody.sock');
        await installHook({ configuration: host.etc, socketPath });
        const { exitCode, stderr } = await host.virsh('start', 'g');
        assert.equal(exitCode, 1);
        const [, code = ''] = /Touchstone: ([A-Z_]+): /.exec(stderr) ?? [];
        return { outcome: 'D', code };
      }));

    it('a hook that is killed while it waits starts nothing', async () => {
      gate.decide = async (asked, definition) => {
        const hooks = host.processes().filter((pid) => commandOf(pid).includes('prepare'));
        assert.equal(hooks.length, 1);
        process.kill(hooks[0] ?? 0, 'SIGKILL');
        return permitted(asked, definition);
      };
      assert.equal((await host.virsh('start', 'g')).exitCode, 1);
      assert.equal(await host.stateOf('g'), 'shut off');
    });
  });

  describe('a VM that is restored', () => {
    const saved = () => join(host.directory, 'g.saved');
    const restored = () => gate.asked.at(-1);

    it('comes with the digest of what this host saw it saved to; from a managed save, too', async () => {
      await host.did('start', 'g');
      await host.did('save', 'g', saved());
      assert.equal((await host.virsh('restore', saved())).stderr, '');
      assert.equal(restored()?.operation, 'restore');
      assert.match(restored()?.savedState ?? '', /^[0-9a-f]{64}$/);
      await host.did('managedsave', 'g');
      await gate.restart();
      assert.equal((await host.virsh('start', 'g')).stderr, '');
      assert.equal(restored()?.operation, 'restore');
      assert.match(restored()?.savedState ?? '', /^[0-9a-f]{64}$/);
    });

    it('comes without one where the file was edited since, or is a copy: G28', async () => {
      await host.did('start', 'g');
      await host.did('save', 'g', saved());
      const bytes = await readFile(saved());
      const file = await open(saved(), 'r+');
      await file.write(Buffer.of(bytes.at(-1)! ^ 1), 0, 1, bytes.length - 1);
      await file.close();
      gate.decide = refused;
      assert.equal((await host.virsh('restore', saved())).exitCode, 1);
      assert.equal(restored()?.operation, 'restore');
      assert.equal(restored()?.savedState, null);
      await writeFile(`${saved()}.copy`, bytes);
      assert.equal((await host.virsh('restore', `${saved()}.copy`)).exitCode, 1);
      assert.equal(restored()?.savedState, null);
      assert.equal(await host.stateOf('g'), 'shut off');
    });
  });

  describe('a VM with a sealed disk', () => {
    const secret = randomUUID();
    const key = randomBytes(24).toString('base64url');
    let luks: string;
    const give = (value: string) => permittedWith(new Map([['vda', Buffer.from(value)]]));
    const listed = () => host.did('secret-list');

    before(async () => {
      luks = join(host.directory, 'disk.luks');
      makeLuksImage(luks, key);
      await host.define({ name: 's', disks: [{ file: luks, secret }] });
    });
    beforeEach(() => {
      gate.plan = { disks: [{ name: 'vda', kind: 'sealed' }] };
    });
    afterEach(() => host.virsh('destroy', 's'));

    it('starts by the key that came with the permit, which is then gone, and was nowhere else', async () => {
      gate.decide = give(key);
      assert.equal((await host.virsh('start', 's')).stderr, '');
      const query = '{"execute":"query-named-block-nodes"}';
      const nodes = await host.did('qemu-monitor-command', 's', query);
      assert.match(nodes, /"drv":"luks"/);
      assert.ok(!(await listed()).includes(secret));
      const said = [gate.log.join(''), ...(await textsOf(host.directory))];
      for (const form of [
        key,
        Buffer.from(key).toString('base64'),
        Buffer.from(key).toString('hex'),
      ])
        assert.ok(!said.some((text) => text.includes(form)));
      for (const pid of host.processes()) assert.ok(!commandOf(pid).includes(key));
    });

    it('while libvirt waits, the secret is private', async () => {
      gate.decide = give(key);
      const hook = join(host.etc, 'hooks/qemu.d/zz-last');
      const got = join(host.directory, 'got');
      const ask = `timeout 5 virsh -q -c qemu:///system secret-get-value ${secret}`;
      const text = `#!/bin/sh\n[ "$2" != prepare ] || ${ask} >${got} 2>&1\nexit 0\n`;
      await writeFile(hook, text, { mode: 0o755 });
      assert.equal((await host.virsh('start', 's')).stderr, '');
      await rm(hook);
      assert.match(await readFile(got, 'utf8'), /secret is private/);
    });

    it('does not start without a key, nor by a wrong one', async () => {
      gate.decide = permitted;
      const { stderr } = await host.virsh('start', 's');
      const [, requestId] = /request ([0-9a-f-]{36}): DISK_SECRET_FAILED: /.exec(stderr) ?? [];
      const told = gate.became.at(-1);
      assert.deepEqual([told?.requestId, told?.code], [requestId, 'DISK_SECRET_FAILED']);
      gate.decide = give('another key');
      assert.match((await host.virsh('start', 's')).stderr, /Invalid password/);
      assert.equal(await host.stateOf('s'), 'shut off');
      assert.ok(!(await listed()).includes(secret));
    });

    it('does not start where that cannot be written down, and its key is taken away', async () => {
      gate.decide = give(key);
      const inTheWay = join(gate.stateDir, 'permitted-domains.json.next');
      await mkdir(inTheWay);
      const { stderr } = await host.virsh('start', 's');
      await rmdir(inTheWay);
      assert.match(stderr, /START_FAILED/);
      assert.equal(await host.stateOf('s'), 'shut off');
      assert.equal(gate.became.at(-1)?.code, 'START_FAILED');
      assert.ok(!(await listed()).includes(secret));
    });

    it('an agent that was killed takes away what it left when it starts', async () => {
      const file = join(host.directory, 'left.xml');
      await writeFile(
        file,
        `<secret ephemeral='yes' private='yes'><uuid>${secret}</uuid></secret>`,
      );
      await host.did('secret-define', file);
      await writeFile(join(gate.stateDir, 'disk-secrets.json'), JSON.stringify([secret]));
      const left = () => readFile(join(gate.stateDir, 'disk-secrets.json'), 'utf8');
      await host.stopLibvirtd();
      await gate.restart();
      await host.startLibvirtd();
      assert.match(await left(), new RegExp(secret), 'libvirt was away: it is tried again');
      await host.did('secret-define', file);
      await gate.restart();
      assert.ok(!(await listed()).includes(secret));
      assert.doesNotMatch(await left(), new RegExp(secret));
      await writeFile(join(gate.stateDir, 'disk-secrets.json'), JSON.stringify([secret]));
      await gate.restart();
      assert.doesNotMatch(await left(), new RegExp(secret), 'it is gone');
    });
  });
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

async function textsOf(directory: string): Promise<string[]> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  return Promise.all(
    files
      .filter((file) => file.isFile())
      .map((file) => readFile(join(file.parentPath, file.name), 'latin1').catch(() => '')),
  );
}
