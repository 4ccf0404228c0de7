import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Baseline, BaselineRule, Finding } from '@touchstone/schemas';
import { wordMatcher, wordsOf } from '../comparison/command-words.ts';
import { compileGlob } from '../glob.ts';
import { BaselineError, checkBaseline } from '../index.ts';
import { APPROVED, appraised, codes, enforced } from './support/made-host.ts';
import { NOW } from './support/made-authority.ts';
import { file, goodLog, type Measured, MEASURED } from './support/made-evidence.ts';

const changedTo = (path: string, to: Measured): Uint8Array =>
  goodLog(MEASURED.map((one) => ('path' in one.event && one.event.path === path ? to : one)));

const lineLog = (text: string): Uint8Array =>
  goodLog([{ pcr: 8, event: { kind: 'command-line', text } }, ...MEASURED.slice(1)]);

const withRules = (
  part: string,
  change: (rules: BaselineRule[]) => BaselineRule[],
  more: Partial<Baseline> = {},
): Baseline[] =>
  APPROVED.map((one) => (one.part === part ? { ...one, ...more, rules: change(one.rules) } : one));

const only = (result: { readonly findings: readonly Finding[] }, code: string): Finding => {
  const found = result.findings.find((one) => one.code === code);
  return found ?? assert.fail(`${code} is not among ${codes(result.findings).join(', ')}`);
};

const digestOf = (log: Uint8Array, path: string): string =>
  appraised({ log }).events.find(({ name }) => name === path)?.digest ?? assert.fail(path);

const KERNEL = '/boot/vmlinuz';
const NEWER = changedTo(KERNEL, file(9, KERNEL, 'newer'));

describe('compileGlob', () => {
  const cases: readonly [pattern: string, yes: readonly string[], no: readonly string[]][] = [
    ['ro', ['ro'], ['', 'r', 'rop', 'xro']],
    ['root=*', ['root=', 'root=/dev/vda1'], ['root', 'xroot=']],
    ['*=y', ['=y', 'a=y'], ['a=yy', 'y']],
    ['a*b*c', ['abc', 'aXbYc', 'abbcc'], ['ab', 'acb', 'abcd']],
    ['aba*aba', ['abaaba', 'abaXaba'], ['aba', 'ababa']],
    ['*aab*', ['aaab', 'xaab'], ['aaa', 'abab']],
    ['a\\*b', ['a*b'], ['ab', 'aXb']],
    ['a\\\\*', ['a\\', 'a\\x'], ['a']],
    ['a.b', ['a.b'], ['axb']],
  ];
  for (const [pattern, yes, no] of cases) {
    it(`takes ${pattern} for what it says`, () => {
      const glob = compileGlob(pattern);
      for (const text of yes) assert.ok(glob.matches(text), text);
      for (const text of no) assert.ok(!glob.matches(text), text);
    });
  }

  it('refuses an empty pattern, two stars, and a backslash before anything else', () => {
    for (const bad of ['', '**', 'a**b', '\\', 'a\\b', 'a\\']) {
      assert.throws(() => compileGlob(bad), RangeError, bad);
    }
  });

  it('matches as a regular expression of the same meaning does', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 });
    const pattern = fc
      .string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 8 })
      .map((one) => one.replaceAll(/\*+/gu, '*'));
    fc.assert(
      fc.property(pattern, text, (glob, given) => {
        const expression = new RegExp(`^${glob.replaceAll('*', '.*')}$`, 'su');
        assert.equal(compileGlob(glob).matches(given), expression.test(given));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes time in proportion to the text, where a naive matcher takes its power', () => {
    const glob = compileGlob(`${'*a'.repeat(100)}*b`);
    const started = performance.now();
    assert.equal(glob.matches('a'.repeat(200_000)), false);
    assert.ok(performance.now() - started < 1_000);
  });
});

