import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import {
  dataCoverage,
  digestCoversData,
  parseEventLog,
  type Replay,
  replayEventLog,
} from '../index.ts';
import { hex } from './sample-log.ts';

type PcrValues = Record<string, Record<string, string>>;
type ManifestEntry = {
  readonly kind: string;
  readonly path: string;
  readonly source: { readonly extraction?: string };
  readonly expected: {
    /** "ok", or begins with "error". */
    readonly parse: string;
    readonly format?: string | null;
    readonly oracle?: string;
    readonly changedPcrs?: readonly string[] | null;
    readonly note?: string;
  };
};
type Oracle = { readonly eventsCount: number; readonly pcrs: PcrValues };

const json = <T>(path: string): T => JSON.parse(readFileSync(corpusPath(path), 'utf8')) as T;
const log = (path: string) => parseEventLog(readFileSync(corpusPath(path)));

const valuesOf = ({ banks }: Replay): PcrValues =>
  Object.fromEntries(
    [...banks].map(([bank, values]) => [
      bank,
      Object.fromEntries([...values].map(([pcr, value]) => [pcr, hex(value)])),
    ]),
  );

/** Refused though the manifest has values for them. */
const REFUSED: readonly { readonly name: RegExp; readonly code: string; readonly why: string }[] = [
  {
    name: /^(ccel-|trustee-CCEL_)/,
    code: 'LOG_FORMAT_UNKNOWN',
    why: 'registers of a confidential VM, not PCRs',
  },
];
/** The only logs that no parser can read: an event's digest is of an algorithm not declared. */
const UNDECLARED = /^hirs-spdm-v[01]$/;
/** Windows ends these with an event of PCR 0xFFFFFFFF that the corpus counts as an end marker. */
const ENDS_WITH_NO_PCR =
  /^(immune-ev-IMN-SUPERMICRO-.*|immune-ev-r340|immune-supermicro-wbcl-osload|pyuefi-(ideapad|thinkpad))$/;

describeCorpus('event logs of real machines', () => {
  const manifest = json<ManifestEntry[]>('manifest.json');
  const logs = manifest.filter(({ kind }) => kind === 'eventlog');

  for (const { path, expected } of logs) {
    const name = basename(path, '.bin');
    const refusal = REFUSED.find((entry) => entry.name.test(name));
    if (expected.format === 'legacy-sha1') {
      it(`${name} is refused: LOG_LEGACY`, () => {
        assert.throws(() => log(path), { code: 'LOG_LEGACY' });
      });
    } else if (refusal) {
      it(`${name} is refused, ${refusal.why}: ${refusal.code}`, () => {
        assert.throws(() => log(path), { code: refusal.code });
      });
    } else if (UNDECLARED.test(name)) {
      it(`${name} is refused: DIGEST_UNDECLARED`, () => {
        assert.throws(() => log(path), { code: 'DIGEST_UNDECLARED' });
      });
    } else if (expected.parse.startsWith('error')) {
      it(`${name} is refused`, () => {
        assert.throws(() => log(path), { name: 'ParseError' });
      });
    } else {
      it(`${name} replays to the PCRs of the independent parser`, () => {
        assert.ok(expected.oracle);
        const oracle = json<Oracle>(expected.oracle);
        const parsed = log(path);
        const replay = replayEventLog(parsed);
        assert.deepEqual(valuesOf(replay), oracle.pcrs);
        assert.deepEqual(replay.problems, []);
        const extra = ENDS_WITH_NO_PCR.test(name) ? 1 : 0;
        assert.equal(1 + parsed.events.length, oracle.eventsCount + extra);
        for (const event of parsed.events) {
          if (event.extends && dataCoverage(event.claimedType) === 'always') {
            assert.ok(digestCoversData(event), `event ${event.index} ${event.claimedTypeName}`);
          }
        }
      });
    }
  }

  it('are 79 that replay', () => {
    const replayed = logs.filter(({ path, expected }) => {
      const name = basename(path, '.bin');
      const isOther = REFUSED.some((entry) => entry.name.test(name)) || UNDECLARED.test(name);
      return expected.format === 'crypto-agile' && !isOther;
    });
    assert.equal(replayed.length, 79);
  });
});

describeCorpus('event logs that were tampered with', () => {
  const derived = json<ManifestEntry[]>('manifest.json').filter(
    ({ kind }) => kind === 'eventlog-derived',
  );
  for (const { path, expected } of derived) {
    const name = basename(path, '.bin');
    const original = `eventlogs/${name.slice(0, name.indexOf('--'))}.bin`;
    if (original.includes('goattest-linux_tpm12')) {
      it(`${name} is refused: LOG_LEGACY`, () => {
        assert.throws(() => log(path), { code: 'LOG_LEGACY' });
      });
    } else if (expected.parse.startsWith('error')) {
      it(`${name} is refused (${expected.note ?? ''})`, () => {
        assert.throws(() => log(path), {
          name: 'ParseError',
          code: /^(TRUNCATED|DIGEST_COUNT|DIGEST_UNDECLARED)$/,
        });
      });
    } else {
      it(`${name}: ${expected.note ?? ''}`, () => {
        assert.deepEqual(changed(original, path), expected.changedPcrs);
      });
    }
  }

  it('show a tampered secure-boot variable by its digest', () => {
    const path = 'eventlogs-derived/ibmtss-hp1--event-data-flipped-digest-kept.bin';
    const tampered = log(path).events.filter(
      (event) => dataCoverage(event.claimedType) === 'always' && !digestCoversData(event),
    );
    assert.deepEqual(
      tampered.map(({ index }) => index),
      [3],
    );
  });

  function changed(original: string, path: string): string[] {
    const before = valuesOf(replayEventLog(log(original)));
    const after = valuesOf(replayEventLog(log(path)));
    return Object.entries(before).flatMap(([bank, values]) =>
      Object.keys(values).flatMap((pcr) =>
        values[pcr] === after[bank]?.[pcr] ? [] : [`${bank}:${pcr}`],
      ),
    );
  }
});

describeCorpus('event logs of measured boots', () => {
  const BOOTS = [
    'a-sb-on',
    'a2-sb-on-again',
    'b3-sb-off-linuxefi',
    'c-cmdline',
    'd-initrd',
    'f-mok-enrolled',
    'g-ima-attacker',
    'h-optionrom',
    'k-tis',
  ];
  for (const boot of BOOTS) {
    it(`${boot} replays to what its TPM held`, () => {
      const { pcrs } = json<{ pcrs: PcrValues }>(`boots/${boot}/expected.json`);
      const replay = replayEventLog(log(`boots/${boot}/binary_bios_measurements`));
      assert.ok((replay.banks.get('sha256')?.size ?? 0) > 7);
      for (const [bank, values] of Object.entries(valuesOf(replay))) {
        for (const [pcr, value] of Object.entries(values)) {
          assert.equal(value, pcrs[bank]?.[pcr], `${bank}:${pcr}`);
        }
      }
      assert.deepEqual(replay.incompleteBanks, []);
    });
  }

  it('b-sb-off has a log of no bytes: LOG_EMPTY', () => {
    assert.throws(() => log('boots/b-sb-off/binary_bios_measurements'), { code: 'LOG_EMPTY' });
  });
});
