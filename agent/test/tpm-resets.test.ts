import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attack } from '../../test/support/attack.ts';
import { resetTpm, suspendTpm, suspendTpmUnsaved } from '../../test/support/suspended-tpm.ts';
import { startSwtpm, type Swtpm } from '../../test/support/swtpm.ts';
import { startTpmDevice, type TpmDevice } from '../../test/support/tpm-device.ts';
import type { KeyRecord } from '../state/identity.ts';
import { Attester } from '../tpm/attester.ts';
import { bootId, KeptRecord } from '../watch/record.ts';
import { tpmResetExposures } from '../watch/tpm-resets.ts';

describe('a chip under a system that runs on', function () {
  this.timeout(60_000);
  let directory: string;
  let swtpm: Swtpm;
  let device: TpmDevice;
  let attester: Attester;
  let key: KeyRecord;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-resets-'));
    swtpm = await startSwtpm();
    device = await startTpmDevice(swtpm, directory);
    attester = new Attester(directory, [], { tpm: { kind: 'device', path: device.path }, ek: {} });
    key = await attester.createKey();
  });
  after(async () => {
    await attester?.close();
    await device?.stop();
    await swtpm?.stop();
    await rm(directory, { recursive: true });
  });
  beforeEach(() => rm(join(directory, 'watch.json'), { force: true }));

  /** By the quote that the agent makes next, in a process that began just now. */
  const found = async (boot = bootId(), akName = key.akName) => {
    await attester.close();
    await attester.quote(key, new Uint8Array(32), [{ bank: 'sha256', pcrs: [0] }]);
    const { resetCount } = attester.lastQuote ?? assert.fail();
    const record = await KeptRecord.open(directory, boot);
    return tpmResetExposures(record, { akName, resetCount });
  };
  /** By somebody else: a terminal serves one at a time, and so does a software TPM. */
  const meanwhile = async (work: (tpm: Swtpm) => Promise<void>) => {
    await attester.close();
    await device.stop();
    await work(swtpm);
    device = await startTpmDevice(swtpm, directory);
  };

  for (const [what, work] of [
    ['reset by a wire', resetTpm],
    ['woken with nothing saved', suspendTpmUnsaved],
  ] as const) {
    it(`is told of where it was ${what}, until the next boot: TPM_RESET_UNDER_SYSTEM (G5)`, async () => {
      assert.deepEqual(await found(), []);
      await meanwhile(work);
      await attack('G5', async () => ({ outcome: 'W', code: (await found())[0]?.code ?? 'none' }));
      assert.equal((await found()).length, 1);
      const next = '00000000-0000-4000-8000-000000000001';
      assert.deepEqual(await found(next), []);
    });
  }

  it('is not told of where it slept as it should, or where the AK is another', async () => {
    assert.deepEqual(await found(), []);
    await meanwhile(suspendTpm);
    assert.deepEqual(await found(), []);
    await meanwhile(resetTpm);
    assert.deepEqual(await found(bootId(), `000b${'ab'.repeat(32)}`), []);
  });
});
