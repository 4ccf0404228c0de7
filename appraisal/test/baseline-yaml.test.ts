import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Baseline, BASELINE_YAML_MAX_BYTES } from '@touchstone/schemas';
import {
  BaselineError,
  type BaselineErrorCode,
  checkBaseline,
  formatBaseline,
  formatBaselines,
  parseBaselines,
} from '../index.ts';
import { APPROVED } from './support/made-host.ts';

const SHIM = '80a66d53a945d2286fcadd780fae1c225aa732079cd67b5225dc78aaab4e2ff8';
const KERNEL = '5f21ff2c0d5d899842b28a8b19901ba72cf7a7ab93c02a77fadc6ff72be85b31';

const YAML = `kind: baseline
part: bootChain                 # firmware | secureBoot | bootChain | commandLine | runtime | host
name: debian-12-cloud
version: 3                      # immutable once drafted
match: { labels: { image: debian-12 }, class: [discrete, firmware, virtual] }
expires: 2027-06-01T00:00:00Z
banks: [sha256]
rules:
  - id: shim
    mode: enforce
    pcr: 4
    type: EV_EFI_BOOT_SERVICES_APPLICATION
    allow:
      - { sha256: ${SHIM}, name: shimx64.efi, version: 16.1-2~deb12u1, from: shim-signed }
  - id: kernel
    mode: enforce
    pcr: 4
    type: EV_EFI_BOOT_SERVICES_APPLICATION
    allow:
      - { sha256: ${KERNEL}, name: vmlinuz-6.1.0-56-cloud-amd64 }
  - id: boot-order
    mode: observe
    pcr: 1
    type: EV_EFI_VARIABLE_BOOT
`;

const refuses = (text: string, code: BaselineErrorCode, place: Partial<BaselineError> = {}) => {
  assert.throws(
    () => parseBaselines(text),
    (error: unknown) => {
      assert.ok(error instanceof BaselineError, String(error));
      assert.equal(error.code, code, error.message);
      for (const [key, value] of Object.entries(place)) {
        assert.equal(error[key as 'line'], value, `${key} of ${error.message}`);
      }
      return true;
    },
  );
};

describe('parseBaselines', () => {
  it('reads the document of the design', () => {
    const [baseline, ...more] = parseBaselines(YAML);
    assert.equal(more.length, 0);
    assert.equal(baseline?.expires, '2027-06-01T00:00:00Z');
    assert.deepEqual(
      baseline.rules.map(({ id }) => id),
      ['shim', 'kernel', 'boot-order'],
    );
  });

  it('reads several documents of one file', () => {
    assert.equal(parseBaselines(`${YAML}---\n${YAML}`).length, 2);
  });

  const swapped = (from: string | RegExp, to: string) => YAML.replace(from, to);
  const cases: [string, string, BaselineErrorCode, Partial<BaselineError>?][] = [
    ['an unknown key', swapped('kind:', 'king: x\nkind:'), 'BASELINE_SHAPE'],
    [
      'an unknown key of a rule',
      swapped('mode: enforce', 'mod: x\n    mode: enforce'),
      'BASELINE_SHAPE',
      { field: '/rules/0', line: 9 },
    ],
    [
      'a key twice',
      swapped('version: 3', 'version: 3\nversion: 4'),
      'BASELINE_SYNTAX',
      { line: 5 },
    ],
    ['no rules', YAML.slice(0, YAML.indexOf('rules:')), 'BASELINE_SHAPE'],
    [
      'empty rules',
      `${YAML.slice(0, YAML.indexOf('rules:'))}rules: []\n`,
      'BASELINE_RULES_EMPTY',
      { line: 8 },
    ],
    ['a digest of the wrong length', swapped(SHIM, SHIM.slice(2)), 'BASELINE_SHAPE', { line: 14 }],
    ['a digest in upper case', swapped(SHIM, SHIM.toUpperCase()), 'BASELINE_SHAPE'],
    ['a PCR that there is not', swapped('pcr: 4', 'pcr: 24'), 'BASELINE_SHAPE', { line: 11 }],
    ['an unknown part', swapped('bootChain', 'boot'), 'BASELINE_SHAPE', { line: 2 }],
    ['an unknown class', swapped('discrete', 'dtpm'), 'BASELINE_SHAPE'],
    ['no class', swapped(/class: \[.*\]/, 'class: []'), 'BASELINE_SHAPE'],
    ['an anchor', swapped('name: debian', 'name: &a debian'), 'BASELINE_ALIAS', { line: 3 }],
    ['an alias', swapped('version: 3', 'version: *a'), 'BASELINE_ALIAS', { line: 4 }],
    ['a merge key', swapped('version: 3', '<<: { version: 3 }'), 'BASELINE_SHAPE'],
    ['a tag', swapped('version: 3', 'version: !!int "3"'), 'BASELINE_TAG', { line: 4 }],
    ['a local tag', swapped('[sha256]', '!x [sha256]'), 'BASELINE_TAG', { line: 7 }],
    ['a directive', `%YAML 1.1\n---\n${YAML}`, 'BASELINE_DIRECTIVE'],
    ['a number for a text', swapped('name: debian-12-cloud', 'name: 12'), 'BASELINE_SHAPE'],
    ['a day that there is not', swapped('06-01', '02-30'), 'BASELINE_TIMESTAMP', { line: 6 }],
    ['SHA-1', swapped('[sha256]', '[sha256, sha1]'), 'BASELINE_BANK_WEAK', { line: 7 }],
    [
      'a bank without its digests',
      swapped('[sha256]', '[sha256, sha384]'),
      'BASELINE_DIGEST_MISSING',
    ],
    ['a digest without its bank', swapped('[sha256]', '[sha384]'), 'BASELINE_DIGEST_UNDECLARED'],
    [
      'a digest of a bank not declared',
      swapped(`{ sha256: ${SHIM}`, `{ sha384: ${'a'.repeat(96)}, sha256: ${SHIM}`),
      'BASELINE_DIGEST_UNDECLARED',
    ],
    ['a digest in two rules', swapped(KERNEL, SHIM), 'BASELINE_DIGEST_AMBIGUOUS', { line: 20 }],
    ['a rule id twice', swapped('id: kernel', 'id: shim'), 'BASELINE_RULE_DUPLICATE', { line: 15 }],
    [
      'a rule that enforces nothing',
      swapped('observe', 'enforce'),
      'BASELINE_RULE_OPEN',
      { line: 21 },
    ],
    [
      'times that nobody counts',
      swapped('pcr: 1', 'times: 2\n    pcr: 1'),
      'BASELINE_TIMES_UNUSED',
    ],
    [
      'a line that some see and YAML does not',
      `${YAML}# a\u2028--- b\n`,
      'BASELINE_SYNTAX',
      { line: 25 },
    ],
    ['a carriage return alone', `${YAML}# a\r  - { id: b }\n`, 'BASELINE_SYNTAX', { line: 25 }],
    ['a comment that drives a terminal', `# \u001b[2J\n${YAML}`, 'BASELINE_SYNTAX', { line: 1 }],
    ['a comment that turns around', `# \u202e\n${YAML}`, 'BASELINE_SYNTAX', { line: 1 }],
    ['an empty file', '', 'BASELINE_EMPTY'],
    ['an empty second document', `${YAML}---\n`, 'BASELINE_EMPTY', { document: 2 }],
    ['a broken second document', `${YAML}---\n{`, 'BASELINE_SYNTAX', { document: 2 }],
    ['a list', '- 1\n', 'BASELINE_SHAPE'],
    ['nesting without end', '['.repeat(10_000), 'BASELINE_TOO_LARGE'],
    [
      'more keys in one map than fit',
      Array.from({ length: 66 }, (_, at) => `k${at}: 1\n`).join(''),
      'BASELINE_TOO_LARGE',
      { line: 1 },
    ],
    ['more items in one list than fit', '- 1\n'.repeat(10_002), 'BASELINE_TOO_LARGE'],
    ['more documents than fit', '--- 1\n'.repeat(65), 'BASELINE_TOO_LARGE'],
    ['more bytes than fit', '#'.repeat(BASELINE_YAML_MAX_BYTES + 1), 'BASELINE_TOO_LARGE'],
    ['more syntax than fits', `# ${'x'.repeat(59)}\n`.repeat(140_000), 'BASELINE_TOO_LARGE'],
  ];
  for (const [what, text, code, place] of cases) {
    it(`P2 refuses ${what}: ${code}`, () => refuses(text, code, place));
  }

  it('P2 refuses an object as a policy: BASELINE_SHAPE', () => {
    for (const value of [{}, null, [], 'baseline', { rules: [] }]) {
      assert.throws(() => checkBaseline(value), { code: 'BASELINE_SHAPE' });
    }
  });
});

