/** A VM that libvirt is told about. It reads a disk's first sector, if that, and then waits. */
export type Guest = {
  readonly name: string;
  /** A new one where it is not given. */
  readonly uuid?: string;
  readonly disks?: readonly GuestDisk[];
  /** Further elements in `devices`. */
  readonly devices?: string;
  /** Elements in `os` beside the type: kernel, loader, nvram. */
  readonly os?: string;
  /** Firmware that libvirt is to choose. */
  readonly firmware?: 'efi';
  readonly memoryMib?: number;
};

export type GuestDisk = {
  readonly file: string;
  /** vda, vdb and so on where it is not given. */
  readonly target?: string;
  /** raw where it is not given. */
  readonly format?: 'raw' | 'qcow2';
  /** UUID of the libvirt secret that has its LUKS key. */
  readonly secret?: string;
  /** Further elements: `<readonly/>`, `<transient/>`. */
  readonly further?: string;
};

/** `type='qemu'`: there is no KVM where the tests run. */
export function domainXml({
  name,
  uuid,
  disks = [],
  devices = '',
  os = '',
  firmware,
  memoryMib = 16,
}: Guest): string {
  const own = disks.map(diskXml).join('');
  return `<domain type='qemu'>
  <name>${name}</name>${uuid === undefined ? '' : `<uuid>${uuid}</uuid>`}
  <memory unit='MiB'>${memoryMib}</memory><vcpu>1</vcpu>
  <os${firmware === undefined ? '' : ` firmware='${firmware}'`}><type arch='x86_64' machine='pc'>hvm</type>${os}</os>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/><memballoon model='none'/>${own}${devices}
  </devices>
</domain>
`;
}

function diskXml(
  { file, target, format = 'raw', secret, further = '' }: GuestDisk,
  index: number,
): string {
  const luks = `<encryption format='luks'><secret type='passphrase' uuid='${secret}'/></encryption>`;
  return `
    <disk type='file' device='disk'><driver name='qemu' type='${format}'/>
      <source file='${file}'>${secret === undefined ? '' : luks}</source>
      <target dev='${target ?? `vd${'abcdefghijklmnop'[index]}`}' bus='virtio'/>${further}
    </disk>`;
}
