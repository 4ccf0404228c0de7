import type { Reader } from '@touchstone/tpm';
import { readGuid } from './guid.ts';
import { networkNode } from './network-node.ts';
import { hex, hexOf, type NodeText, restAsHex } from './node-text.ts';
import { utf16String } from './utf16.ts';

/** UEFI 2.10, 10.3.4 and 10.6.1.6. */
export const messagingNode = (subType: number, body: Reader): string | undefined =>
  networkNode(subType, body) ?? NODES[subType]?.(body);

const NODES: Readonly<Record<number, NodeText>> = {
  1: (body) => {
    const secondary = body.u8('PrimarySecondary');
    const slave = body.u8('SlaveMaster');
    const which = `${secondary ? 'Secondary' : 'Primary'},${slave ? 'Slave' : 'Master'}`;
    return `Ata(${which},${hex(body.u16('LogicalUnitNumber'))})`;
  },
  2: (body) => `Scsi(${numbers16(body, 2)})`,
  3: (body) => {
    body.u32('Reserved');
    const name = body.u64('WorldWideName');
    return `Fibre(${hex(name)},${hex(body.u64('LogicalUnitNumber'))})`;
  },
  4: (body) => {
    body.u32('Reserved');
    return `I1394(${body.u64('GUID').toString(16).padStart(16, '0')})`;
  },
  5: (body) => {
    const port = body.u8('ParentPortNumber');
    return `USB(${hex(port)},${hex(body.u8('Interface'))})`;
  },
  6: (body) => `I2O(${hex(body.u32('TargetID'))})`,
  9: (body) => {
    const flags = body.u32('ResourceFlags');
    const gid = readGuid(body, 'PortGid');
    const [service, target] = [body.u64('IocGuid'), body.u64('TargetPortId')];
    const device = body.u64('DeviceId');
    return `Infiniband(${hex(flags)},${gid},${hex(service)},${hex(target)},${hex(device)})`;
  },
  10: vendor,
  14: uart,
  15: (body) => {
    const [maker, product] = [hex(body.u16('VendorId')), hex(body.u16('ProductId'))];
    const [device, sub] = [hex(body.u8('DeviceClass')), hex(body.u8('DeviceSubClass'))];
    return `UsbClass(${maker},${product},${device},${sub},${hex(body.u8('DeviceProtocol'))})`;
  },
  16: (body) => {
    const number = hex(body.u16('InterfaceNumber'));
    const [maker, product] = [hex(body.u16('VendorId')), hex(body.u16('ProductId'))];
    const serial = utf16String(body.bytes(body.remaining, 'SerialNumber'));
    return `UsbWwid(${maker},${product},${number},"${serial}")`;
  },
  17: (body) => `Unit(${hex(body.u8('LUN'))})`,
  18: (body) => `Sata(${numbers16(body, 3)})`,
  22: (body) => {
    const address = hexOf(body.bytes(8, 'SASAddress'));
    const unit = hexOf(body.bytes(8, 'LogicalUnitNumber'));
    return `SasEx(0x${address},0x${unit},${numbers16(body, 2)})`;
  },
  23: (body) => {
    const namespace = hex(body.u32('NamespaceIdentifier'));
    const eui = [...body.bytes(8, 'IEEEExtendedUniqueIdentifier')].toReversed();
    return `NVMe(${namespace},${eui.map((byte) => byte.toString(16).padStart(2, '0')).join('-')})`;
  },
  25: (body) => {
    const target = body.u8('TargetID');
    return `UFS(${hex(target)},${hex(body.u8('LogicalUnitNumber'))})`;
  },
  26: (body) => `SD(${hex(body.u8('SlotNumber'))})`,
  27: (body) => `Bluetooth(${hexOf(body.bytes(6, 'Address'))})`,
  29: (body) => `eMMC(${hex(body.u8('SlotNumber'))})`,
  30: (body) => {
    const address = hexOf(body.bytes(6, 'Address'));
    return `BluetoothLE(${address},${hex(body.u8('AddressType'))})`;
  },
  32: (body) => `NVDIMM(${readGuid(body, 'UUID')})`,
};

function numbers16(body: Reader, count: number): string {
  return Array.from({ length: count }, () => hex(body.u16('number'))).join(',');
}

/** UEFI 2.10, 10.3.4.17: these have names of their own. */
const VENDORS: Readonly<Record<string, string>> = {
  'e0c14753-f9be-11d2-9a0c-0090273fc14d': 'VenPcAnsi',
  'dfa66065-b419-11d3-9a2d-0090273fc14d': 'VenVt100',
  '7baec70b-57e0-4c76-8e87-2f9e28088343': 'VenVt100Plus',
  'ad15a0d6-8bec-4acf-a073-d01de77e2d88': 'VenUtf8',
};

function vendor(body: Reader): string {
  const guid = readGuid(body, 'VendorGuid');
  const name = VENDORS[guid];
  return name !== undefined && body.remaining === 0
    ? `${name}()`
    : `VenMsg(${guid}${restAsHex(body)})`;
}

const PARITIES = 'DNEOMS';
const STOP_BITS = ['D', '1', '1.5', '2'];

function uart(body: Reader): string {
  body.u32('Reserved');
  const [baud, bits] = [body.u64('BaudRate'), body.u8('DataBits')];
  const [parity, stop] = [body.u8('Parity'), body.u8('StopBits')];
  const rate = baud === 0n ? 'DEFAULT' : `${baud}`;
  const data = bits === 0 ? 'DEFAULT' : `${bits}`;
  return `Uart(${rate},${data},${PARITIES[parity] ?? hex(parity)},${STOP_BITS[stop] ?? hex(stop)})`;
}
