import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { appraiseImaSegment, checkBaseline, BaselineError } from '@touchstone/appraisal';
import type { Baseline, ImaPolicy } from '@touchstone/schemas';
import { hash, type PcrValues } from '@touchstone/tpm';
import { derPem, imaCertificate } from '../support/ima-certificate.ts';
import { attack, type Observed } from '../support/attack.ts';
import {
  binaryList,
  dataOfSample,
  digestOf,
  named,
  name,
  nothing,
  raw,
  type SampleEntry,
} from '../support/made-ima.ts';

const STATIC = Array.from({ length: 10 }, (_, pcr) => hash('sha256', Uint8Array.of(pcr)));
const AGGREGATE: SampleEntry = {
  template: 'ima-sig',
  fields: [named('sha256', hash('sha256', ...STATIC)), name('boot_aggregate'), nothing],
};
const file = (path: string, content = path, xattr?: Uint8Array): SampleEntry => ({
  template: 'ima-sig',
  fields: [
    named('sha256', digestOf(content)),
    name(path),
    xattr === undefined ? nothing : raw(xattr),
  ],
});
const ng = ({ fields: [digest, path] }: SampleEntry): SampleEntry => ({
  template: 'ima-ng',
  fields: [digest!, path!],
});
const lineOf = (path: string) => `${Buffer.from(digestOf(path)).toString('hex')}  ${path}\n`;

/** What the TPM of a host quotes on which the kernel measured these. */
function quoted(entries: readonly SampleEntry[]): PcrValues {
  const pcr10 = entries.reduce((pcr: Uint8Array, entry) => {
    const violated = entry.violation === true;
    return hash(
      'sha256',
      pcr,
      violated ? new Uint8Array(32).fill(0xff) : hash('sha256', dataOfSample(entry)),
    );
  }, new Uint8Array(32));
  return new Map([
    ['sha256', new Map([...STATIC.map((value, pcr) => [pcr, value] as const), [10, pcr10]])],
  ]);
}

