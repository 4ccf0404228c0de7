import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Baseline } from '@touchstone/schemas';
import { editBaseline, formatBaselines, parseBaselines, readBaselines } from '../index.ts';

const digest = (fill: string): string => fill.repeat(64);

const DOCUMENT = `# Who asks: the web team. Reviewed on Mondays.
kind: baseline
part: bootChain # shim, GRUB and kernel
name: web
version: 3
match: { labels: { role: web }, class: [ discrete ] }
banks: [ sha256 ]
rules:
  # Debian's own shim.
  - id: shim
    mode: enforce
    pcr: 4
    type: EV_EFI_BOOT_SERVICES_APPLICATION
    allow:
      - { sha256: ${digest('a')}, name: shimx64.efi, version: 16.1-2, from: shim-signed } # since May
  - id: grub
    mode: enforce
    pcr: 4
    type: EV_EFI_BOOT_SERVICES_APPLICATION
    allow:
      # the first that honours SBAT level 5
      - { sha256: ${digest('b')}, name: grubx64.efi, version: 2.06-13, from: grub-efi-amd64-signed }
  - id: revoked
    mode: enforce
    pcr: 4
    type: EV_EFI_BOOT_SERVICES_APPLICATION
    deny:
      - { sha256: ${digest('e')}, name: shimx64.efi, why: CVE-2023-40547 }
order: [ shim, grub ]

# Ask before you touch this.
`;

