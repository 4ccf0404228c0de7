import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentStatus, DiskKeyList, Vm } from '@touchstone/schemas';
import { unixClient } from '@touchstone/transport';
import { type AgentHost, type Running, startAgentHost } from '../support/agent-host.ts';
import { makeLuksDisk } from '../support/luks-disk.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const QEMU = '/usr/bin/qemu-system-x86_64';

describe('a VM with a sealed disk, by `run`', () => {
  const passphrase = randomBytes(32).toString('base64');
  const vm = randomUUID();
  let touchstone: Touchstone;
  let host: AgentHost;
  let directory: string;

  before(async function () {
    this.timeout(240_000);
    directory = await mkdtemp(join(tmpdir(), 'ts-sealed-'));
    await writeFile(join(directory, 'root.img'), randomBytes(65_536));
    await makeLuksDisk(join(directory, 'data.luks'), Buffer.from(passphrase));
    touchstone = await startTouchstone();
    // Of the machine's other processes nothing is asked here.
    const watch = { processes: '/proc', libvirtConfiguration: directory, libvirtState: directory };
    host = await startAgentHost(touchstone, { name: 'sealed', watch });
    await touchstone.operator('POST', '/v1/vms', Vm, {
      ...{ uuid: vm, name: 'sealed', classes: ['software'], hostLabels: {}, images: [] },
      disks: [{ name: 'disk1', kind: 'sealed' }],
    });
  });
  after(async () => {
    await host?.stop();
    await touchstone?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const qmp = () => join(directory, 'qmp.sock');
  const command = () => [
    ...[QEMU, '-accel', 'tcg', '-m', '32', '-S', '-display', 'none', '-nodefaults'],
    ...['-no-user-config', '-qmp', `unix:${qmp()},server=on,wait=off`],
    ...['-drive', `if=none,id=root,format=raw,readonly=on,file=${directory}/root.img`],
    ...['-blockdev', `driver=file,node-name=data-file,filename=${directory}/data.luks`],
    ...['-blockdev', 'driver=luks,node-name=data,key-secret=touchstone-disk1,file=data-file'],
  ];
  const keyIn = async (path: string): Promise<boolean> => {
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    const raw = Buffer.from(passphrase);
    const forms = [
      passphrase,
      raw.toString('hex'),
      raw.toString('base64'),
      raw.toString('base64url'),
    ];
    return forms.some((form) => bytes.includes(form));
  };
  async function denied(): Promise<string> {
    const { exitCode, codes, stderr } = await host.run(vm, command());
    assert.notEqual(exitCode, 0, 'it was started');
    assert.ok(!existsSync(qmp()), 'it was started');
    return codes[0] ?? stderr;
  }

  it('is not started while the server has no key for the disk', async () => {
    assert.equal(await denied(), 'DISK_KEY_UNAVAILABLE');
    const body = { disk: 'disk1', key: Buffer.from(passphrase).toString('base64url') };
    const { keys } = await touchstone.operator(
      'POST',
      `/v1/vms/${vm}/disk-keys`,
      DiskKeyList,
      body,
    );
    assert.deepEqual(
      keys.map(({ disk }) => disk),
      ['disk1'],
    );
  });

  it('has its disk open, and the key is in no argument, variable, log or file', async () => {
    const running = host.start(vm, command());
    try {
      const data = (await blockNodes(qmp(), running)).find((node) => node['node-name'] === 'data');
      assert.deepEqual([data?.drv, data?.encrypted], ['luks', true]);
      const { pid } = running.child;
      assert.match(await readFile(`/proc/${pid}/cmdline`, 'latin1'), /secret,id=touchstone-disk1/u);
      const places = [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`];
      places.push(`/proc/${host.agentPid}/cmdline`, `/proc/${host.agentPid}/environ`);
      for (const root of [join(host.stateDir, '..'), directory]) {
        for (const name of await readdir(root, { recursive: true })) {
          const path = join(root, name);
          if ((await stat(path).catch(() => null))?.isFile()) places.push(path);
        }
      }
      assert.ok(places.length > 12, places.join(' '));
      for (const place of places) assert.ok(!(await keyIn(place)), place);
      for (const name of ['server', 'ca', 'postgres'] as const) {
        assert.ok(!(await touchstone.log(name)).includes(passphrase), name);
      }
    } finally {
      running.child.kill('SIGKILL');
      await running.ended;
      await rm(qmp(), { force: true });
    }
  });

  it('is known to the agent also where QEMU makes itself a daemon', async () => {
    const pidFile = join(directory, 'qemu.pid');
    const { exitCode, stderr } = await host.run(vm, [
      ...command(),
      ...['-daemonize', '-pidfile', pidFile],
    ]);
    assert.equal(exitCode, 0, stderr);
    const client = unixClient({ path: join(host.stateDir, 'agent.sock') });
    try {
      const to = { method: 'GET', path: '/v1/status', schema: AgentStatus } as const;
      const { gate } = await client.request(to);
      const known = gate?.running.filter((one) => one.vm === vm).map(({ door }) => door);
      assert.deepEqual(known, ['run']);
    } finally {
      await client.close();
      process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
      await rm(qmp(), { force: true });
    }
  });

  it('does not start once the host has booted something else', async () => {
    await host.reboot({ change: 'nested = yes\n' });
    assert.equal(await denied(), 'HOST_NOT_TRUSTED');
  });
});

type BlockNode = {
  readonly 'node-name': string;
  readonly drv: string;
  readonly encrypted: boolean;
};

/** QMP: query-named-block-nodes, by a QEMU that is being started. */
async function blockNodes(path: string, running: Running): Promise<readonly BlockNode[]> {
  for (;;) {
    if (running.child.exitCode !== null) throw new Error((await running.ended).stderr);
    const socket = connect(path);
    try {
      if (!(await once(socket, 'connect').catch(() => null))) {
        await sleep(10);
        continue;
      }
      for (const execute of ['qmp_capabilities', 'query-named-block-nodes']) {
        socket.write(`${JSON.stringify({ execute, id: execute })}\n`);
      }
      for await (const line of createInterface({ input: socket })) {
        const answer = JSON.parse(line) as { id?: string; return?: readonly BlockNode[] };
        if (answer.id === 'query-named-block-nodes') return answer.return ?? [];
      }
    } catch {
      // QEMU that ends while it starts hangs up.
      await sleep(10);
    } finally {
      socket.destroy();
    }
  }
}
