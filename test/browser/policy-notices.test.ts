import assert from 'node:assert/strict';
import { formatBaselines } from '@touchstone/appraisal';
import {
  ApiTokenCreated,
  BaselineList,
  CaStatus,
  JoinTokenCreated,
  QuorumStatus,
  WindowChange,
} from '@touchstone/schemas';
import type { Browser } from 'playwright-core';
import { axeFindings, buildPage, logIn, openTab, startBrowser } from '../support/browser.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

describe('The fleet page, of the policy', function () {
  this.timeout(90_000);
  let touchstone: Touchstone;
  let browser: Browser;
  let host: TestHost;

  before(async function () {
    this.timeout(180_000);
    buildPage();
    touchstone = await startTouchstone();
    browser = await startBrowser();
    host = await TestHost.trusted(touchstone);
  });
  after(async function () {
    this.timeout(60_000);
    await browser?.close();
    await host?.stop();
    await touchstone?.stop();
  });

  it('shows an open update window with its laggards, what waits for another person, and no quorum of 1 where it is 2', async () => {
    const { operator } = touchstone;
    const { baselines } = await operator('GET', '/v1/baselines', BaselineList);
    const next = baselines.map(({ baseline }) => ({
      ...baseline,
      version: baseline.version + 1,
      rules: baseline.rules.map((rule, index) => ({
        ...rule,
        allow: [
          { sha256: String(10 + index).repeat(32), name: 'vmlinuz-next', version: '6.1.200' },
        ],
      })),
    }));
    await operator('POST', '/v1/baselines', BaselineList, { yaml: formatBaselines(next) });
    const until = new Date(Date.now() + 7 * 86_400_000).toISOString();
    await operator('POST', '/v1/windows', WindowChange, { name: host.name, until, hosts: 40 });
    const other = { name: 'otto', person: 'otto', roles: ['viewer', 'operator', 'approver'] };
    await operator('POST', '/v1/tokens', ApiTokenCreated, other);
    await operator('POST', '/v1/quorum', QuorumStatus, { quorum: 2 });
    const admits = { classes: ['software'], labels: { site: 'attic' }, approve: true };
    await assert.rejects(operator('POST', '/v1/join-tokens', JoinTokenCreated, admits), {
      code: 'QUORUM_WAITING',
    });

    const { page, context, complaints } = await openTab(browser, touchstone);
    const sent: string[] = [];
    page.on('request', (request) => sent.push(JSON.stringify(request.headers())));
    await logIn(page, `${touchstone.token}.${touchstone.caToken}`);
    assert.ok(sent.some((headers) => headers.includes(touchstone.token)));
    assert.ok(!sent.some((headers) => headers.includes(touchstone.caToken)));
    const window = page.getByRole('region', { name: `Update window of ${host.name}` });
    await window.getByText('0 of 40 on the new documents').waitFor();
    await window.getByText('1 laggard:').waitFor();
    await window.getByRole('link', { name: host.name }).waitFor();
    const waiting = page.getByRole('region', { name: 'Waiting for another person' });
    await waiting.getByText('join-token.create for any host').waitFor();
    await waiting.getByText('1 of 2, by first').waitFor();
    assert.equal(await page.getByText('Quorum is 1:').count(), 0);
    assert.deepEqual(await axeFindings(page), []);
    assert.deepEqual(complaints(), []);
    await context.close();
  });

  it('says that the keys are being changed, and which hosts have to follow', async () => {
    const { page, context, complaints } = await openTab(browser, touchstone);
    // As the server says it half-way: a minute may pass before it hears of a rotation.
    const ca = await touchstone.operator('GET', '/v1/ca', CaStatus);
    const [issuer] = ca.issuers;
    assert.ok(issuer);
    const lastSeen = null;
    const there = {
      name: host.name,
      ekRef: 'ab'.repeat(32),
      state: 'trusted',
      away: false,
      lastSeen,
    };
    const old = { ...issuer, state: 'verify-only', hosts: { count: 1, away: 0, named: [there] } };
    const next = { ...issuer, keyId: 'cd'.repeat(20), hosts: { count: 2, away: 0, named: [] } };
    const halfWay = { ...ca, hosts: 3, issuers: [next, old] };
    await page.route('**/v1/ca', (route) => route.fulfill({ json: halfWay }));
    await logIn(page, touchstone.token);
    const notice = page.getByRole('region', { name: 'Change of keys' });
    await notice.getByText('2 of 3 hosts have a certificate by the key in use').waitFor();
    await notice.getByRole('link', { name: host.name }).waitFor();
    assert.deepEqual(await axeFindings(page), []);
    assert.deepEqual(complaints(), []);
    await context.close();
  });
});
