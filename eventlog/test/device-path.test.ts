import assert from 'node:assert/strict';
import { parseDevicePath } from '../index.ts';
import {
  END,
  END_INSTANCE,
  filePath,
  gptPartition,
  guid,
  little,
  node,
  utf16,
} from './made-efi.ts';

const ID = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';
const path = (...nodes: readonly Uint8Array[]): Uint8Array => Buffer.concat([...nodes, END]);
const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');

/** UEFI 2.10, 10.6.1.6. */
const NODES: readonly (readonly [type: number, subType: number, body: Uint8Array, text: string])[] =
  [
    [1, 1, Uint8Array.of(2, 0x1f), 'Pci(0x1f,0x2)'],
    [1, 2, Uint8Array.of(3), 'PcCard(0x3)'],
    [1, 3, little().u32(11).u64(0x1000n).u64(0x1fffn).finish(), 'MemoryMapped(0xb,0x1000,0x1fff)'],
    [1, 4, Buffer.concat([guid(ID), hex('beef')]), `VenHw(${ID},beef)`],
    [1, 4, guid(ID), `VenHw(${ID})`],
    [1, 5, little().u32(1).finish(), 'Ctrl(0x1)'],
    [1, 6, little().u8(1).u64(0xca2n).finish(), 'BMC(0x1,0xca2)'],
    [2, 1, little().u32(0x0a0341d0).u32(0).finish(), 'PciRoot(0x0)'],
    [2, 1, little().u32(0x0a0841d0).u32(3).finish(), 'PcieRoot(0x3)'],
    [2, 1, little().u32(0x060441d0).u32(1).finish(), 'Floppy(0x1)'],
    [2, 1, little().u32(0x0c0841d0).u32(1).finish(), 'Acpi(PNP0c08,0x1)'],
    [2, 1, little().u32(0x12345678).u32(1).finish(), 'Acpi(0x12345678,0x1)'],
    [
      2,
      2,
      Buffer.concat([little().u32(0x0a0341d0).u32(0).u32(0).finish(), Buffer.from('\0UID\0\0')]),
      'AcpiEx(PNP0a03,0,UID)',
    ],
    [2, 3, little().u32(0x80010100).u32(1).finish(), 'AcpiAdr(0x80010100,0x1)'],
    [2, 4, little().u32(7).finish(), 'NvdimmAcpiAdr(0x7)'],
    [3, 1, little().u8(1).u8(0).u16(2).finish(), 'Ata(Secondary,Master,0x2)'],
    [3, 2, little().u16(1).u16(2).finish(), 'Scsi(0x1,0x2)'],
    [3, 3, little().u32(0).u64(0x99n).u64(1n).finish(), 'Fibre(0x99,0x1)'],
    [3, 4, little().u32(0).u64(0x99n).finish(), 'I1394(0000000000000099)'],
    [3, 5, Uint8Array.of(3, 1), 'USB(0x3,0x1)'],
    [3, 6, little().u32(9).finish(), 'I2O(0x9)'],
    [3, 10, guid('e0c14753-f9be-11d2-9a0c-0090273fc14d'), 'VenPcAnsi()'],
    [3, 10, Buffer.concat([guid(ID), hex('01')]), `VenMsg(${ID},01)`],
    [
      3,
      11,
      Buffer.concat([hex('525400123456'), new Uint8Array(26), Uint8Array.of(1)]),
      'MAC(525400123456,0x1)',
    ],
    [
      3,
      12,
      Buffer.concat([
        hex('c0a80002c0a80001'),
        hex('00000000'),
        hex('060001'),
        hex('c0a80001ffffff00'),
      ]),
      'IPv4(192.168.0.1,TCP,Static,192.168.0.2,192.168.0.1,255.255.255.0)',
    ],
    [3, 12, Buffer.concat([new Uint8Array(12), hex('110000')]), 'IPv4(0.0.0.0,UDP,DHCP,0.0.0.0)'],
    [
      3,
      13,
      Buffer.concat([
        hex('fe800000000000000000000000000002'),
        hex('fe800000000000000000000000000001'),
        hex('00000000060001'),
      ]),
      'IPv6(fe80:0000:0000:0000:0000:0000:0000:0001,TCP,StatelessAutoConfigure,' +
        'fe80:0000:0000:0000:0000:0000:0000:0002)',
    ],
    [3, 14, little().u32(0).u64(115200n).u8(8).u8(1).u8(1).finish(), 'Uart(115200,8,N,1)'],
    [3, 14, little().u32(0).u64(0n).u8(0).u8(0).u8(0).finish(), 'Uart(DEFAULT,DEFAULT,D,D)'],
    [3, 15, hex('ffffffff090000'), 'UsbClass(0xffff,0xffff,0x9,0x0,0x0)'],
    [3, 16, Buffer.concat([hex('010086800900'), utf16('S1')]), 'UsbWwid(0x8086,0x9,0x1,"S1")'],
    [3, 17, Uint8Array.of(4), 'Unit(0x4)'],
    [3, 18, little().u16(4).u16(0xffff).u16(0).finish(), 'Sata(0x4,0xffff,0x0)'],
    [3, 20, little().u16(100).finish(), 'Vlan(100)'],
    [
      3,
      22,
      Buffer.concat([hex('5000c50012345678'), new Uint8Array(12)]),
      'SasEx(0x5000c50012345678,0x0000000000000000,0x0,0x0)',
    ],
    [
      3,
      23,
      Buffer.concat([little().u32(1).finish(), hex('9a5f9b7150387500')]),
      'NVMe(0x1,00-75-38-50-71-9b-5f-9a)',
    ],
    [3, 24, Buffer.from('https://boot.example/x.efi'), 'Uri(https://boot.example/x.efi)'],
    [3, 24, new Uint8Array(), 'Uri()'],
    [3, 25, Uint8Array.of(0, 1), 'UFS(0x0,0x1)'],
    [3, 26, Uint8Array.of(2), 'SD(0x2)'],
    [3, 27, hex('001122334455'), 'Bluetooth(001122334455)'],
    [3, 28, Buffer.concat([Buffer.from('net'), new Uint8Array(29)]), 'Wi-Fi(net)'],
    [3, 29, Uint8Array.of(0), 'eMMC(0x0)'],
    [3, 31, Buffer.concat([Uint8Array.of(0), hex('08080808'), new Uint8Array(12)]), 'Dns(8.8.8.8)'],
    [4, 2, little().u32(0).u64(22n).u64(0x1000n).finish(), 'CDROM(0x0,0x16,0x1000)'],
    [4, 3, guid(ID), `VenMedia(${ID})`],
    [4, 5, guid(ID), `Media(${ID})`],
    [4, 6, guid(ID), `FvFile(${ID})`],
    [4, 7, guid(ID), `Fv(${ID})`],
    [4, 8, little().u32(0).u64(0x12600n).u64(0x3cfffn).finish(), 'Offset(0x12600,0x3cfff)'],
    [
      4,
      1,
      Buffer.concat([
        little().u32(1).u64(63n).u64(1000n).u32(0xdeadbeef).finish(),
        new Uint8Array(12),
        Uint8Array.of(1, 1),
      ]),
      'HD(1,MBR,0xdeadbeef,0x3f,0x3e8)',
    ],
    [
      5,
      1,
      Buffer.concat([little().u16(2).u16(0).finish(), Buffer.from('Disk\0')]),
      'BBS(HD,Disk,0x0)',
    ],
  ];

