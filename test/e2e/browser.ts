/** A real Chromium for tests of the console: what it complains of, what axe finds, and pictures of what it shows. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Test } from 'tap';

/** Where pictures go. */
const ARTIFACTS = process.env['ARTIFACTS'] ?? new URL('../../../artifacts/', import.meta.url).pathname;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function startBrowser(t: Test): Promise<Browser> {
  mkdirSync(ARTIFACTS, { recursive: true });
  // Tests run as root in containers, where the sandbox can not be set up. The pages are our own.
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  t.teardown(() => browser.close());
  return browser;
}

export interface Opened {
  readonly page: Page;
  /** What the browser complained of, content security violations included. */
  readonly complaints: string[];
}

export async function open(
  t: Test,
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  t.teardown(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (one) => {
    if (!one.url().startsWith(new URL(url).origin)) complaints.push(`a request to ${one.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}

/** Asked through the debugger: a function in the page would need `unsafe-eval`. */
export async function shows(page: Page, expression: string, withinMs = 15_000): Promise<boolean> {
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; ) {
    if (await page.evaluate(expression)) return true;
    await page.waitForTimeout(50);
  }
  return false;
}

export function picture(page: Page, name: string): Promise<Buffer> {
  return page.screenshot({ path: join(ARTIFACTS, `${name}.png`), fullPage: true });
}

interface Axe {
  run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
}

/** All that axe finds. It is injected by the test, past the page's own policy. */
export async function findings(page: Page): Promise<string[]> {
  const context = await page.context().newCDPSession(page);
  const evaluate = async (expression: string): Promise<unknown> =>
    (await context.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })).result
      .value;
  await evaluate(`globalThis.axe === undefined && ${AXE};undefined`);
  const { violations } = (await evaluate('axe.run()')) as Awaited<ReturnType<Axe['run']>>;
  return violations.map(
    ({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`,
  );
}

/** In pixels, beside what is seen; 0: nothing is. */
export async function overflow(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
