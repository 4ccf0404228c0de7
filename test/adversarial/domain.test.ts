import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DomainEventAnswer, StartAnswer } from '@touchstone/schemas';
import { unixClient } from '@touchstone/transport';
import { attack } from '../support/attack.ts';
import { QEMU_WORDS } from '../support/boot-sector.ts';
import { type GateScene, startGateScene } from '../support/gate-scene.ts';
import { domainXml } from '../support/libvirt-domain.ts';

describe('A domain that was permitted', () => {
  let scene: GateScene;
  let dir: string;
  before(async function () {
    this.timeout(90_000);
    dir = await mkdtemp(join(tmpdir(), 'ts-changed-'));
    for (const name of ['golden.raw', 'other.raw', 'kernel'])
      await writeFile(join(dir, name), name);
    scene = await startGateScene('domains');
  });
  after(async () => {
    await scene?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const xmlOf = (uuid: string, { image = 'golden.raw', line = 'ro', devices = '' } = {}) =>
    domainXml({
      name: 'g1',
      uuid,
      disks: [{ file: join(dir, image), further: '<readonly/>' }],
      devices,
      os: `<kernel>${join(dir, 'kernel')}</kernel><cmdline>${line}</cmdline>`,
    });
  const client = () => unixClient({ path: join(scene.host.stateDir, 'agent.sock') });
  const prepare = async (domain: string) => {
    const socket = client();
    const body = { name: 'g1', domain };
    const path = '/v1/domains/starts';
    const answer = socket.request({ method: 'POST', path, body, schema: StartAnswer });
    return answer.finally(() => socket.close());
  };
  const started = async (domain: string) => {
    const socket = client();
    const body = { name: 'g1', verb: 'started begin', extra: '-', domain };
    const path = '/v1/domains/events';
    const answer = socket.request({ method: 'POST', path, body, schema: DomainEventAnswer });
    return answer.finally(() => socket.close());
  };

  const hostdev =
    `<hostdev mode='subsystem' type='pci'><source>` +
    `<address domain='0' bus='1' slot='0' function='0'/></source></hostdev>`;
  for (const [what, change] of [
    ['a disk was swapped', { image: 'other.raw' }],
    ['the kernel has other arguments', { line: 'ro init=/bin/sh' }],
    ['a device of the host was added', { devices: hostdev }],
  ] as const) {
    it(`is not what runs where ${what}: G13`, async () => {
      const vm = await scene.newVm();
      const permitted = await prepare(xmlOf(vm));
      assert.equal(permitted.decision, 'permitted', JSON.stringify(permitted));
      await attack('G13', async () => {
        const { outcome, line = '' } = await started(xmlOf(vm, change));
        assert.equal(outcome, 'refused');
        return { outcome: 'D', code: /DOMAIN_DIFFERS/u.exec(line)?.[0] ?? line };
      });
      const again = await prepare(xmlOf(vm, change));
      assert.ok(again.decision === 'permitted' && permitted.decision === 'permitted');
      assert.notEqual(again.definitionDigest, permitted.definitionDigest);
    });
  }

  it('is refused where its QEMU cannot be seen: QEMU_UNSEEN', async () => {
    const vm = await scene.newVm();
    await prepare(xmlOf(vm));
    const { outcome, line = '' } = await started(xmlOf(vm));
    assert.equal(outcome, 'refused');
    assert.match(line, /QEMU_UNSEEN/u);
  });

  it('is what runs where nothing was changed', async () => {
    const vm = await scene.newVm();
    await prepare(xmlOf(vm));
    const [program, ...words] = QEMU_WORDS;
    const image = join(dir, 'golden.raw');
    const drive = ['-drive', `file=${image},format=raw,readonly=on,if=virtio`];
    const qemu = spawn(program, [...words, '-S', '-uuid', vm, ...drive], { stdio: 'ignore' });
    const over = once(qemu, 'exit');
    try {
      await once(qemu, 'spawn');
      const open = `/proc/${qemu.pid}/fd`;
      const linkOf = (fd: string) => readlink(join(open, fd)).catch(() => '');
      const isOpen = async () =>
        (await Promise.all((await readdir(open)).map(linkOf))).includes(image);
      for (; !(await isOpen()); await sleep(10)) assert.equal(qemu.exitCode, null);
      let answer = await started(xmlOf(vm));
      for (let tries = 0; answer.outcome === 'refused' && tries < 50; tries += 1) {
        await prepare(xmlOf(vm));
        answer = await started(xmlOf(vm));
      }
      assert.equal(answer.outcome, 'noted', answer.line);
    } finally {
      qemu.kill('SIGKILL');
      await over;
    }
  });
});
