import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { BankName } from '@touchstone/tpm';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { findImaPrefix, openImaList, surveyImaList } from '../index.ts';

type Entry = {
  readonly kind: string;
  readonly path: string;
  readonly expected: {
    readonly entries?: number;
    readonly violations?: number;
    readonly templates?: Readonly<Record<string, number>>;
    readonly templateHashMismatchSha1?: number;
    readonly pcr10?: Readonly<Record<string, string>>;
    readonly machinePcr10?: Readonly<Record<string, string>>;
    readonly parseError?: string;
  };
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const read = (path: string) => readFileSync(corpusPath(path));

describeCorpus("IMA's lists of real machines", () => {
  const manifest = JSON.parse(read('manifest.json').toString()) as Entry[];
  for (const { path, expected } of manifest.filter(({ kind }) => kind === 'ima-binary')) {
    if (expected.parseError !== undefined) {
      it(`refuses ${path}, which ends inside an entry: TRUNCATED`, () => {
        assert.throws(() => surveyImaList(read(path)), { code: 'TRUNCATED' });
      });
      continue;
    }
    it(`replays ${path} to what the manifest expects`, () => {
      const { entries, violations, templates, whole, mismatches } = surveyImaList(read(path));
      if (expected.entries !== undefined) {
        assert.deepEqual(
          { entries, violations, templates: Object.fromEntries(templates) },
          {
            entries: expected.entries,
            violations: expected.violations,
            templates: expected.templates,
          },
        );
      }
      assert.equal(mismatches.count, expected.templateHashMismatchSha1 ?? 0);
      const pcrs = { sha1: hex(whole.sha1), sha256: hex(whole.sha256) };
      const expectedPcrs = { ...expected.pcr10, ...expected.machinePcr10 };
      assert.ok(Object.keys(expectedPcrs).length > 0);
      assert.deepEqual({ ...pcrs, ...expectedPcrs }, pcrs);
    });
  }

  const BOOTS = [
    'a-sb-on',
    'a2-sb-on-again',
    'b-sb-off',
    'b3-sb-off-linuxefi',
    'c-cmdline',
    'd-initrd',
  ];
  for (const boot of [...BOOTS, 'f-mok-enrolled', 'g-ima-attacker', 'h-optionrom', 'k-tis']) {
    it(`replays both lists of boots/${boot} to PCR 10 of its TPM, in every bank`, () => {
      const { pcrs } = JSON.parse(read(`boots/${boot}/expected.json`).toString()) as {
        pcrs: Record<BankName, Record<string, string>>;
      };
      const quoted = new Map(
        Object.entries(pcrs).map(([bank, values]) => [
          bank as BankName,
          Buffer.from(values['10']!, 'hex'),
        ]),
      );
      assert.ok(quoted.has('sha256'));
      for (const list of ['ima_ascii', 'ima_binary']) {
        const bytes = read(`boots/${boot}/${list}`);
        const found = findImaPrefix(() => openImaList(bytes), { quoted });
        assert.equal(found?.entries, surveyImaList(bytes).entries);
        assert.equal(found?.entries, boot === 'g-ima-attacker' ? 1532 : 1);
      }
    });
  }

  it('replays every other list of text, each entry of the digest that it has', () => {
    for (const path of [
      'workload/ima.txt',
      'ima/ima-evm-utils/test_ascii_runtime_measurements',
      'ima/kunpeng/ascii_runtime_measurements',
      'ima/kunpeng/ascii_runtime_measurements_ima-ng_sha256',
      'ima/rust-keylime/ima_log.txt',
      'ima/keylime-test_ima_verification/MEASUREMENTS.txt',
      'ima/keylime-test_ima_verification/SIGNATURES.txt',
    ]) {
      const { entries, mismatches } = surveyImaList(read(path));
      assert.ok(entries > 0, path);
      assert.equal(mismatches.count, 0, path);
    }
    assert.equal(surveyImaList(read('workload/ima.txt')).entries, 780);
    assert.equal(surveyImaList(read('ima/rust-keylime/empty_ima_log.txt')).entries, 0);
    assert.throws(() => surveyImaList(read('ima/rust-keylime/invalid_ima_log.txt')), {
      code: 'IMA_FORMAT',
      offset: 0,
    });
  });
});
