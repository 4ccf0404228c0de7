import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { describeLibvirt } from '../support/describe-libvirt.ts';
import { type LibvirtHost, type Said, startLibvirtHost } from '../support/libvirt-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const OVMF = '/usr/share/OVMF';
const WAIT_MS = 60_000;

const codeIn = ({ stderr }: Said): string =>
  /Touchstone: (?:request [0-9a-f-]{36}: )?([A-Z_]+): /.exec(stderr)?.[1] ?? '';

describeLibvirt('VMs of libvirt with firmware of their own', () => {
  let touchstone: Touchstone;
  let host: LibvirtHost;
  let agent: AgentHost;
  let loader: string;
  let template: string;
  let images: string[];
  const digestOf = async (path: string) =>
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex');

  before(async function () {
    this.timeout(240_000);
    [touchstone, host] = await Promise.all([startTouchstone(), startLibvirtHost()]);
    agent = await startAgentHost(touchstone, { name: 'alpha', within: host.within });
    assert.equal((await agent.command('install-hook')).exitCode, 0);
    await host.reloadLibvirtd();
    loader = join(host.directory, 'code.fd');
    template = join(host.directory, 'vars.fd');
    await copyFile(join(OVMF, 'OVMF_CODE_4M.fd'), loader);
    await copyFile(join(OVMF, 'OVMF_VARS_4M.fd'), template);
    images = await Promise.all([loader, template].map(digestOf));
  });
  after(async () => {
    await agent?.stop();
    await Promise.all([host?.stop(), touchstone?.stop()]);
  });

  const flash = (nvram: string) =>
    `<loader readonly='yes' type='pflash'>${loader}</loader>${nvram}`;
  const variablesOf = (name: string) => join(host.lib, 'qemu/nvram', `${name}_VARS.fd`);
  const add = async (name: string, os: string) => {
    const uuid = await host.define({ name, os, memoryMib: 64 });
    await touchstone.addVm({ uuid, name, images });
    return uuid;
  };
  const starts = async (name: string, ...options: readonly string[]) => {
    const { stderr } = await host.virsh('start', name, ...options);
    assert.equal(stderr, '');
    assert.equal(await host.stateOf(name), 'running');
  };
  /** As the firmware writes them in the guest. */
  const written = async (path: string, before: string) => {
    for (const end = Date.now() + WAIT_MS; (await digestOf(path)) === before; await sleep(50))
      assert.ok(Date.now() < end, 'the firmware writes no variables');
  };
  const refusal = async (name: string) => {
    const said = await host.virsh('start', name);
    assert.equal(said.exitCode, 1);
    assert.equal(await host.stateOf(name), 'shut off');
    assert.equal(host.qemuPid(name), null);
    return said;
  };

  it('start from a template, and again with the variables that the firmware wrote', async () => {
    await add('g', flash(`<nvram template='${template}'/>`));
    await starts('g');
    await written(variablesOf('g'), await digestOf(template));
    await host.did('destroy', 'g');
    await starts('g');
  });

  it('are restored, and start with variables made anew', async () => {
    const saved = join(host.directory, 'g.saved');
    await host.did('save', 'g', saved);
    assert.equal((await host.virsh('restore', saved)).stderr, '');
    assert.equal(await host.stateOf('g'), 'running');
    await host.did('destroy', 'g');
    await starts('g', '--reset-nvram');
    await host.did('destroy', 'g');
  });

  it('start with variables that were there before, whatever is in them, and without any', async () => {
    const own = join(host.directory, 'own.fd');
    await copyFile(template, own);
    await add('own', flash(`<nvram>${own}</nvram>`));
    await starts('own');
    await host.did('destroy', 'own');
    await writeFile(own, Buffer.alloc((await readFile(own)).length, 0xff));
    await starts('own');
    await host.did('destroy', 'own');
    await add('none', `<loader readonly='yes' type='pflash' stateless='yes'>${loader}</loader>`);
    await starts('none');
    await host.did('destroy', 'none');
  });

  for (const [what, path] of [
    ['firmware', () => loader],
    ['template', () => template],
  ] as const) {
    it(`do not start with another ${what}: IMAGE_NOT_GOLDEN`, async () => {
      const bytes = await readFile(path());
      await writeFile(path(), Buffer.concat([bytes.subarray(0, -1), Buffer.of(1)]));
      assert.equal(codeIn(await refusal('g')), 'IMAGE_NOT_GOLDEN');
      await writeFile(path(), bytes);
    });
  }

  it('do not start where libvirt is to choose the template, until it is named: DEFINITION_UNCOVERED', async () => {
    // Of Debian's own, libvirt knows which template goes with it.
    const debians = `<loader readonly='yes' type='pflash'>${join(OVMF, 'OVMF_CODE_4M.fd')}</loader>`;
    const uuid = await add('untold', debians);
    const said = await refusal('untold');
    assert.equal(codeIn(said), 'DEFINITION_UNCOVERED');
    assert.match(said.stderr, /<nvram template=/u);
    assert.ok(!existsSync(variablesOf('untold')));
    const os = `${debians}<nvram template='${template}'/>`;
    await host.define({ name: 'untold', uuid, os });
    await starts('untold');
    await host.did('destroy', 'untold');
  });

  it('do not start where libvirt is to choose the firmware: DEFINITION_UNCOVERED', async () => {
    const uuid = await host.define({ name: 'chosen', firmware: 'efi' });
    await touchstone.addVm({ uuid, name: 'chosen', images });
    const said = await refusal('chosen');
    assert.equal(codeIn(said), 'DEFINITION_UNCOVERED');
    assert.match(said.stderr, /name <loader> and <nvram template=/u);
  });
});
