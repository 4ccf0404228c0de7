import type { Connection, Send } from './connection.ts';
import { ESYS_TR_NONE, NO_SESSIONS } from './resources.ts';
import { Output, withOutputs } from './structures.ts';
import { TpmError } from './tpm-error.ts';

const TPM_CAP_HANDLES = 1;
const TPM_CAP_TPM_PROPERTIES = 6;
const TPM_PT_NV_BUFFER_MAX = 0x12c;
/** More are asked for than any TPM answers with at a time. */
const HANDLES_A_TIME = 254;

/** First handle of each kind: Part 2, 7.2, TPM_HT. */
const FIRST_HANDLE = {
  'nv-index': 0x01000000,
  'loaded-session': 0x02000000,
  transient: 0x80000000,
  persistent: 0x81000000,
} as const;
export type HandleKind = keyof typeof FIRST_HANDLE;

export interface Capability {
  readonly moreData: boolean;
  /** TPMS_CAPABILITY_DATA. */
  readonly data: Uint8Array;
}

/** TPM2_GetCapability: Part 3, 30.2. */
export function getCapability(
  connection: Connection,
  capability: number,
  property: number,
  count: number,
): Promise<Capability> {
  const wanted = { capability, property, count };
  return connection.run('TPM2_GetCapability', (send) => askCapability(send, wanted));
}

function askCapability(
  send: Send,
  wanted: { readonly capability: number; readonly property: number; readonly count: number },
): Promise<Capability> {
  const { capability, property, count } = wanted;
  const moreData = Buffer.alloc(1);
  return withOutputs([new Output('TPMS_CAPABILITY_DATA')], async (data) => {
    await send(
      'Esys_GetCapability',
      ...NO_SESSIONS,
      capability,
      property,
      count,
      moreData,
      data.cell,
    );
    return { moreData: moreData[0] === 1, data: data.read() };
  });
}

export const handles = (connection: Connection, kind: HandleKind): Promise<number[]> =>
  connection.run('TPM2_GetCapability', (send) => askHandles(send, kind));

async function askHandles(send: Send, kind: HandleKind): Promise<number[]> {
  const found: number[] = [];
  let from: number = FIRST_HANDLE[kind];
  for (;;) {
    const { moreData, data } = await askCapability(send, {
      capability: TPM_CAP_HANDLES,
      property: from,
      count: HANDLES_A_TIME,
    });
    // TPMS_CAPABILITY_DATA: capability UINT32, then TPML_HANDLE: count UINT32, handles UINT32.
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const count = view.getUint32(4);
    for (let index = 0; index < count; index++) found.push(view.getUint32(8 + 4 * index));
    if (!moreData || count === 0) return found;
    from = (found.at(-1) ?? from) + 1;
  }
}

/** How much TPM2_NV_Read gives at a time. */
export async function nvBufferMax(connection: Connection): Promise<number> {
  const { data } = await getCapability(connection, TPM_CAP_TPM_PROPERTIES, TPM_PT_NV_BUFFER_MAX, 1);
  // TPML_TAGGED_TPM_PROPERTY: count UINT32, then property UINT32 and value UINT32 each.
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const value =
    data.byteLength >= 16 && view.getUint32(8) === TPM_PT_NV_BUFFER_MAX ? view.getUint32(12) : 0;
  if (value === 0) {
    throw new TpmError('TPM_RESPONSE_INVALID', 'TPM2_GetCapability', 'no TPM_PT_NV_BUFFER_MAX');
  }
  return value;
}

/**
 * Flushes what earlier clients left behind, and nothing of `held`. Only for a TPM that has no resource manager
 * and is ours alone: three objects or sessions that a killed process left fill it up.
 */
export async function flushStrays(send: Send, held: ReadonlySet<number>): Promise<void> {
  for (const kind of ['transient', 'loaded-session'] as const) {
    for (const handle of await askHandles(send, kind)) {
      if (!held.has(handle)) await flushHandle(send, handle);
    }
  }
}

async function flushHandle(send: Send, handle: number): Promise<void> {
  const cell = Buffer.alloc(4);
  await send('Esys_TR_FromTPMPublic', handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, cell);
  await send('Esys_FlushContext', cell.readUInt32LE());
}
