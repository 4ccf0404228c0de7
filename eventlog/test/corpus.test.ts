import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import {
  dataCoverage,
  digestCoversData,
  parseCcEventLog,
  parseEventLog,
  replayCcEventLog,
  type Replay,
  replayEventLog,
} from '../index.ts';
import { hex, legacyLogOf } from './sample-log.ts';

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
type Oracle = {
  readonly eventsCount: number;
  readonly pcrs: PcrValues;
  /** Padding or an end marker. */
  readonly trailing: { readonly bytes: number } | null;
};

const json = <T>(path: string): T => JSON.parse(readFileSync(corpusPath(path), 'utf8')) as T;
const log = (path: string) => parseEventLog(readFileSync(corpusPath(path)));

const oracleOf = ({ oracle }: ManifestEntry['expected']): Oracle => {
  assert.ok(oracle);
  return json<Oracle>(oracle);
};

const valuesOf = ({ banks }: Replay): PcrValues => hexByBank([...banks]);
const hexByBank = (
  banks: readonly (readonly [bank: string, values: ReadonlyMap<number, Uint8Array>])[],
): PcrValues =>
  Object.fromEntries(
    banks.map(([bank, values]) => [
      bank,
      Object.fromEntries([...values].map(([pcr, value]) => [pcr, hex(value)])),
    ]),
  );

/** What the manifest says cannot be parsed, and why. There is no other log of the corpus that is refused. */
const REFUSED: Readonly<Record<string, string>> = {
  // An event patched in has a digest of an algorithm that the Spec ID event does not declare.
  'hirs-spdm-v0': 'DIGEST_UNDECLARED',
  'hirs-spdm-v1': 'DIGEST_UNDECLARED',
  'neg-keylime-bogus': 'LOG_FORMAT_UNKNOWN',
  'neg-keylime-empty': 'LOG_EMPTY',
};
/** The manifest calls these crypto-agile, which their layout is; their registers are no PCRs. */
const OF_CC_REGISTERS = /^(ccel-google-|trustee-CCEL_)/;
/** Windows ends these with an event of PCR 0xFFFFFFFF. */
const ENDS_WITH_MARKER =
  /^(immune-ev-IMN-SUPERMICRO-.*|immune-ev-r340|immune-supermicro-wbcl-osload|pyuefi-(ideapad|thinkpad))$/;

describeCorpus('event logs of real machines', () => {
  const manifest = json<ManifestEntry[]>('manifest.json');
  const logs = manifest.filter(({ kind }) => kind === 'eventlog');

  for (const { path, expected } of logs) {
    const name = basename(path, '.bin');
    const code = REFUSED[name];
    if (code !== undefined) {
      it(`${name} is refused, as the manifest says: ${code}`, () => {
        assert.match(expected.parse, /^error/);
        assert.throws(() => log(path), { code });
        assert.throws(() => parseCcEventLog(readFileSync(corpusPath(path))));
      });
    } else if (OF_CC_REGISTERS.test(name)) {
      it(`${name} replays to its registers, and is no log of PCRs: LOG_OF_CC_REGISTERS`, () => {
        assert.throws(() => log(path), { code: 'LOG_OF_CC_REGISTERS' });
        const parsed = parseCcEventLog(readFileSync(corpusPath(path)));
        const { pcrs, eventsCount, trailing } = oracleOf(expected);
        const banks = [...replayCcEventLog(parsed)];
        assert.deepEqual(hexByBank(banks.map(([bank, { values }]) => [bank, values])), pcrs);
        assert.ok(banks.every(([, { incomplete }]) => incomplete.size === 0));
        assert.equal(1 + parsed.events.length, eventsCount);
        assert.equal(parsed.paddingBytes, trailing?.bytes ?? 0);
      });
    } else {
      it(`${name} replays to the PCRs of the independent parser`, () => {
        assert.equal(expected.parse, 'ok');
        const { pcrs, eventsCount, trailing } = oracleOf(expected);
        const parsed = log(path);
        const replay = replayEventLog(parsed);
        assert.equal(parsed.format, expected.format);
        assert.deepEqual(valuesOf(replay), pcrs);
        assert.deepEqual(replay.problems, []);
        const hasMarker = ENDS_WITH_MARKER.test(name);
        assert.equal(parsed.paddingBytes, hasMarker ? 0 : (trailing?.bytes ?? 0));
        if (parsed.format === 'legacy-sha1') {
          assert.equal(parsed.events.length, eventsCount);
          return;
        }
        assert.equal(1 + parsed.events.length, eventsCount);
        assert.equal(parsed.endMarkers.length, hasMarker ? 1 : 0);
        for (const event of parsed.events) {
          if (event.extends && dataCoverage(event.claimedType) === 'always') {
            assert.ok(digestCoversData(event), `event ${event.index} ${event.claimedTypeName}`);
          }
        }
      });
    }
  }

  it('are 105: 79 crypto-agile, 14 SHA-1 only and 8 of other registers replay, 4 are refused', () => {
    const names = logs.map(({ path }) => basename(path, '.bin'));
    const ofPcrs = logs.filter((_, at) => {
      const name = names[at] ?? '';
      return !(name in REFUSED) && !OF_CC_REGISTERS.test(name);
    });
    const count = (format: string): number =>
      ofPcrs.filter(({ expected }) => expected.format === format).length;
    const cc = names.filter((name) => OF_CC_REGISTERS.test(name)).length;
    const refused = names.filter((name) => name in REFUSED).length;
    assert.deepEqual(
      [logs.length, count('crypto-agile'), count('legacy-sha1'), cc, refused],
      [105, 79, 14, 8, 4],
    );
  });
});

describeCorpus('event logs that were tampered with', () => {
  const derived = json<ManifestEntry[]>('manifest.json').filter(
    ({ kind }) => kind === 'eventlog-derived',
  );
  for (const { path, expected } of derived) {
    const name = basename(path, '.bin');
    const original = `eventlogs/${name.slice(0, name.indexOf('--'))}.bin`;
    if (expected.parse.startsWith('error')) {
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

describeCorpus('fragments of event logs that must be refused', () => {
  const fragment = (name: string): Buffer => readFileSync(corpusPath('fragments', `${name}.bin`));

  it('goattest-neg-event-size-too-large: LOG_FORMAT_UNKNOWN', () => {
    const bytes = fragment('goattest-neg-event-size-too-large');
    assert.throws(() => parseEventLog(bytes), { code: 'LOG_FORMAT_UNKNOWN' });
  });

  it('goattest-neg-specid-bad-version, as the data of a Spec ID event: SPEC_ID_VERSION', () => {
    const data = fragment('goattest-neg-specid-bad-version');
    const bytes = legacyLogOf([{ pcr: 0, type: 3, data }]);
    assert.throws(() => parseEventLog(bytes), { code: 'SPEC_ID_VERSION' });
  });
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
