import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { describeLibvirt } from '../../test/support/describe-libvirt.ts';
import { type LibvirtHost, startLibvirtHost } from '../../test/support/libvirt-host.ts';
import { DiskSecrets } from '../libvirt/disk-secrets.ts';
import { libvirtAt } from '../libvirt/libvirt.ts';

/** The real one; but it writes down what it has done, is slow while there is `hold`, and does not let go while there is `refuse`. */
const VIRSH = (directory: string) => `#!/bin/sh
cd ${directory}
case "$*" in *" secret-define "*) while [ -e hold ]; do sleep 0.05; done;; esac
case "$*" in *" secret-undefine "*) [ ! -e refuse ] || exit 1;; esac
/usr/bin/virsh "$@"
code=$?
echo "$6" >>said
exit $code
`;

describeLibvirt('keys of sealed disks, in libvirt', () => {
  let host: LibvirtHost;
  let directory: string;
  let secrets: DiskSecrets;
  /** What is to be done when the time comes. */
  let later: (() => void)[];

  before(async function () {
    this.timeout(240_000);
    host = await startLibvirtHost();
  });
  after(() => host?.stop());
  beforeEach(async () => {
    directory = await mkdtemp(join(host.directory, 'secrets-'));
    await writeFile(join(directory, 'virsh'), VIRSH(directory), { mode: 0o755 });
    await writeFile(join(directory, 'said'), '');
    later = [];
    secrets = new DiskSecrets({
      stateDir: directory,
      libvirt: libvirtAt({
        uri: `qemu+unix:///system?socket=${host.run}/libvirt-sock`,
        searchPath: `${directory}:/usr/bin:/bin`,
      }),
      log: pino({ level: 'silent' }),
      later: (work) => void later.push(work),
    });
  });

  const give = (vm: string, secret: string) =>
    secrets.give(vm, [{ disk: 'vda', secret }], new Map([['vda', randomBytes(16)]]));
  const isHeld = async (secret: string) => (await host.did('secret-list')).includes(secret);
  const isGone = async (secret: string) => {
    while (await isHeld(secret)) await sleep(20);
  };
  const said = async () =>
    (await readFile(join(directory, 'said'), 'utf8')).split('\n').slice(0, -1);
  const noted = () => readFile(join(directory, 'disk-secrets.json'), 'utf8');

  it('are taken away when libvirt was too slow, once it is done: DISK_SECRET_FAILED', async () => {
    const secret = randomUUID();
    await writeFile(join(directory, 'hold'), '');
    await assert.rejects(give(randomUUID(), secret), { code: 'DISK_SECRET_FAILED' });
    await rm(join(directory, 'hold'));
    while ((await said()).length < 3) await sleep(20);
    assert.deepEqual(await said(), ['secret-define', 'secret-set-value', 'secret-undefine']);
    assert.ok(!(await isHeld(secret)));
  });

  it('are written down before libvirt hears of them, so that no killed agent leaves one unknown', async () => {
    const secret = randomUUID();
    await writeFile(join(directory, 'hold'), '');
    const given = give(randomUUID(), secret);
    given.catch(() => {});
    while (!(await noted().catch(() => '')).includes(secret)) await sleep(5);
    assert.deepEqual(await said(), []);
    await rm(join(directory, 'hold'));
    await given;
  });

  it('are not given where that cannot be written down: DISK_SECRET_FAILED', async () => {
    const inTheWay = join(directory, 'disk-secrets.json.next');
    await mkdir(inTheWay);
    await assert.rejects(give(randomUUID(), randomUUID()), { code: 'DISK_SECRET_FAILED' });
    await rmdir(inTheWay);
    assert.ok(!(await said()).includes('secret-define'));
  });

  it('of an earlier start of the VM are taken away, and those of the later one stay', async () => {
    const [vm, earlier, newer] = [randomUUID(), randomUUID(), randomUUID()];
    await give(vm, earlier);
    await give(vm, newer);
    const [keepEarlier, left, keepNewer] = later;
    keepEarlier?.();
    left?.();
    await isGone(earlier);
    assert.ok(await isHeld(newer));
    keepNewer?.();
    await isGone(newer);
  });

  it('that a start has again stay, though a start in between had others', async () => {
    const [vm, first, second] = [randomUUID(), randomUUID(), randomUUID()];
    for (const secret of [first, second, first]) await give(vm, secret);
    const [, left] = later;
    left?.();
    await isGone(second);
    assert.ok(await isHeld(first));
    await secrets.take(vm);
    assert.ok(!(await isHeld(first)));
  });

  it('that libvirt does not let go of are tried again', async () => {
    const [vm, secret] = [randomUUID(), randomUUID()];
    await give(vm, secret);
    await writeFile(join(directory, 'refuse'), '');
    await secrets.take(vm);
    assert.ok(await isHeld(secret));
    assert.match(await noted(), new RegExp(secret, 'u'));
    await rm(join(directory, 'refuse'));
    later.at(-1)?.();
    await isGone(secret);
    while ((await noted()).includes(secret)) await sleep(5);
  });
});
