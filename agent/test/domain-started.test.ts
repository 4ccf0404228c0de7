import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileReader } from '../images/file-reader.ts';
import { shapeOf } from '../libvirt/domain/canonical.ts';
import { type Domain, describeDomain, readDomain } from '../libvirt/domain/describe.ts';
import { checkStarted } from '../libvirt/domain/started.ts';
import { attack } from '../../test/support/attack.ts';
import { describeLibvirt } from '../../test/support/describe-libvirt.ts';
import { type LibvirtHost, startLibvirtHost } from '../../test/support/libvirt-host.ts';

const WAIT_MS = 30_000;

/** Keeps what libvirt tells at two verbs, and waits until the test has decided: an empty file, or a reason to refuse. */
const HOOK = `#!/bin/sh
case "$2 $3" in 'prepare begin'|'started begin') ;; *) exit 0 ;; esac
told=/run/libvirt/told
cat >"$told/$2.next"
mv "$told/$2.next" "$told/$2.xml"
for _ in $(seq 1000); do
  [ -e "$told/$2.decided" ] && break
  sleep 0.03
done
[ -e "$told/$2.decided" ] || exit 1
reason=$(cat "$told/$2.decided")
rm -f "$told/$2.decided"
[ -z "$reason" ] && exit 0
echo "$reason" >&2
exit 1
`;