const COMMENTS = DOCUMENT.match(/#.*$/gmu) ?? [];
const keepsComments = (text: string) => {
  for (const comment of COMMENTS) assert.ok(text.includes(comment), comment);
};

const captured = (rules: Baseline['rules'], order: string[]): Baseline => ({
  kind: 'baseline',
  part: 'bootChain',
  name: 'web',
  version: 9,
  match: { labels: {}, class: ['discrete'] },
  banks: ['sha256'],
  rules,
  order,
});

const rule = (id: string, fill: string, name: string): Baseline['rules'][number] => ({
  id,
  mode: 'enforce',
  pcr: 4,
  type: 'EV_EFI_BOOT_SERVICES_APPLICATION',
  allow: [{ sha256: digest(fill), name }],
});

describe('the text of a baseline', () => {
  it('is kept as it was written, document by document', () => {
    const second = DOCUMENT.replace('name: web', 'name: mail');
    const read = readBaselines(`${DOCUMENT}---\n${second}`);
    assert.deepEqual(
      read.map(({ text }) => text),
      [DOCUMENT, second],
    );
    assert.deepEqual(
      read.map(({ baseline }) => baseline.name),
      ['web', 'mail'],
    );
  });

  it('has the comments before the first mark', () => {
    const [read] = readBaselines(`# above\n---\n${DOCUMENT}...\n`);
    assert.ok(read?.text.startsWith('# above\n# Who asks'));
    assert.equal(readBaselines(read?.text ?? '').length, 1);
  });

  it('means the same by itself, whatever marks and comments stand around it', () => {
    const noise = fc.constantFrom('', '# x\n', '\n', '---\n', '--- # mark\n');
    fc.assert(
      fc.property(
        noise,
        fc.array(fc.constantFrom('---\n', '--- \n', '...\n---\n'), { maxLength: 4 }),
        (head, marks) => {
          const stream = marks.reduce((text, mark) => `${text}${mark}${DOCUMENT}`, head + DOCUMENT);
          const read = readBaselines(stream);
          assert.equal(read.length, marks.length + 1);
          for (const { baseline, text } of read) {
            assert.deepEqual(parseBaselines(text), [baseline]);
            keepsComments(text);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('editBaseline', () => {
  it('raises the version and leaves all else as it was written', () => {
    const { baseline, text } = editBaseline(DOCUMENT, [{ kind: 'version', version: 4 }]);
    assert.equal(baseline.version, 4);
    assert.equal(text, DOCUMENT.replace('version: 3', 'version: 4'));
  });

  it('adds and removes a measurement, and keeps every other comment', () => {
    const added = editBaseline(DOCUMENT, [
      {
        ...{ kind: 'add', rule: 'grub', list: 'allow' },
        measurement: { sha256: digest('c'), name: 'grubx64.efi', version: '2.06-14' },
      },
    ]);
    assert.equal(added.baseline.rules[1]?.allow?.length, 2);
    keepsComments(added.text);
    const removed = editBaseline(added.text, [
      { kind: 'remove', rule: 'grub', list: 'allow', digest: digest('c') },
    ]);
    assert.deepEqual(removed.baseline, parseBaselines(DOCUMENT)[0]);
    assert.equal(removed.text, DOCUMENT);
  });

  it('refuses a rule and a measurement that are not there', () => {
    const measurement = { sha256: digest('c') };
    assert.throws(
      () => editBaseline(DOCUMENT, [{ kind: 'add', rule: 'x', list: 'allow', measurement }]),
      RangeError,
    );
    assert.throws(
      () => editBaseline(DOCUMENT, [{ kind: 'remove', rule: 'grub', list: 'allow', digest: 'c' }]),
      RangeError,
    );
  });

  it('refuses what would be no baseline any more', () => {
    const again = { sha256: digest('a') };
    assert.throws(
      () =>
        editBaseline(DOCUMENT, [{ kind: 'add', rule: 'grub', list: 'allow', measurement: again }]),
      { code: 'BASELINE_DIGEST_AMBIGUOUS' },
    );
  });

  it('merges a capture: names, versions, origins and comments of what is unchanged stay', () => {
    const rules = [
      rule('a', 'a', '\\EFI\\shimx64.efi'),
      rule('b', 'c', 'grubx64.efi'),
      rule('k', 'd', 'vmlinuz'),
    ];
    const { baseline, text } = editBaseline(DOCUMENT, [
      { kind: 'merge', captured: captured(rules, ['a', 'b', 'k']) },
    ]);
    assert.deepEqual(
      baseline.rules.map(({ id }) => id),
      ['shim', 'grub', 'revoked', 'k'],
    );
    const [shim] = baseline.rules[0]?.allow ?? [];
    assert.deepEqual(shim, parseBaselines(DOCUMENT)[0]?.rules[0]?.allow?.[0]);
    assert.deepEqual(baseline.rules[1]?.allow, [{ sha256: digest('c'), name: 'grubx64.efi' }]);
    assert.deepEqual(baseline.order, ['shim', 'grub', 'k']);
    keepsComments(text);
  });

  it('drops what the capture does not show, but not what a person wrote', () => {
    const { baseline } = editBaseline(DOCUMENT, [
      { kind: 'merge', captured: captured([rule('a', 'a', 'shim')], ['a']) },
    ]);
    assert.deepEqual(
      baseline.rules.map(({ id }) => id),
      ['shim', 'revoked'],
    );
  });

  it('refuses a capture of another part or other banks', () => {
    const other = captured([rule('a', 'a', 'shim')], ['a']);
    for (const changed of [{ part: 'firmware' }, { banks: ['sha384'] }] as Partial<Baseline>[]) {
      const edit = { kind: 'merge', captured: { ...other, ...changed } } as const;
      assert.throws(() => editBaseline(DOCUMENT, [edit]), RangeError);
    }
  });

  it('gives the same baseline as editing its data, and text that reads back', () => {
    const fills = fc.uniqueArray(fc.constantFrom('0', '1', '2', '3', '4', '5'), { minLength: 1 });
    fc.assert(
      fc.property(fills, fc.integer({ min: 4, max: 999_999 }), (some, version) => {
        const edited = editBaseline(DOCUMENT, [
          ...some.map((fill) => ({
            ...({ kind: 'add', rule: 'shim', list: 'allow' } as const),
            measurement: { sha256: digest(fill), name: `shim ${fill}: "quoted", #no comment` },
          })),
          { kind: 'version', version },
        ]);
        const [expected] = parseBaselines(DOCUMENT);
        assert.ok(expected);
        expected.version = version;
        for (const fill of some) {
          const name = `shim ${fill}: "quoted", #no comment`;
          expected.rules[0]?.allow?.push({ sha256: digest(fill), name });
        }
        assert.deepEqual(edited.baseline, expected);
        assert.deepEqual(parseBaselines(formatBaselines([edited.baseline])), [expected]);
        keepsComments(edited.text);
      }),
      { numRuns: 60 },
    );
  });
});
