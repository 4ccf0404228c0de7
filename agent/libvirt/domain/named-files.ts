import { agentError } from '../../codes.ts';
import type { FileUse } from '../../gate/definition.ts';
import { attributeOf, elementOf, elementsOf, textOf, type XmlElement } from './xml.ts';

/** A file that a domain names beside its disks. Only what is an `image` counts among the VM's images. */
export type NamedFile = {
  readonly where: string;
  readonly path: string;
  readonly use: FileUse;
  readonly image: boolean;
};

/**
 * QEMU, kernel, initrd, device tree, firmware, the template of its variables, ACPI tables, ROMs, blobs of fw_cfg, and
 * the scripts that libvirt runs for an interface. The file of the firmware's variables itself is the VM's own and
 * changes at each boot: it counts by its path, as a data disk does.
 * @throws AppError DEFINITION_UNCOVERED
 */
export function namedFiles(domain: XmlElement): NamedFile[] {
  const named: NamedFile[] = [];
  const add = (where: string, path: string | null, use: FileUse = 'loaded', image = true) => {
    if (path === null || path === '') return;
    if (!path.startsWith('/')) throw uncovered(where, `${path} is no absolute path`);
    named.push({ where, path, use, image });
  };
  const os = elementOf(domain, 'os');
  const devices = elementOf(domain, 'devices');
  const emulator = elementOf(devices, 'emulator');
  if (os === null || devices === null || emulator === null) {
    throw uncovered('domain', 'without <os>, <devices> or <emulator>');
  }
  add('emulator', textOf(emulator), 'program', false);
  for (const name of ['kernel', 'initrd', 'dtb']) {
    const element = elementOf(os, name);
    if (element !== null) add(name, textOf(element));
  }
  const loader = elementOf(os, 'loader');
  if (loader !== null) add('loader', textOf(loader), useOfLoader(loader));
  add('nvram template', attributeOf(elementOf(os, 'nvram'), 'template'));
  for (const acpi of elementsOf(os, 'acpi')) {
    for (const table of elementsOf(acpi, 'table')) add('ACPI table', textOf(table));
  }
  for (const sysinfo of elementsOf(domain, 'sysinfo')) {
    for (const entry of elementsOf(sysinfo, 'entry')) add('fw_cfg', attributeOf(entry, 'file'));
  }
  for (const device of elementsOf(devices)) {
    add(`${device.name} rom`, attributeOf(elementOf(device, 'rom'), 'file'));
    for (const name of ['script', 'downscript']) {
      const script = attributeOf(elementOf(device, name), 'path');
      add(`${device.name} ${name}`, script, 'loaded', false);
    }
  }
  return named;
}

/** What is mapped as flash stays open. */
function useOfLoader(loader: XmlElement): FileUse {
  if (attributeOf(loader, 'type') !== 'pflash') return 'loaded';
  return attributeOf(loader, 'readonly') === 'yes' ? 'open' : 'written';
}

const uncovered = (what: string, why: string) =>
  agentError('DEFINITION_UNCOVERED', { status: 422, detail: `${what}: ${why}` });