describe('the words of a command line', () => {
  const cases: readonly [line: string, words: readonly string[] | undefined][] = [
    ['a b', ['a', 'b']],
    ['  a \t b\n', ['a', 'b']],
    ['a="b c" d', ['a=b c', 'd']],
    ['"a=b c" d', ['a=b c', 'd']],
    ['a="b', undefined],
    ['a"b"c', undefined],
    ['a\u00a0b', undefined],
    ['a\0b', undefined],
    ['', []],
    ['a'.repeat(16_385), undefined],
  ];
  for (const [line, words] of cases) {
    it(`are ${JSON.stringify(words)} for ${JSON.stringify(line).slice(0, 40)}`, () =>
      assert.deepEqual(wordsOf(line), words));
  }

  it('are denied in either spelling of a dash, and behind quotes', () => {
    const { deniedIn } = wordMatcher({ deny: ['init=*', 'module.sig_enforce=0'] });
    assert.deepEqual(deniedIn('ro module.sig-enforce=0'), ['module.sig-enforce=0']);
    assert.deepEqual(deniedIn('ro "init=/bin/sh"'), ['init=/bin/sh']);
    assert.deepEqual(deniedIn('menuentry x {\n linux /k in"it=/bin/sh"\n}'), ['init=/bin/sh']);
    assert.deepEqual(deniedIn('ro rdinit=/bin/sh'), []);
  });
});

describe('what a line has to have', () => {
  const { fits } = wordMatcher({ require: ['lockdown=integrity', 'root=UUID=*', 'ro'] });

  it('is not behind two dashes, where init reads and the kernel does not', () => {
    assert.ok(fits('/vmlinuz root=UUID=a ro lockdown=integrity -- single'));
    assert.ok(!fits('/vmlinuz root=UUID=a ro -- lockdown=integrity'));
  });

  it('is not outweighed by a later value of the same parameter', () => {
    assert.ok(fits('/vmlinuz lockdown=integrity root=UUID=a ro quiet'));
    assert.ok(!fits('/vmlinuz lockdown=integrity root=UUID=a ro root=/dev/sdb'));
    const signed = wordMatcher({ require: ['module.sig_enforce=1'] });
    assert.ok(!signed.fits('module.sig_enforce=1 module.sig-enforce=0'));
  });

  it('and what it may not have is not behind too many characters', () => {
    const { deniedIn } = wordMatcher({ deny: ['init=*'] });
    assert.equal(deniedIn(`${'a '.repeat(8_192)} init=/bin/sh`).length, 1);
  });
});

describe('a rule by words', () => {
  const words = { require: ['root=/dev/vda1'], allow: ['ro', 'lockdown=*'], deny: ['init=*'] };
  const baselines = withRules('commandLine', () => [
    { id: 'words', mode: 'enforce', pcr: 8, type: 'EV_EVENT_TAG', words },
  ]);
  const run = (text: string) => appraised({ log: lineLog(text) }, { baselines });

  it('takes the words in any order, and as many of those allowed as there are', () => {
    assert.deepEqual(enforced(run('lockdown=integrity ro root=/dev/vda1')), []);
    assert.deepEqual(enforced(run('root=/dev/vda1')), []);
  });

  it('asks for what is required: EVENT_DIFFERS', () =>
    assert.deepEqual(enforced(run('ro')), ['EVENT_DIFFERS']));

  it('refuses a word that is not allowed, and says what would be: EVENT_DIFFERS', () => {
    const result = run('root=/dev/vda1 mitigations=off');
    assert.deepEqual(enforced(result), ['EVENT_DIFFERS']);
    assert.match(
      only(result, 'EVENT_DIFFERS').expected ?? '',
      /require root=\/dev\/vda1; allow ro/u,
    );
  });

  it('refuses a denied word, and names it: EVENT_DENIED', () => {
    const result = run('root=/dev/vda1 init=/bin/sh');
    assert.equal(only(result, 'EVENT_DENIED').expected, 'none of init=/bin/sh');
    assert.equal(result.verdict, 'contraindicated');
  });

  it('denies a word in a line that another document lists by its digest: EVENT_DENIED', () => {
    const text = 'root=/dev/vda1 ro init=/bin/sh';
    const [, { digest = '' } = {}] = [0, appraised({ log: lineLog(text) }).events[0]];
    const listed = withRules('commandLine', ([rule]) =>
      rule === undefined ? [] : [{ ...rule, allow: [{ sha256: digest }] }],
    );
    assert.deepEqual(enforced(appraised({ log: lineLog(text) }, { baselines: listed })), []);
    const denying = { ...baselines[1], name: 'denies' } as Baseline;
    const deny: Baseline = {
      ...denying,
      part: 'commandLine',
      rules: [
        {
          id: 'no-init',
          mode: 'enforce',
          pcr: 8,
          type: 'EV_EVENT_TAG',
          words: { deny: ['init=*'] },
        },
      ],
    };
    const result = appraised({ log: lineLog(text) }, { baselines: [...listed, deny] });
    assert.deepEqual(enforced(result), ['EVENT_DENIED']);
  });
});

