import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '@touchstone/cli';
import {
  HostDetail,
  type TrustBundle,
  TrustBundles,
  VerdictDays,
  VerdictPage,
} from '@touchstone/schemas';
import { CHANGED_BOOT } from '../support/measured-boot.ts';
import { change, corrupt } from '../support/records.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

type Verdicts = {
  readonly same: number;
  readonly differ: readonly {
    readonly id: string;
    readonly differences: readonly { readonly code: string; readonly where: string }[];
  }[];
  readonly otherRules: Readonly<Record<string, number>>;
  readonly withoutContext: number;
  readonly gone: number;
  readonly more: boolean;
};

describe('touchstone audit verify, of verdicts', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let home: string;
  let host: TestHost;

  const command = async (...argv: readonly string[]) => {
    let [out, err] = ['', ''];
    const exit = await runCli({
      ...{ argv, env: {}, configHome: home },
      stdout: { write: (text) => (out += text) },
      stderr: { write: (text) => (err += text) },
    });
    return { exit, out, err };
  };
  const verify = async (...args: readonly string[]) => {
    const { exit, out, err } = await command('audit', 'verify', '--json', ...args);
    assert.ok(exit <= 1, err);
    return { exit, ...(JSON.parse(out) as { verdicts: Verdicts }).verdicts };
  };
  const stored = async () => {
    const { days } = await touchstone.operator('GET', '/v1/verdict-days', VerdictDays);
    const path = `/v1/verdict-days/${days[0]}?limit=10`;
    return (await touchstone.operator('GET', path, VerdictPage)).verdicts;
  };
  const oneOf = async (cause: string) => {
    const found = (await stored()).find(
      (one) => one.cause === cause && JSON.stringify(one.baselines) !== '[]',
    );
    assert.ok(found?.context, `no verdict by ${cause}`);
    return { ...found, context: found.context };
  };

  before(async function () {
    this.timeout(180_000);
    touchstone = await startTouchstone();
    home = await mkdtemp(join(tmpdir(), 'ts-verdicts-'));
    const tokenFile = join(home, 'token');
    await writeFile(tokenFile, touchstone.token, { mode: 0o600 });
    const { exit } = await command(
      ...['login', '--server', touchstone.url, '--fingerprint', touchstone.fingerprint],
      ...['--token-file', tokenFile],
    );
    assert.equal(exit, 0);
    // By enrolment, by the approval of its baseline, by evidence good and bad, and by a person's approval.
    host = await TestHost.trusted(touchstone);
    await host.attest();
    await host.reboot(CHANGED_BOOT);
    await host.attest();
    await host.reboot();
    await host.attest();
    const { hostId: id, akName } = host;
    const approval = { akName, classes: ['software'], labels: { site: host.name, rack: '7' } };
    await touchstone.operator('POST', `/v1/hosts/${id}/approval`, HostDetail, approval);
  });
  after(async () => {
    await host?.stop();
    await touchstone?.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('makes each again, of whatever cause, and finds it the same', async () => {
    const { exit, same, differ, ...rest } = await verify();
    const all = await stored();
    assert.deepEqual(differ, []);
    assert.deepEqual([exit, same], [0, all.length]);
    assert.deepEqual(rest, { otherRules: {}, withoutContext: 0, gone: 0, more: false });
    const causes = new Set(all.map(({ cause }) => cause));
    assert.deepEqual(causes, new Set(['evidence', 'baseline-approval', 'host-approval']));
    assert.match((await command('audit', 'verify')).out, /verdicts +\d+ verdicts made again/u);
  });

  it('stores what hosts of one policy are held against once', async () => {
    const contexts = (await stored()).map(({ context }) => context?.shared);
    assert.ok(new Set(contexts).size < contexts.length);
  });

  it('looks at as many as it is told, and says that there are more', async () => {
    const { same, more } = await verify('--limit', '2');
    assert.deepEqual([same, more], [2, true]);
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    const later = await verify('--since', tomorrow);
    assert.deepEqual([later.same, later.more], [0, false]);
    const { exit, err } = await command('audit', 'verify', '--since', 'yesterday');
    assert.equal(exit, 64, err);
  });

  it('exports what one was made from, and appraise gives the bytes whose digest was noted', async () => {
    for (const cause of ['evidence', 'baseline-approval', 'host-approval']) {
      const { id, context, verdict } = await oneOf(cause);
      const dir = join(home, `${cause}-files`);
      const exported = await command('audit', 'export', id, dir, '--json');
      assert.equal(exported.exit, 0, exported.err);
      const files = [
        ...['--evidence', join(dir, 'evidence.json')],
        ...['--context', join(dir, 'context.json')],
      ];
      const { exit, out, err } = await command('appraise', ...files, '--json');
      // Good evidence is yes, with a warning too; before a baseline is approved it is no.
      const expected = verdict === 'warning' ? 0 : 1;
      assert.equal(exit, expected, err);
      const bytes = out.replace(/\n$/u, '');
      assert.equal((JSON.parse(bytes) as { verdict: string }).verdict, verdict);
      assert.equal(createHash('sha256').update(bytes).digest('hex'), context.outcome);
      const people = await command('appraise', ...files);
      assert.equal(people.exit, expected);
      assert.ok(people.out.includes(context.outcome));
      // Nothing that is there is written over.
      const again = await command('audit', 'export', id, dir);
      assert.deepEqual([again.exit, /FILE_UNWRITABLE/u.test(again.err)], [64, true]);
    }
  });

  it('tells evidence and contexts that are none from such as are not good', async () => {
    const dir = join(home, 'evidence-files');
    const [evidence, context] = [join(dir, 'evidence.json'), join(dir, 'context.json')];
    const changed = join(home, 'changed.json');
    const appraise = (files: { evidence?: string; context?: string }) => {
      const { evidence: e = evidence, context: c = context } = files;
      return command('appraise', '--evidence', e, '--context', c, '--json');
    };
    const text = await readFile(context, 'utf8');
    const cases: readonly (readonly [other: string, exit: number, code: RegExp])[] = [
      [text.replace('"software"', '"soft"'), 65, /CONTEXT_MALFORMED/u],
      [text.slice(1), 65, /CONTEXT_MALFORMED/u],
      [text.replace(/\\"version\\":\d/u, '\\"version\\":9'), 65, /CONTEXT_MALFORMED/u],
      [text.replace('"verify-only"', '"refused"').replace('"active"', '"refused"'), 1, /REFUSED/u],
    ];
    for (const [other, exit, code] of cases) {
      assert.notEqual(other, text);
      await writeFile(changed, other);
      const seen = await appraise({ context: changed });
      assert.deepEqual([seen.exit, code.test(seen.out + seen.err)], [exit, true], seen.err);
    }
    await writeFile(changed, '{}');
    const none = await appraise({ evidence: changed });
    assert.deepEqual([none.exit, /EVIDENCE_MALFORMED/u.test(none.err)], [65, true]);
  });

  describe('finds what somebody changed in the database:', () => {
    const flip = (column: string) => `set_byte(${column}, 9, get_byte(${column}, 9) # 1)`;
    const DOCUMENT = `(SELECT c.documents[1] FROM contexts c JOIN attestations a ON a.shared_context = c.digest
                        WHERE a.id = $1 AND c.documents <> '{}')`;
    const LOG = `(SELECT e.blobs[1] FROM evidence e JOIN attestations a ON a.evidence = e.digest WHERE a.id = $1)`;
    const ofVerdict = (set: string) => `UPDATE attestations SET ${set} WHERE id = $1`;
    const ofEvidence = (set: string) =>
      `UPDATE evidence SET ${set} WHERE digest = (SELECT evidence FROM attestations WHERE id = $1)`;
    const ofBlob = (digest: string) =>
      `UPDATE blobs SET bytes = ${flip('bytes')} WHERE digest = ${digest}`;
    const SHARED = '(SELECT shared_context FROM attestations WHERE id = $1)';

    const COLUMNS = {
      attestations: `at, labels, baselines, policy_id, verdict, state, findings, events, result, context,
                     shared_context, outcome`,
      evidence: 'statement, attest, signature, pcrs, selection, ak_public',
    };
    before(() =>
      change(
        touchstone,
        `CREATE SCHEMA saved; CREATE TABLE saved.attestations AS TABLE attestations;
         CREATE TABLE saved.evidence AS TABLE evidence; CREATE TABLE saved.blobs AS TABLE blobs`,
      ),
    );
    afterEach(() =>
      change(
        touchstone,
        `UPDATE attestations SET (${COLUMNS.attestations}) =
           (SELECT ${COLUMNS.attestations} FROM saved.attestations s WHERE s.id = attestations.id);
         UPDATE evidence SET (${COLUMNS.evidence}) =
           (SELECT ${COLUMNS.evidence} FROM saved.evidence s WHERE s.digest = evidence.digest);
         UPDATE blobs SET digest = s.digest FROM saved.blobs s
          WHERE blobs.bytes = s.bytes AND blobs.digest <> s.digest;
         UPDATE blobs SET bytes = s.bytes FROM saved.blobs s WHERE blobs.digest = s.digest`,
      ),
    );
    after(async () => assert.deepEqual((await verify()).differ, []));

    const table: { what: string; sql: string; codes: readonly string[] }[] = [
      {
        what: 'a verdict',
        sql: ofVerdict(`verdict = 'affirming'`),
        codes: ['VERDICT_CHANGED'],
      },
      {
        what: 'a finding',
        sql: ofVerdict(`findings = jsonb_set(findings, '{0,subject}', '"nothing"')`),
        codes: ['VERDICT_CHANGED'],
      },
      {
        what: 'a finding taken away',
        sql: ofVerdict(`findings = '[]'`),
        codes: ['VERDICT_CHANGED'],
      },
      {
        what: 'findings that are none',
        sql: ofVerdict(`findings = '{"a": 1}'`),
        codes: ['VERDICT_CHANGED'],
      },
      {
        what: 'an event',
        sql: ofVerdict(`events = jsonb_set(events, '{0,verdict}', '"unexpected"')`),
        codes: ['VERDICT_CHANGED'],
      },
      {
        what: 'the baselines used',
        sql: ofVerdict(`baselines = '[]'`),
        codes: ['VERDICT_CHANGED'],
      },
      { what: 'the state', sql: ofVerdict(`state = 'revoked'`), codes: ['RESULT_CHANGED'] },
      { what: 'the labels', sql: ofVerdict(`labels = '{"a": "b"}'`), codes: ['CONTEXT_CHANGED'] },
      {
        what: 'the time',
        sql: ofVerdict(`at = at + interval '1 millisecond'`),
        codes: ['CONTEXT_CHANGED'],
      },
      {
        what: 'the noted outcome',
        sql: ofVerdict(`outcome = repeat('a', 64)`),
        codes: ['OUTCOME_CHANGED'],
      },
      {
        what: 'the signed result, for that of another verdict',
        sql: ofVerdict(`result = (SELECT result FROM attestations b WHERE b.id <> $1 LIMIT 1)`),
        codes: ['RESULT_CHANGED'],
      },
      {
        what: 'the signature',
        sql: ofVerdict(`result = overlay(result PLACING 'AAAA' FROM length(result) - 9)`),
        codes: ['RESULT_CHANGED'],
      },
      {
        what: 'the rules, to what nobody here can make again',
        sql: ofVerdict(`policy_id = 'touchstone/appraisal/999'`),
        codes: ['RESULT_CHANGED'],
      },
      {
        what: 'the verdict, with its context taken away',
        sql: ofVerdict(
          `verdict = 'affirming', context = NULL, shared_context = NULL, outcome = NULL`,
        ),
        codes: ['RESULT_CHANGED'],
      },
      {
        what: 'the context, for another',
        sql: ofVerdict(
          `shared_context = (SELECT digest FROM contexts c WHERE c.digest <> shared_context LIMIT 1)`,
        ),
        codes: ['CONTEXT_CHANGED'],
      },
      {
        what: 'a byte of the quote',
        sql: ofEvidence(`attest = ${flip('attest')}`),
        codes: ['EVIDENCE_CHANGED'],
      },
      {
        what: 'a byte of the signature',
        sql: ofEvidence(`signature = ${flip('signature')}`),
        codes: ['EVIDENCE_CHANGED'],
      },
      {
        what: 'a byte of the statement',
        sql: ofEvidence(`statement = ${flip('statement')}`),
        codes: ['EVIDENCE_CHANGED'],
      },
      {
        what: 'a PCR value',
        sql: ofEvidence(`pcrs = jsonb_set(pcrs, '{sha256,0}', to_jsonb(repeat('ab', 32)))`),
        codes: ['EVIDENCE_CHANGED'],
      },
      {
        what: 'the selection',
        sql: ofEvidence(`selection = '{"sha256": [0]}'`),
        codes: ['CONTEXT_CHANGED'],
      },
      {
        what: 'the key',
        sql: ofEvidence(`ak_public = ${flip('ak_public')}`),
        codes: ['CONTEXT_CHANGED'],
      },
      { what: 'a byte of a log', sql: ofBlob(LOG), codes: ['EVIDENCE_CHANGED'] },
      { what: 'a byte of a context', sql: ofBlob(SHARED), codes: ['CONTEXT_CHANGED'] },
      { what: 'a byte of a document', sql: ofBlob(DOCUMENT), codes: ['CONTEXT_CHANGED'] },
      {
        what: 'a log that is gone',
        sql: `UPDATE blobs SET digest = repeat('0', 64) WHERE digest = ${LOG}`,
        codes: ['EVIDENCE_GONE'],
      },
      {
        what: 'a document that is gone',
        sql: `UPDATE blobs SET digest = repeat('1', 64) WHERE digest = ${DOCUMENT}`,
        codes: ['CONTEXT_GONE'],
      },
    ];
    for (const { what, sql, codes } of table) {
      it(`${what}: ${codes.join()}`, async () => {
        const { id } = await oneOf('evidence');
        await corrupt(touchstone, sql, [id]);
        const { exit, differ } = await verify();
        assert.equal(exit, 1);
        const found = differ.find((one) => one.id === id);
        assert.ok(found, `${id} in ${JSON.stringify(differ)}`);
        const seen = found.differences.map(({ code }) => code);
        for (const code of codes) assert.ok(seen.includes(code), seen.join());
      });
    }

    it('trust bundles of a key of their own: BUNDLE_KEY_OTHER', async () => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { x, y } = publicKey.export({ format: 'jwk' });
      const path = '/v1/trust-bundles/after/0';
      const { bundles } = await touchstone.operator('GET', path, TrustBundles);
      const [header = '', payload = ''] = bundles[0]?.split('.') ?? [];
      const bundle = JSON.parse(Buffer.from(payload, 'base64url').toString()) as TrustBundle;
      const forged = { ...bundle, bundleKey: { ...bundle.bundleKey, x, y } };
      const text = `${header}.${Buffer.from(JSON.stringify(forged)).toString('base64url')}`;
      const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
      const signature = sign('sha256', Buffer.from(text), key).toString('base64url');
      const put = (jws: string | undefined) =>
        corrupt(touchstone, 'UPDATE trust_bundles SET jws = $1 WHERE epoch = $2', [
          jws,
          bundle.epoch,
        ]);
      await put(`${text}.${signature}`);
      try {
        const { exit, err } = await command('audit', 'verify');
        assert.deepEqual([exit, /BUNDLE_KEY_OTHER/u.test(err)], [1, true], err);
      } finally {
        await put(bundles[0]);
      }
    });
  });
});
