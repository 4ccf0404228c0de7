import assert from 'node:assert/strict';
import { hash } from '@touchstone/tpm';
import { dataCoverage, digestCoversData, type NewEvent, parseEventLog } from '../index.ts';
import { ascii, logOf } from './sample-log.ts';

const EV_NO_ACTION = 0x00000003;
const EV_SEPARATOR = 0x00000004;
const EV_EVENT_TAG = 0x00000006;
const EV_IPL = 0x0000000d;
const EV_EFI_VARIABLE_DRIVER_CONFIG = 0x80000001;
const EV_EFI_VARIABLE_BOOT = 0x80000002;
const EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003;

const data = ascii('data');

function covers(event: Omit<NewEvent, 'pcr' | 'data'>): boolean {
  const [read] = parseEventLog(logOf([{ pcr: 4, data, ...event }], ['sha1', 'sha256'])).events;
  assert.ok(read);
  return digestCoversData(read);
}

const sha1 = { bank: 'sha1', digest: hash('sha1', data) } as const;
const sha256 = { bank: 'sha256', digest: hash('sha256', data) } as const;
const another = { bank: 'sha256', digest: hash('sha256', ascii('other')) } as const;

describe('digestCoversData', () => {
  for (const type of [
    EV_SEPARATOR,
    EV_EVENT_TAG,
    EV_EFI_VARIABLE_DRIVER_CONFIG,
    EV_EFI_VARIABLE_BOOT,
  ]) {
    it(`holds for type ${type.toString(16)} where each digest is the hash of the data`, () => {
      assert.equal(covers({ type }), true);
      assert.equal(covers({ type, digests: [sha256] }), true);
    });

    it(`fails for type ${type.toString(16)} where a digest in any bank is not`, () => {
      assert.equal(covers({ type, digests: [sha1, another] }), false);
    });

    it(`fails for type ${type.toString(16)} without a digest`, () => {
      assert.equal(covers({ type, digests: [] }), false);
    });
  }

  for (const type of [EV_IPL, EV_EFI_BOOT_SERVICES_APPLICATION, EV_NO_ACTION, 0x0000cafe]) {
    it(`fails for type ${type.toString(16)}, whose digest is of something else, even if they match`, () => {
      assert.equal(covers({ type }), false);
    });
  }
});

describe('dataCoverage', () => {
  it('is "always" where changed data is a finding', () => {
    assert.equal(dataCoverage(EV_EFI_VARIABLE_DRIVER_CONFIG), 'always');
  });

  it('is "sometimes" where firmware differs', () => {
    assert.equal(dataCoverage(EV_EFI_VARIABLE_BOOT), 'sometimes');
  });

  it('is "never" for types not known here', () => {
    assert.equal(dataCoverage(0x0000cafe), 'never');
  });
});