describe('a rule that denies', () => {
  const digest = digestOf(NEWER, KERNEL);
  const denying = (type: string, mode: BaselineRule['mode'] = 'enforce'): Baseline[] => {
    const [document] = APPROVED;
    assert.ok(document);
    const deny = [{ sha256: digest, name: KERNEL, why: 'revoked' }];
    const rules = [{ id: 'revoked', mode, pcr: 9, type, deny }];
    return [
      ...withRules('bootChain', (some) => allowing(some)),
      { ...document, name: 'no', rules },
    ];
  };
  const allowing = (rules: BaselineRule[]): BaselineRule[] =>
    rules.map((rule) =>
      rule.id === 'boot-vmlinuz'
        ? { ...rule, allow: [...(rule.allow ?? []), { sha256: digest }] }
        : rule,
    );

  it('P7 wins over every document that allows: EVENT_DENIED', () => {
    const result = appraised({ log: NEWER }, { baselines: denying('EV_EVENT_TAG') });
    assert.deepEqual(enforced(result), ['EVENT_DENIED']);
    const found = only(result, 'EVENT_DENIED');
    assert.equal(found.expected, `anything but ${KERNEL}: revoked`);
    assert.equal(result.events.find(({ name }) => name === KERNEL)?.verdict, 'unexpected');
  });

  it('P7 denies it under whatever type the log claims: EVENT_DENIED', () => {
    const result = appraised({ log: NEWER }, { baselines: denying('EV_IPL') });
    assert.deepEqual(enforced(result), ['EVENT_DENIED']);
  });

  it('P7 lets alone what it does not name', () =>
    assert.deepEqual(enforced(appraised({}, { baselines: denying('EV_EVENT_TAG') })), []));

  it('warns where it only warns, and makes nothing milder', () => {
    const warned = appraised({ log: NEWER }, { baselines: denying('EV_EVENT_TAG', 'warn') });
    assert.deepEqual(enforced(warned), []);
    assert.equal(only(warned, 'EVENT_DENIED').effect, 'warn');
    const [denies] = denying('EV_EVENT_TAG', 'observe').slice(-1);
    assert.ok(denies);
    const strict = appraised({ log: NEWER }, { baselines: [...APPROVED, denies] });
    assert.deepEqual(enforced(strict), ['EVENT_DENIED', 'EVENT_MISSING']);
  });

  it('makes no baseline by itself: NO_BASELINE', () => {
    const baselines = denying('EV_EVENT_TAG').slice(-1);
    assert.ok(enforced(appraised({}, { baselines })).includes('NO_BASELINE'));
  });
});

describe('an optional rule', () => {
  const baselines = withRules('bootChain', (rules) =>
    rules.map((rule) =>
      rule.id === 'boot-vmlinuz' ? { ...rule, optional: true as const, times: 2 } : rule,
    ),
  );
  const kernel = MEASURED.filter(({ event }) => 'path' in event && event.path === KERNEL);
  const others = MEASURED.filter((one) => !kernel.includes(one));

  it('is met by none and by as many as it says, and by no other number', () => {
    const run = (times: number) => {
      const log = goodLog([...others, ...Array.from({ length: times }, () => kernel).flat()]);
      return enforced(appraised({ log }, { baselines }));
    };
    assert.deepEqual(run(0), []);
    assert.deepEqual(run(1), ['EVENT_MISSING']);
    assert.deepEqual(run(2), []);
    assert.deepEqual(run(3), ['EVENT_REPEATED']);
  });
});

describe('the order of a document', () => {
  const ids = APPROVED.find(({ part }) => part === 'bootChain')?.rules.map(({ id }) => id) ?? [];
  const [first, second] = MEASURED.filter(({ pcr }) => pcr === 9);
  const others = MEASURED.filter(({ pcr }) => pcr !== 9);

  it('is that of each PCR by itself: EVENT_OUT_OF_ORDER', () => {
    assert.ok(first && second);
    const baselines = withRules('bootChain', (rules) => rules, { order: ids });
    const run = (log: Measured[]) => appraised({ log: goodLog(log) }, { baselines });
    assert.deepEqual(enforced(run([first, ...others, second])), []);
    const swapped = run([second, ...others, first]);
    assert.deepEqual(enforced(swapped), ['EVENT_OUT_OF_ORDER']);
    assert.equal(only(swapped, 'EVENT_OUT_OF_ORDER').expected, `before ${ids[1]}`);
    assert.deepEqual(enforced(run([second, ...others])), ['EVENT_MISSING']);
  });
});

