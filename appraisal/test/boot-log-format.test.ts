import assert from 'node:assert/strict';
import { encodeEventLog } from '@touchstone/eventlog';
import { hash, Writer } from '@touchstone/tpm';
import { appraised, enforced } from './support/made-host.ts';
import { goodLog, MEASURED, newEvent, valuesAfter } from './support/made-evidence.ts';

const VALUES = valuesAfter(goodLog());
const EVENTS = MEASURED.map(newEvent);

describe('the format of the log', () => {
  it('L21 is no SHA-1-only one, whatever it tells: LOG_LEGACY', () => {
    const writer = new Writer('little');
    for (const { pcr, type, data } of EVENTS) {
      writer.u32(pcr).u32(type).bytes(hash('sha1', data)).u32(data.length).bytes(data);
    }
    const result = appraised({ log: writer.finish(), pcrs: VALUES });
    assert.ok(enforced(result).includes('LOG_LEGACY'));
    assert.equal(result.verdict, 'contraindicated');
    assert.deepEqual(result.events, []);
  });

  it("is none of a confidential VM's registers, though its events would fit: LOG_MALFORMED", () => {
    const log = encodeEventLog({ vendorInfo: new Uint8Array(), banks: ['sha256'], events: EVENTS });
    log[0] = 1;
    const result = appraised({ log, pcrs: VALUES });
    const found = result.findings.find(({ code }) => code === 'LOG_MALFORMED');
    assert.match(found?.actual ?? '', /LOG_OF_CC_REGISTERS/);
    assert.equal(result.verdict, 'contraindicated');
  });
});
