import type { Connection, Send } from './connection.ts';
import { encodePcrSelection, pcrKey, readPcrSelection } from './pcr-selection.ts';
import type { PcrId } from './pcr-selection.ts';
import { NO_SESSIONS, PASSWORD } from './resources.ts';
import { Output, structure, withOutputs } from './structures.ts';
import { TpmError } from './tpm-error.ts';

export interface PcrValue extends PcrId {
  readonly digest: Uint8Array;
}

/** How often reading starts over because a PCR was extended meanwhile. */
const ATTEMPTS = 8;
const LAST_PCR = 23;

/**
 * TPM2_PCR_Read: Part 3, 22.4, as often as it takes: it gives eight at a time and leaves out what the TPM
 * does not have. All values are of one moment (pcrUpdateCounter), or it starts over.
 */
export function pcrRead(connection: Connection, selection: Uint8Array): Promise<PcrValue[]> {
  return connection.run('TPM2_PCR_Read', async (send) => {
    const wanted = readPcrSelection(selection);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const digests = await readAll(send, wanted);
      if (digests === undefined) continue;
      return wanted.map((id) => ({ ...id, digest: digests.get(pcrKey(id)) ?? unreadable(id) }));
    }
    throw new TpmError('TPM_PCR_UNREADABLE', 'TPM2_PCR_Read', 'the PCRs would not hold still');
  });
}

/** Undefined when a PCR was extended between two readings. */
async function readAll(
  send: Send,
  wanted: readonly PcrId[],
): Promise<Map<string, Buffer> | undefined> {
  const digests = new Map<string, Buffer>();
  let counter: number | undefined;
  for (let left = wanted; left.length > 0; left = left.filter((id) => !digests.has(pcrKey(id)))) {
    const round = await readSome(send, left);
    if (counter !== undefined && counter !== round.counter) return undefined;
    counter = round.counter;
    if (round.values.length === 0) return digests;
    for (const value of round.values) digests.set(pcrKey(value), value.digest);
  }
  return digests;
}

async function readSome(
  send: Send,
  wanted: readonly PcrId[],
): Promise<{ counter: number; values: (PcrId & { digest: Buffer })[] }> {
  const command = 'TPM2_PCR_Read';
  const outputs = [new Output('TPML_PCR_SELECTION'), new Output('TPML_DIGEST')] as const;
  return withOutputs(outputs, async (selectionOut, digestsOut) => {
    const counter = Buffer.alloc(4);
    await send(
      'Esys_PCR_Read',
      ...NO_SESSIONS,
      structure('TPML_PCR_SELECTION', encodePcrSelection(wanted), command),
      counter,
      selectionOut.cell,
      digestsOut.cell,
    );
    const ids = readPcrSelection(selectionOut.read());
    const digests = readDigests(digestsOut.read());
    if (ids.length !== digests.length) {
      throw new TpmError('TPM_RESPONSE_INVALID', command, 'as many digests as PCRs were expected');
    }
    const values = ids.map((id, index) => ({ ...id, digest: digests[index] ?? unreadable(id) }));
    return { counter: counter.readUInt32LE(), values };
  });
}

/** TPML_DIGEST: Part 2, 10.9.4. */
function readDigests(wire: Buffer): Buffer[] {
  const digests: Buffer[] = [];
  let offset = 4;
  for (let index = 0; index < wire.readUInt32BE(0); index++) {
    const size = wire.readUInt16BE(offset);
    digests.push(wire.subarray(offset + 2, offset + 2 + size));
    offset += 2 + size;
  }
  return digests;
}

function unreadable({ bank, pcr }: PcrId): never {
  const detail = `the TPM has no PCR ${pcr} in bank 0x${bank.toString(16)}`;
  throw new TpmError('TPM_PCR_UNREADABLE', 'TPM2_PCR_Read', detail);
}

export interface TaggedDigest {
  /** TPM_ALG_ID. */
  readonly alg: number;
  readonly digest: Uint8Array;
}

/** TPM2_PCR_Extend: Part 3, 22.2. Banks that are not named stay as they are. */
export function pcrExtend(
  connection: Connection,
  pcr: number,
  digests: readonly TaggedDigest[],
): Promise<void> {
  const command = 'TPM2_PCR_Extend';
  return connection.run(command, async (send) => {
    if (!Number.isInteger(pcr) || pcr < 0 || pcr > LAST_PCR) {
      throw new TpmError('TPM_MISUSE', command, `PCR ${pcr} does not exist`);
    }
    // ESYS_TR_PCR0 to ESYS_TR_PCR31 are 0 to 31.
    const values = structure('TPML_DIGEST_VALUES', encodeDigestValues(digests), command);
    await send('Esys_PCR_Extend', pcr, ...PASSWORD, values);
  });
}

/** TPML_DIGEST_VALUES: Part 2, 10.9.6; a digest's size follows from its algorithm. */
function encodeDigestValues(digests: readonly TaggedDigest[]): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(digests.length);
  const parts = digests.flatMap(({ alg, digest }) => {
    const tag = Buffer.alloc(2);
    tag.writeUInt16BE(alg);
    return [tag, digest];
  });
  return Buffer.concat([count, ...parts]);
}