describe('sets of measurements', () => {
  const inSets = (independent?: boolean): Baseline[] =>
    APPROVED.map((one) => ({
      ...one,
      ...(independent === undefined ? {} : { independent }),
      rules: one.rules.map((rule) => ({
        ...rule,
        allow: (rule.allow ?? []).map((allowed) => ({
          ...allowed,
          ...(one.part === 'commandLine' ? {} : { set: one.part === 'runtime' ? 'b' : 'a' }),
        })),
      })),
    }));

  it('P8 are not mixed among the documents of one name: SETS_MIXED', () => {
    const result = appraised({}, { baselines: inSets() });
    assert.deepEqual(enforced(result), ['SETS_MIXED']);
    assert.match(only(result, 'SETS_MIXED').actual ?? '', /set b: .*; set a: /u);
  });

  it('P8 may be where the documents say that they are independent, or have other names', () => {
    assert.deepEqual(enforced(appraised({}, { baselines: inSets(true) })), []);
    const apart = inSets().map((one) => ({ ...one, name: `of-${one.part.toLowerCase()}` }));
    assert.deepEqual(enforced(appraised({}, { baselines: apart })), []);
  });

  it('P8 are never mixed within a document, independent or not: SETS_MIXED', () => {
    const baselines = withRules(
      'runtime',
      (rules) =>
        rules.map((rule, at) => ({
          ...rule,
          allow: (rule.allow ?? []).map((one) => ({ ...one, set: at === 0 ? 'a' : 'b' })),
        })),
      { independent: true },
    );
    assert.deepEqual(enforced(appraised({}, { baselines })), ['SETS_MIXED']);
  });
});

describe('an update window', () => {
  const digest = digestOf(NEWER, KERNEL);
  const documents = withRules('bootChain', (rules) =>
    rules.map((rule) =>
      rule.id === 'boot-vmlinuz' ? { ...rule, allow: [{ sha256: digest, name: KERNEL }] } : rule,
    ),
  )
    .filter(({ part }) => part === 'bootChain')
    .map((one) => ({ ...one, version: 2 }));
  const until = new Date(NOW.getTime() + 60_000).toISOString();
  const windows = [{ id: 'w1', name: 'kernels', documents, until }];
  const standing = (log: Uint8Array, now = NOW) => {
    const result = appraised({ log }, { windows, now });
    return { enforced: enforced(result), windows: result.windows.map(({ state }) => state) };
  };

  it('accepts what was approved beside what it brings, and tells who is behind', () => {
    assert.deepEqual(standing(goodLog()), { enforced: [], windows: ['behind'] });
    assert.deepEqual(standing(NEWER), { enforced: [], windows: ['ahead'] });
  });

  it('accepts nothing else: EVENT_DIFFERS', () => {
    const other = changedTo(KERNEL, file(9, KERNEL, 'other'));
    assert.deepEqual(standing(other), { enforced: ['EVENT_DIFFERS'], windows: ['neither'] });
  });

  it('leaves only what it brings from its end on, and calls what was before older: EVENT_RETIRED', () => {
    const end = new Date(until);
    assert.deepEqual(standing(NEWER, end), { enforced: [], windows: ['ahead'] });
    assert.deepEqual(standing(goodLog(), end), {
      enforced: ['EVENT_RETIRED'],
      windows: ['neither'],
    });
  });

  it('has ended where its end is no time', () => {
    const broken = [{ ...windows[0]!, until: 'whenever' }];
    assert.deepEqual(enforced(appraised({}, { windows: broken })), ['EVENT_RETIRED']);
  });

  it('lets a new part be there or not, where something else is enforced', () => {
    const [document] = documents;
    assert.ok(document);
    const rest = APPROVED.filter(({ part }) => part !== 'runtime');
    const runtime = APPROVED.filter(({ part }) => part === 'runtime');
    const offered = [{ id: 'w2', name: 'more', documents: runtime, until }];
    assert.deepEqual(enforced(appraised({}, { baselines: rest, windows: offered })), []);
    const alone = appraised({}, { baselines: [], windows: offered });
    assert.equal(alone.verdict, 'contraindicated');
  });

  it('shows what is wrong with its document, and holds it against nobody while another fits', () => {
    const expires = '2026-01-01T00:00:00Z';
    const stale = [{ ...windows[0]!, documents: documents.map((one) => ({ ...one, expires })) }];
    const result = appraised({}, { windows: stale });
    assert.deepEqual(enforced(result), []);
    assert.equal(only(result, 'BASELINE_EXPIRED').effect, 'observe');
  });
});

