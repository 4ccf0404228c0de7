import assert from 'node:assert/strict';
import { encodeSoftwareEvent, EV_EVENT_TAG, type NewEvent } from '@touchstone/eventlog';
import { hash } from '@touchstone/tpm';
import { appraised, codes, enforced } from './support/made-host.ts';
import {
  file,
  goodLog,
  logOf,
  logReference,
  makeEvidence,
  MEASURED,
  newEvent,
  PCRS,
  valuesAfter,
} from './support/made-evidence.ts';
import { appraiseEvidence } from '../index.ts';
import { appraisal, sha256 } from './support/made-evidence.ts';
import { APPROVED, verified } from './support/made-host.ts';

const VALUES = valuesAfter(goodLog());
const EVENTS = MEASURED.map(newEvent);

describe('the log against the quote', () => {
  for (const [at, { pcr }] of MEASURED.entries()) {
    it(`L1 finds event ${at + 1} dropped: the log no longer tells PCR ${pcr}`, () => {
      const log = logOf(EVENTS.filter((_, index) => index !== at));
      const result = appraised({ log, pcrs: VALUES });
      const lone = MEASURED.filter((other) => other.pcr === pcr).length === 1;
      const code = lone ? 'LOG_MISSING_FOR_PCR' : 'LOG_REPLAY_MISMATCH';
      const found = result.findings.find((one) => one.code === code);
      assert.equal(found?.subject, `PCR ${pcr} (sha256)`);
      assert.equal(found?.actual, VALUES.sha256?.[pcr]);
      assert.equal(result.verdict, 'contraindicated');
    });
  }

  it('L2 finds all events of a quoted PCR dropped: LOG_MISSING_FOR_PCR names it', () => {
    for (const pcr of [8, 9, 13]) {
      const log = goodLog(MEASURED.filter((one) => one.pcr !== pcr));
      const { findings, verdict } = appraised({ log, pcrs: VALUES });
      const missing = findings.filter(({ code }) => code === 'LOG_MISSING_FOR_PCR');
      assert.deepEqual(
        missing.map(({ subject }) => subject),
        [`PCR ${pcr} (sha256)`],
      );
      assert.equal(verdict, 'contraindicated');
    }
  });

  it('finds the whole log missing: LOG_MISSING_FOR_PCR names each PCR', () => {
    const { findings, verdict } = appraised({ log: null, pcrs: VALUES });
    const missing = findings.filter(({ code }) => code === 'LOG_MISSING_FOR_PCR');
    assert.deepEqual(
      missing.map(({ subject }) => subject),
      ['PCR 8 (sha256)', 'PCR 9 (sha256)', 'PCR 13 (sha256)'],
    );
    assert.equal(verdict, 'contraindicated');
  });

  it('finds no log of a host that measured nothing: LOG_MISSING', () => {
    assert.ok(enforced(appraised({ log: null })).includes('LOG_MISSING'));
  });

  it('finds a log that cannot be read, and says where: LOG_MALFORMED', () => {
    const log = Buffer.from(goodLog()).subarray(0, -1);
    const result = appraised({ log, pcrs: VALUES });
    const found = result.findings.find(({ code }) => code === 'LOG_MALFORMED');
    assert.match(found?.actual ?? '', /^TRUNCATED in events\[6\].* at byte \d+$/);
    assert.equal(result.verdict, 'contraindicated');
  });

  it('finds two logs of one kind: LOG_AMBIGUOUS', () => {
    const log = goodLog();
    const logs = [logReference(log), logReference(log)];
    assert.ok(enforced(appraised({ log, statement: { logs } })).includes('LOG_AMBIGUOUS'));
  });

  it('finds a bank that the log does not feed: LOG_BANK_INCOMPLETE', () => {
    const selection = { sha256: PCRS, sha384: PCRS };
    const pcrs = {
      ...VALUES,
      sha384: Object.fromEntries(PCRS.map((pcr) => [`${pcr}`, '00'.repeat(48)])),
    };
    const evidence = makeEvidence({ pcrs, quoted: selection, statement: { selection } });
    const context = appraisal({ baselines: APPROVED });
    const result = appraiseEvidence(verified(evidence, { selection }), context);
    const found = result.findings.filter(({ code }) => code === 'LOG_BANK_INCOMPLETE');
    assert.deepEqual(
      found.map(({ subject }) => subject),
      ['PCR 8 (sha384)', 'PCR 9 (sha384)', 'PCR 13 (sha384)'],
    );
    assert.equal(result.verdict, 'contraindicated');
  });

  it('L3 takes events of a PCR that is not quoted for nothing: LOG_UNQUOTED, a warning', () => {
    const selection = { sha256: PCRS.filter((pcr) => pcr !== 8) };
    const evidence = makeEvidence({
      pcrs: valuesAfter(goodLog(), selection),
      quoted: selection,
      statement: { selection },
    });
    const baselines = APPROVED.filter(({ part }) => part !== 'commandLine');
    const result = appraiseEvidence(verified(evidence, { selection }), appraisal({ baselines }));
    assert.deepEqual(codes(result.findings), ['KEXEC_UNMEASURED', 'LOG_UNQUOTED']);
    assert.equal(result.vector.configuration, 32);
    assert.equal(result.events[0]?.verdict, 'unchecked');
  });

  it('Q12 never counts SHA-1: BANK_WEAK for each PCR', () => {
    const selection = { sha1: PCRS };
    const log = logOf(EVENTS, undefined, ['sha1', 'sha256']);
    const pcrs = valuesAfter(log, selection);
    const making = { log, pcrs, quoted: selection, statement: { selection } };
    const context = appraisal({ baselines: APPROVED });
    const result = appraiseEvidence(verified(makeEvidence(making), { selection }), context);
    const weak = enforced(result).filter((code) => code === 'BANK_WEAK');
    assert.equal(weak.length, PCRS.length);
    assert.ok(enforced(result).includes('BASELINE_BANK_NOT_QUOTED'));
    assert.equal(result.verdict, 'contraindicated');
  });
});

