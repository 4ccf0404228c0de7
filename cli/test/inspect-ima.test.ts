import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { EXIT } from '../index.ts';
import { newOperator } from './support/operator.ts';

describeCorpus('touchstone inspect ima, of the corpus', () => {
  const operator = newOperator();
  after(() => operator.leave());
  const inspect = (path: string, ...more: readonly string[]) =>
    operator.run(['inspect', 'ima', path, ...more]);

  type Expected = {
    readonly entries?: number;
    readonly pcr10?: object;
    readonly violations?: number;
  };
  const manifest = JSON.parse(readFileSync(corpusPath('manifest.json'), 'utf8')) as {
    path: string;
    expected: Expected;
  }[];
  for (const { path, expected } of manifest.filter(
    (entry) => entry.expected?.pcr10 !== undefined,
  )) {
    it(`prints of ${path} what the manifest expects, and nothing else`, async () => {
      const { exit, out, err } = await inspect(corpusPath(path), '--json');
      assert.deepEqual([exit, err], [EXIT.yes, '']);
      const { entries, violations, pcr10: pcrs } = expected;
      assert.deepEqual(JSON.parse(out), { entries, violations, pcrs, findings: [] });
    });
  }

  it('prints the same of a list in text and in bytes', async () => {
    const [text, bytes] = await Promise.all(
      ['ima_ascii', 'ima_binary'].map((name) =>
        inspect(corpusPath('boots/g-ima-attacker', name), '--json'),
      ),
    );
    assert.equal(text?.exit, EXIT.yes);
    assert.equal(text.out, bytes?.out);
  });

  it('is 65 for what is no list, or ends inside an entry, with code, field and offset', async () => {
    const cut = await inspect(corpusPath('ima/tss/sml-ima-ng-sha1.bin'), '--json');
    assert.equal(cut.exit, EXIT.malformed);
    assert.deepEqual(JSON.parse(cut.out), {
      error: { code: 'TRUNCATED', field: 'entries[6].pcr', offset: 558 },
    });
    const other = await inspect(corpusPath('ima/rust-keylime/invalid_ima_log.txt'), '--json');
    assert.equal(other.exit, EXIT.malformed);
    assert.deepEqual(JSON.parse(other.out), {
      error: { code: 'IMA_FORMAT', field: 'list', offset: 0 },
    });
  });

  it('tells people each PCR by itself, and what speaks against the list', async () => {
    const two = await inspect(corpusPath('ima/immune/sr630.binary_measurements'));
    assert.match(two.out, /3696 entries, 154 violations/u);
    assert.match(two.out, /sha1 +11 +6f3898c8d1eade91a2ef7a4f2e5378902881cf28/u);
    const list = readFileSync(corpusPath('boots/a-sb-on/ima_ascii'), 'latin1');
    const changed = join(operator.home, 'changed');
    writeFileSync(changed, list.replace('b0ad', 'b0ae'));
    const { exit, out } = await inspect(changed, '--json');
    assert.equal(exit, EXIT.yes);
    const { findings } = JSON.parse(out) as { findings: { code: string }[] };
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['IMA_TEMPLATE_HASH_MISMATCH'],
    );
    assert.match((await inspect(changed)).out, /not the hash of its data/u);
  });
});
