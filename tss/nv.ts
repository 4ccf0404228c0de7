import type { Connection, Send } from './connection.ts';
import { ESYS_TR_RH_OWNER, NO_SESSIONS, PASSWORD } from './resources.ts';
import { Output, withOutputs } from './structures.ts';
import { TpmError } from './tpm-error.ts';

/** TPMA_NV: Part 2, 13.4. */
const OWNER_READ = 1 << 17;
const AUTH_READ = 1 << 18;
const NO_DA = 1 << 25;

/** TPM_RC_HANDLE for the first handle. */
const NOT_DEFINED = 0x18b;

export interface NvPublic {
  /** TPM2B_NV_PUBLIC. */
  readonly public: Uint8Array;
  readonly name: Uint8Array;
  /** Of the data, in bytes. */
  readonly size: number;
  /** TPMA_NV. */
  readonly attributes: number;
}

/** TPM2_NV_ReadPublic: Part 3, 31.6. Null where the index is not defined. */
export async function nvReadPublic(
  connection: Connection,
  index: number,
): Promise<NvPublic | null> {
  const command = 'TPM2_NV_ReadPublic';
  try {
    return await connection.run(command, (send) =>
      withIndex(connection, send, command, index, (tr) => readPublicOf(send, tr)),
    );
  } catch (error) {
    if (error instanceof TpmError && error.rc === NOT_DEFINED) return null;
    throw error;
  }
}

/** TPM2_NV_Read: Part 3, 31.13, as often as it takes. `chunkBytes` is TPM_PT_NV_BUFFER_MAX. */
export function nvRead(connection: Connection, index: number, chunkBytes: number): Promise<Buffer> {
  const command = 'TPM2_NV_Read';
  return connection.run(command, (send) =>
    withIndex(connection, send, command, index, async (tr) => {
      const { size, attributes } = await readPublicOf(send, tr);
      const authorizing = authorizingHandle(attributes, tr);
      const data = Buffer.alloc(size);
      for (let offset = 0; offset < size;) {
        const wanted = Math.min(chunkBytes, size - offset);
        const chunk = await withOutputs([new Output('TPM2B_MAX_NV_BUFFER')], async (output) => {
          await send('Esys_NV_Read', authorizing, tr, ...PASSWORD, wanted, offset, output.cell);
          return output.readSized();
        });
        if (chunk.length !== wanted) {
          throw new TpmError('TPM_RESPONSE_INVALID', command, `${chunk.length} bytes of ${wanted}`);
        }
        chunk.copy(data, offset);
        offset += chunk.length;
      }
      return data;
    }),
  );
}

/** The auth values are taken to be empty; an index that could lock the TPM out is tried last. */
function authorizingHandle(attributes: number, tr: number): number {
  if ((attributes & AUTH_READ) !== 0 && (attributes & NO_DA) !== 0) return tr;
  if ((attributes & OWNER_READ) !== 0) return ESYS_TR_RH_OWNER;
  if ((attributes & AUTH_READ) !== 0) return tr;
  throw new TpmError('TPM_MISUSE', 'TPM2_NV_Read', 'neither owner nor index auth may read it');
}

async function withIndex<T>(
  connection: Connection,
  send: Send,
  command: string,
  index: number,
  use: (tr: number) => Promise<T>,
): Promise<T> {
  if (index >>> 24 !== 0x01)
    throw new TpmError('TPM_MISUSE', command, 'not the handle of an NV index');
  const cell = Buffer.alloc(4);
  await send('Esys_TR_FromTPMPublic', index, ...NO_SESSIONS, cell);
  try {
    return await use(cell.readUInt32LE());
  } finally {
    if (!connection.spent) connection.local(command, 'Esys_TR_Close', cell);
  }
}

async function readPublicOf(send: Send, tr: number): Promise<NvPublic> {
  const outputs = [new Output('TPM2B_NV_PUBLIC'), new Output('TPM2B_NAME')] as const;
  return withOutputs(outputs, async (publicArea, name) => {
    await send('Esys_NV_ReadPublic', tr, ...NO_SESSIONS, publicArea.cell, name.cell);
    const wire = publicArea.read();
    // Size UINT16; nvIndex UINT32; nameAlg UINT16; attributes UINT32; authPolicy TPM2B; dataSize UINT16.
    const policyBytes = wire.readUInt16BE(12);
    return {
      public: wire,
      name: name.readSized(),
      size: wire.readUInt16BE(14 + policyBytes),
      attributes: wire.readUInt32BE(8),
    };
  });
}
