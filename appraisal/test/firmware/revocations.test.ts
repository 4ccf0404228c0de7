import assert from 'node:assert/strict';
import { parseEventLog } from '@touchstone/eventlog';
import {
  ascii,
  authority,
  bootOf,
  firmwareLog,
  PARTS,
} from '../../../test/support/firmware-boot.ts';
import { believedEvents } from '../../firmware/believed-events.ts';
import { sbatLines } from '../../firmware/boot-state.ts';

describe("shim's revocations", () => {
  it('are those that were measured first: the system can measure newer ones that nothing was held against', () => {
    const later = authority('SbatLevel', ascii('sbat,1,2030010100\nshim,9\ngrub,9\n'));
    const log = parseEventLog(firmwareLog(bootOf({ sbat: [...PARTS.sbat, later] })));
    assert.ok(log.format === 'crypto-agile');
    const quoted = new Map([[7, ['sha256' as const]]]);
    assert.deepEqual(sbatLines(believedEvents(log, quoted)), [
      'sbat,1,2025021800',
      'shim,4',
      'grub,5',
    ]);
  });
});