describe('what an unapproved measurement is known as', () => {
  const digest = digestOf(NEWER, KERNEL);
  const listing = (version: number, change: Partial<Baseline> = {}): Baseline => ({
    ...withRules('bootChain', (rules) =>
      rules.flatMap((rule) =>
        rule.id === 'boot-vmlinuz'
          ? [
              {
                ...rule,
                allow: [{ sha256: digest, name: 'vmlinuz', version: '6.1.2', from: 'linux-image' }],
              },
            ]
          : [],
      ),
    ).find(({ part }) => part === 'bootChain')!,
    version,
    ...change,
  });
  const active = APPROVED.map((one) => ({
    ...one,
    version: 5,
    rules: one.rules.map((rule) => ({
      ...rule,
      allow: (rule.allow ?? []).map((allowed) => ({ ...allowed, version: '6.1.1' })),
    })),
  }));
  const run = (known: Baseline[], claimedNextBoot: string[] = []) => {
    const selfReported = {
      claimedHostname: 'h',
      claimedKernel: 'k',
      agentVersion: '1',
      claimedNextBoot,
    };
    const statement = claimedNextBoot.length === 0 ? {} : { selfReported };
    return appraised({ log: NEWER, statement }, { baselines: active, known });
  };

  it('is said by name, version and package, of a draft and of a document for others', () => {
    const result = run([listing(6)]);
    assert.deepEqual(enforced(result), ['EVENT_DIFFERS']);
    const nearest = only(result, 'EVENT_DIFFERS').nearest ?? '';
    assert.match(
      nearest,
      /^vmlinuz is 6\.1\.2 \(from linux-image\); the baseline allows 6\.1\.1; known by/u,
    );
    assert.match(nearest, /of bootChain shed version 6/u);
    const other = run([listing(6, { name: 'other' })]);
    assert.match(only(other, 'EVENT_DIFFERS').nearest ?? '', /bootChain other version 6/u);
  });

  it('is told apart where it is of an earlier version: EVENT_RETIRED', () => {
    const result = run([listing(4)]);
    assert.deepEqual(enforced(result), ['EVENT_RETIRED']);
    assert.match(only(result, 'EVENT_RETIRED').remedy, /Restart the host into what is installed/u);
  });

  it('P9 is told apart where it makes another host unique: EVENT_OF_ANOTHER_HOST', () => {
    const match = {
      labels: {},
      class: ['software' as const],
      host: '11111111-0000-4000-8000-000000000000',
    };
    assert.deepEqual(enforced(run([listing(1, { part: 'host', match })])), [
      'EVENT_OF_ANOTHER_HOST',
    ]);
  });

  it('makes nothing good', () => {
    for (const known of [[], [listing(4)], [listing(6)]]) {
      assert.equal(run(known).verdict, 'contraindicated');
      assert.equal(run(known).vector.executables, 96);
    }
  });

  it('a restart resolves where the host says that it would start what is approved', () => {
    const approved = digestOf(goodLog(), KERNEL);
    const result = run([], [approved]);
    assert.deepEqual(enforced(result), ['EVENT_RESTART_RESOLVES']);
    assert.equal(result.verdict, 'contraindicated');
    assert.match(only(result, 'EVENT_RESTART_RESOLVES').remedy, /The host alone says so/u);
    assert.deepEqual(enforced(run([], ['ab'.repeat(32)])), ['EVENT_DIFFERS']);
    const good = appraised({
      statement: {
        selfReported: {
          claimedHostname: 'h',
          claimedKernel: 'k',
          agentVersion: '1',
          claimedNextBoot: [digest],
        },
      },
    });
    assert.deepEqual(enforced(good), [], 'and says nothing against a host that is good');
  });
});

