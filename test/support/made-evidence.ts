import { createHash } from 'node:crypto';
import { qualifyingDataOf } from '@touchstone/appraisal';
import type { Evidence, Purpose, Statement } from '@touchstone/schemas';
import type { Dishonesty } from './dishonesty.ts';
import type { TestHost } from './test-host.ts';

/** Evidence as an honest agent makes it, but for what the test wants otherwise. */
export async function madeEvidence(
  host: TestHost,
  purpose: Purpose,
  dishonesty: Dishonesty = {},
): Promise<Evidence> {
  const asked = purpose === 'prove' ? null : await host.challenge(purpose);
  const selection = dishonesty.selection ?? asked?.selection ?? { sha256: [0, 8, 9, 13] };
  const challenge = dishonesty.challenge ?? asked?.challenge ?? '';
  const log = dishonesty.log === undefined ? host.log : dishonesty.log(host.log);
  const { ima } = dishonesty;
  const statement: Statement = {
    schema: host.statements,
    purpose,
    hostId: dishonesty.hostId === undefined ? host.hostId : dishonesty.hostId,
    akName: dishonesty.akName ?? host.akName,
    bundleEpoch: 1,
    challenge,
    selection,
    logs: [
      ...(log === null
        ? []
        : [
            {
              ...({ kind: 'boot', algorithm: 'sha256' } as const),
              ...{ digest: sha256(log), size: log.length },
            },
          ]),
      ...(ima === undefined ? [] : [{ kind: 'ima', fromEntry: ima.fromEntry } as const]),
    ],
    selfReported: { claimedHostname: host.name, claimedKernel: 'test', agentVersion: 'test' },
    ...(dishonesty.permits === undefined ? {} : { permits: [...dishonesty.permits] }),
    ...(dishonesty.nonce === undefined ? {} : { nonce: dishonesty.nonce }),
  };
  const honest = Buffer.from(JSON.stringify(dishonesty.statement?.(statement) ?? statement));
  const bytes = dishonesty.statementBytes?.(honest) ?? honest;
  const extraData = qualifyingDataOf(purpose, Buffer.from(challenge, 'base64url'), bytes);
  const quoteSelection = dishonesty.quoteSelection ?? selection;
  const quote = dishonesty.quote ?? ((...quoted) => host.quote(...quoted));
  const { attest, signature } = await quote(extraData, quoteSelection);
  const pcrs = await host.readPcrs(quoteSelection);
  return {
    schema: 'touchstone/evidence/1',
    statement: base64Url(bytes),
    quote: {
      attest: base64Url(dishonesty.attest?.(attest) ?? attest),
      signature: base64Url(dishonesty.signature?.(signature) ?? signature),
    },
    pcrs: dishonesty.pcrs?.(pcrs) ?? pcrs,
    blobs: log === null ? {} : { [sha256(log)]: base64Url(log) },
    ...(ima === undefined ? {} : { imaList: { entries: base64Url(ima.entries) } }),
  };
}

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
