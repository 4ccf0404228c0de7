import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseEventLog } from '@touchstone/eventlog';
import type { BaselineRule, Finding } from '@touchstone/schemas';
import { hashHex, type PcrValues } from '@touchstone/tpm';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { baselinesFromLog, judgeMeasurements, type MeasurementJudgement } from '../index.ts';

const HOST = '00000000-0000-4000-8000-000000000000';
const logOf = (boot: string): Uint8Array =>
  readFileSync(corpusPath('boots', boot, 'binary_bios_measurements'));

/** PCR 0 to 14 of SHA-256, as the quotes of these boots have them; IMA's is judged elsewhere. */
function pcrsOf(boot: string): PcrValues {
  const text = readFileSync(corpusPath('boots', boot, 'expected.json'), 'utf8');
  const { pcrs } = JSON.parse(text) as { pcrs: { sha256: Record<string, string> } };
  const values = Object.entries(pcrs.sha256)
    .map(([pcr, hex]) => [Number(pcr), Buffer.from(hex, 'hex')] as const)
    .filter(([pcr]) => pcr < 15 && pcr !== 10);
  return new Map([['sha256', new Map(values)]]);
}

/** What the baseline of the reference boot says of another. */
function judged(boot: string, more: readonly BaselineRule[] = []): MeasurementJudgement {
  const reference = parseEventLog(logOf('a-sb-on'));
  const input = { name: 'reference', class: 'virtual', labels: {}, host: HOST } as const;
  const baselines = baselinesFromLog(reference, { ...input, versionOf: () => 1 });
  const bytes = logOf(boot);
  return judgeMeasurements({
    class: 'virtual',
    pcrs: pcrsOf(boot),
    bootLogs: [{ digest: hashHex('sha256', bytes), bytes }],
    baselines: baselines.map((baseline) => {
      const rules = baseline.part === 'firmware' ? [...baseline.rules, ...more] : baseline.rules;
      return { baseline: { ...baseline, rules }, banks: ['sha256'] };
    }),
  });
}

/** Code, subject, what was found, and what is nearest: what a person reads. */
const inWords = ({ code, subject, actual = '', nearest = '' }: Finding): string =>
  `${code}: ${subject}: ${actual.replaceAll(/ ?\(?event sha256 [0-9a-f]{64}\)?/gu, '')}: ${nearest}`;

function refused(boot: string): string[] {
  const { events } = judged(boot);
  assert.equal(events.worst, 'enforce');
  return events.foremost.map(inWords);
}

const has = (words: readonly string[], pattern: RegExp) =>
  assert.ok(
    words.some((line) => pattern.test(line)),
    `${pattern} in\n${words.join('\n')}`,
  );