describe('a device path in words', () => {
  for (const [type, subType, body, text] of NODES) {
    it(`has ${text}`, () => {
      const read = parseDevicePath(path(node(type, subType, body)));
      assert.deepEqual(read, { nodes: [{ type, subType, text }], text });
    });
  }

  it('joins nodes by slashes, and tells the file and the partition that it ends in', () => {
    const bytes = path(
      node(2, 1, little().u32(0x0a0341d0).u32(0).finish()),
      gptPartition(1, ID),
      filePath('\\EFI\\debian'),
      filePath('\\shimx64.efi'),
    );
    const { text, file, partition } = parseDevicePath(bytes);
    assert.equal(text, `PciRoot(0x0)/HD(1,GPT,${ID},0x800,0x2f000)/\\EFI\\debian/\\shimx64.efi`);
    assert.deepEqual([file, partition], ['\\EFI\\debian\\shimx64.efi', ID]);
  });

  it('joins instances by commas, and ends in the last', () => {
    const bytes = Buffer.concat([filePath('\\a'), END_INSTANCE, filePath('\\b'), END]);
    assert.deepEqual(
      [parseDevicePath(bytes).text, parseDevicePath(bytes).file],
      ['\\a,\\b', '\\b'],
    );
  });

  it('shows a node that it does not know, and one that is not as its kind is, by its bytes', () => {
    const unknown = [node(3, 200, hex('0102')), node(9, 1, hex('03')), node(1, 1, hex('010203'))];
    assert.equal(
      parseDevicePath(path(...unknown)).text,
      'Path(3,200,0102)/Path(9,1,03)/Path(1,1,010203)',
    );
  });

  it('shows no more than 64 bytes of what it does not know', () => {
    const { text } = parseDevicePath(path(node(3, 200, new Uint8Array(65_000))));
    assert.equal(text, `Path(3,200,${'00'.repeat(64)}...)`);
  });

  it('L22 reads a file name of half a unit, lone surrogates and NULs as well-formed text', () => {
    const name = Buffer.concat([utf16('\\x\ud800y'), hex('41')]);
    const { file } = parseDevicePath(path(node(4, 4, name)));
    assert.equal(file, '\\x\ufffdy\ufffd');
    assert.equal(parseDevicePath(path(filePath('\\a\0\\b'))).file, '\\a');
  });
});

