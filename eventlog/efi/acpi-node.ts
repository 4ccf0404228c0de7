import type { Reader } from '@touchstone/tpm';
import { hex, type NodeText } from './node-text.ts';
import { byteString } from './utf16.ts';

/** UEFI 2.10, 10.3.3 and 10.6.1.6. */
export const acpiNode = (subType: number, body: Reader): string | undefined =>
  NODES[subType]?.(body);

const PNP = 0x41d0;
const BY_PNP: Readonly<Record<number, string>> = {
  0x0301: 'Keyboard',
  0x0401: 'ParallelPort',
  0x0501: 'Serial',
  0x0604: 'Floppy',
  0x0a03: 'PciRoot',
  0x0a08: 'PcieRoot',
};

const NODES: Readonly<Record<number, NodeText>> = {
  1: (body) => {
    const hid = body.u32('_HID');
    const uid = hex(body.u32('_UID'));
    const name = isPnp(hid) ? BY_PNP[hid >>> 16] : undefined;
    return name === undefined ? `Acpi(${eisaId(hid)},${uid})` : `${name}(${uid})`;
  },
  2: (body) => {
    const [hid, uid, cid] = [body.u32('_HID'), body.u32('_UID'), body.u32('_CID')];
    const [hidText, uidText, cidText] = [text(body), text(body), text(body)];
    return `AcpiEx(${hidText || eisaId(hid)},${cidText || eisaId(cid)},${uidText || hex(uid)})`;
  },
  3: (body) => {
    const addresses: string[] = [];
    do addresses.push(hex(body.u32('_ADR')));
    while (body.remaining > 0);
    return `AcpiAdr(${addresses.join(',')})`;
  },
  4: (body) => `NvdimmAcpiAdr(${hex(body.u32('NFITDeviceHandle'))})`,
};

const isPnp = (hid: number): boolean => (hid & 0xffff) === PNP;

/** A compressed EISA type ID: three letters in five bits each, and a number. */
function eisaId(id: number): string {
  if (id === 0) return '0';
  if (isPnp(id)) return `PNP${(id >>> 16).toString(16).padStart(4, '0')}`;
  return hex(id);
}

function text(body: Reader): string {
  const bytes: number[] = [];
  for (let byte = body.u8('string'); byte !== 0; byte = body.u8('string')) bytes.push(byte);
  return byteString(Uint8Array.from(bytes));
}
