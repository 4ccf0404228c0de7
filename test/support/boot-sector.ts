/** QEMU's exit codes, by `-device isa-debug-exit,iobase=0xf4,iosize=4`. */
export const WROTE = 33;

const WRITTEN_SECTOR = 3;

/** A disk of 64 KiB whose boot sector writes itself to the third sector, and ends QEMU: `WROTE` if that went well. */
export function writingDisk(): Buffer {
  const disk = Buffer.alloc(65_536);
  Buffer.from([
    ...[0x31, 0xc0, 0x8e, 0xc0], // xor ax, ax; mov es, ax
    ...[0xb8, 0x01, 0x03, 0xb9, WRITTEN_SECTOR, 0x00], // mov ax, 0x0301 (write one); mov cx, sector
    ...[0xb6, 0x00, 0xbb, 0x00, 0x7c, 0xcd, 0x13], // mov dh, 0; mov bx, 0x7c00; int 0x13
    ...[0xb0, 0x10, 0x73, 0x02, 0xb0, 0x20], // mov al, 0x10; jnc over; mov al, 0x20
    ...[0xe6, 0xf4, 0xf4, 0xeb, 0xfd], // out 0xf4, al; hlt; jmp to it
  ]).copy(disk);
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}

/** The words that QEMU needs to start it, but for the disk. */
export const QEMU_WORDS = [
  '/usr/bin/qemu-system-x86_64',
  ...['-accel', 'tcg', '-m', '16', '-display', 'none', '-nodefaults', '-no-user-config'],
  ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
] as const;