describeCorpus('the baseline of a measured boot', () => {
  for (const boot of ['a-sb-on', 'a2-sb-on-again', 'k-tis']) {
    it(`accepts ${boot}`, () => {
      const { events, log, measured } = judged(boot);
      assert.deepEqual([events.worst, log.worst], [null, null]);
      const unexpected = measured.filter(({ verdict }) => verdict === 'unexpected');
      assert.deepEqual(unexpected, []);
    });
  }

  it('refuses b-sb-off, whose log has no events, in one finding: LOG_EMPTY', () => {
    const { events, log } = judged('b-sb-off');
    assert.deepEqual([events.worst, log.worst], [null, 'enforce']);
    assert.deepEqual(
      log.foremost.map(({ code }) => code),
      ['LOG_EMPTY'],
    );
  });

  it('refuses b3-sb-off-linuxefi: Secure Boot is off', () => {
    const words = refused('b3-sb-off-linuxefi');
    has(
      words,
      /^EVENT_DIFFERS: variable SecureBoot in PCR 7: SecureBoot is off: SecureBoot on, by rule/u,
    );
    has(words, /^EVENT_DIFFERS: variable dbx in PCR 7: dbx: empty: dbx 1 hash, by rule/u);
    has(words, /^EVENT_DIFFERS: GRUB command in PCR 8: .*: adds linuxefi; lacks linux; /u);
  });

  it('refuses c-cmdline: which words came', () => {
    const words = refused('c-cmdline');
    assert.equal(words.length, 4, words.join('\n'));
    has(
      words,
      /^EVENT_DIFFERS: kernel command line in PCR 8: .*: adds module\.sig_enforce=0 mitigations=off; /u,
    );
    has(
      words,
      /^EVENT_DIFFERS: file \(hd0,gpt1\)\/EFI\/debian\/grub\.cfg \(unverified\) in PCR 9: /u,
    );
  });

  it('refuses d-initrd: the initrd', () => {
    const [only, ...more] = refused('d-initrd');
    assert.match(only ?? '', /^EVENT_DIFFERS: file \/initrd\.img \(unverified\) in PCR 9: /u);
    assert.deepEqual(more, []);
  });

  it("refuses f-mok-enrolled: shim's list of keys", () => {
    const [only, ...more] = refused('f-mok-enrolled');
    assert.match(only ?? '', /^EVENT_DIFFERS: shim's MokList \(unverified\) in PCR 14: /u);
    assert.deepEqual(more, []);
  });

  it('accepts what g-ima-attacker booted: what it ran then is for IMA to tell', () => {
    const { events, log } = judged('g-ima-attacker');
    assert.deepEqual([events.worst, log.worst], [null, null]);
  });

  it('refuses h-optionrom: the driver of the card', () => {
    const [only, ...more] = refused('h-optionrom');
    assert.match(
      only ?? '',
      /^IMAGE_UNKNOWN: boot driver PciRoot\(0x0\)\/Pci\(0x5,0x0\)\/Offset\(0x12600,0x3cfff\) \(unverified\) in PCR 2: /u,
    );
    assert.deepEqual(more, []);
  });

  it('says of a driver of a card once what it is, with the effect that the documents give it', () => {
    const said = (more: readonly BaselineRule[]) => {
      const { events, log } = judged('h-optionrom', more);
      return [...events.foremost, ...log.foremost].map(({ code, effect }) => [code, effect]);
    };
    const drivers = { id: 'drivers', pcr: 2, type: 'EV_EFI_BOOT_SERVICES_DRIVER' } as const;
    assert.deepEqual(said([]), [['IMAGE_UNKNOWN', 'enforce']]);
    assert.deepEqual(said([{ ...drivers, mode: 'warn' }]), [['IMAGE_UNKNOWN', 'warn']]);
    assert.deepEqual(said([{ ...drivers, mode: 'observe' }]), []);
    const other = [{ sha256: 'ab'.repeat(32) }];
    assert.deepEqual(said([{ ...drivers, mode: 'warn', allow: other }]), [
      ['EVENT_DIFFERS', 'warn'],
    ]);
    const [differs] = said([{ ...drivers, mode: 'enforce', allow: other }]);
    assert.deepEqual(differs, ['EVENT_DIFFERS', 'enforce']);
  });

  it('lists what it lists in words: names, counts, keys', () => {
    const input = { name: 'x', class: 'virtual', labels: { site: 's' }, host: HOST } as const;
    const baselines = baselinesFromLog(parseEventLog(logOf('a-sb-on')), {
      ...input,
      versionOf: () => 1,
    });
    const listed = baselines.flatMap(({ part, rules }) =>
      rules.flatMap(({ allow = [] }) =>
        allow.map(({ name, version }) => `${part}: ${name} ${version}`),
      ),
    );
    for (const line of [
      'secureBoot: SecureBoot on',
      'secureBoot: dbx 1 hash',
      'secureBoot: MokListRT Debian Secure Boot CA',
      'bootChain: \\EFI\\BOOT\\grubx64.efi undefined',
      'commandLine: /vmlinuz console=ttyS0,115200 ima_policy=tcb undefined',
      'host: partition table disk 11111111-2222-3333-4444-555555555555: 1 partition',
    ]) {
      assert.ok(listed.includes(line), `${line} in\n${listed.join('\n')}`);
    }
    const host = baselines.find(({ part }) => part === 'host');
    assert.deepEqual(host?.match, { labels: {}, class: ['virtual'], host: HOST });
    const why = baselines.flatMap(({ rules }) => rules.flatMap((rule) => rule.why ?? []));
    assert.deepEqual(why, ['differs from boot to boot', 'unique to a host']);
  });
});
