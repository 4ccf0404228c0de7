import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { Touchstone } from './touchstone.ts';

const house = fileURLToPath(new URL('../..', import.meta.url));

export const WIDE = { width: 1_440, height: 900 };
export const NARROW = { width: 360, height: 740 };

/** Debian's Chromium, with a directory of its own that goes with it; it asks nobody but the server. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
    ],
  });
}

/** The set-up's own step: quick where nothing has changed. */
export function buildPage(): void {
  const { status, stderr } = spawnSync('sh', ['deploy/setup/page.sh'], {
    cwd: house,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the page was not built:\n${stderr}`);
}

/** A tab in a browser of its own, with what went wrong in it. */
export type Tab = { readonly page: Page; readonly context: BrowserContext; complaints(): string[] };

export async function openTab(
  browser: Browser,
  { url }: Touchstone,
  options: { viewport?: typeof WIDE; bypassCSP?: true; path?: string } = {},
): Promise<Tab> {
  const { viewport = WIDE, path = '/', bypassCSP = false } = options;
  const context = await browser.newContext({
    baseURL: url,
    viewport,
    bypassCSP,
    ignoreHTTPSErrors: true,
    reducedMotion: 'reduce',
  });
  const complaints: string[] = [];
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    // A request that is refused is no fault of the page.
    const isStatus = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isStatus) complaints.push(message.text());
  });
  await page.goto(path);
  return { page, context, complaints: () => complaints };
}

export async function logIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('live', { exact: true }).waitFor();
}

/** What axe-core finds against WCAG 2.2 AA and good practice; needs a tab that bypasses the policy. */
export async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const inPage = (globalThis as unknown as { axe: typeof axe }).axe;
    return (await inPage.run()).violations.map(({ id, nodes }) => ({
      id,
      targets: nodes.map(({ target }) => target.join(' ')),
    }));
  });
  return violations.map(({ id, targets }) => `${id}: ${targets.join(', ')}`);
}
