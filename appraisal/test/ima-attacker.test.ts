import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { imaEntries } from '@touchstone/eventlog';
import type { BankName, PcrValues } from '@touchstone/tpm';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { appraiseImaSegment, imaPolicyFromList } from '../index.ts';

const read = (boot: string, file: string) => readFileSync(corpusPath('boots', boot, file));

function pcrsOf(boot: string): PcrValues {
  const { pcrs } = JSON.parse(read(boot, 'expected.json').toString()) as {
    pcrs: Record<BankName, Record<string, string>>;
  };
  return new Map(
    Object.entries(pcrs).map(([bank, values]) => [
      bank as BankName,
      new Map(Object.entries(values).map(([pcr, hex]) => [Number(pcr), Buffer.from(hex, 'hex')])),
    ]),
  );
}

describeCorpus('The list of a real machine on which an attacker was', () => {
  const list = () => read('g-ima-attacker', 'ima_binary');
  const ATTACKER = /\/(?:cryptominer|attacker\.sh|name_with_spaces)$/u;
  const goodFiles = () => {
    const policy = imaPolicyFromList(imaEntries(list()), {
      without: (path) => ATTACKER.test(path),
    });
    assert.ok(policy);
    return [{ document: 'runtime debian version 1', policy }];
  };

  for (const name of ['ima_binary', 'ima_ascii']) {
    it(`names the attacker's files and both violations, and nothing else (${name})`, () => {
      const context = { policies: goodFiles(), pcrs: pcrsOf('g-ima-attacker'), fromEntry: 0 };
      const found = appraiseImaSegment(undefined, read('g-ima-attacker', name), context);
      assert.deepEqual(
        [found.state, found.believedEntries, found.progress?.violations],
        ['believed', 1532, 2],
      );
      assert.deepEqual(
        found.findings.map(({ code, subject, effect }) => [code, subject, effect]),
        [
          ['IMA_FILE_UNKNOWN', '/newroot/usr/local/sbin/cryptominer', 'enforce'],
          ['IMA_FILE_UNKNOWN', '/newroot/opt/agent/attacker.sh', 'enforce'],
          ['IMA_VIOLATION', '/newroot/root/openwriter', 'enforce'],
          ['IMA_VIOLATION', '/newroot/root/openwriter', 'enforce'],
          ['IMA_FILE_UNKNOWN', '/newroot/tmp/name_with_spaces', 'enforce'],
        ],
      );
      const [first] = found.findings;
      assert.match(first?.actual ?? '', /^sha256 2c7f3970fd540ff51d48a6d391ad23ee/u);
    });
  }

  it('is believed of a clean boot, its boot_aggregate being of the quoted PCRs', () => {
    for (const boot of ['a-sb-on', 'b-sb-off', 'c-cmdline', 'h-optionrom', 'k-tis']) {
      const context = { policies: goodFiles(), pcrs: pcrsOf(boot), fromEntry: 0 };
      const found = appraiseImaSegment(undefined, read(boot, 'ima_binary'), context);
      assert.deepEqual([found.state, found.believedEntries, found.findings], ['believed', 1, []]);
      const [bank, values] = [...pcrsOf(boot)].find(([one]) => one === 'sha256')!;
      const another = new Map([[bank, new Map([...values, [4, new Uint8Array(32)]])]]);
      const other = appraiseImaSegment(undefined, read(boot, 'ima_binary'), {
        ...context,
        pcrs: another,
      });
      assert.deepEqual(
        other.findings.map(({ code }) => code),
        ['IMA_BOOT_AGGREGATE'],
      );
    }
  });

  it('without one of its entries explains nothing: IMA_LOG_MISMATCH', () => {
    const entries = [...imaEntries(list())];
    const cut = entries.find(({ name }) => ATTACKER.test(Buffer.from(name!).toString()))!;
    const next = entries[cut.index + 1]!;
    const without = Buffer.concat([list().subarray(0, cut.offset), list().subarray(next.offset)]);
    const context = { policies: goodFiles(), pcrs: pcrsOf('g-ima-attacker'), fromEntry: 0 };
    const found = appraiseImaSegment(undefined, without, context);
    assert.deepEqual(
      [found.state, found.findings.map(({ code }) => code)],
      ['refused', ['IMA_LOG_MISMATCH']],
    );
  });
});
