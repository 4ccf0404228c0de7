import { appraiseImaSegment, checkImaPolicy } from '@touchstone/appraisal';
import { imaEntries, surveyImaList } from '@touchstone/eventlog';
import {
  asciiList,
  binaryList,
  fileFields,
  name,
  named,
  nothing,
  number,
  raw,
  type SampleEntry,
} from '../../support/made-ima.ts';
import { seedsFrom } from '../seeds.ts';
import type { Target } from '../target.ts';

const SIGNATURE = Uint8Array.of(3, 2, 4, 1, 2, 3, 4, 0, 8, 0x30, 6, 2, 1, 1, 2, 1, 1);
const DIGEST = new Uint8Array(32).fill(7);
const FILE = fileFields('/usr/bin/bash');
const ENTRIES: readonly SampleEntry[] = [
  { template: 'ima-ng', fields: [named('sha256', DIGEST), name('boot_aggregate')] },
  { template: 'ima', fields: [raw(DIGEST.subarray(0, 20)), name('/bin/sh')] },
  { template: 'ima-sig', fields: [...FILE, raw(SIGNATURE)] },
  { template: 'ima-sigv2', fields: [named('verity:sha256', DIGEST), name('/a'), nothing] },
  { template: 'ima-buf', fields: [...fileFields('.ima'), raw(SIGNATURE)] },
  { template: 'ima-modsig', fields: [...FILE, nothing, named('sha512', DIGEST), raw(SIGNATURE)] },
  { template: 'n-ng|d-ng|imode|iuid', fields: [name('/x'), FILE[0]!, number(7, 2), number(7, 4)] },
  { template: 'ima-ng', fields: FILE, violation: true },
];
const POLICY = {
  mode: 'enforce' as const,
  files: [{ digests: `${Buffer.from(DIGEST).toString('hex')}  /usr/bin/bash\n` }],
  exclude: ['/var/**', '/tmp/*/?'],
  keyrings: [{ name: '.ima', learn: 'any' as const }],
};
const LISTS = ['ima/tss/*', 'ima/ibmtss/*', 'ima/rust-keylime/*', 'boots/a-sb-on/ima_*'];

/** Lists of the kernel's, in either format, judged as far as PCR 10 of their own; and policies about them. */
export const IMA_TARGETS: readonly Target[] = [
  {
    name: 'ima-list',
    seeds: () => seedsFrom(LISTS, [binaryList(...ENTRIES), asciiList(...ENTRIES)]),
    read: (bytes) => {
      const { pcrs, entries } = surveyImaList(bytes);
      if ([...imaEntries(bytes)].length !== entries) throw new Error('entries come and go');
      const pcr10 = pcrs.get(10)?.sha256;
      if (pcr10 === undefined) return undefined;
      const { state } = appraiseImaSegment(undefined, bytes, {
        policies: [{ document: 'runtime', policy: POLICY }],
        pcrs: new Map([['sha256', new Map([[10, pcr10]])]]),
        fromEntry: 0,
      });
      if (state !== 'believed') throw new Error(`its own PCR 10, and ${state}`);
      return undefined;
    },
  },
  {
    name: 'ima-files',
    seeds: () =>
      [POLICY.files[0]!.digests, `# c\n\\${'ab'.repeat(20)}  /a\\nb\\\\`].map((text) =>
        Buffer.from(text),
      ),
    read: (bytes) => {
      checkImaPolicy({ mode: 'enforce', files: [{ digests: Buffer.from(bytes).toString() }] });
      return undefined;
    },
  },
];
