import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { ExposureList, GateStatus, RefusedStarts, Vm, VmStandings } from '@touchstone/schemas';
import type { Browser, Page } from 'playwright-core';
import {
  axeFindings,
  buildPage,
  logIn,
  NARROW,
  openTab,
  startBrowser,
  WIDE,
} from '../support/browser.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const HOST = { hostId: randomUUID(), hostName: 'laptop-2' };
const AT = new Date(Date.now() - 125_000).toISOString();
const REQUEST = randomUUID();

describe('The fleet page, of the start gate', function () {
  this.timeout(90_000);
  let touchstone: Touchstone;
  let browser: Browser;

  before(async function () {
    this.timeout(180_000);
    buildPage();
    touchstone = await startTouchstone();
    browser = await startBrowser();
  });
  after(async function () {
    this.timeout(60_000);
    await browser?.close();
    await touchstone?.stop();
  });

  /** As the server says it of hosts that told of all this. */
  async function answerAsTold(page: Page): Promise<void> {
    const exposure = (code: string, vmName: string | null, detail: string) => ({
      ...{ ...HOST, from: 'host', code, subject: '/etc/libvirt/hooks/qemu', detail },
      ...{ vm: vmName === null ? null : randomUUID(), vmName, since: AT, lastSeenAt: AT },
    });
    const exposures = [
      exposure('HOOK_MISSING', null, 'There is no such file.'),
      exposure('VM_ON_UNTRUSTED_HOST', 'accounts', 'host untrusted'),
      exposure('VM_ON_UNTRUSTED_HOST', 'mail', 'host untrusted'),
      exposure('MADE_UP', null, '<script>alert(1)</script>'),
    ];
    const running = { ...HOST, hostState: 'untrusted', door: 'libvirt', paused: true, since: AT };
    const vm = (name: string, more: object) => ({
      ...{ uuid: randomUUID(), name, onLoss: 'pause', held: null, place: null, running: [] },
      ...{ exposures: 0, ...more },
    });
    const vms = [
      vm('accounts', { exposures: 1, running: [{ ...running, ground: 'permit' }] }),
      vm('mail', {
        ...{ onLoss: 'no-new-starts', place: { ...HOST, at: AT } },
        held: { ...HOST, since: AT, cause: 'host laptop-2 became untrusted' },
      }),
      vm('web', {}),
    ];
    const finding = {
      ...{ code: 'HOST_NOT_TRUSTED', effect: 'enforce', subject: HOST.hostId },
      ...{ expected: 'trusted', actual: 'state untrusted, verdict contraindicated' },
      ...{ remedy: 'Read the other findings.', actor: 'host-administrator' },
    };
    const refusal = { ...HOST, requestId: REQUEST, vm: randomUUID(), vmName: 'accounts', at: AT };
    const refusals = [{ ...refusal, code: 'HOST_NOT_TRUSTED', finding, told: false }];
    await page.route('**/v1/exposures*', (route) => route.fulfill({ json: { exposures } }));
    await page.route('**/v1/vm-standings', (route) => route.fulfill({ json: { vms } }));
    await page.route('**/v1/refusals*', (route) => route.fulfill({ json: { refusals } }));
  }

  it('asks what the server answers to, and shows a VM that was registered', async () => {
    const { operator } = touchstone;
    const vm = {
      uuid: randomUUID(),
      name: 'notes',
      classes: ['software'],
      hostLabels: {},
      images: [],
    };
    await operator('POST', '/v1/vms', Vm, vm);
    const { vms } = await operator('GET', '/v1/vm-standings', VmStandings);
    assert.deepEqual(
      vms.map(({ name, running }) => [name, running]),
      [['notes', []]],
    );
    assert.deepEqual(await operator('GET', '/v1/exposures', ExposureList), { exposures: [] });
    assert.deepEqual(await operator('GET', '/v1/refusals', RefusedStarts), { refusals: [] });
    const { page, context, complaints } = await openTab(browser, touchstone);
    await logIn(page, touchstone.token);
    const table = page.getByRole('table', { name: 'VMs' });
    await table.getByRole('cell', { name: 'never started' }).waitFor();
    assert.equal(await page.getByRole('region', { name: 'What runs without proof' }).count(), 0);
    assert.deepEqual(complaints(), []);
    await context.close();
  });

  for (const viewport of [WIDE, NARROW]) {
    it(`shows exposures, VMs and refusals at ${viewport.width} pixels, with what to do`, async () => {
      const { page, context, complaints } = await openTab(browser, touchstone, {
        ...{ viewport, bypassCSP: true },
      });
      await answerAsTold(page);
      await logIn(page, touchstone.token);
      const exposures = page.getByRole('region', { name: 'What runs without proof' });
      await exposures.getByText('touchstone-agent install-hook').waitFor();
      await exposures.getByText('VM accounts').waitFor();
      await exposures.getByText('<script>').waitFor();
      const vms = page.getByRole('table', { name: 'VMs' });
      await vms.getByText('touchstone vm clear mail').waitFor();
      await vms.getByText('a permit (libvirt)').waitFor();
      const refused = page.getByRole('region', { name: 'Starts refused' });
      await refused.getByText(`request ${REQUEST}`).waitFor();
      await refused.getByText('Read the other findings.').waitFor();
      const width = await page.locator('html').evaluate(({ scrollWidth }) => scrollWidth);
      assert.ok(width <= viewport.width, `${width} wide`);
      assert.deepEqual(await axeFindings(page), []);
      assert.deepEqual(complaints(), []);
      await context.close();
    });
  }

  it('says over every view that the gate only observes, while it does', async () => {
    const { operator } = touchstone;
    const asked = { seconds: 3_600, labels: { rack: 'a' }, reason: 'adopting the fleet' };
    await operator('POST', '/v1/gate/observation', GateStatus, asked);
    const { page, context } = await openTab(browser, touchstone, { path: '/hosts/laptop-9' });
    await logIn(page, touchstone.token);
    const notice = page.getByRole('complementary', { name: 'Observe mode' });
    await notice.getByText('no start is refused on hosts with rack=a').waitFor();
    await operator('POST', '/v1/gate/enforcement', GateStatus, { reason: 'done' });
    await page.reload();
    await page.getByText('live', { exact: true }).waitFor();
    assert.equal(await notice.count(), 0);
    await context.close();
  });
});
