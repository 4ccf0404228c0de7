import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LogEvent } from '@touchstone/eventlog';
import type { Baseline, BaselineRule } from '@touchstone/schemas';
import { explainEvents } from '../comparison/explain-events.ts';
import { checkBaseline, diffBaselines, loosens } from '../index.ts';

const digest = (fill: string): string => fill.repeat(64);
const TYPES = ['EV_IPL', 'EV_EFI_ACTION'];

const rule = (id: string, change: Partial<BaselineRule> = {}): BaselineRule => ({
  id,
  mode: 'enforce',
  pcr: 4,
  type: 'EV_IPL',
  allow: [{ sha256: digest('a'), name: 'shim', version: '1' }],
  ...change,
});

const document = (change: Partial<Baseline> = {}): Baseline => ({
  kind: 'baseline',
  part: 'bootChain',
  name: 'web',
  version: 1,
  match: { labels: { role: 'web' }, class: ['discrete', 'virtual'] },
  banks: ['sha256'],
  rules: [rule('shim')],
  ...change,
});

const { allow: _allow, ...bare } = rule('bare');
const denial = { ...bare, id: 'no', deny: [{ sha256: digest('e') }] };
const open = { ...bare, id: 'any', mode: 'observe', type: 'EV_EFI_ACTION' } as const;
const words = { require: ['root=*'], allow: ['ro'], deny: ['init=*'] };
const secureBoot = { mode: 'enforce', state: 'on' } as const;

const otherBank = (): Baseline =>
  document({
    ...{ name: 'more', banks: ['sha384'] },
    rules: [rule('shim', { allow: [{ sha384: 'b'.repeat(96) }] })],
  });

