import { createCipheriv, createHash, pbkdf2Sync, randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';

/** LUKS On-Disk Format Specification, version 1.2.3. */
const SECTOR = 512;
const STRIPES = 4_000;
const KEY_BYTES = 64;
const ITERATIONS = 1_000;
const MATERIAL_SECTORS = (STRIPES * KEY_BYTES) / SECTOR;
const SLOT = { active: 0x00ac71f3, disabled: 0x0000dead } as const;
const FIRST_MATERIAL = 8;
/** Of eight slots, each aligned to eight sectors. */
const SLOT_SECTORS = Math.ceil(MATERIAL_SECTORS / 8) * 8;
const PAYLOAD = FIRST_MATERIAL + 8 * SLOT_SECTORS;

/**
 * A disk of zeros under LUKS 1 (AES-256-XTS), as `qemu-img create -f luks` makes one. That one measures for seconds how
 * many iterations this machine can take, and fails on a busy one; this has few.
 */
export async function makeLuksDisk(path: string, passphrase: Uint8Array): Promise<void> {
  const masterKey = randomBytes(KEY_BYTES);
  const [digestSalt, slotSalt] = [randomBytes(32), randomBytes(32)];
  const header = Buffer.alloc(592);
  header.write('LUKS\xba\xbe', 0, 'latin1');
  header.writeUInt16BE(1, 6);
  header.write('aes', 8, 'latin1');
  header.write('xts-plain64', 40, 'latin1');
  header.write('sha256', 72, 'latin1');
  header.writeUInt32BE(PAYLOAD, 104);
  header.writeUInt32BE(KEY_BYTES, 108);
  pbkdf2Sync(masterKey, digestSalt, ITERATIONS, 20, 'sha256').copy(header, 112);
  digestSalt.copy(header, 132);
  header.writeUInt32BE(ITERATIONS, 164);
  header.write(randomUUID(), 168, 'latin1');
  for (let slot = 0; slot < 8; slot += 1) {
    const at = 208 + slot * 48;
    header.writeUInt32BE(slot === 0 ? SLOT.active : SLOT.disabled, at);
    header.writeUInt32BE(slot === 0 ? ITERATIONS : 0, at + 4);
    if (slot === 0) slotSalt.copy(header, at + 8);
    header.writeUInt32BE(FIRST_MATERIAL + slot * SLOT_SECTORS, at + 40);
    header.writeUInt32BE(STRIPES, at + 44);
  }
  const slotKey = pbkdf2Sync(passphrase, slotSalt, ITERATIONS, KEY_BYTES, 'sha256');
  const disk = Buffer.alloc(PAYLOAD * SECTOR + 1_048_576);
  header.copy(disk);
  encrypted(slotKey, split(masterKey)).copy(disk, FIRST_MATERIAL * SECTOR);
  encrypted(masterKey, Buffer.alloc(1_048_576)).copy(disk, PAYLOAD * SECTOR);
  await writeFile(path, disk);
}

/** XTS with the number of the sector, from the start of what is encrypted, as its tweak ("plain64"). */
function encrypted(key: Uint8Array, plain: Buffer): Buffer {
  const sectors: Buffer[] = [];
  for (let sector = 0; sector * SECTOR < plain.length; sector += 1) {
    const tweak = Buffer.alloc(16);
    tweak.writeUInt32LE(sector);
    const cipher = createCipheriv('aes-256-xts', key, tweak);
    sectors.push(cipher.update(plain.subarray(sector * SECTOR, (sector + 1) * SECTOR)));
  }
  return Buffer.concat(sectors);
}

/** The anti-forensic splitter: section 2.4. */
function split(key: Buffer): Buffer {
  const stripes: Buffer[] = [];
  let folded: Buffer = Buffer.alloc(KEY_BYTES);
  for (let stripe = 1; stripe < STRIPES; stripe += 1) {
    const random = randomBytes(KEY_BYTES);
    stripes.push(random);
    folded = diffused(xor(folded, random));
  }
  return Buffer.concat([...stripes, xor(folded, key)]);
}

function diffused(bytes: Buffer): Buffer {
  const size = 32;
  const parts: Buffer[] = [];
  for (let index = 0; index * size < bytes.length; index += 1) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(index);
    const part = bytes.subarray(index * size, (index + 1) * size);
    parts.push(createHash('sha256').update(counter).update(part).digest());
  }
  return Buffer.concat(parts);
}

const xor = (a: Buffer, b: Buffer): Buffer =>
  Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
