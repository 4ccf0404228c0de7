/** What the VM of the demonstration prints on its serial port. */
export const GREETING = 'Touchstone demo VM: running, because its host proved what it booted.';

/** COM1 of a PC. */
const LINE_STATUS = 0x3fd;
const TRANSMIT = 0x3f8;

/**
 * A boot sector of 512 bytes that prints the greeting on COM1 and halts: 16-bit code at 0x7c00, the
 * text behind it, 0xaa55 at the end.
 */
export function bootSector(): Uint8Array {
  const code = [
    ...[0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0xfc], // cli; xor ax, ax; mov ds, ax; cld
    ...[0xbe, 0, 0], // mov si, text
    ...[0xac, 0x84, 0xc0, 0x74, 0x12], // next: lodsb; test al, al; jz done
    ...[0x88, 0xc3, 0xba, LINE_STATUS & 0xff, LINE_STATUS >> 8], // mov bl, al; mov dx, line status
    ...[0xec, 0xa8, 0x20, 0x74, 0xfb], // wait: in al, dx; test al, 0x20; jz wait
    ...[0x88, 0xd8, 0xba, TRANSMIT & 0xff, TRANSMIT >> 8, 0xee], // mov al, bl; mov dx, transmit; out dx, al
    ...[0xeb, 0xe9], // jmp next
    ...[0xf4, 0xeb, 0xfd], // done: hlt; jmp done
  ];
  const text = 0x7c00 + code.length;
  code[7] = text & 0xff;
  code[8] = text >> 8;
  const sector = new Uint8Array(512);
  sector.set(code);
  sector.set(new TextEncoder().encode(`${GREETING}\r\n\0`), code.length);
  sector.set([0x55, 0xaa], 510);
  return sector;
}