describe('loosens', () => {
  const twoDigests = [{ sha256: digest('a') }, { sha256: digest('b') }];
  const tighter: readonly [what: string, before: Partial<Baseline>, after: Partial<Baseline>][] = [
    ['another version', {}, { version: 2 }],
    [
      'another name of a measurement',
      {},
      { rules: [rule('shim', { allow: [{ sha256: digest('a'), name: 'other', version: '9' }] })] },
    ],
    ['less that is allowed', { rules: [rule('shim', { allow: twoDigests })] }, {}],
    [
      'an end, and a sooner one',
      { expires: '2027-01-01T00:00:00Z' },
      { expires: '2026-12-01T00:00:00Z' },
    ],
    ['an end where there was none', {}, { expires: '2027-01-01T00:00:00Z' }],
    ['a denial more', {}, { rules: [rule('shim'), denial] }],
    ['a rule that is met always', { rules: [rule('shim', { optional: true })] }, {}],
    [
      'a stricter rule beside one that enforces',
      { rules: [rule('shim'), rule('b', { mode: 'warn', allow: [{ sha256: digest('b') }] })] },
      { rules: [rule('shim'), rule('b', { allow: [{ sha256: digest('b') }] })] },
    ],
    ['nothing open any more', { rules: [rule('shim'), open] }, {}],
    ['an order', {}, { order: ['shim'] }],
    ['a quirk less', { quirks: ['SEPARATOR_ABSENT'] }, {}],
    ['parts that depend on each other', { independent: true }, {}],
    ['Secure Boot asked for', { part: 'secureBoot' }, { part: 'secureBoot', secureBoot }],
    [
      'resistance of the TPM asked for',
      { part: 'firmware' },
      { part: 'firmware', tpm: { mode: 'enforce', resists: ['physical'] } },
    ],
    [
      'a word less',
      { rules: [{ ...bare, words }] },
      { rules: [{ ...bare, words: { ...words, allow: ['root=*'] } }] },
    ],
  ];
  for (const [what, before, after] of tighter) {
    it(`does not see a loosening in ${what}, and sees one in taking it back`, () => {
      assert.equal(loosens([document(before)], [document(after)]), false);
      const same = ['another version', 'another name of a measurement'].includes(what);
      assert.equal(loosens([document(after)], [document(before)]), !same);
    });
  }

  const looser: [what: string, before: Baseline[], after: Baseline[]][] = [
    [
      'a word on advisories',
      [document({ part: 'firmware' })],
      [document({ part: 'firmware', tpm: { mode: 'warn', accept: ['FAULTPM'] } })],
    ],
    [
      'a new document with nothing but a word on advisories',
      [document()],
      [
        document(),
        document({
          ...{ part: 'firmware', rules: [denial] },
          tpm: { mode: 'enforce', resists: ['physical'], advisories: { remote: 'warn' } },
        }),
      ],
    ],
    ['the first document', [], [document()]],
    [
      'a document for more hosts',
      [document()],
      [document({ match: { labels: {}, class: ['discrete', 'virtual'] } })],
    ],
    [
      'a document for fewer hosts',
      [document()],
      [document({ match: { labels: { role: 'web' }, class: ['discrete'] } })],
    ],
    [
      'another bank',
      [document()],
      [
        document({
          banks: ['sha384'],
          rules: [rule('shim', { allow: [{ sha384: digest('a') }] })],
        }),
      ],
    ],
    ['a new document that allows', [document()], [document(), document({ name: 'more' })]],
    [
      'a document that is gone beside another',
      [document(), document({ name: 'more' })],
      [document()],
    ],
    ['a milder rule', [document()], [document({ rules: [rule('shim', { mode: 'warn' })] })]],
    ['a rule of another PCR', [document()], [document({ rules: [rule('shim', { pcr: 5 })] })]],
    [
      'a rule that is gone',
      [document({ rules: [rule('shim'), rule('b', { allow: [{ sha256: digest('b') }] })] })],
      [document()],
    ],
    [
      'the first rule that enforces',
      [document({ rules: [rule('shim', { mode: 'warn' })] })],
      [document()],
    ],
    [
      'another set',
      [document()],
      [document({ rules: [rule('shim', { allow: [{ sha256: digest('a'), set: 'x' }] })] })],
    ],
    [
      'a kernel that locks down',
      [document()],
      [document({ rules: [rule('shim', { allow: [{ sha256: digest('a'), lockdown: true }] })] })],
    ],
    [
      'a denial that begins to allow by words',
      [document({ rules: [rule('shim', { words: { deny: ['a'] } })] })],
      [document({ rules: [rule('shim', { words: { deny: ['a'], allow: ['*'] } })] })],
    ],
  ];
  const policy = { mode: 'enforce', unlisted: 'warn' } as const;
  const warns = { ...open, mode: 'warn' } as const;
  const rules = (...some: BaselineRule[]) => [document({ rules: some })];
  looser.push(
    [
      'another policy for files',
      [document({ part: 'runtime', ima: policy })],
      [document({ part: 'runtime', ima: { ...policy, unlisted: 'observe' } })],
    ],
    [
      'a bank less, where nothing is listed',
      [document({ banks: ['sha256', 'sha384'], rules: [warns] })],
      rules(warns),
    ],
    [
      'Secure Boot that is looked at, and not asked for',
      [document({ part: 'secureBoot' })],
      [document({ part: 'secureBoot', secureBoot: { ...secureBoot, mode: 'observe' } })],
    ],
    ['a rule of another type', rules(rule('shim')), rules(rule('shim', { type: 'EV_EFI_ACTION' }))],
    ['other times', rules(rule('shim', { times: 2 })), rules(rule('shim'))],
    ['a denial in the place of what warned of all', rules(warns), rules({ ...denial, id: 'any' })],
    [
      'a denial in the place of what was expected',
      rules(rule('shim')),
      rules({ ...denial, id: 'shim' }),
    ],
    [
      'a denial less',
      rules(rule('shim', { deny: [{ sha256: digest('e') }] })),
      rules(rule('shim')),
    ],
    [
      'a kernel without kexec',
      rules(rule('shim')),
      rules(rule('shim', { allow: [{ sha256: digest('a'), kexec: 'absent' }] })),
    ],
    ['a warning that is gone', rules(rule('shim'), warns), rules(rule('shim'))],
    [
      'a new document that denies, and leans on a quirk',
      [document()],
      [document(), document({ name: 'no', rules: [denial], quirks: ['SEPARATOR_ABSENT'] })],
    ],
    [
      'a word less that is required',
      rules({ ...bare, words: { require: ['root=*', 'ro'], allow: ['quiet'] } }),
      rules({ ...bare, words: { require: ['root=*'], allow: ['quiet'] } }),
    ],
    [
      'a word less that is denied',
      rules({ ...bare, words }),
      rules({ ...bare, words: { require: ['root=*'], allow: ['ro'] } }),
    ],
    [
      'any word',
      rules({ ...bare, words }),
      rules({ ...bare, words: { require: ['root=*'], deny: ['init=*'] } }),
    ],
    [
      'a change of one of two versions that are active',
      [document(), document({ version: 2 })],
      [document(), document({ version: 2, expires: '2027-01-01T00:00:00Z' })],
    ],
    [
      'less that is allowed, where another document has the same in another bank',
      [document({ rules: [rule('shim', { allow: twoDigests })] }), otherBank()],
      [document(), otherBank()],
    ],
  );

  // Of two measurements where one was expected, the second was too many; what lets it pass would take it.
  const either = rule('shim', { allow: twoDigests });
  const others: readonly [what: string, other: BaselineRule][] = [
    ['an open rule', { ...open, type: 'EV_IPL' }],
    ['words', { ...bare, words }],
    ['a document for the same hosts', rule('same', { allow: [{ sha256: digest('b') }] })],
  ];
  for (const [what, other] of others) {
    it(`sees a loosening in less that is allowed, where it is left to ${what}`, () => {
      const beside = document({ name: 'more', rules: [other] });
      assert.equal(loosens([document({ rules: [either] }), beside], [document(), beside]), true);
      const mail = { ...beside, match: { labels: { role: 'mail' }, class: ['discrete' as const] } };
      assert.equal(loosens([document({ rules: [either] }), mail], [document(), mail]), false);
    });
  }

  it('sees a loosening in a word less, where the line is left to an open rule', () => {
    const any = { ...open, type: 'EV_IPL' };
    const before = document({ rules: [{ ...bare, words }, any] });
    const fewer = { ...words, allow: ['root=*'] };
    assert.equal(loosens([before], [document({ rules: [{ ...bare, words: fewer }, any] })]), true);
    const more = { ...words, deny: ['init=*', 'rdinit=*'] };
    assert.equal(loosens([before], [document({ rules: [{ ...bare, words: more }, any] })]), false);
  });

  for (const [what, before, after] of looser) {
    it(`sees a loosening in ${what}`, () => assert.equal(loosens(before, after), true));
  }

  it('sees none in a document that is gone where nothing is left for its hosts', () => {
    const elsewhere = document({
      name: 'mail',
      match: { labels: { role: 'mail' }, class: ['discrete'] },
    });
    assert.equal(loosens([document(), elsewhere], [elsewhere]), false);
    assert.equal(loosens([document()], []), false);
  });

  it('never misses a host that fares better', () => {
    const fill = fc.constantFrom('a', 'b', 'c');
    const some = fc.uniqueArray(fill, { maxLength: 2 });
    const arbitraryRule = (id: string) =>
      fc
        .record({
          mode: fc.constantFrom('enforce', 'warn', 'observe'),
          type: fc.constantFrom(...TYPES),
          times: fc.constantFrom(undefined, 2),
          optional: fc.constantFrom(undefined, true),
          allow: some,
          deny: some,
          set: fc.constantFrom(undefined, 'x', 'y'),
        })
        .map(({ mode, type, times, optional, allow, deny, set }) => ({
          ...{ id, mode, pcr: 4, type },
          ...(allow.length === 0
            ? {}
            : {
                allow: allow.map((one) => ({ sha256: digest(one), ...(set ? { set } : {}) })),
                ...(times ? { times } : {}),
                ...(optional ? { optional } : {}),
              }),
          ...(deny.length === 0 ? {} : { deny: deny.map((one) => ({ sha256: digest(one) })) }),
        }));
    const arbitrary = fc
      .tuple(fc.constantFrom('p', 'q'), arbitraryRule('one'), arbitraryRule('two'), fc.boolean())
      .map(([name, one, two, both]) => ({
        ...document(),
        name,
        rules: both ? [one, two] : [one],
      }))
      .filter(isBaseline);
    // Mostly a small step from what was before: two documents at random are hardly ever comparable.
    const step = (before: Baseline[]) =>
      fc.oneof(
        fc.constant(before),
        fc.nat().map((at) => before.filter((_, index) => index !== at % before.length)),
        arbitrary.map((more) => [...before.filter(({ name }) => name !== more.name), more]),
        fc
          .tuple(fc.nat(), arbitraryRule('one'))
          .map(([at, changed]) =>
            before.map((one, index) =>
              index === at % before.length
                ? { ...one, rules: [changed, ...one.rules.slice(1)] }
                : one,
            ),
          ),
        fc
          .nat()
          .map((at) =>
            before.map((one, index) =>
              index === at % before.length ? { ...one, rules: one.rules.slice(0, 1) } : one,
            ),
          ),
        fc.nat().map((at) => before.map((one) => allowingLess(one, at % 4))),
      );
    const event = fc
      .tuple(fill, fc.constantFrom(...TYPES))
      .map(([one, type]) => eventOf(one, type));
    let compared = 0;
    fc.assert(
      fc.property(
        fc
          .uniqueArray(arbitrary, { minLength: 1, maxLength: 2, selector: ({ name }) => name })
          .chain((before) =>
            step(before).map((after) => ({ before, after: after.filter(isBaseline) })),
          ),
        fc.array(event, { maxLength: 4 }),
        ({ before, after }, events) => {
          if (loosens(before, after)) return;
          compared += 1;
          assert.ok(worstOf(after, events) >= worstOf(before, events));
        },
      ),
      { numRuns: 4_000 },
    );
    assert.ok(compared > 200, `${compared} were comparable`);
  });
});