describe('the grammar of a software log', () => {
  const more = (event: NewEvent) => logOf([...EVENTS, event]);
  const data = encodeSoftwareEvent({ kind: 'absent', path: '/x' });
  const wrong: Record<string, Uint8Array> = {
    'the header of firmware': logOf(EVENTS, new Uint8Array()),
    'a header that only begins alike': logOf(EVENTS, Buffer.from('touchstone-sw2')),
    'a firmware event': more({ pcr: 9, type: 0x80000003, data }),
    'an event that informs': more({ pcr: 9, type: 3, data }),
    'an event in a firmware PCR': more({ pcr: 4, type: EV_EVENT_TAG, data }),
    'an event in PCR 12': more({ pcr: 12, type: EV_EVENT_TAG, data }),
    'data that is no software event': more({ pcr: 9, type: EV_EVENT_TAG, data: Buffer.from('x') }),
    'data that its digest does not cover': more({
      ...{ pcr: 9, type: EV_EVENT_TAG, data },
      digests: [{ bank: 'sha256', digest: hash('sha256', Buffer.from('other')) }],
    }),
  };
  for (const [what, log] of Object.entries(wrong)) {
    it(`finds ${what}: LOG_WRONG_FOR_CLASS`, () => {
      const result = appraised({ log });
      assert.ok(enforced(result).includes('LOG_WRONG_FOR_CLASS'), enforced(result).join());
      assert.equal(result.verdict, 'contraindicated');
    });
  }

  it('finds a firmware PCR that moved: LOG_WRONG_FOR_CLASS', () => {
    const pcrs = { sha256: { ...VALUES.sha256, 0: sha256('firmware') } };
    const result = appraised({ pcrs });
    const expected = ['LOG_MISSING_FOR_PCR', 'LOG_WRONG_FOR_CLASS'];
    assert.deepEqual(enforced(result), expected);
  });

  it('makes text that a host chose safe to show', () => {
    const path = '/etc/\u001b[2J\u202eevil\n';
    const result = appraised({ log: goodLog([...MEASURED, file(13, path, 'x')]) });
    const found = result.findings.find(({ code }) => code === 'EVENT_UNEXPLAINED');
    assert.equal(found?.event?.name, '/etc/\\u001b[2J\\u202eevil\\u000a');
  });
});
