import type { Reader } from '@touchstone/tpm';
import { readGuid } from './guid.ts';
import { hex, type NodeText, restAsHex } from './node-text.ts';

/** UEFI 2.10, 10.3.2 and 10.6.1.6. */
export const hardwareNode = (subType: number, body: Reader): string | undefined =>
  NODES[subType]?.(body);

const NODES: Readonly<Record<number, NodeText>> = {
  1: (body) => {
    const pciFunction = body.u8('Function');
    return `Pci(${hex(body.u8('Device'))},${hex(pciFunction)})`;
  },
  2: (body) => `PcCard(${hex(body.u8('FunctionNumber'))})`,
  3: (body) => {
    const [type, start] = [body.u32('MemoryType'), body.u64('StartAddress')];
    return `MemoryMapped(${hex(type)},${hex(start)},${hex(body.u64('EndAddress'))})`;
  },
  4: (body) => `VenHw(${readGuid(body, 'VendorGuid')}${restAsHex(body)})`,
  5: (body) => `Ctrl(${hex(body.u32('ControllerNumber'))})`,
  6: (body) => {
    const type = body.u8('InterfaceType');
    return `BMC(${hex(type)},${hex(body.u64('BaseAddress'))})`;
  },
};
