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

/**
 * Text that can not be read as it was written: a word that goes on in the next line within itself, or one that ends where
 * its box does, or runs into the next. Names and code may break anywhere, and what ends in "…" says that it goes on.
 */
export async function unreadable(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const found = new Set();
    const main = document.getElementById('main');
    const texts = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
      if (text.parentElement.closest('code, h1, .name, .message, .unseen, svg') !== null) continue;
      for (const word of text.data.matchAll(/[\\p{L}\\d]{2,}/gu)) {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
        if (lines.size > 1) found.add('broken: ' + word[0]);
      }
    }
    for (const one of main.querySelectorAll('*')) {
      if (one.clientWidth < 2 || one.scrollWidth <= one.clientWidth + 1) continue;
      const isSeen = getComputedStyle(one.closest('thead') ?? one).clipPath === 'none';
      const { textOverflow } = getComputedStyle(one);
      if (!isSeen || textOverflow === 'ellipsis' || one.closest('.unseen, .plot, svg') !== null) continue;
      found.add('cut: ' + one.className + ' ' + one.textContent.slice(0, 60));
    }
    return [...found];
  })()`);
}
