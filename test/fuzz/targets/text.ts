import { isDeepStrictEqual } from 'node:util';
import { parseBaselines, parseEvidence } from '@touchstone/appraisal';
import { checkAgainst, Evidence, parseStrictJson } from '@touchstone/schemas';
import type { Target } from '../target.ts';
import { QUOTE, SIGNATURE } from './made-quote.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

const STATEMENT = {
  schema: 'touchstone/statement/1',
  purpose: 'attest',
  hostId: '00000000-0000-4000-8000-000000000001',
  akName: `000b${'ab'.repeat(32)}`,
  bundleEpoch: 1,
  challenge: base64Url(new Uint8Array(48)),
  selection: { sha256: [0, 1, 2, 3, 4, 5, 6, 7] },
  logs: [{ kind: 'boot', algorithm: 'sha256', digest: 'cd'.repeat(32), size: 4 }],
  selfReported: { claimedHostname: 'laptop', claimedKernel: '6.1', agentVersion: '0.1.0' },
};

const evidenceOf = (statement: Uint8Array): Evidence => ({
  schema: 'touchstone/evidence/1',
  statement: base64Url(statement),
  quote: { attest: base64Url(QUOTE), signature: base64Url(SIGNATURE) },
  pcrs: { sha256: { '0': '00'.repeat(32) } },
  blobs: { ['cd'.repeat(32)]: base64Url(Uint8Array.of(1, 2, 3, 4)) },
});

const EVIDENCE = utf8(JSON.stringify(evidenceOf(utf8(JSON.stringify(STATEMENT)))));

/** Strict JSON goes wrong by its depth, its keys, its numbers and its escapes. */
const ODD_JSON = [
  '{"a":1,"b":[true,false,null,-0.5e-3],"c":{"d":"\\u00e9\\ud83d\\ude00"}}',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1},"constructor":1}',
  `${'['.repeat(31)}1${']'.repeat(31)}`,
  `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`,
  '[9007199254740991,9007199254740992,1e400,-1]',
  '"\\ud800"',
].map(utf8);

const BASELINE = `kind: baseline
part: bootChain
name: debian-12-cloud
version: 3
match: { labels: { image: debian-12 }, class: [discrete, firmware, virtual] }
expires: 2027-06-01T00:00:00Z
banks: [sha256]
rules:
  - id: shim
    mode: enforce
    pcr: 4
    type: EV_EFI_BOOT_SERVICES_APPLICATION
    allow:
      - { sha256: ${'80'.repeat(32)}, name: shimx64.efi, version: 16.1-2~deb12u1, from: shim-signed }
  - id: boot-order
    mode: observe
    pcr: 1
    type: EV_EFI_VARIABLE_BOOT
`;

/** What is text: JSON from the network, YAML from people. */
export const TEXT_TARGETS: readonly Target[] = [
  {
    name: 'json',
    seeds: () => [...ODD_JSON, EVIDENCE],
    read: (bytes) => {
      const value = parseStrictJson(bytes);
      const plain: unknown = JSON.parse(Buffer.from(bytes).toString());
      if (!isDeepStrictEqual(value, plain)) throw new Error('it is not what JSON.parse reads');
      return undefined;
    },
  },
  {
    name: 'evidence',
    seeds: () => [EVIDENCE],
    read: (bytes) => {
      parseEvidence(checkAgainst(Evidence, parseStrictJson(bytes)));
      return undefined;
    },
  },
  {
    name: 'statement',
    seeds: () => [utf8(JSON.stringify(STATEMENT))],
    read: (bytes) => {
      parseEvidence(evidenceOf(bytes));
      return undefined;
    },
  },
  {
    name: 'baselines',
    seeds: () => [utf8(BASELINE), utf8(`${BASELINE}---\n${BASELINE}`)],
    read: (bytes) => {
      parseBaselines(Buffer.from(bytes).toString());
      return undefined;
    },
  },
];