describe('checkBaseline', () => {
  const [document] = APPROVED;
  assert.ok(document);
  const [rule] = document.rules;
  assert.ok(rule);
  const { allow: _allow, ...bare } = rule;
  const sha256 = rule.allow?.[0]?.sha256 ?? '';
  const other = 'ef'.repeat(32);
  const cases: readonly [what: string, changed: object, code: string][] = [
    ['a bad glob', { rules: [{ ...bare, words: { allow: ['a**'] } }] }, 'BASELINE_GLOB'],
    ['words that say nothing', { rules: [{ ...bare, words: {} }] }, 'BASELINE_SHAPE'],
    ['an unknown key of words', { rules: [{ ...bare, words: { alow: ['a'] } }] }, 'BASELINE_SHAPE'],
    [
      'an unknown key of a denial',
      { rules: [{ ...bare, deny: [{ sha256, wy: 'x' }] }] },
      'BASELINE_SHAPE',
    ],
    [
      'a denial without a digest',
      { rules: [{ ...bare, deny: [{ why: 'x' }] }] },
      'BASELINE_DIGEST_MISSING',
    ],
    [
      'a measurement that is allowed and denied',
      { rules: [rule, { ...bare, id: 'no', deny: [{ sha256 }] }] },
      'BASELINE_DENY_CONTRADICTED',
    ],
    [
      'optional where nothing is counted',
      { rules: [{ ...bare, deny: [{ sha256 }], optional: true }] },
      'BASELINE_TIMES_UNUSED',
    ],
    ['optional: false', { rules: [{ ...rule, optional: false }] }, 'BASELINE_SHAPE'],
    ['a rule that enforces nothing', { rules: [bare] }, 'BASELINE_RULE_OPEN'],
    ['no rules', { rules: [] }, 'BASELINE_RULES_EMPTY'],
    [
      'no rules beside a section that only warns',
      { part: 'secureBoot', rules: [], secureBoot: { mode: 'warn', state: 'on' } },
      'BASELINE_RULES_EMPTY',
    ],
    [
      'a section in another part',
      { secureBoot: { mode: 'enforce', state: 'on' } },
      'BASELINE_SECTION_MISPLACED',
    ],
    [
      'an unknown state of Secure Boot',
      { part: 'secureBoot', secureBoot: { mode: 'enforce', state: 'of' } },
      'BASELINE_SHAPE',
    ],
    ['a part host that names no host', { part: 'host' }, 'BASELINE_HOST_MISSING'],
    ['a quirk that nobody knows', { quirks: ['NO_SUCH_QUIRK'] }, 'BASELINE_QUIRK_UNKNOWN'],
    [
      'an advisory that nobody knows',
      { part: 'firmware', tpm: { mode: 'warn', accept: ['NO_SUCH_ADVISORY'] } },
      'BASELINE_ADVISORY_UNKNOWN',
    ],
    [
      'what is asked of a TPM in another part',
      { part: 'runtime', tpm: { mode: 'enforce', resists: ['physical'] } },
      'BASELINE_SECTION_MISPLACED',
    ],
    [
      'no rules beside a section that asks a TPM for nothing',
      { part: 'firmware', rules: [], tpm: { mode: 'enforce', advisories: { local: 'enforce' } } },
      'BASELINE_RULES_EMPTY',
    ],
    ['an order of rules that are not there', { order: ['nothing'] }, 'BASELINE_ORDER'],
    ['an order that names a rule too often', { order: [rule.id, rule.id] }, 'BASELINE_ORDER'],
    [
      'an order of a rule that only denies',
      { rules: [rule, { ...bare, id: 'no', deny: [{ sha256: other }] }], order: ['no'] },
      'BASELINE_ORDER',
    ],
    [
      'more globs than can be held against a line',
      {
        rules: Array.from({ length: 5 }, (_, at) => ({
          ...{ ...bare, id: `r${at}` },
          words: { allow: Array.from({ length: 250 }, (_one, each) => `g${each}`) },
        })),
      },
      'BASELINE_TOO_LARGE',
    ],
  ];
  for (const [what, changed, code] of cases) {
    it(`P2 refuses ${what}: ${code}`, () =>
      assert.throws(
        () => checkBaseline({ ...document, ...changed }),
        (error: unknown) => error instanceof BaselineError && error.code === code,
      ));
  }

  it('takes no rules beside a section that enforces', () => {
    const secureBoot = { mode: 'enforce', state: 'on' };
    assert.ok(checkBaseline({ ...document, part: 'secureBoot', rules: [], secureBoot }));
  });
});
