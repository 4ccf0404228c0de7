import assert from 'node:assert/strict';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEventLog, replayEventLog } from '@touchstone/eventlog';
import { encodeTpmlPcrSelection } from '@touchstone/tpm';
import { openTpm } from 'node-tpm2-tss-bindings';
import { withTpmTools } from '../../test/support/tpm-tools.ts';
import type { KeyRecord } from '../state/identity.ts';
import { Attester } from '../tpm/attester.ts';
import { ensureSoftwareTpm } from '../tpm/software-tpm.ts';
import { type Hypervisor, makeHypervisor } from './support/hypervisor.ts';

const PCR_8 = [{ bank: 'sha256' as const, pcrs: [8] }];
const HOUR_MS = 3_600_000n;

describe('the attester, whose TPM is another than it opened', () => {
  let host: Hypervisor;
  let attester: Attester;
  let key: KeyRecord;

  before(async () => {
    host = await makeHypervisor();
    attester = new Attester(host.stateDir, [{ pcr: 8, commandLine: '/proc/cmdline' }]);
    key = await attester.createKey();
  });
  after(async () => {
    await attester?.close();
    await host?.remove();
  });

  it('takes no clock of the one at its socket that holds a key of its own in the AK’s place: EK_CHANGED', async () => {
    const other = await makeHypervisor();
    const stranger = new Attester(other.stateDir, []);
    const socketOf = ({ stateDir }: Hypervisor) => join(stateDir, 'swtpm', 'socket');
    try {
      const [ours, theirs] = [
        await attester.key(key),
        await stranger.key(await stranger.createKey()),
      ];
      assert.equal(theirs.handle, ours.handle);
      await host.powerOff();
      await rm(socketOf(host), { force: true });
      await symlink(socketOf(other), socketOf(host));
      await assert.rejects(attester.clockOf(key), { code: 'EK_CHANGED' });
    } finally {
      await rm(socketOf(host), { force: true });
      await attester.close();
      await stranger.close();
      await other.remove();
    }
    await attester.clockOf(key);
  });

  it('measures a boot that another program began, before it gives that boot’s log', async () => {
    await attester.bootLog();
    await host.powerOff();
    await (await openTpm({ tcti: await ensureSoftwareTpm(host.stateDir) })).close();
    const log = parseEventLog(await attester.bootLog());
    assert.deepEqual(
      log.events.map(({ pcr }) => pcr),
      [8],
    );
    const [pcr8] = await attester.use((tpm) => tpm.pcrRead(encodeTpmlPcrSelection(PCR_8)));
    assert.deepEqual(
      Buffer.from(pcr8?.digest ?? ''),
      Buffer.from(replayEventLog(log).banks.get('sha256')?.get(8) ?? assert.fail()),
    );
  });

  it('quotes at once by a clock that has begun again', async () => {
    const quoted = async () => {
      await attester.quote(key, new Uint8Array(32), PCR_8);
      return attester.lastQuote?.clock ?? assert.fail();
    };
    const byTools = async (...command: [string, ...string[]]) => {
      const tcti = await ensureSoftwareTpm(host.stateDir);
      await attester.close();
      await withTpmTools(tcti, (tools) => tools.run(...command));
    };
    await byTools('tpm2_setclock', ((await quoted()) + HOUR_MS).toString());
    const before = await quoted();
    await byTools('tpm2_clear', '-c', 'lockout');
    key = await attester.createKey();
    assert.ok((await quoted()) < before - HOUR_MS / 2n);
  });
});
