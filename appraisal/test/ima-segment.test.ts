import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { type BankName, hash, hashOfBank, type PcrValues } from '@touchstone/tpm';
import { checkAgainst, type ImaPolicy, ImaProgress } from '@touchstone/schemas';
import { appraiseImaSegment, type ImaSegmentContext } from '../index.ts';
import {
  binaryList,
  dataOfSample,
  digestOf,
  fileFields,
  named,
  name,
  nothing,
  raw,
  type SampleEntry,
} from '../../test/support/made-ima.ts';
import { imaCertificate } from '../../test/support/ima-certificate.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const STATIC = Array.from({ length: 10 }, (_, pcr) => hash('sha256', Uint8Array.of(pcr)));
const aggregate = (last: number): SampleEntry => ({
  template: 'ima-ng',
  fields: [named('sha256', hash('sha256', ...STATIC.slice(0, last + 1))), name('boot_aggregate')],
});
const AGGREGATE = aggregate(9);
const file = (path: string, more: Partial<SampleEntry> = {}): SampleEntry => ({
  template: 'ima-ng',
  fields: fileFields(path),
  ...more,
});
/** sha256sum's line of a file whose content is its path, as `file` has it. */
const lineOf = (path: string, content = path): string => `${hex(digestOf(content))}  ${path}\n`;

function quote(
  entries: readonly SampleEntry[],
  padded = false,
  bank: BankName = 'sha256',
): PcrValues {
  const { size } = hashOfBank(bank);
  const used = padded ? 'sha1' : bank;
  const pcr10 = entries.reduce((pcr: Uint8Array, entry) => {
    if (entry.pcr !== undefined && entry.pcr !== 10) return pcr;
    const digest = entry.violation
      ? new Uint8Array(hashOfBank(used).size).fill(0xff)
      : hash(used, dataOfSample(entry));
    return hash(bank, pcr, digest, new Uint8Array(size - digest.length));
  }, new Uint8Array(size));
  return new Map([
    [bank, new Map([...STATIC.map((value, pcr) => [pcr, value] as const), [10, pcr10]])],
  ]);
}

const POLICY: ImaPolicy = {
  mode: 'enforce',
  files: [
    { from: 'bash', version: '5.2-1', digests: lineOf('/usr/bin/bash') + lineOf('/usr/bin/sh') },
    { digests: lineOf('/usr/bin/vi', 'another') },
  ],
};
const context = (pcrs: PcrValues, more: Partial<ImaSegmentContext> = {}): ImaSegmentContext => ({
  policies: [{ document: 'runtime web version 3', policy: POLICY }],
  pcrs,
  fromEntry: 0,
  ...more,
});
const appraised = (entries: readonly SampleEntry[], more: Partial<ImaSegmentContext> = {}) =>
  appraiseImaSegment(undefined, binaryList(...entries), context(quote(entries), more));
const codes = ({ findings }: ReturnType<typeof appraised>) =>
  findings.map(({ code, effect }) => `${code} ${effect}`);

