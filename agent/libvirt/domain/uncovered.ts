import { agentError } from '../../codes.ts';
import { attributeOf, elementOf, elementsOf, textOf, type XmlElement } from './xml.ts';

/** What is below <os>, of which each is text or named among the files. */
const OS = new Set(
  'type loader nvram kernel initrd cmdline dtb boot bootmenu smbios bios acpi firmware'.split(' '),
);

/** Devices whose words are all there is to them, but for what is looked at here or read as a file. */
const DEVICES = new Set(
  (
    'emulator disk controller interface serial parallel console channel input graphics video audio sound memballoon ' +
    'rng tpm watchdog panic hub redirdev redirfilter smartcard vsock iommu shmem hostdev crypto lease memory'
  ).split(' '),
);

/** Disks and disk controllers of the host: what is on them no digest covers, and a VM may boot from them. */
const HOST_DISKS = new Set(['scsi', 'scsi_host', 'storage', 'block']);

type Refusal = { readonly what: string; readonly why: string };

/**
 * What a domain cannot be started with, since it leads to what its definition's digest does not cover. Whatever is
 * not refused here is covered by its words, or by the digests of the files that it names.
 * @throws AppError DEFINITION_UNCOVERED
 */
export function requireCovered(domain: XmlElement): void {
  for (const { what, why } of refusals(domain)) {
    throw agentError('DEFINITION_UNCOVERED', { status: 422, detail: `${what}: ${why}` });
  }
}

function* refusals(domain: XmlElement): Generator<Refusal> {
  const type = attributeOf(domain, 'type') ?? '';
  if (domain.name !== 'domain' || !/^(?:kvm|qemu)$/u.test(type)) {
    yield { what: `domain of type ${type}`, why: 'only QEMU’s are known' };
  }
  for (const { name } of elementsOf(domain)) {
    if (!/^[A-Za-z_]+$/u.test(name)) {
      yield { what: name, why: 'QEMU’s own options or properties; use libvirt’s elements instead' };
    }
    if (name === 'bootloader') yield { what: name, why: 'a program that chooses a kernel' };
  }
  yield* refusalsOfOs(elementOf(domain, 'os'));
  const devices = elementOf(domain, 'devices');
  if (devices === null) return;
  for (const device of elementsOf(devices)) yield* refusalsOfDevice(device);
}

function* refusalsOfOs(os: XmlElement | null): Generator<Refusal> {
  if (os === null) return;
  for (const { name } of elementsOf(os)) {
    if (!OS.has(name)) yield { what: `os/${name}`, why: 'this agent does not know it' };
  }
  const loader = elementOf(os, 'loader');
  if (attributeOf(os, 'firmware') !== null && (loader === null || textOf(loader) === '')) {
    const why =
      'firmware that libvirt chooses while it starts; take the attribute firmware away, and name <loader> and ' +
      '<nvram template="...">';
    yield { what: 'os', why };
  }
  for (const name of ['loader', 'nvram']) {
    const element = elementOf(os, name);
    const format =
      attributeOf(element, 'format') ?? attributeOf(element, 'templateFormat') ?? 'raw';
    if (format !== 'raw') yield { what: `os/${name}`, why: `firmware of the format ${format}` };
  }
  for (const boot of elementsOf(os, 'boot')) {
    if (attributeOf(boot, 'dev') === 'network') {
      yield { what: 'os/boot', why: 'a VM that boots from the network; take it out of the order' };
    }
  }
}

function* refusalsOfDevice(device: XmlElement): Generator<Refusal> {
  const { name } = device;
  if (name === 'filesystem') {
    yield { what: name, why: 'a directory of the host; use a disk, recorded as data' };
  } else if (!DEVICES.has(name)) {
    yield { what: name, why: 'a device that this agent does not know' };
  }
  if (name === 'memory' && /^(?:nvdimm|virtio-pmem)$/u.test(attributeOf(device, 'model') ?? '')) {
    yield { what: 'persistent memory', why: 'a file that is memory; use a disk' };
  }
  if (name === 'hostdev') {
    const source = elementOf(device, 'source');
    const blocks = source === null ? [] : elementsOf(source).map((child) => child.name);
    const kinds = [attributeOf(device, 'type') ?? '', ...blocks];
    const kind = kinds.find((found) => HOST_DISKS.has(found));
    if (kind !== undefined) yield { what: `hostdev of ${kind}`, why: 'a disk of the host' };
  }
  if (name === 'disk') {
    const driver = attributeOf(elementOf(device, 'driver'), 'name') ?? 'qemu';
    if (driver !== 'qemu') yield { what: `disk driver ${driver}`, why: 'only QEMU’s is known' };
  } else if (elementOf(device, 'boot') !== null) {
    const why = 'a VM that boots from what no digest covers; take <boot> away';
    yield { what: `${name}/boot`, why };
  }
}