/** Without the first or the last measurement of its first or second rule. */
const allowingLess = (baseline: Baseline, which: number): Baseline => ({
  ...baseline,
  rules: baseline.rules.map((one, at) =>
    at !== which >> 1 || one.allow === undefined
      ? one
      : { ...one, allow: which % 2 === 0 ? one.allow.slice(1) : one.allow.slice(0, -1) },
  ),
});

function isBaseline(value: unknown): value is Baseline {
  try {
    checkBaseline(value);
    return true;
  } catch {
    return false;
  }
}

const eventOf = (fill: string, claimedTypeName: string): LogEvent => ({
  ...{ index: 0, offset: 0, pcr: 4, claimedType: 13, claimedTypeName, extends: true },
  digests: [{ bank: 'sha256', digest: Buffer.from(digest(fill), 'hex') }],
  data: new Uint8Array(),
});

/** 2 where something enforces or there is no baseline, 1 for a warning, 0 for neither. */
function worstOf(baselines: readonly Baseline[], events: readonly LogEvent[]): number {
  const enforces = baselines.some(({ rules }) =>
    rules.some(({ mode, allow }) => mode === 'enforce' && allow !== undefined),
  );
  if (!enforces) return 2;
  const quoted = new Map([[4, ['sha256'] as const]]);
  const documents = baselines.map((baseline) => ({ baseline, banks: ['sha256'] as const }));
  const { unexplained, denied, repeated, misplaced, unmet, mixed } = explainEvents(
    documents,
    events,
    quoted,
  );
  const effects = [
    ...[...unexplained, ...denied, ...mixed].map(({ effect }) => effect),
    ...[...repeated, ...misplaced, ...unmet].map((one) => one.rule.mode),
  ];
  if (effects.includes('enforce')) return 2;
  return effects.includes('warn') ? 1 : 0;
}

