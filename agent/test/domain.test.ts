import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, lchown, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VmDisk } from '@touchstone/schemas';
import { DigestCache } from '../images/digest-cache.ts';
import { FileReader } from '../images/file-reader.ts';
import { shapeOf } from '../libvirt/domain/canonical.ts';
import { describeDomain, readDomain } from '../libvirt/domain/describe.ts';
import { preparedXml } from './support/domain-xml.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const SECRET = '11111111-2222-4333-8444-555555555555';
const LUKS = `<encryption format='luks'><secret type='passphrase' uuid='${SECRET}'/></encryption>`;

describe('the definition of a domain', () => {
  let dir: string;
  let xml: string;
  let reader: FileReader;
  const at = (name: string) => join(dir, name);

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-domain-'));
    for (const name of ['code.fd', 'vars.fd', 'kernel', 'initrd', 'base.raw', 'other.raw', 'rom']) {
      await writeFile(at(name), name);
    }
    const create = 'create -q -f qcow2 -F raw -b';
    const make = (...args: readonly string[]) => execFileSync('qemu-img', args, { cwd: dir });
    make(...create.split(' '), 'base.raw', 'root.qcow2');
    make(...create.split(' '), 'other.raw', 'other.qcow2');
    xml = preparedXml(dir);
    reader = new FileReader({ cache: await DigestCache.open(at('digests.json')) });
  });
  after(() => rm(dir, { recursive: true }));

  const describeXml = (
    text: string,
    disks: readonly VmDisk[] = [{ name: 'vdb', kind: 'data' }],
  ) => {
    const domain = readDomain(text);
    return describeDomain(domain, { vm: domain.vm, known: true, disks: [...disks] }, reader);
  };
  const changed = (from: string, to: string) => {
    assert.ok(xml.includes(from), `no ${from}`);
    return xml.replace(from, to);
  };
  const device = (element: string) => changed('<serial', `${element}<serial`);

  it('has the images, what lies behind them, kernel, initrd and firmware; not what the plan calls data', async () => {
    const { imageDigests, dataDisks, files, warnings } = await describeXml(xml);
    const images = ['code.fd', 'vars.fd', 'kernel', 'initrd', 'base.raw'].map(sha256);
    for (const image of images) assert.ok(imageDigests.includes(image), image);
    assert.equal(imageDigests.length, images.length + 1);
    assert.deepEqual(dataDisks, ['vdb']);
    assert.deepEqual(warnings, []);
    assert.deepEqual(
      files.map(({ path, use }) => `${use} ${path.replace(`${dir}/`, '')}`),
      [
        'program /usr/bin/qemu-system-x86_64',
        'loaded kernel',
        'loaded initrd',
        'open code.fd',
        'loaded vars.fd',
        'open root.qcow2',
        'open base.raw',
      ],
    );
  });

  it('is the VM’s whose uuid the XML has', () => {
    assert.equal(readDomain(xml).vm, '02a222a5-aca6-4a4f-a8a9-ce735b07750d');
    for (const text of [
      xml.replace(/<uuid>.*<\/uuid>/u, ''),
      xml.replace(/<uuid>/u, '<uuid>x'),
      xml.replace(/<name>/u, '<uuid>02a222a5-aca6-4a4f-a8a9-ce735b07750e</uuid><name>'),
    ]) {
      assert.throws(() => readDomain(text), { code: 'DEFINITION_UNREADABLE' });
    }
  });

  describe('stays the same', () => {
    for (const [what, from, to] of [
      ['in another start', "id='3'", "id='4'"],
      ['with attributes in another order', "type='qemu' id='3'", "id='3' type='qemu'"],
      ['with other quotes', "dev='vda' bus='virtio'", 'dev="vda"  bus="virtio"'],
      ['with other white space', '<devices>', '\n\n\t <devices> '],
      ['with a comment', '<devices>', '<devices><!-- <hostdev/> -->'],
      ['with a longer form of an empty element', '<transient/>', '<transient></transient>'],
      ['with text as CDATA', 'root=/dev/vda ro', '<![CDATA[root=/dev/vda ro]]>'],
      ['with characters by number', 'root=/dev/vda ro', 'root=&#x2f;dev/vda ro'],
      ['with other notes', '>ours<', '>theirs<'],
      [
        'with QEMU’s aliases',
        "<target dev='vda' bus='virtio'/>",
        "<target dev='vda' bus='virtio'/><alias name='virtio-disk0'/>",
      ],
      ['with the port that was free', "port='-1'", "port='5900'"],
      [
        'with the terminal that was free',
        "<serial type='pty'>",
        "<serial type='pty'><source path='/dev/pts/4'/>",
      ],
      [
        'with the tap’s number',
        "<model type='virtio'/>",
        "<target dev='vnet7'/><model type='virtio'/>",
      ],
      [
        'with the chain written out',
        '<transient/>',
        "<backingStore type='file'><format type='raw'/><source file='DIR/base.raw'/><backingStore/></backingStore><transient/>",
      ],
    ] as const) {
      it(what, async () => {
        const same = changed(from, to.replace('DIR', dir));
        assert.equal((await describeXml(same)).digest, (await describeXml(xml)).digest);
      });
    }

    it('with controllers in another order', async () => {
      const [, first = '', second = ''] =
        /(<controller type='pci' index='0'.*?\/>)\s*(<controller.*?<\/controller>)/su.exec(xml) ??
        [];
      const swapped = changed(first, '').replace(second, `${second}${first}`);
      assert.equal((await describeXml(swapped)).digest, (await describeXml(xml)).digest);
    });
  });

  describe('is another', () => {
    for (const [what, from, to] of [
      ['with another disk', 'DIR/root.qcow2', 'DIR/other.qcow2'],
      ['with other kernel arguments', 'vda ro', 'vda rw'],
      [
        'with a host device',
        '<serial',
        "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='1' slot='0' function='0'/></source></hostdev><serial",
      ],
      ['with another data disk', 'data.raw', 'data2.raw'],
      ['with another memory', '>65536<', '>65537<'],
      ['with another CPU', 'qemu64', 'qemu32'],
      ['with another file of the firmware’s variables', 'g1_VARS.fd', 'g2_VARS.fd'],
      ['with disks at each other’s place', "dev='vda' bus='virtio'", "dev='vdd' bus='virtio'"],
      ['with a disk that is kept', '<transient/>', ''],
      ['with a port that was asked for', "port='-1' autoport='yes'", "port='5900' autoport='no'"],
      [
        'with an alias that people gave',
        "<model type='virtio'/>",
        "<model type='virtio'/><alias name='ua-1'/>",
      ],
      [
        'with a tap that people named',
        "<model type='virtio'/>",
        "<target dev='tap7'/><model type='virtio'/>",
      ],
      ['with another space in the kernel’s arguments', 'vda ro', 'vda  ro'],
      ['with what nobody knows', '<on_poweroff>', '<unknown/><on_poweroff>'],
    ] as const) {
      it(what, async () => {
        const other = changed(from.replace('DIR', dir), to.replace('DIR', dir));
        assert.notEqual((await describeXml(other)).digest, (await describeXml(xml)).digest);
      });
    }

    it('where a disk is data or is not, or a file behind one has other content', async () => {
      const { digest } = await describeXml(xml);
      await writeFile(at('data.raw'), 'data');
      assert.notEqual((await describeXml(xml, [])).digest, digest);
      await writeFile(at('base.raw'), 'other');
      assert.notEqual((await describeXml(xml)).digest, digest);
      await writeFile(at('base.raw'), 'base.raw');
      assert.equal((await describeXml(xml)).digest, digest);
    });
  });

  it('warns of a golden disk that the VM may write to: GOLDEN_DISK_WRITABLE', async () => {
    const { warnings, files } = await describeXml(changed('<transient/>', ''));
    assert.deepEqual(
      warnings.map(({ code, effect, actual }) => [code, effect, actual]),
      [['GOLDEN_DISK_WRITABLE', 'warn', at('root.qcow2')]],
    );
    assert.ok(files.some(({ path, use }) => path === at('root.qcow2') && use === 'written'));
    assert.deepEqual((await describeXml(changed('<transient/>', '<readonly/>'))).warnings, []);
  });

  describe('refuses what leads round it: DEFINITION_UNCOVERED', () => {
    const refused = async (text: string) => {
      await assert.rejects(
        Promise.resolve().then(() => describeXml(text)),
        { code: 'DEFINITION_UNCOVERED' },
      );
    };
    for (const [what, from, to] of [
      [
        'QEMU’s own options',
        "id='3'>",
        "id='3'><q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='-S'/></q:commandline>",
      ],
      ['another hypervisor', "type='qemu' id", "type='lxc' id"],
      ['a boot loader', '<on_poweroff>', '<bootloader>/bin/pygrub</bootloader><on_poweroff>'],
      ['the network', "dev='hd'", "dev='network'"],
      [
        'an interface to boot from',
        "<model type='virtio'/>",
        "<model type='virtio'/><boot order='1'/>",
      ],
      ['firmware that libvirt chooses', /<loader.*<\/loader>/u, ''],
      ['a part of <os> that nobody knows', "<boot dev='hd'/>", "<boot dev='hd'/><shim>/x</shim>"],
      [
        'a directory',
        '<serial',
        "<filesystem type='mount'><source dir='/'/><target dir='x'/></filesystem><serial",
      ],
      [
        'a disk of the host',
        '<serial',
        "<hostdev mode='subsystem' type='scsi'><source/></hostdev><serial",
      ],
      [
        'persistent memory',
        '<serial',
        "<memory model='nvdimm'><source><path>/x</path></source></memory><serial",
      ],
      ['a device that nobody knows', '<serial', '<gate/><serial'],
      ['a block device', /<source file='[^']*root.qcow2'\/>/u, "<source dev='/dev/sda'/>"],
      ['a disk on the network', "type='file' device='disk'", "type='network' device='disk'"],
      ['a volume of a pool', "type='file' device='disk'", "type='volume' device='disk'"],
      ['another format', "type='qcow2'", "type='vmdk'"],
      ['another driver', "name='qemu' type='qcow2'", "name='tap2' type='qcow2'"],
      [
        'a slice of a file, whose header is elsewhere',
        "root.qcow2'/>",
        "root.qcow2'><slices><slice type='storage' offset='65536' size='65536'/></slices></source>",
      ],
      [
        'a source that names another file',
        "root.qcow2'/>",
        "root.qcow2'><dataStore type='file'><source file='/x'/></dataStore></source>",
      ],
      ['a file that another process opened', "root.qcow2'/>", "root.qcow2' fdgroup='x'/>"],
      ['a relative path', 'DIR/root.qcow2', 'root.qcow2'],
      ['a path that is another for each process', 'DIR/root.qcow2', '/proc/self/cwd/root.qcow2'],
      ['two disks of one name', "dev='vdb'", "dev='vda'"],
      [
        'a chain that the XML states otherwise',
        '<transient/>',
        "<backingStore type='file'><format type='raw'/><source file='/other'/></backingStore>",
      ],
      ['a chain that the XML cuts off', '<transient/>', '<backingStore/>'],
      ['a disk without a path', /<source file='[^']*root.qcow2'\/>/u, ''],
      ['QEMU’s variables in another format', '<nvram ', "<nvram format='qcow2' "],
    ] as const satisfies readonly (readonly (string | RegExp)[])[]) {
      it(what, async () => {
        const from_ = typeof from === 'string' ? from.replace('DIR', dir) : from;
        let text = xml.replace(from_, to);
        assert.notEqual(text, xml);
        if (what === 'firmware that libvirt chooses')
          text = text.replace('<os>', "<os firmware='efi'>");
        if (what === 'a block device') text = text.replace("type='file'", "type='block'");
        await refused(text);
      });
    }

    it('a program that root alone did not put there, or that is a script', async () => {
      const emulator = '/usr/bin/qemu-system-x86_64';
      const as = (path: string) => changed(`>${emulator}<`, `>${path}<`);
      await copyFile(emulator, at('qemu'));
      await chmod(at('qemu'), 0o755);
      await refused(as(at('qemu')));
      await symlink(emulator, at('link'));
      await refused(as(at('link')));
      await refused(as('/usr/bin/ldd'));
      // A directory where nobody but root could put a link, and one that is another's nevertheless.
      const rootsOwn = await mkdtemp('/var/lib/ts-domain-');
      const foreign = join(rootsOwn, 'link');
      await chmod(rootsOwn, 0o755);
      await symlink(emulator, foreign);
      await describeXml(as(foreign));
      await lchown(foreign, 1, 1);
      await refused(as(foreign)).finally(() => rm(rootsOwn, { recursive: true }));
    });
  });

  describe('refuses what cannot be read: DEFINITION_UNREADABLE', () => {
    const entity = `<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>`;
    for (const [what, text] of [
      ['a document type', () => entity + xml],
      ['an entity', () => changed('ro<', '&x;<')],
      ['an attribute twice', () => changed("id='3'", "id='3' id='4'")],
      ['an instruction', () => changed('<devices>', '<?php?><devices>')],
      ['two roots', () => `${xml}<domain/>`],
      ['half of it', () => xml.slice(0, -20)],
      ['nothing', () => ' '],
      [
        'elements too deep',
        () => changed('<devices>', `<devices>${'<a>'.repeat(40)}${'</a>'.repeat(40)}`),
      ],
      ['too many elements', () => changed('<devices>', `<devices>${'<a/>'.repeat(30_000)}`)],
      ['two sources', () => changed('<transient/>', "<source file='/x'/>")],
      ['a kernel that is not there', () => changed('/kernel', '/no-kernel')],
      ['a directory for an image', () => changed('/root.qcow2', '')],
    ] as const) {
      it(what, async () => {
        await assert.rejects(
          Promise.resolve().then(() => describeXml(text())),
          { code: 'DEFINITION_UNREADABLE' },
        );
      });
    }
  });

  describe('of a VM with sealed disks', () => {
    const sealed = [{ name: 'vdb', kind: 'sealed' }] as const;
    for (const [where, from, to] of [
      ['in the disk', "<target dev='vdb'", `${LUKS}<target dev='vdb'`],
      ['in its source', "data.raw'/>", `data.raw'>${LUKS}</source>`],
    ] as const) {
      it(`tells the secret that is named ${where}`, async () => {
        const { sealedDisks, dataDisks } = await describeXml(changed(from, to), sealed);
        assert.deepEqual(sealedDisks, [{ disk: 'vdb', secret: SECRET }]);
        assert.deepEqual(dataDisks, ['vdb']);
      });
    }

    for (const [what, to] of [
      ['is not encrypted', ''],
      ['has another encryption', LUKS.replace('luks', 'qcow')],
      ['has a secret by usage', LUKS.replace(/uuid='[^']*'/u, "usage='x'")],
      ['has no secret', "<encryption format='luks'/>"],
    ] as const) {
      it(`refuses one that ${what}: SEALED_DISK_PLAIN`, async () => {
        const text = changed("<target dev='vdb'", `${to}<target dev='vdb'`);
        await assert.rejects(describeXml(text, sealed), { code: 'SEALED_DISK_PLAIN' });
      });
    }

    it('refuses a domain without the disk: SEALED_DISK_PLAIN', async () => {
      const other = [...sealed, { name: 'vdz', kind: 'sealed' as const }];
      const text = changed("<target dev='vdb'", `${LUKS}<target dev='vdb'`);
      await assert.rejects(describeXml(text, other), { code: 'SEALED_DISK_PLAIN' });
    });
  });

  it('reads ROMs, ACPI tables and blobs of the firmware, too', async () => {
    for (const [from, to] of [
      ["<model type='virtio'/>", `<model type='virtio'/><rom file='${dir}/rom'/>`],
      ['<boot dev', `<acpi><table type='slic'>${dir}/rom</table></acpi><boot dev`],
      [
        '<on_poweroff>',
        `<sysinfo type='fwcfg'><entry name='opt/x' file='${dir}/rom'/></sysinfo><on_poweroff>`,
      ],
    ] as const) {
      const { imageDigests } = await describeXml(changed(from, to));
      assert.ok(imageDigests.includes(sha256('rom')), to);
    }
  });

  describe('once it was started', () => {
    it('is compared without what libvirt fills in', () => {
      const started = device('')
        .replace("check='none'", "check='full'")
        .replace('<transient/>', '<transient/><alias name="virtio-disk0"/>');
      assert.equal(shapeOf(readDomain(started).root), shapeOf(readDomain(xml).root));
    });

    it('shows a transient disk’s image behind its overlay', () => {
      const [, source = ''] = /(<source file='[^']*root.qcow2'\/>)/u.exec(xml) ?? [];
      const behind = `<backingStore type='file' index='1'><format type='qcow2'/>${source}</backingStore>`;
      const overlay = source.replace('root.qcow2', 'root.qcow2.TRANSIENT-g1');
      const started = changed(source, `${overlay}${behind}`);
      assert.equal(shapeOf(readDomain(started).root), shapeOf(readDomain(xml).root));
      const elsewhere = started.replace('TRANSIENT-g1', 'other');
      assert.notEqual(shapeOf(readDomain(elsewhere).root), shapeOf(readDomain(xml).root));
    });

    it('is another with another disk, kernel or device', () => {
      for (const other of [
        changed('/root.qcow2', '/other.qcow2'),
        changed('/kernel', '/other'),
        device('<vsock/>'),
      ]) {
        assert.notEqual(shapeOf(readDomain(other).root), shapeOf(readDomain(xml).root));
      }
    });
  });
});
