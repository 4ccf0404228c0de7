import assert from 'node:assert/strict';
import type { Baseline } from '@touchstone/schemas';
import { captureBaselines, CaptureError } from '../index.ts';
import {
  file,
  goodLog,
  HOST_ID,
  logOf,
  makeEvidence,
  MEASURED,
  newEvent,
  sha256,
  valuesAfter,
} from './support/made-evidence.ts';
import { APPROVED, appraised, capture, enforced, verified } from './support/made-host.ts';

const input = {
  evidence: verified(makeEvidence()),
  class: 'software',
  hostId: HOST_ID,
  name: 'shed',
  labels: {},
  provenance: {
    host: HOST_ID,
    hostName: 'host',
    resetCount: 7,
    capturedAt: '2026-11-22T11:00:00.000Z',
    hostState: 'pending',
  },
  versionOf: () => 4,
} as const;

const refuses = (code: string, capturing: () => unknown): void => {
  assert.throws(capturing, (error: unknown) => {
    assert.ok(error instanceof CaptureError, String(error));
    assert.equal(error.code, code);
    return true;
  });
};

describe('captureBaselines', () => {
  it('makes a document of what changes together', () => {
    const shown = APPROVED.map(({ part, rules }) => [part, rules.map(({ id, pcr }) => [id, pcr])]);
    assert.deepEqual(shown, [
      [
        'bootChain',
        [
          ['boot-vmlinuz', 9],
          ['boot-initrd.img', 9],
        ],
      ],
      ['commandLine', [['command-line', 8]]],
      [
        'runtime',
        [
          ['usr-lib-touchstone', 13],
          ['etc-touchstone-agent.yaml', 13],
          ['etc-touchstone-extra.yaml', 13],
        ],
      ],
    ]);
  });

  it('names path and file of each measurement, and enforces it', () => {
    const [kernel] = APPROVED[0]?.rules ?? [];
    assert.equal(kernel?.mode, 'enforce');
    const [allowed] = kernel.allow ?? [];
    assert.equal(allowed?.name, '/boot/vmlinuz');
    assert.equal(allowed.file, sha256('kernel'));
    assert.match(allowed.sha256 ?? '', /^[0-9a-f]{64}$/);
  });

  it('is for this host alone where no labels are given', () => {
    const [first] = captureBaselines(input);
    assert.equal(first?.match.host, HOST_ID);
    assert.equal(first.version, 4);
    assert.equal(capture()[0]?.match.host, undefined);
  });

  it('approves exactly what was captured: the same host has no enforced finding', () => {
    const baselines: readonly Baseline[] = captureBaselines(input);
    assert.deepEqual(enforced(appraised({}, { baselines })), []);
  });

  it('makes one rule of one measurement made twice', () => {
    const measured = [...MEASURED, ...MEASURED.slice(1, 2)];
    const [boot] = capture(makeEvidence({ log: goodLog(measured) }));
    assert.equal(boot?.rules.find(({ id }) => id === 'boot-vmlinuz')?.times, 2);
  });

  it('gives no id twice, whatever the paths', () => {
    const paths = ['/etc/A', '/etc/a', '/etc/-a', '/etc/a-2', `/${'x'.repeat(99)}`, '/é', '/'];
    const files = paths.slice(0, -1).map((path) => file(13, path, path));
    const root = { pcr: 13, event: { kind: 'tree', path: '/', sha256: sha256('/') } } as const;
    const documents = capture(makeEvidence({ log: goodLog([...files, root]) }));
    const ids = documents[0]?.rules.map(({ id }) => id) ?? [];
    assert.equal(new Set(ids).size, paths.length);
    assert.deepEqual(ids.slice(0, 4), ['etc-a', 'etc-a-2', 'etc-a-3', 'etc-a-2-2']);
  });

  it('refuses a log that does not give the quote: CAPTURE_INTEGRITY', () => {
    const log = goodLog(MEASURED.slice(1));
    const evidence = verified(makeEvidence({ log, pcrs: valuesAfter(goodLog()) }));
    refuses('CAPTURE_INTEGRITY', () => captureBaselines({ ...input, evidence }));
  });

  it('refuses a log of another kind, and none: CAPTURE_INTEGRITY', () => {
    const foreign = makeEvidence({ log: logOf(MEASURED.map(newEvent), new Uint8Array()) });
    for (const evidence of [verified(foreign), verified(makeEvidence({ log: null }))]) {
      refuses('CAPTURE_INTEGRITY', () => captureBaselines({ ...input, evidence }));
    }
  });

  it('refuses a host that measured nothing: CAPTURE_EMPTY', () => {
    const evidence = verified(makeEvidence({ log: logOf([]) }));
    refuses('CAPTURE_EMPTY', () => captureBaselines({ ...input, evidence }));
  });

  it('refuses the log of a software TPM for a host with a chip: CAPTURE_INTEGRITY', () => {
    for (const assuranceClass of ['discrete', 'firmware', 'virtual'] as const) {
      const capturing = () => captureBaselines({ ...input, class: assuranceClass });
      refuses('CAPTURE_INTEGRITY', capturing);
    }
  });

  it('refuses what no baseline can hold: CAPTURE_UNFIT', () => {
    refuses('CAPTURE_UNFIT', () => captureBaselines({ ...input, name: 'Not A Slug' }));
  });
});