describe('diffBaselines', () => {
  const lines = (before: Partial<Baseline>[], after: Partial<Baseline>[]) =>
    diffBaselines(before.map(document), after.map(document)).flatMap((one) => one.lines);

  it('says nothing of what is the same', () => assert.deepEqual(lines([{}], [{}]), []));

  it('tells what came, what went and what changed, by name and version', () => {
    const measured = (fill: string, version: string) => ({
      sha256: digest(fill),
      name: 'shim',
      version,
      from: 'shim-signed',
    });
    const before = {
      rules: [rule('shim', { allow: [measured('a', '1'), { sha256: digest('c'), name: 'gone' }] })],
    };
    const after = {
      version: 2,
      rules: [rule('shim', { mode: 'warn', allow: [measured('b', '2'), { sha256: digest('d') }] })],
    };
    assert.deepEqual(lines([before], [after]), [
      '~ version: 1 -> 2',
      '~ rule shim, mode: enforce -> warn',
      `~ rule shim, allow: shim 1 (shim-signed) sha256 ${digest('a')} -> shim 2 (shim-signed) sha256 ${digest('b')}`,
      `- rule shim, allow: gone sha256 ${digest('c')}`,
      `+ rule shim, allow: sha256 ${digest('d')}`,
    ]);
  });

  it('tells of rules, matching and an end', () => {
    const after = {
      expires: '2027-01-01T00:00:00Z',
      match: { labels: {}, class: ['virtual' as const] },
      rules: [denial],
    };
    assert.deepEqual(lines([{}], [after]), [
      '~ match: {"labels":{"role":"web"},"class":["discrete","virtual"]} -> {"labels":{},"class":["virtual"]}',
      '+ expires: 2027-01-01T00:00:00Z',
      '- rule shim: enforce, PCR 4, EV_IPL',
      `- rule shim, allow: shim 1 sha256 ${digest('a')}`,
      '+ rule no: enforce, PCR 4, EV_IPL',
      `+ rule no, deny: sha256 ${digest('e')}`,
    ]);
  });

  it('gives the same as data, document by document', () => {
    const [gone, come] = diffBaselines([document()], [document({ name: 'mail', version: 4 })]);
    assert.deepEqual([gone?.name, gone?.before, gone?.after], ['web', 1, undefined]);
    assert.deepEqual([come?.name, come?.before, come?.after], ['mail', undefined, 4]);
    assert.deepEqual(come?.changes[0], { what: 'document', after: 'bootChain mail version 4' });
  });
});