describe('formatBaseline', () => {
  it('writes one line for each allowed measurement', () => {
    const [baseline] = parseBaselines(YAML);
    assert.ok(baseline);
    const line = `      - { sha256: ${SHIM}, name: shimx64.efi, version: 16.1-2~deb12u1, from: shim-signed }`;
    const text = formatBaseline(baseline);
    assert.ok(text.split('\n').includes(line), text);
    assert.ok(text.includes('\nbanks: [ sha256 ]\n'));
    assert.ok(
      text.includes(
        '\nmatch: { labels: { image: debian-12 }, class: [ discrete, firmware, virtual ] }\n',
      ),
    );
  });

  it('gives back what was captured', () => {
    assert.deepEqual(parseBaselines(formatBaselines(APPROVED)), APPROVED);
  });

  const text = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .filter(
      (one) => /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/.test(one) && one.isWellFormed(),
    );
  const tricky = fc.constantFrom(
    '1.0',
    'true',
    'null',
    '~',
    '0x10',
    '1e3',
    '- a',
    '# a',
    'a: b',
    '{',
    '%',
    '*a',
    '&a',
    '!a',
    ' a ',
    '---',
    '...',
    "'",
    '"',
    '2027-06-01',
  );
  const line = fc.oneof(text, tricky);

  it('spells what would not be seen, and reads it back', () => {
    const [first] = APPROVED;
    assert.ok(first);
    const name = 'a\u202eb\u2066"\\c\'\u200f';
    const digests = `${SHIM}  /usr/bin/a\u202eb\n${KERNEL}  /usr/bin/c\n`;
    const baseline: Baseline = {
      ...first,
      part: 'runtime',
      ima: { mode: 'enforce', files: [{ digests }] },
      rules: [{ ...first.rules[0]!, allow: [{ sha256: SHIM, name }] }],
    };
    const spelt = formatBaseline(baseline);
    assert.match(spelt, /a\\u202eb/u);
    assert.deepEqual(parseBaselines(spelt), [baseline]);
  });

  it('reads back whatever a name, version or label may hold', () => {
    const [first] = APPROVED;
    assert.ok(first);
    fc.assert(
      fc.property(line, line, line, line, (name, version, from, label) => {
        const baseline: Baseline = {
          ...first,
          match: { ...first.match, labels: { site: label } },
          rules: [{ ...first.rules[0]!, allow: [{ sha256: SHIM, name, version, from }] }],
        };
        assert.deepEqual(parseBaselines(formatBaseline(baseline)), [baseline]);
      }),
    );
  });
});