describe("A part of IMA's list", () => {
  const GOOD = [AGGREGATE, file('/usr/bin/bash'), file('/usr/bin/sh')];

  it('is believed, and finds nothing, where a policy lists all of it', () => {
    const { state, progress, believedEntries, findings, nextEntry } = appraised(GOOD);
    assert.deepEqual([state, believedEntries, findings, nextEntry], ['believed', 3, [], 3]);
    assert.deepEqual(progress?.styles, { sha256: 'hash' });
    assert.deepEqual([progress?.bootAggregates, progress?.violations], [1, 0]);
  });

  it('gives a progress that is plain data, as it crosses a database', () => {
    const { progress } = appraised([...GOOD, file('/opt/x'), file('/var/x', { violation: true })]);
    const stored: unknown = JSON.parse(JSON.stringify(progress));
    assert.deepEqual(checkAgainst(ImaProgress, stored), progress);
  });

  it('is believed as far as the quote goes, and what follows waits', () => {
    const more = [...GOOD, file('/opt/evil')];
    const first = appraiseImaSegment(undefined, binaryList(...more), context(quote(GOOD)));
    assert.deepEqual([first.state, first.believedEntries, first.findings], ['believed', 3, []]);
    const rest = context(quote(more), { fromEntry: 3 });
    const next = appraiseImaSegment(first.progress, binaryList(more[3]!), rest);
    assert.deepEqual([next.believedEntries, next.nextEntry], [1, 4]);
    assert.deepEqual(codes(next), ['IMA_FILE_UNKNOWN enforce']);
    assert.equal(next.findings[0]?.event?.index, 3);
    const again = appraiseImaSegment(
      next.progress,
      undefined,
      context(quote(more), { fromEntry: 4 }),
    );
    assert.deepEqual(
      [again.state, again.believedEntries, codes(again)],
      ['believed', 0, codes(next)],
    );
  });

  it('in parts comes to the same as in one, wherever it is cut', () => {
    const entries = [
      ...GOOD,
      file('/opt/x'),
      file('/var/x', { violation: true }),
      file('/usr/bin/vi'),
    ];
    const whole = appraised(entries);
    for (let cut = 1; cut < entries.length; cut += 1) {
      const first = appraised(entries.slice(0, cut));
      const rest = binaryList(...entries.slice(cut));
      const both = appraiseImaSegment(
        first.progress,
        rest,
        context(quote(entries), { fromEntry: cut }),
      );
      assert.deepEqual(both.progress, whole.progress);
    }
  });

  it('of a kernel that pads SHA-1 is believed, and goes on in that style', () => {
    const padded = quote(GOOD, true);
    const first = appraiseImaSegment(undefined, binaryList(...GOOD), context(padded));
    assert.deepEqual([first.state, first.progress?.styles], ['believed', { sha256: 'padded' }]);
    const more = [...GOOD, file('/usr/bin/bash', { violation: true })];
    const rest = context(quote(more, true), { fromEntry: 3 });
    const next = appraiseImaSegment(first.progress, binaryList(more[3]!), rest);
    assert.deepEqual([next.state, codes(next)], ['believed', ['IMA_VIOLATION enforce']]);
    const hashed = context(quote(more), { fromEntry: 3 });
    assert.equal(appraiseImaSegment(first.progress, binaryList(more[3]!), hashed).state, 'refused');
  });

  it('names a file that differs: digests found and allowed, package and document', () => {
    const entries = [
      AGGREGATE,
      file('/usr/bin/bash', { fields: [named('sha256', digestOf('bad')), name('/usr/bin/bash')] }),
    ];
    const [found] = appraised(entries).findings;
    assert.deepEqual(found && { ...found, remedy: '' }, {
      code: 'IMA_FILE_DIFFERS',
      effect: 'enforce',
      subject: '/usr/bin/bash',
      expected: `sha256 ${hex(digestOf('/usr/bin/bash'))} (bash 5.2-1)`,
      actual: `sha256 ${hex(digestOf('bad'))}`,
      nearest: 'bash 5.2-1, by runtime web version 3',
      remedy: '',
      actor: 'host-administrator',
      event: { index: 1, pcr: 10, type: 'ima-ng', name: '/usr/bin/bash' },
    });
  });

  it('names the package of a content that is known from elsewhere, or from a document that is not active', () => {
    const moved = file('/tmp/sh', {
      fields: [named('sha256', digestOf('/usr/bin/sh')), name('/tmp/sh')],
    });
    const known = [
      {
        document: 'runtime web version 4',
        policy: {
          ...POLICY,
          files: [{ from: 'vim', version: '9', digests: lineOf('/usr/bin/vim') }],
        },
      },
    ];
    const { findings } = appraised([AGGREGATE, moved, file('/usr/bin/vim')], { known });
    assert.deepEqual(
      findings.map(({ code, nearest }) => [code, nearest]),
      [
        ['IMA_FILE_UNKNOWN', 'the content of /usr/bin/sh: bash 5.2-1, by runtime web version 3'],
        [
          'IMA_FILE_UNKNOWN',
          'the content of /usr/bin/vim: vim 9, by runtime web version 4, which is not active',
        ],
      ],
    );
  });

  it('takes a content without its path where the policy says anyPath, and no other hash of the same length', () => {
    const policy: ImaPolicy = {
      mode: 'enforce',
      files: [{ anyPath: true, digests: lineOf('/usr/bin/sh') }],
    };
    const policies = [{ document: 'runtime', policy }];
    const content = digestOf('/usr/bin/sh');
    const at = (path: string, algorithm: string) =>
      file(path, { fields: [named(algorithm, content), name(path)] });
    assert.deepEqual(codes(appraised([AGGREGATE, at('/opt/sh', 'sha256')], { policies })), []);
    assert.deepEqual(codes(appraised([AGGREGATE, at('/opt/sh', 'sha3-256')], { policies })), [
      'IMA_FILE_UNKNOWN enforce',
    ]);
  });

  it('does what each mode says, and the strictest of two policies', () => {
    const entries = [
      AGGREGATE,
      file('/usr/bin/vi'),
      file('/opt/x'),
      file('/var/v', { violation: true }),
    ];
    const modes = { mode: 'warn', unlisted: 'observe', violations: 'observe' } as const;
    const mild = { document: 'mild', policy: { ...POLICY, ...modes } };
    const expected = ['IMA_FILE_DIFFERS warn', 'IMA_FILE_UNKNOWN observe', 'IMA_VIOLATION observe'];
    const one = appraised(entries, { policies: [mild] });
    assert.deepEqual([codes(one), one.progress?.worst], [expected, 'warn']);
    const strict = {
      document: 'strict',
      policy: { mode: 'enforce' as const, files: [{ digests: lineOf('/usr/bin/x') }] },
    };
    const both = appraised(entries, { policies: [mild, strict] });
    assert.deepEqual(codes(both), [
      'IMA_FILE_DIFFERS warn',
      'IMA_FILE_UNKNOWN enforce',
      'IMA_VIOLATION enforce',
    ]);
    assert.equal(both.progress?.worst, 'enforce');
  });

  it('leaves excluded paths alone, and counts them; never a violation, whose name no digest covers', () => {
    const policies = [
      { document: 'runtime', policy: { ...POLICY, exclude: ['/var/log/**', '/home/*/bin/?'] } },
    ];
    const out = [file('/var/log/a/b'), file('/home/joe/bin/x')];
    const some = appraised([AGGREGATE, ...out, file('/home/a/b/bin/x'), file('/home/joe/bin/xy')], {
      policies,
    });
    assert.deepEqual(codes(some), ['IMA_FILE_UNKNOWN enforce', 'IMA_FILE_UNKNOWN enforce']);
    assert.equal(some.progress?.unjudged, 2);
    // Of /usr/bin/bash, until the list was changed: what was extended is ones, whatever the entry says.
    const hidden = appraised([AGGREGATE, file('/var/log/a', { violation: true })], { policies });
    assert.deepEqual(codes(hidden), ['IMA_VIOLATION enforce']);
  });

  describe('whose templates are not those that were measured, which no digest covers', () => {
    const policy: ImaPolicy = {
      ...POLICY,
      unlisted: 'observe',
      exclude: ['/var/log/**', '**/tmp/**'],
      keyrings: [{ name: '.ima', learn: 'any' }],
    };
    const judged = (entry: SampleEntry) =>
      codes(appraised([AGGREGATE, entry], { policies: [{ document: 'runtime', policy }] }));
    const [digest, path] = [named('sha256', digestOf('changed')), name('/usr/bin/bash')];
    const truth: SampleEntry = { template: 'ima-sig', fields: [digest, path, nothing] };

    it('has a file for what it is: a changed one at a path that is named', () =>
      assert.deepEqual(judged(truth), ['IMA_FILE_DIFFERS enforce']));

    it('has no milder word for it as data of the kernel, as another field, or as no path at all', () => {
      const xattr = raw(Buffer.from('\u0003/tmp/x\0', 'latin1'));
      const retyped: readonly SampleEntry[] = [
        { ...truth, template: 'ima-buf' },
        { template: 'd-ng|n-ng|buf', fields: [digest, path, xattr] },
        { template: 'd-ng|buf', fields: [digest, path] },
        { template: 'd-ng|xattrnames', fields: [digest, path] },
        { template: 'd-modsig|n-ng', fields: [digest, path] },
        { template: 'd-ng|d-type|n-ng', fields: [digest, path, xattr] },
        { template: 'buf|n-ng', fields: [digest, path] },
      ];
      for (const entry of retyped) {
        const [worst] = judged(entry);
        assert.match(worst ?? 'nothing', / enforce$/u, entry.template);
      }
    });

    it('has no file for one of the template `ima`, whose names hold no lengths: IMA_LOG_MALFORMED', () => {
      const long = name(`/usr/${'x'.repeat(222)}`);
      const data = dataOfSample({ template: 'ima-ng', fields: [digest, long] });
      assert.equal(data.length, 276);
      const fields = [data.subarray(0, 20), data.subarray(20)].map(raw);
      assert.deepEqual(judged({ template: 'ima', fields }), ['IMA_LOG_MALFORMED enforce']);
    });

    it('has no second name for an entry of the template `ima`: IMA_LOG_MALFORMED', () => {
      const fields = [raw(digestOf('changed', 'sha1')), name('/usr/bin/bash')];
      const again = [fields[0]!, name('/usr/bin/bash\0')];
      const quoted = context(quote([AGGREGATE, { template: 'ima', fields }]));
      const list = (some: typeof fields) =>
        binaryList(AGGREGATE, { template: 'ima', fields: some });
      assert.deepEqual(codes(appraiseImaSegment(undefined, list(fields), quoted)), [
        'IMA_FILE_DIFFERS enforce',
      ]);
      assert.deepEqual(codes(appraiseImaSegment(undefined, list(again), quoted)), [
        'IMA_LOG_MALFORMED enforce',
      ]);
    });

    it('says so where the data is a digest and a name: IMA_TEMPLATE_RETYPED', () => {
      const entry = { template: 'd-ng|xattrnames', fields: [digest, path] };
      assert.deepEqual(judged(entry), ['IMA_TEMPLATE_RETYPED enforce']);
    });

    it('lists, excludes and spares nothing by a template of another order', () => {
      const swapped = (text: string): SampleEntry => ({
        template: 'n-ng|d-ng',
        fields: fileFields(text).toReversed(),
      });
      assert.deepEqual(judged(swapped('/usr/bin/bash')), ['IMA_FILE_DIFFERS enforce']);
      assert.deepEqual(judged(swapped('/var/log/a')), ['IMA_FILE_UNKNOWN enforce']);
      assert.deepEqual(judged(swapped('/opt/x')), ['IMA_FILE_UNKNOWN enforce']);
    });

    it('has the digest of its data in the column of digests: IMA_TEMPLATE_HASH_MISMATCH', () =>
      assert.deepEqual(judged(file('/usr/bin/bash', { column: Buffer.alloc(20, 7) })), [
        'IMA_TEMPLATE_HASH_MISMATCH enforce',
      ]));

    it('learns no key from data that the entry has no digest of', () => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { der } = imaCertificate(publicKey, privateKey, 'attacker');
      const fields = [digest, name('.ima'), raw(der)];
      const policies = [{ document: 'runtime', policy }];
      const { progress } = appraised([AGGREGATE, { template: 'ima-buf', fields }], { policies });
      assert.deepEqual(progress?.keys, []);
      const loaded = [named('sha256', hash('sha256', der)), name('.ima'), raw(der)];
      const good = appraised([AGGREGATE, { template: 'ima-buf', fields: loaded }], { policies });
      assert.equal(good.progress?.keys.length, 1);
    });
  });

  it('names a file once, keeps 64, and lets what enforces take the place of what does not', () => {
    const many = Array.from({ length: 100 }, (_, index) => file(`/opt/${index}`));
    const policies = [{ document: 'runtime', policy: { ...POLICY, unlisted: 'observe' as const } }];
    const { findings, findingsOmitted, progress } = appraised(
      [AGGREGATE, ...many, file('/opt/0'), file('/usr/bin/vi')],
      { policies },
    );
    assert.deepEqual([findings.length, findingsOmitted, progress?.worst], [64, 37, 'enforce']);
    assert.equal(findings.filter(({ subject }) => subject === '/opt/0').length, 1);
    assert.equal(findings.at(-1)?.code, 'IMA_FILE_DIFFERS');
  });

  it('writes what a host named out, so that it drives no screen', () => {
    const [found] = appraised([AGGREGATE, file('/tmp/\u001b[2J\u202e<b>\n')]).findings;
    assert.equal(found?.subject, '/tmp/\\u001b[2J\\u202e<b>\\u000a');
  });

  it('judges nothing without a policy, and still replays', () => {
    const none = appraised([...GOOD, file('/opt/x')], { policies: [] });
    assert.deepEqual([none.state, none.findings, none.progress?.unjudged], ['believed', [], 3]);
    const other = appraiseImaSegment(
      undefined,
      binaryList(...GOOD),
      context(quote([]), { policies: [] }),
    );
    assert.equal(other.state, 'none');
  });

  describe('its boot_aggregate', () => {
    it('is of PCR 0 to 9, or of PCR 0 to 7', () => {
      for (const last of [7, 9]) assert.deepEqual(codes(appraised([aggregate(last)])), []);
      assert.deepEqual(codes(appraised([aggregate(8)])), ['IMA_BOOT_AGGREGATE enforce']);
    });

    it('is the first entry', () => {
      assert.deepEqual(codes(appraised([file('/usr/bin/bash')])), ['IMA_BOOT_AGGREGATE enforce']);
    });

    it('is not behind a violation, nor behind an entry of another PCR, whatever a policy warns of', () => {
      const policies = [{ document: 'mild', policy: { ...POLICY, mode: 'warn' as const } }];
      for (const more of [{ violation: true }, { pcr: 11 }]) {
        const entries = [file('/usr/bin/bash', more), aggregate(8)];
        assert.ok(codes(appraised(entries, { policies })).includes('IMA_BOOT_AGGREGATE enforce'));
      }
    });

    it('warns, or does what the policy says, where its PCRs were not quoted', () => {
      const sha1 = {
        template: 'ima-ng',
        fields: [named('sha1', digestOf('x', 'sha1')), name('boot_aggregate')],
      };
      assert.deepEqual(codes(appraised([sha1])), ['IMA_BOOT_AGGREGATE_UNPROVEN warn']);
      const policies = [
        { document: 'runtime', policy: { ...POLICY, bootAggregate: 'observe' as const } },
      ];
      assert.deepEqual(codes(appraised([sha1], { policies })), [
        'IMA_BOOT_AGGREGATE_UNPROVEN observe',
      ]);
    });

    it('is counted each time, whatever a document lists', () => {
      const twice = [AGGREGATE, aggregate(7), file('/usr/bin/bash')];
      const listed = {
        mode: 'enforce' as const,
        files: [
          {
            digests: `${hex(hash('sha256', ...STATIC.slice(0, 8)))}  boot_aggregate\n${lineOf('/usr/bin/bash')}`,
          },
        ],
      };
      for (const policy of [POLICY, listed]) {
        const policies = [{ document: 'runtime', policy }];
        assert.equal(appraised(twice, { policies }).progress?.bootAggregates, 2);
      }
    });
  });

  describe('where something is not there', () => {
    const zero = new Map([['sha256', new Map([[10, new Uint8Array(32)]])]] as const);
    const without10 = new Map([['sha256', new Map([[0, STATIC[0]!]])]] as const);

    it('PCR 10 moved and no list: IMA_LOG_MISSING', () => {
      for (const bytes of [undefined, new Uint8Array()]) {
        const { state, findings } = appraiseImaSegment(undefined, bytes, context(quote(GOOD)));
        assert.deepEqual(
          [state, findings.map(({ code }) => code)],
          ['refused', ['IMA_LOG_MISSING']],
        );
      }
    });

    it('PCR 10 is not quoted: IMA_NOT_QUOTED where a policy asks for it, and nothing is believed', () => {
      const bytes = binaryList(...GOOD);
      const asked = appraiseImaSegment(undefined, bytes, context(without10));
      assert.deepEqual(
        [asked.state, codes(asked), asked.progress],
        ['none', ['IMA_NOT_QUOTED enforce'], undefined],
      );
      assert.deepEqual(
        codes(appraiseImaSegment(undefined, bytes, context(without10, { policies: [] }))),
        [],
      );
    });

    it('PCR 10 is zero: IMA_NOT_MEASURED where a policy asks, whatever list there is', () => {
      for (const bytes of [undefined, binaryList(...GOOD)]) {
        assert.deepEqual(codes(appraiseImaSegment(undefined, bytes, context(zero))), [
          'IMA_NOT_MEASURED enforce',
        ]);
        assert.deepEqual(
          codes(appraiseImaSegment(undefined, bytes, context(zero, { policies: [] }))),
          [],
        );
      }
    });

    it('the list of another place, or of documents that have changed: it is wanted from there', () => {
      const first = appraised(GOOD);
      const more = [...GOOD, file('/usr/bin/bash', { violation: true })];
      const rest = binaryList(more[3]!);
      const at = (fromEntry: number, changed: Partial<ImaSegmentContext> = {}) =>
        appraiseImaSegment(first.progress, rest, context(quote(more), { fromEntry, ...changed }));
      assert.deepEqual(
        [at(4).state, at(4).nextEntry, codes(at(4))],
        ['wanted', 3, ['IMA_LOG_WANTED enforce']],
      );
      const changed = { policies: [{ document: 'runtime web version 4', policy: POLICY }] };
      assert.deepEqual([at(3, changed).state, at(3, changed).nextEntry], ['wanted', 0]);
      const anew = appraiseImaSegment(
        first.progress,
        binaryList(...more),
        context(quote(more), changed),
      );
      assert.deepEqual([anew.state, anew.believedEntries], ['believed', 4]);
      const lost = appraiseImaSegment(undefined, rest, context(quote(more), { fromEntry: 3 }));
      assert.deepEqual([lost.state, lost.nextEntry], ['wanted', 0]);
    });

    it('a bank that was not quoted before: the list is wanted anew', () => {
      const first = appraised(GOOD);
      const both = new Map([...quote(GOOD), ...quote(GOOD, false, 'sha384')]);
      const next = appraiseImaSegment(first.progress, undefined, context(both, { fromEntry: 3 }));
      assert.deepEqual([next.state, next.nextEntry], ['wanted', 0]);
      const anew = appraiseImaSegment(first.progress, binaryList(...GOOD), context(both));
      assert.deepEqual(Object.keys(anew.progress?.values ?? {}), ['sha256', 'sha384']);
    });
  });
});
