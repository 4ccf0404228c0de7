const QCOW = [0x51, 0x46, 0x49, 0xfb];
/** docs/interop/qcow2.txt in QEMU: backing_file_offset and incompatible_features, big-endian. */
const BACKING_FILE_OFFSET = 8;
const INCOMPATIBLE_FEATURES = 72;
const EXTERNAL_DATA_FILE = 1n << 2n;

/** Formats whose headers may name other files: QED, VMDK (sparse, ESX, descriptor), VHDX. */
const REFERRING = ['QED\0', 'KDMV', 'COWD', '# Disk DescriptorFile', 'vhdxfile'];

/**
 * Whether an image may take its content from a file that nobody named: a backing file, an external data
 * file, an extent. QEMU follows these by itself, and guesses the format where none was given.
 */
export function refersElsewhere(head: Uint8Array): boolean {
  const bytes = Buffer.from(head);
  if (REFERRING.some((magic) => bytes.subarray(0, magic.length).toString('latin1') === magic)) {
    return true;
  }
  if (!bytes.subarray(0, QCOW.length).equals(Buffer.from(QCOW))) return false;
  if (bytes.length < INCOMPATIBLE_FEATURES + 8) return true;
  if (bytes.readBigUInt64BE(BACKING_FILE_OFFSET) !== 0n) return true;
  const version = bytes.readUInt32BE(QCOW.length);
  return version >= 3 && (bytes.readBigUInt64BE(INCOMPATIBLE_FEATURES) & EXTERNAL_DATA_FILE) !== 0n;
}
