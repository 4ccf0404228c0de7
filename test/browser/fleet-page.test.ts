import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { ApiToken, AuditList } from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import {
  axeFindings,
  buildPage,
  logIn,
  NARROW,
  openTab,
  startBrowser,
  WIDE,
} from '../support/browser.ts';
import { CHANGED_BOOT, GOOD_BOOT, type Measured } from '../support/measured-boot.ts';
import { TestHost } from '../support/test-host.ts';
import { BIN, startTouchstone, type Touchstone } from '../support/touchstone.ts';

const run = promisify(execFile);

/** A file whose name is markup, and turns the direction of writing. */
const HOSTILE_PATH = '/etc/<img src=x onerror="alert(1)"><script>alert(2)</script>\u202e.conf';
const HOSTILE_LABEL = '"><svg onload=alert(3)>\u202e';
const HOSTILE_BOOT: readonly Measured[] = [
  ...GOOD_BOOT,
  { pcr: 13, event: { kind: 'file', path: HOSTILE_PATH, sha256: 'dd'.repeat(32) } },
];

/** Long enough for a busy machine, short enough to wait for a host to go stale. */
const INTERVAL_SECONDS = 6;

describe('The fleet page', function () {
  this.timeout(90_000);
  let touchstone: Touchstone;
  let browser: Browser;
  const hosts: TestHost[] = [];
  /** Those of them that go on attesting, as an agent does. */
  const attesting = new Set<TestHost>();
  let stopping = false;
  let keeping: Promise<void> = Promise.resolve();

  async function keepAttesting() {
    while (!stopping) {
      for (const host of attesting) await host.attest();
      await sleep(1_000);
    }
  }

  const tab = (options: Parameters<typeof openTab>[2] = {}) =>
    openTab(browser, touchstone, options);
  const row = (page: Page, { name }: TestHost) => page.locator(`tr[data-host="${name}"]`);
  const shows = (page: Page, host: TestHost, state: string) =>
    page.locator(`tr[data-host="${host.name}"][data-state="${state}"]`).waitFor();

  before(async function () {
    this.timeout(180_000);
    buildPage();
    touchstone = await startTouchstone({ intervalSeconds: INTERVAL_SECONDS });
    browser = await startBrowser();
  });
  after(async () => {
    stopping = true;
    await browser?.close();
    const kept = await keeping.catch((error: unknown) => error);
    for (const host of hosts) await host.stop();
    await touchstone?.stop();
    assert.equal(kept, undefined);
  });

  describe('lets in', () => {
    it('nobody without a token, and says so', async () => {
      const { page, context, complaints } = await tab();
      await page.getByLabel('Token').fill(`tst_${'A'.repeat(43)}`);
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByRole('alert').filter({ hasText: 'No valid bearer token' }).waitFor();
      assert.deepEqual(await context.cookies(), []);
      assert.deepEqual(complaints(), []);
      await context.close();
    });

    it('a browser by a cookie that no script sees, and keeps the token nowhere', async () => {
      const { page, context } = await tab();
      await logIn(page, touchstone.token);
      const [cookie, ...others] = await context.cookies();
      assert.deepEqual(others, []);
      assert.ok(cookie?.httpOnly && cookie.secure && cookie.sameSite === 'Strict');
      assert.match(cookie.name, /^__Host-/u);
      const lasts = cookie.expires - Date.now() / 1_000;
      assert.ok(lasts > 0 && lasts <= 8 * 3_600 + 60, String(lasts));
      const kept = await page.locator('html').evaluate(({ ownerDocument }) => {
        const { cookie: seen, defaultView } = ownerDocument;
        const { localStorage, sessionStorage, location } = defaultView!;
        return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, seen, location.href]);
      });
      assert.ok(!/tst_|tsb_/u.test(kept), kept);
      assert.equal(new URL(page.url()).search, '');
      await page.reload();
      await page.getByText('live', { exact: true }).waitFor();
      await context.close();
    });

    it('with the cookie to look, and to do nothing else', async () => {
      const { page, context } = await tab();
      await logIn(page, touchstone.token);
      const statuses = await page.evaluate(async () => {
        const call = async (method: string, path: string) => {
          const headers = { 'content-type': 'application/json' };
          const body = method === 'POST' ? { body: '{"yaml":"x"}' } : {};
          return (await fetch(path, { method, headers, ...body })).status;
        };
        return Promise.all([
          call('GET', '/v1/hosts'),
          call('GET', '/v1/tokens'),
          call('POST', '/v1/baselines'),
          call('POST', '/v1/browser-sessions'),
        ]);
      });
      assert.deepEqual(statuses, [200, 403, 401, 401]);
      await context.close();
    });

    it('nobody any more who logged out, or whose token was revoked', async () => {
      const { page, context } = await tab();
      await logIn(page, touchstone.token);
      const [cookie] = await context.cookies();
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByLabel('Token').waitFor();
      await context.addCookies([cookie!]);
      assert.equal((await page.request.get('/v1/hosts')).status(), 401);

      const { token, id } = await viewerToken();
      await logIn(page, token);
      await touchstone.operator('DELETE', `/v1/tokens/${id}`, ApiToken);
      await page.getByLabel('Token').waitFor();
      await context.close();
    });
  });

  async function viewerToken(): Promise<{ token: string; id: string }> {
    const directory = await cliDirectory();
    try {
      const args = ['token', 'create', '--name', 'page', '--role', 'viewer', '--json'];
      const { stdout } = await run(process.execPath, [BIN.touchstone, ...args], directory);
      const { token, record } = JSON.parse(stdout) as { token: string; record: { id: string } };
      return { token, id: record.id };
    } finally {
      await rm(directory.cwd, { recursive: true });
    }
  }

  /** Where the command is logged in. */
  async function cliDirectory() {
    const cwd = await mkdtemp(join(tmpdir(), 'ts-page-'));
    const env = { ...process.env, TOUCHSTONE_PROFILE: join(cwd, 'profile.json'), COLUMNS: '400' };
    await writeFile(join(cwd, 'token'), touchstone.token, { mode: 0o600 });
    const args = ['login', '--server', touchstone.url, '--fingerprint', touchstone.fingerprint];
    const all = [BIN.touchstone, ...args, '--token-file', join(cwd, 'token')];
    await run(process.execPath, all, { cwd, env });
    return { cwd, env };
  }

  it('tells what to do where there is no host, and shows one as it enrols', async () => {
    const { page, context, complaints } = await tab();
    await logIn(page, touchstone.token);
    await page.getByText('No host has enrolled yet.').waitFor();
    await page.getByText(`touchstone-agent enroll --server ${touchstone.url}`).waitFor();
    const first = await TestHost.boot(touchstone);
    hosts.push(first);
    await first.certify();
    await first.enrol();
    await shows(page, first, 'pending');
    assert.deepEqual(complaints(), []);
    await context.close();
  });

  describe('with hosts in every state', () => {
    let trusted: TestHost;
    let untrusted: TestHost;
    let pending: TestHost;
    let silent: TestHost;

    before(async function () {
      this.timeout(120_000);
      pending = hosts[0]!;
      silent = await TestHost.trusted(touchstone);
      hosts.push(silent);
      trusted = await TestHost.trusted(touchstone);
      hosts.push(trusted);
      untrusted = await TestHost.trusted(touchstone);
      hosts.push(untrusted);
      await untrusted.reboot(CHANGED_BOOT);
      attesting.add(trusted).add(untrusted);
      keeping = keepAttesting();
      keeping.catch(() => undefined);
    });

    it('shows each with its state in words, its class, its age and the reason', async () => {
      const { page, context, complaints } = await tab();
      await logIn(page, touchstone.token);
      await shows(page, trusted, 'trusted');
      await shows(page, untrusted, 'untrusted');
      await shows(page, pending, 'pending');
      await shows(page, silent, 'stale');
      const shapes = new Set<string>();
      for (const [host, state, reason] of [
        [trusted, 'trusted', /-/u],
        [untrusted, 'untrusted', /\/etc\/hypervisor\.conf in PCR 13 \(EVENT_DIFFERS\)/u],
        [pending, 'pending', /waits for approval: touchstone host approve/u],
        [silent, 'stale', /no authentic evidence for \d+s/u],
      ] as const) {
        const cells = row(page, host).getByRole('cell');
        assert.equal(await cells.nth(0).innerText(), state);
        assert.match(await cells.nth(1).innerText(), /^\d+[sm]$/u);
        assert.equal(await cells.nth(2).innerText(), 'software (self-reported)');
        assert.match(await cells.nth(4).innerText(), reason);
        shapes.add((await row(page, host).locator('.outline').getAttribute('d')) ?? '');
      }
      assert.equal(shapes.size, 4);
      await page.getByText('Quorum is 1:').waitFor();
      await page.getByRole('button', { name: '1 stale' }).click();
      assert.equal(await page.locator('tbody tr').count(), 1);
      assert.deepEqual(complaints(), []);
      await context.close();
    });

    it('shows a change without being loaded again, in the list and on the page of the host', async () => {
      const list = await tab();
      await logIn(list.page, touchstone.token);
      const one = await tab();
      await logIn(one.page, touchstone.token);
      await shows(list.page, trusted, 'trusted');
      await list.page.evaluate(() => Object.assign(globalThis, { sameDocument: true }));
      await one.page.getByRole('link', { name: trusted.name }).click();
      await one.page.getByText(`${trusted.name} is trusted.`).waitFor();

      attesting.delete(trusted);
      await sleep(2_000);
      await trusted.reboot(CHANGED_BOOT);
      attesting.add(trusted);
      await shows(list.page, trusted, 'untrusted');
      await list.page.getByRole('status').filter({ hasText: 'is now untrusted' }).waitFor({
        state: 'attached',
      });
      assert.equal(await list.page.evaluate(() => 'sameDocument' in globalThis), true);
      await one.page.getByText(`${trusted.name} is NOT trusted.`).waitFor();
      await one.page.getByRole('heading', { name: 'Something measured is not' }).waitFor();

      attesting.delete(trusted);
      await sleep(2_000);
      await trusted.reboot();
      attesting.add(trusted);
      await one.page.getByText(`${trusted.name} is trusted.`).waitFor();
      await list.context.close();
      await one.context.close();
    });

    it('explains a host in the words of the command, with its event log', async () => {
      const { page, context, complaints } = await tab({ path: `/hosts/${untrusted.name}` });
      await logIn(page, touchstone.token);
      await page.getByRole('table', { name: 'Event log' }).waitFor();
      const { env, cwd } = await cliDirectory();
      // Exit status 1: the answer is no.
      const explained = await run(
        process.execPath,
        [BIN.touchstone, 'host', 'explain', untrusted.name, '--events'],
        { cwd, env },
      ).catch((error: { stdout: string }) => error);
      await rm(cwd, { recursive: true });
      const words = oneLine(explained.stdout);
      const said = await page
        .locator('.verdict p, .finding h3, .finding .effect, .finding dd, .events td, h2')
        .allInnerTexts();
      assert.ok(said.length > 30, String(said.length));
      for (const text of said)
        assert.ok(words.includes(oneLine(text)), `${text} is not in ${words}`);

      assert.equal(await page.locator('.events tbody tr').count(), GOOD_BOOT.length);
      await page.getByLabel('only what is not approved').check();
      assert.equal(await page.locator('.events tbody tr').count(), 1);
      assert.deepEqual(complaints(), []);
      await context.close();
    });

    it('L22 takes what hosts and people wrote for text, and never for markup', async () => {
      const token = await touchstone.joinToken({ labels: { note: HOSTILE_LABEL } });
      const host = await TestHost.boot(touchstone, HOSTILE_BOOT);
      hosts.push(host);
      await host.certify();
      await host.enrol(token);
      const { page, context, complaints } = await tab();
      await logIn(page, touchstone.token);
      await page.getByRole('link', { name: host.name }).click();
      const readable = HOSTILE_PATH.replace('\u202e', String.raw`\u202e`);
      const name = page.locator('.event-name').filter({ hasText: '<img' });
      await name.waitFor();
      await attack('L22', async () => {
        assert.equal(await name.innerText(), readable);
        await page.getByText('note="><svg onload=alert(3)>\ufffd').waitFor();
        assert.equal(await page.locator('img, main script, [onload], [onerror]').count(), 0);
        assert.deepEqual(complaints(), []);
        return { outcome: 'HOLDS' };
      });
      await context.close();
    });

    it('says so when it is not live, asks from time to time, and is live again by itself', async () => {
      const { page, context } = await tab();
      await logIn(page, touchstone.token);
      await context.route('**/v1/events', (route) => route.abort());
      await page.reload();
      await page.getByText('not live: asked every 10 s').waitFor();
      await shows(page, untrusted, 'untrusted');
      await context.route('**/v1/hosts', (route) => route.abort());
      await page.getByText('not live: the server does not answer').waitFor();
      await shows(page, untrusted, 'untrusted');
      await context.unrouteAll();
      await page.getByText('live', { exact: true }).waitFor();
      await context.close();
    });

    it('has nothing that axe-core finds, at either width, and needs no sideways scrolling', async () => {
      for (const viewport of [WIDE, NARROW]) {
        const { page, context } = await tab({ viewport, bypassCSP: true });
        const check = async (what: string) => {
          assert.deepEqual(await axeFindings(page), [], `${what} at ${viewport.width}`);
          const width = await page.locator('html').evaluate(({ scrollWidth }) => scrollWidth);
          assert.ok(width <= viewport.width, `${what} is ${width} wide at ${viewport.width}`);
        };
        await page.getByLabel('Token').waitFor();
        await check('login');
        await logIn(page, touchstone.token);
        await shows(page, untrusted, 'untrusted');
        await check('fleet');
        await page.emulateMedia({ colorScheme: 'dark' });
        await check('fleet in the dark');
        await row(page, untrusted).getByRole('link').click();
        await page.getByRole('table', { name: 'Event log' }).waitFor();
        await check('host in the dark');
        await page.emulateMedia({ colorScheme: 'light' });
        await check('host');
        await context.close();
      }
    });

    it('is worked by the keyboard alone', async () => {
      const { page, context } = await tab();
      await page.getByLabel('Token').focus();
      await page.keyboard.insertText(touchstone.token);
      await page.keyboard.press('Enter');
      const link = page.getByRole('link', { name: untrusted.name });
      await link.waitFor();
      for (let tabs = 0; tabs < 30; tabs += 1) {
        await page.keyboard.press('Tab');
        if ((await page.locator(':focus').textContent()) === untrusted.name) break;
      }
      await page.keyboard.press('Enter');
      await page.getByText(`${untrusted.name} is NOT trusted.`).waitFor();
      await page.goBack();
      await link.waitFor();
      await context.close();
    });
  });

  it('runs and shows nothing that did not come from its server', async () => {
    const { context, page } = await tab();
    const response = await page.request.get('/');
    const policy = response.headers()['content-security-policy'] ?? '';
    assert.match(policy, /default-src 'self'/u);
    assert.ok(!/unsafe|\*|http/u.test(policy), policy);
    const html = await response.text();
    assert.ok(!/<style|style=|\son[a-z]+=|<script[^>]*>[^<]/u.test(html), html);
    for (const [, path = ''] of html.matchAll(/(?:src|href)="([^"]+)"/gu)) {
      assert.match(path, /^\/assets\/[a-z]+-[\w-]{8}\.(?:js|css|svg)$/u);
      const asset = await page.request.get(path);
      assert.equal(asset.status(), 200);
      assert.match(asset.headers()['cache-control'] ?? '', /immutable/u);
    }
    for (const path of ['/assets/..%2f..%2fpackage.json', '/assets/../main.tsx', '/.built-from']) {
      assert.equal((await page.request.get(path)).status(), 404, path);
    }
    await context.close();
  });

  it('leaves in the audit log who opened a browser, and not what the cookie holds', async () => {
    const { page, context } = await tab();
    await logIn(page, touchstone.token);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Token').waitFor();
    await context.close();
    const { entries } = await touchstone.operator('GET', '/v1/audit', AuditList);
    const actions = new Set(entries.map(({ action }) => action));
    assert.ok(actions.has('browser-session.open') && actions.has('browser-session.close'));
    const text = JSON.stringify(entries) + (await touchstone.log('server'));
    assert.ok(!/ts[tb]_[\w-]{20}/u.test(text));
  });
});

const oneLine = (text: string): string => text.replaceAll(/\s+/gu, ' ').trim();
