import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeCommand as describeAsked } from '../gate/command-definition.ts';
import { FileReader } from '../images/file-reader.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const [A, B] = [sha256('a'), sha256('b')];

describe('the definition of a start', () => {
  let dir: string;
  const vm = randomUUID();

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-definition-'));
    await mkdir(join(dir, 'directory'));
    for (const name of ['qemu-system-x86_64', 'run-vm', 'a', 'b', 'a,b', 'a,', 'nbd:a']) {
      await writeFile(join(dir, name), name.slice(0, 1));
    }
    await symlink('qemu-system-x86_64', join(dir, 'my-qemu'));
    await symlink('a', join(dir, 'link'));
    await symlink('/dev/../proc/self/cwd/package.json', join(dir, 'through-proc'));
    execFileSync('mkfifo', [join(dir, 'pipe')]);
  });

  after(() => rm(dir, { recursive: true }));

  const reader = new FileReader();
  const describeCommand = (command: readonly string[], changes = {}) =>
    describeAsked(
      {
        vm,
        operation: 'start',
        workingDirectory: dir,
        command: [...command],
        environment: {},
        ...changes,
      },
      { vm, known: true, disks: [] },
      reader,
    );
  const qemu = (...args: readonly string[]) => describeCommand(['./qemu-system-x86_64', ...args]);
  /** With each X the path of a file whose content is `a`. */
  const imagesOf = async (...args: readonly string[]) => (await qemu(...args)).imageDigests;

  describe('covers each file that QEMU’s options name', () => {
    const json = JSON.stringify;
    for (const args of [
      ...['-kernel', '-initrd', '-dtb', '-bios', '-pflash', '-hda', '-hdb', '-hdc', '-hdd'].map(
        (option) => [option, 'a'],
      ),
      ...['-cdrom', '-fda', '-fdb', '-mtdblock', '-sd', '-mem-path'].map((option) => [option, 'a']),
      ['--kernel', 'a'],
      ['-append', '-kernel', '-kernel', 'a'],
      ['a'],
      ['-snapshot', 'a'],
      ['-drive', 'file=a,if=virtio'],
      ['-drive', 'if=virtio,file=link'],
      ['-drive', 'file.filename=a,file.driver=file,driver=raw'],
      ['-drive', 'file=a,backing.file.filename=a'],
      ['-blockdev', 'driver=file,node-name=f,filename=a'],
      ['-blockdev', 'qcow2,node-name=f,file.driver=file,file.filename=a'],
      ['-blockdev', json({ driver: 'raw', file: { driver: 'file', filename: 'a' } })],
      ['-blockdev', 'file,filename=a,node-name=f', '-blockdev', 'raw,file=f,node-name=d'],
      ['-device', 'virtio-net-pci,romfile=a'],
      ['-device', json({ driver: 'virtio-net-pci', romfile: 'a' })],
      ['-device', 'loader,file=a,addr=0x1000'],
      ['-device', 'guest-loader,kernel=a,addr=0x1000'],
      ['-machine', 'q35,kernel=a'],
      ['-M', 'type=pc,firmware=a'],
      ['-machine', 'pc,initrd=a'],
      ['-fw_cfg', 'opt/x,file=a'],
      ['-fw_cfg', 'name=opt/x,file=a'],
      ['-acpitable', 'sig=XXXX,data=a:a'],
      ['-acpitable', 'file=a'],
      ['-smbios', 'file=a'],
      ['-smbios', 'type=11,path=a'],
      ['-option-rom', 'a'],
      ['-option-rom', 'romfile=a,bootindex=1'],
      ['-plugin', 'a,arg=1'],
      ['-object', 'memory-backend-file,id=m,size=1M,mem-path=a'],
      ['-object', json({ 'qom-type': 'igvm-cfg', id: 'i', file: 'a' })],
    ]) {
      it(args.join(' '), async () => assert.deepEqual(await imagesOf(...args), [A]));
    }

    it('a doubled comma is a comma', async () => {
      assert.deepEqual(await imagesOf('-drive', 'file=a,,b,if=ide'), [A]);
      assert.deepEqual(await imagesOf('-drive', 'file=a,,,if=ide'), [A]);
      await assert.rejects(imagesOf('-drive', 'file=a,,if=ide'), { code: 'DEFINITION_UNREADABLE' });
    });

    it('every one of them, once', async () => {
      const digests = await imagesOf('-kernel', 'a', '-hda', 'b', '-hdb', 'link');
      assert.deepEqual(digests, [A, B]);
    });

    it('and none where none is named', async () => {
      const args = [
        '-machine',
        'q35,accel=tcg',
        '-device',
        'virtio-net-pci,romfile=',
        '-nodefaults',
      ];
      assert.deepEqual(
        await imagesOf(...args, '-drive', 'if=ide,media=cdrom', '-display', 'none'),
        [],
      );
      assert.deepEqual(await imagesOf('-object', 'rng-random,id=r,filename=/dev/urandom'), []);
      assert.deepEqual(await imagesOf('-object', 'secret,id=s,file=/nowhere'), []);
      assert.deepEqual(
        await imagesOf('-object', 'memory-backend-file,id=m,mem-path=directory'),
        [],
      );
    });
  });

  describe('refuses what cannot be read: DEFINITION_UNREADABLE', () => {
    for (const args of [
      ['-kernel', 'missing'],
      ['-hda', 'directory'],
      ['-hda', '/dev/zero'],
      ['-hda', '/dev/fdset/1'],
      ['-drive', 'file=pipe'],
      ['-initrd', ''],
    ]) {
      it(args.join(' '), async () => {
        await assert.rejects(qemu(...args), { code: 'DEFINITION_UNREADABLE' });
      });
    }

    it('a program that is not there, or not named by its path', async () => {
      for (const program of ['./none', 'qemu-system-x86_64', './directory', '']) {
        await assert.rejects(describeCommand([program]), { code: 'DEFINITION_UNREADABLE' });
      }
    });
  });

  describe('refuses what no file’s digest covers: DEFINITION_UNCOVERED', () => {
    for (const args of [
      ['-readconfig', 'a'],
      ['-incoming', 'exec:cat a'],
      ['-incoming', 'defer'],
      ['-set', 'drive.d0.file=b'],
      ['-L', 'directory'],
      ['--preconfig'],
      ['-fsdev', 'local,id=f,path=directory,security_model=none'],
      ['-virtfs', 'local,path=directory,mount_tag=t,security_model=none'],
      ['-iscsi', 'user=u'],
      ['-netdev', 'user,id=n,tftp=directory,bootfile=a'],
      ['-nic', 'user,tftp=directory'],
      ['-global', 'virtio-net-pci.romfile=b'],
      ['-global', 'driver=virtio-net-pci,property=romfile,value=b'],
      ['-icount', 'shift=3,rr=replay,rrfile=a'],
      ['-hda', '/proc/self/cwd/package.json'],
      ['-hda', 'through-proc'],
      ['-drive', 'file=/dev/fd/0'],
      ['-kernel', '../../../../../../proc/self/exe'],
      ['-hda', 'nbd:a'],
      ['-drive', 'file=nbd:a'],
      ['-drive', 'file=json:{"driver":"nbd"}'],
      ['-drive', 'file=fat:rw:directory'],
      ['-drive', 'file.driver=nbd,file.host=h'],
      ['-drive', 'file=a,format=vmdk'],
      ['-blockdev', 'nbd,server.type=inet,server.host=h,server.port=1,node-name=n'],
      ['-blockdev', 'driver=raw,file.driver=host_device,file.filename=a'],
      ['-blockdev', '{"driver":"raw","file":{"driver":"https","url":"https://x"}}'],
      ['-blockdev', '{"driver":'],
      ['-device', 'vhost-user-blk-pci,chardev=c'],
      ['-device', 'vhost-user-fs-pci,chardev=c,tag=root'],
      ['-usbdevice', 'disk:a'],
      ['-initrd', 'a,b'],
      ['-drive=file=a'],
      ['---kernel', 'a'],
      ['-no-such-option', 'a'],
      ['-'],
      ['-kernel'],
      ['@a', '-'],
    ]) {
      it(args.join(' '), async () => {
        await writeFile(join(dir, '@a'), '-kernel b');
        await assert.rejects(qemu(...args), { code: 'DEFINITION_UNCOVERED', status: 422 });
      });
    }

    it('more images than a request can name', async () => {
      const args: string[] = [];
      for (let count = 0; count < 65; count += 1) {
        await writeFile(join(dir, `disk-${count}`), `${count}`);
        args.push('-hda', `disk-${count}`);
      }
      assert.equal((await imagesOf(...args.slice(2))).length, 64);
      await assert.rejects(imagesOf(...args), { code: 'DEFINITION_UNCOVERED' });
    });

    it('an image whose format may take its content from another', async () => {
      for (const header of ['QED\0', 'KDMV', 'COWD', '# Disk DescriptorFile\n', 'vhdxfile']) {
        await writeFile(join(dir, 'image'), header);
        await assert.rejects(imagesOf('-hda', 'image'), { code: 'DEFINITION_UNCOVERED' });
      }
      await writeFile(join(dir, 'image'), 'QFI\u00fb', 'latin1');
      await assert.rejects(imagesOf('-hda', 'image'), { code: 'DEFINITION_UNREADABLE' });
    });
  });

  describe('changes with', () => {
    const command = ['./qemu-system-x86_64', '-hda', 'a', '-m', '16'];

    it('nothing else', async () => {
      assert.deepEqual(await describeCommand(command), await describeCommand(command));
    });

    for (const [what, other] of [
      ['an argument', { command: [...command.slice(0, -1), '17'] }],
      ['the order of arguments', { command: [command[0], '-m', '16', '-hda', 'a'] }],
      ['where words end', { command: [...command.slice(0, -2), '-m16'] }],
      ['another file of the same content', { command: [command[0], '-hda', 'link', '-m', '16'] }],
      ['the VM', { vm: randomUUID() }],
    ] as const) {
      it(what, async () => {
        const { digest } = await describeCommand(command);
        const changed = describeCommand(command, other);
        if (what === 'where words end') {
          await assert.rejects(changed, { code: 'DEFINITION_UNCOVERED' });
        } else assert.notEqual((await changed).digest, digest);
      });
    }

    it('the working directory, though the files be the same', async () => {
      const absolute = [join(dir, 'qemu-system-x86_64'), '-hda', join(dir, 'a')];
      const { digest } = await describeCommand(absolute);
      assert.notEqual((await describeCommand(absolute, { workingDirectory: '/' })).digest, digest);
    });

    it('the file to which a link and `..` lead, as for the kernel', async () => {
      await mkdir(join(dir, 'there/deep'), { recursive: true });
      await symlink('there/deep', join(dir, 'to-deep'));
      await writeFile(join(dir, 'there/a'), 'b');
      for (const path of ['to-deep/../a', join(dir, 'to-deep') + '/../a']) {
        assert.deepEqual(await imagesOf('-kernel', path), [B]);
        const other = await describeCommand([join(dir, 'run-vm'), path]);
        assert.ok(other.files.some((file) => file.path.endsWith('to-deep/../a')));
      }
    });

    for (const name of ['qemu-system-x86_64', 'disk']) {
      it(`the content of ${name}`, async () => {
        await writeFile(join(dir, 'disk'), 'one');
        const before = await qemu('-hda', 'disk');
        await writeFile(join(dir, name), 'two');
        const later = await qemu('-hda', 'disk');
        assert.notEqual(later.digest, before.digest);
        const images = later.imageDigests;
        if (name === 'disk') assert.deepEqual(images, [sha256('two')]);
        else assert.deepEqual(images, before.imageDigests);
      });
    }
  });

  describe('of a program that is not QEMU', () => {
    it('covers the arguments that are files', async () => {
      const { imageDigests } = await describeCommand([
        './run-vm',
        'a',
        '--disk=b',
        'x=b,y=1',
        '-v',
      ]);
      assert.deepEqual(imageDigests, [A, B]);
    });

    it('reads QEMU’s options where QEMU comes later, or under another name', async () => {
      const wrapped = ['./run-vm', '-c', '1', './qemu-system-x86_64', '-drive', 'file=a'];
      assert.deepEqual((await describeCommand(wrapped)).imageDigests, [A]);
      for (const command of [
        ['./run-vm', './qemu-system-x86_64', '-readconfig', 'a'],
        ['./my-qemu', '-readconfig', 'a'],
      ]) {
        await assert.rejects(describeCommand(command), { code: 'DEFINITION_UNCOVERED' });
      }
    });
  });
});