describe('What the kernel measures at run time', () => {
  const GOOD = ['/usr/bin/bash', '/usr/bin/sh'];
  const POLICY: ImaPolicy = { mode: 'enforce', files: [{ digests: GOOD.map(lineOf).join('') }] };
  const clean = [AGGREGATE, ...GOOD.map((path) => file(path))];

  /** The list that a host sends beside what its TPM quotes. */
  function shown(list: Uint8Array, pcrs: PcrValues, policy: ImaPolicy = POLICY): Observed {
    const policies = [{ document: 'runtime web version 1', policy }];
    const { findings } = appraiseImaSegment(undefined, list, { policies, pcrs, fromEntry: 0 });
    const [first] = findings;
    if (first === undefined) return { outcome: 'T' };
    return { outcome: first.effect === 'enforce' ? 'U' : 'W', code: first.code };
  }
  const measured = (entries: readonly SampleEntry[], policy?: ImaPolicy) =>
    shown(binaryList(...entries), quoted(entries), policy);

  it('is trusted where it is what the baseline lists, in templates ng and sig', () => {
    assert.deepEqual(measured(clean), { outcome: 'T' });
    assert.deepEqual(measured(clean.map(ng)), { outcome: 'T' });
  });

  it('with a violation makes its host untrusted (L29): IMA_VIOLATION', async () => {
    const entries = [...clean, { ...file('/usr/bin/bash'), violation: true }];
    const observed = await attack('L29', () => measured(entries));
    assert.equal(observed.code, 'IMA_VIOLATION');
  });

  it('of a file that is not listed, or has another content, is told in both templates (L29)', async () => {
    for (const inTemplate of [(entry: SampleEntry) => entry, ng]) {
      const differs = [...clean, file('/usr/bin/sh', 'evil')].map(inTemplate);
      assert.equal((await attack('L29', () => measured(differs))).code, 'IMA_FILE_DIFFERS');
      const unknown = [...clean, file('/usr/bin/evil')].map(inTemplate);
      assert.equal((await attack('L29', () => measured(unknown))).code, 'IMA_FILE_UNKNOWN');
    }
  });

  it("under another file's signature is told, and a signature dropped from the list breaks it (L29)", async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { der, keyId } = imaCertificate(publicKey, privateKey, 'File signer');
    const policy: ImaPolicy = {
      ...POLICY,
      keyrings: [{ name: '.ima', certificates: [derPem(der)] }],
    };
    const signature = sign('sha256', Buffer.from('/usr/bin/vi'), privateKey);
    const xattr = Buffer.concat([
      Buffer.of(3, 2, 4),
      keyId,
      Buffer.of(0, signature.length),
      signature,
    ]);
    const signed = [...clean, file('/usr/bin/vi', '/usr/bin/vi', xattr)];
    assert.deepEqual(measured(signed, policy), { outcome: 'T' });
    const stolen = [...clean, file('/usr/bin/evil', 'evil', xattr)];
    assert.equal((await attack('L29', () => measured(stolen, policy))).code, 'IMA_SIGNATURE_BAD');
    const dropped = binaryList(...stolen.slice(0, -1), ng(stolen.at(-1)!));
    assert.equal(
      (await attack('L29', () => shown(dropped, quoted(stolen), policy))).code,
      'IMA_LOG_MISMATCH',
    );
  });

  it('with the boot_aggregate of another boot makes its host untrusted (L29): IMA_BOOT_AGGREGATE', async () => {
    const other = {
      ...AGGREGATE,
      fields: [named('sha256', digestOf('x')), name('boot_aggregate'), nothing],
    };
    const observed = await attack('L29', () => measured([other, ...clean.slice(1)]));
    assert.equal(observed.code, 'IMA_BOOT_AGGREGATE');
  });

  it('cut before what PCR 10 holds, between two entries or within one, is refused (L29)', async () => {
    const entries = [...clean, file('/usr/bin/evil')];
    const whole = binaryList(...entries);
    const ends = clean.map((_, at) => binaryList(...clean.slice(0, at + 1)).length);
    for (let length = 1; length < whole.length; length += 1) {
      const observed = await attack('L29', () => shown(whole.subarray(0, length), quoted(entries)));
      assert.equal(observed.code, ends.includes(length) ? 'IMA_LOG_MISMATCH' : 'IMA_LOG_MALFORMED');
    }
    const nothingSent = await attack('L29', () => shown(new Uint8Array(), quoted(entries)));
    assert.equal(nothingSent.code, 'IMA_LOG_MISSING');
  });

  it('held against a part of a list of files is untrusted, or warned of where the list says so (L29)', async () => {
    const part: ImaPolicy = { mode: 'enforce', files: [{ digests: lineOf('/usr/bin/bash') }] };
    assert.equal((await attack('L29', () => measured(clean, part))).code, 'IMA_FILE_UNKNOWN');
    const declared = measured(clean, { ...part, unlisted: 'warn' });
    assert.deepEqual(declared, { outcome: 'W', code: 'IMA_FILE_UNKNOWN' });
  });

  it('is held against no list that was cut within a line: BASELINE_IMA_LINE', () => {
    const digests = GOOD.map(lineOf).join('');
    const baseline = (text: string): Baseline => ({
      ...{
        kind: 'baseline',
        part: 'runtime',
        name: 'web',
        version: 1,
        banks: ['sha256'],
        rules: [],
      },
      match: { labels: {}, class: ['discrete'] },
      ima: { mode: 'enforce', files: [{ digests: text }] },
    });
    checkBaseline(baseline(digests));
    const secondLine = lineOf(GOOD[0]!).length;
    // From its path on, a line that was cut is the line of another file, which makes nothing good that was not.
    for (let length = secondLine + 1; length < secondLine + 66; length += 1) {
      assert.throws(
        () => checkBaseline(baseline(digests.slice(0, length))),
        (error) => error instanceof BaselineError && error.code === 'BASELINE_IMA_LINE',
      );
    }
  });
});