describe('a device path that is none', () => {
  const whole = path(gptPartition(1, ID), filePath('\\x'));

  it('is refused truncated at any offset: TRUNCATED', () => {
    for (let end = 0; end < whole.length; end++) {
      assert.throws(() => parseDevicePath(whole.subarray(0, end)), { code: 'TRUNCATED' });
    }
  });

  it('is refused with a byte more: TRAILING_BYTES', () => {
    const more = Buffer.concat([whole, Uint8Array.of(0)]);
    assert.throws(() => parseDevicePath(more), { code: 'TRAILING_BYTES', offset: whole.length });
  });

  for (const [what, bytes] of [
    ['a node shorter than its header', Uint8Array.of(4, 4, 3, 0)],
    ['a node of no bytes, which would never end', Uint8Array.of(0, 0, 0, 0)],
    ['an end that holds something', Uint8Array.of(0x7f, 0xff, 5, 0, 0)],
    ['an end of another kind', Uint8Array.of(0x7f, 0x02, 4, 0)],
  ] as const) {
    it(`is refused with ${what}: DEVICE_PATH_NODE`, () => {
      const malformed = Buffer.concat([bytes, END]);
      assert.throws(() => parseDevicePath(malformed), { code: 'DEVICE_PATH_NODE', offset: 0 });
    });
  }

  it('has 255 nodes and an end, and no more: DEVICE_PATH_NODES', () => {
    const one = node(1, 5, little().u32(1).finish());
    const most = Buffer.concat([Buffer.alloc(255 * one.length, one), END]);
    assert.equal(parseDevicePath(most).nodes.length, 255);
    const more = Buffer.concat([Buffer.alloc(300 * one.length, one), END]);
    assert.throws(() => parseDevicePath(more), { code: 'DEVICE_PATH_NODES' });
  });
});
