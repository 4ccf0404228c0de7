import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { encodeSoftwareEvent } from '@touchstone/eventlog';
import { checkAgainst, ResultClaims } from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { readJws } from '../support/jws.ts';
import { GOOD_BOOT } from '../support/measured-boot.ts';
import { permitOf, refusalOf } from '../support/refusals.ts';
import { resetTpm, suspendTpmUnsaved } from '../support/suspended-tpm.ts';
import type { TestHost } from '../support/test-host.ts';
import type { Touchstone } from '../support/touchstone.ts';
import { useTrustedHost } from '../support/trusted-host.ts';

/** The system runs on, and so does its log. */
describe('A TPM that is reset without its host', function () {
  this.timeout(60_000);
  const vm = randomUUID();
  let touchstone: Touchstone;
  let host: TestHost;
  useTrustedHost((scene) => void ({ touchstone, host } = scene), {
    vm: { uuid: vm, name: 'reset' },
  });
  beforeEach(async () => {
    await host.reboot();
    assert.equal((await host.attest()).state, 'trusted');
  });
  const bootSeen = async () => (await touchstone.host(host.name)).boot?.resetCount ?? assert.fail();
  const feed = async () => {
    for (const { pcr, event } of GOOD_BOOT) await host.extend(pcr, encodeSoftwareEvent(event));
  };

  it('since nothing was saved when it went to sleep: untrusted, and no permit: BANK_NOT_EXTENDED (G6)', async () => {
    const before = await bootSeen();
    await host.lend(() => suspendTpmUnsaved(host.swtpm));
    await attack('G6', async () => {
      const { state, result } = await host.attest();
      const { submods } = checkAgainst(ResultClaims, readJws(result).claims);
      const found = submods.host['touchstone.findings'].find(({ effect }) => effect === 'enforce');
      return { outcome: state === 'untrusted' ? 'U' : 'T', code: found?.code ?? 'none' };
    });
    assert.equal(await bootSeen(), before + 1);
    assert.equal(refusalOf(await host.askForPermit(vm)).code, 'HOST_NOT_TRUSTED');
  });

  it('and is fed from the log is another boot to the server, and nothing else: what no evidence shows (G5)', async () => {
    const before = await bootSeen();
    await host.lend(() => resetTpm(host.swtpm));
    await feed();
    assert.equal((await host.attest()).state, 'trusted');
    assert.equal(await bootSeen(), before + 1);
    assert.ok(permitOf(await host.askForPermit(vm)));
  });
});
