import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { EXIT } from '../index.ts';
import { newOperator } from './support/operator.ts';

type PcrValues = Record<string, Record<string, string>>;
type ManifestEntry = {
  readonly kind: string;
  readonly path: string;
  readonly expected: {
    /** "ok", or begins with "error". */
    readonly parse: string;
    readonly format?: string;
    readonly oracle?: string;
    readonly changedPcrs?: readonly string[] | null;
  };
};
type Oracle = {
  readonly pcrs: PcrValues;
  readonly events: readonly (readonly [
    index: number,
    offset: number,
    pcr: number,
    type: string,
    dataLength: number,
    digests: readonly (readonly [bank: string, digest: string])[],
  ])[];
};
type Report = {
  readonly format: string;
  readonly events: readonly {
    readonly index: number;
    readonly offset: number;
    readonly pcr: number;
    readonly type: number;
    readonly typeName: string;
    readonly digests: Readonly<Record<string, string>>;
    readonly dataLength: number;
  }[];
  readonly pcrs: PcrValues;
  readonly findings: readonly { readonly code: string }[];
};

const json = <T>(path: string): T => JSON.parse(readFileSync(corpusPath(path), 'utf8')) as T;

describeCorpus('touchstone inspect eventlog, of the corpus', () => {
  const operator = newOperator();
  after(() => operator.leave());
  const inspect = (path: string) =>
    operator.run(['inspect', 'eventlog', corpusPath(path), '--json']);
  async function reportOf(path: string): Promise<Report> {
    const { exit, out, err } = await inspect(path);
    assert.deepEqual([exit, err], [EXIT.yes, '']);
    return JSON.parse(out) as Report;
  }
  async function assertMalformed(path: string): Promise<void> {
    const { exit, out } = await inspect(path);
    assert.equal(exit, EXIT.malformed);
    const { error } = JSON.parse(out) as { error: object };
    assert.deepEqual(Object.keys(error), ['code', 'field', 'offset']);
  }

  const manifest = json<ManifestEntry[]>('manifest.json');
  for (const { path, expected } of manifest.filter(({ kind }) => kind === 'eventlog')) {
    if (expected.parse !== 'ok') {
      it(`is 65 for ${path}, as the manifest says`, () => assertMalformed(path));
      continue;
    }
    it(`prints of ${path} what the independent parser found`, async () => {
      assert.ok(expected.oracle);
      const oracle = json<Oracle>(expected.oracle);
      const { format, events, pcrs, findings } = await reportOf(path);
      assert.equal(format, expected.format);
      assert.deepEqual(pcrs, oracle.pcrs);
      assert.deepEqual(
        events.map(({ index, offset, pcr, digests, dataLength }) => [
          index,
          offset,
          pcr,
          dataLength,
          digests,
        ]),
        oracle.events.map(([index, offset, pcr, , dataLength, digests]) => [
          index,
          offset,
          pcr,
          dataLength,
          Object.fromEntries(digests),
        ]),
      );
      const codes = new Set(findings.map(({ code }) => code));
      assert.equal(codes.has('LOG_LEGACY'), format === 'legacy-sha1');
      assert.equal(codes.has('LOG_OF_CC_REGISTERS'), /\/(ccel-|trustee-CCEL)/u.test(path));
      assert.ok(!codes.has('EVENT_DATA_MISMATCH') && !codes.has('STARTUP_LOCALITY'));
    });
  }

  for (const { path, expected } of manifest.filter(({ kind }) => kind === 'eventlog-derived')) {
    if (expected.parse !== 'ok') {
      it(`is 65 for ${path}`, () => assertMalformed(path));
      continue;
    }
    it(`prints of ${path} the PCRs that the change changed`, async () => {
      const original = path.replace('eventlogs-derived/', 'eventlogs/').replace(/--.*\./u, '.');
      const before = (await reportOf(original)).pcrs;
      const after = await reportOf(path);
      const changed = Object.entries(before).flatMap(([bank, values]) =>
        Object.keys(values)
          .filter((pcr) => values[pcr] !== after.pcrs[bank]?.[pcr])
          .map((pcr) => `${bank}:${pcr}`),
      );
      assert.deepEqual(changed, expected.changedPcrs);
      const mismatch = after.findings.some(({ code }) => code === 'EVENT_DATA_MISMATCH');
      assert.equal(mismatch, path.includes('event-data-flipped'));
    });
  }

  const BOOTS = ['a-sb-on', 'a2-sb-on-again', 'b3-sb-off-linuxefi', 'c-cmdline', 'd-initrd'];
  for (const boot of [...BOOTS, 'f-mok-enrolled', 'g-ima-attacker', 'h-optionrom', 'k-tis']) {
    it(`prints of boots/${boot} what its TPM held`, async () => {
      const expected = json<{ pcrs: PcrValues }>(`boots/${boot}/expected.json`).pcrs;
      const { pcrs, findings } = await reportOf(`boots/${boot}/binary_bios_measurements`);
      assert.deepEqual(findings, []);
      for (const [bank, values] of Object.entries(pcrs)) {
        for (const [pcr, value] of Object.entries(values)) {
          assert.equal(value, expected[bank]?.[pcr], `${bank}:${pcr}`);
        }
      }
    });
  }

  it('is 65 for boots/b-sb-off, whose log has no bytes: LOG_EMPTY', async () => {
    const { exit, out } = await inspect('boots/b-sb-off/binary_bios_measurements');
    assert.equal(exit, EXIT.malformed);
    assert.deepEqual(JSON.parse(out), { error: { code: 'LOG_EMPTY', field: 'log', offset: 0 } });
  });
});