describeLibvirt('A domain as libvirt starts it', () => {
  let host: LibvirtHost;
  let images: string;
  const reader = new FileReader();
  const at = (name: string) => join(images, name);
  const told = (name: string) => join(host.run, 'told', name);
  const make = (...args: readonly string[]) => execFileSync('qemu-img', args, { cwd: images });

  before(async function () {
    this.timeout(90_000);
    host = await startLibvirtHost({ name: 'domains' });
    await mkdir(join(host.run, 'told'));
    await writeFile(join(host.etc, 'hooks/qemu'), HOOK, { mode: 0o755 });
    await host.reloadLibvirtd();
    images = join(host.directory, 'images');
    await mkdir(images);
    for (const name of ['base.raw', 'golden.raw', 'data.raw', 'other.raw']) {
      make('create', '-q', '-f', 'raw', name, '1M');
    }
    await writeFile(at('other.raw'), 'other', { flag: 'r+' });
    await writeFile(at('code.fd'), Buffer.alloc(1_048_576));
    await writeFile(at('vars.fd'), Buffer.alloc(65_536));
    make('create', '-q', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', 'root.qcow2');
    await symlink('golden.raw', at('link.raw'));
  });
  after(() => host?.stop());

  const hear = async (verb: string): Promise<Domain> => {
    for (const deadline = Date.now() + WAIT_MS; !existsSync(told(`${verb}.xml`)); await sleep(10)) {
      assert.ok(Date.now() < deadline, `libvirt does not come to ${verb}`);
    }
    const domain = readDomain(await readFile(told(`${verb}.xml`), 'utf8'));
    await rm(told(`${verb}.xml`));
    return domain;
  };
  /** Whole at once: the hook would take a file that is not written yet for a yes. */
  const decide = async (verb: string, reason = '') => {
    await writeFile(told(`${verb}.deciding`), reason);
    await rename(told(`${verb}.deciding`), told(`${verb}.decided`));
  };
  const roots = () => ({ pids: join(host.run, 'qemu'), proc: '/proc' });

  /** One start, by whatever command of virsh, as the gate goes along with it. */
  const start = async (
    begin: readonly string[],
    { between = async () => {} }: { between?: () => Promise<unknown> } = {},
  ) => {
    const said = host.virsh(...begin);
    const prepared = await hear('prepare');
    const plan = { vm: prepared.vm, known: true, disks: [{ name: 'vdb', kind: 'data' as const }] };
    const definition = await describeDomain(prepared, plan, reader);
    await between();
    await decide('prepare');
    const live = await hear('started');
    const permitted = {
      definition,
      operation: begin[0] === 'restore' ? ('restore' as const) : ('start' as const),
    };
    const finding = await checkStarted(live, permitted, roots());
    const asStart = await checkStarted(live, { definition, operation: 'start' }, roots());
    await decide('started', finding?.code ?? '');
    return { definition, prepared, live, finding, asStart, said: await said };
  };

  const disks = () => [
    { file: at('root.qcow2'), format: 'qcow2' as const, further: '<transient/>' },
    { file: at('data.raw') },
    { file: at('link.raw'), further: '<readonly/>' },
  ];
  const devices =
    `<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>` +
    `<serial type='pty'/><graphics type='vnc' port='-1' autoport='yes'/><video><model type='vga'/></video>` +
    `<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>` +
    `<interface type='user'><model type='virtio'/></interface>`;

  it('has the same definition at each start and after libvirtd’s restart, and runs on what was read', async function () {
    this.timeout(120_000);
    const uuid = await host.define({ name: 'same', disks: disks(), devices });
    const first = await start(['start', 'same']);
    assert.equal(first.said.exitCode, 0, first.said.stderr);
    assert.equal(first.prepared.vm, uuid);
    assert.equal(first.finding, null);
    assert.deepEqual(
      first.definition.files.map(({ path, use }) => [use, path.replace(`${images}/`, '')]),
      [
        ['program', '/usr/bin/qemu-system-x86_64'],
        ['open', 'root.qcow2'],
        ['open', 'base.raw'],
        ['open', 'link.raw'],
      ],
    );
    const overlay = at('root.qcow2.TRANSIENT-same');
    assert.ok(existsSync(overlay), 'what is written goes elsewhere');
    await host.did('destroy', 'same');
    assert.ok(!existsSync(overlay), 'and is thrown away');

    await host.stopLibvirtd();
    await host.startLibvirtd();
    const second = await start(['start', 'same']);
    assert.equal(second.finding, null);
    assert.equal(second.definition.digest, first.definition.digest);
    assert.equal(shapeOf(second.live.root), shapeOf(first.live.root));
    await host.did('destroy', 'same');
  });

  it('has one when it is restored, too', async function () {
    this.timeout(120_000);
    const golden = [{ file: at('golden.raw'), further: '<readonly/>' }, { file: at('data.raw') }];
    await host.define({ name: 'saved', disks: golden });
    const first = await start(['start', 'saved']);
    assert.equal(first.finding, null);
    const file = at('saved.save');
    await host.did('save', 'saved', file);
    const restored = await start(['restore', file]);
    assert.equal(restored.said.exitCode, 0, restored.said.stderr);
    assert.equal(restored.finding, null);
    assert.equal(restored.asStart?.code, 'DOMAIN_DIFFERS', 'it was asked about as a start');
    assert.deepEqual(restored.definition.imageDigests, first.definition.imageDigests);
    await host.did('destroy', 'saved');
  });

  it('changes with what is defined: another disk, a kernel argument, a device', async function () {
    this.timeout(120_000);
    const kernel = (line: string) =>
      `<kernel>${at('vars.fd')}</kernel><initrd>${at('vars.fd')}</initrd><cmdline>${line}</cmdline>`;
    const seen = new Set<string>();
    for (const guest of [
      { disks: disks(), os: kernel('ro') },
      { disks: disks(), os: kernel('rw') },
      {
        disks: disks(),
        os: kernel('ro'),
        devices: `<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>`,
      },
      { disks: [{ file: at('other.raw') }, ...disks().slice(1)], os: kernel('ro') },
    ]) {
      const uuid = '0b5d5f0e-0a3c-4a3e-9d8e-0f3f6b1f5c11';
      await host.define({ name: 'changing', uuid, ...guest });
      const said = host.virsh('start', 'changing');
      const prepared = await hear('prepare');
      const plan = { vm: uuid, known: true, disks: [{ name: 'vdb', kind: 'data' as const }] };
      seen.add((await describeDomain(prepared, plan, reader)).digest);
      await decide('prepare', 'seen enough');
      assert.match((await said).stderr, /seen enough/u);
    }
    assert.equal(seen.size, 4);
  });

  it('ends where a link or an image is another by the time that QEMU opens it: G14', async function () {
    this.timeout(120_000);
    await host.define({ name: 'swapped', disks: disks() });
    const ways = [
      async () => {
        await unlink(at('link.raw'));
        await symlink('other.raw', at('link.raw'));
      },
      async () => {
        await unlink(at('base.raw'));
        make('create', '-q', '-f', 'raw', 'base.raw', '1M');
      },
      async () => {
        await writeFile(at('base.raw'), 'written', { flag: 'r+' });
      },
    ];
    for (const between of ways) {
      await attack('G14', async () => {
        const { finding, said } = await start(['start', 'swapped'], { between });
        assert.notEqual(said.exitCode, 0);
        assert.match(said.stderr, /IMAGES_DIFFER/u);
        assert.equal(await host.stateOf('swapped'), 'shut off');
        return { outcome: 'D', code: finding?.code ?? 'none' };
      });
    }
    const { finding } = await start(['start', 'swapped']);
    assert.equal(finding, null);
    await host.did('destroy', 'swapped');
  });

  it('ends where only libvirt finds another kernel under its path: G14', async function () {
    this.timeout(120_000);
    await writeFile(at('kernel'), Buffer.alloc(65_536, 1));
    await writeFile(at('other-kernel'), Buffer.alloc(65_536, 1));
    const os = `<loader type='rom'>${at('kernel')}</loader>`;
    await host.define({ name: 'mounted', disks: disks(), os });
    const between = () => host.exec(['mount', '--bind', at('other-kernel'), at('kernel')]);
    await attack('G14', async () => {
      const { finding } = await start(['start', 'mounted'], { between });
      return { outcome: 'D', code: finding?.code ?? 'none' };
    });
    await host.exec(['umount', at('kernel')]);
    assert.equal(await host.stateOf('mounted'), 'shut off');
  });
});
