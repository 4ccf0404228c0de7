import { TpmError } from './tpm-error.ts';
import { tssLibraries } from './tss-libraries.ts';

/** Larger than any structure of tpm2-tss (TPM2B_ATTEST: 2,306 bytes) and than its wire form. */
const AMPLE_BYTES = 4096;

/** The C structure that these wire bytes spell. Wipe it after use if it holds a secret. */
export function structure(type: string, wire: Uint8Array, command: string): Buffer {
  if (wire.length > AMPLE_BYTES) {
    throw new TpmError('TPM_MISUSE', command, `${type}: ${wire.length} bytes are too many`);
  }
  const destination = Buffer.alloc(AMPLE_BYTES);
  const offset = Buffer.alloc(8);
  const rc = tssLibraries().unmarshal(type)(wire, wire.length, offset, destination);
  if (rc !== 0) {
    const detail = `${type}: ${tssLibraries().decode(rc)}`;
    throw new TpmError('TPM_MISUSE', command, detail, { rc });
  }
  if (offset.readBigUInt64LE() !== BigInt(wire.length)) {
    throw new TpmError('TPM_MISUSE', command, `${type}: trailing bytes`);
  }
  return destination;
}

/** A TPM2B: size (UINT16), then the bytes. */
export function sized(bytes: Uint8Array): Uint8Array {
  if (bytes.length > 0xffff) throw new TpmError('TPM_MISUSE', 'TPM2B', 'too many bytes');
  const wire = Buffer.alloc(2 + bytes.length);
  wire.writeUInt16BE(bytes.length);
  wire.set(bytes, 2);
  return wire;
}

/** A place for a pointer to a structure that tpm2-tss allocates. */
export class Output {
  readonly type: string;
  /** Passed to the native function as `TYPE **`. */
  readonly cell = Buffer.alloc(8);
  /** How much to overwrite before it goes back to the allocator. */
  readonly #secretBytes: number;

  constructor(type: string, secretBytes = 0) {
    this.type = type;
    this.#secretBytes = secretBytes;
  }

  /** The wire bytes of what was put there. */
  read(): Buffer {
    const buffer = Buffer.alloc(AMPLE_BYTES);
    const offset = Buffer.alloc(8);
    const libraries = tssLibraries();
    const rc = libraries.marshal(this.type)(this.#address(), buffer, buffer.length, offset);
    if (rc !== 0) {
      const detail = `cannot be read: ${libraries.decode(rc)}`;
      throw new TpmError('TPM_RESPONSE_INVALID', this.type, detail, { rc });
    }
    // Not Buffer.from(): that would put a secret in the pool that all small Buffers share.
    const wire = Buffer.alloc(Number(offset.readBigUInt64LE()));
    buffer.copy(wire);
    buffer.fill(0);
    return wire;
  }

  /** The bytes inside a TPM2B. */
  readSized(): Buffer {
    return this.read().subarray(2);
  }

  free(): void {
    const address = this.#address();
    if (address === 0n) return;
    if (this.#secretBytes > 0) tssLibraries().explicitBzero(address, this.#secretBytes);
    tssLibraries().free(address);
    this.cell.fill(0);
  }

  #address(): bigint {
    return this.cell.readBigUInt64LE();
  }
}

/** Frees every one of them, whether or not the command came to fill it. */
export async function withOutputs<const T extends readonly Output[], R>(
  outputs: T,
  use: (...outputs: T) => Promise<R>,
): Promise<R> {
  try {
    return await use(...outputs);
  } finally {
    for (const output of outputs) output.free();
  }
}
