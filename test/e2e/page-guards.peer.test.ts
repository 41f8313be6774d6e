/** What the console says of guards, in a real browser, over an edge whose Prometheus says that Mimir is full. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { upstream } from '../doors/http/fixtures.js';
import { findings, open, startBrowser } from './browser.js';
import { needs, startEdge } from './processes.js';

const TOKEN = 'page-token-0123456789';

/** Says of every expression what a test wants it to come to. */
async function prometheus(t: Test, given: { value: string | undefined }): Promise<string> {
  const server = createServer((_, res) => {
    if (given.value === undefined) res.writeHead(503).end();
    else
      res.end(
        JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [1, given.value] } }),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

t.test('the page says what a guard sees, what it does or would do, and what it does not know', async (t) => {
  if (!needs(t, 'chromium')) return;
  const browser = await startBrowser(t);
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const tokens = join(t.testdir({ tokens: `alice write ${TOKEN}\n` }), 'tokens');
  for (const mode of ['act', 'observe']) {
    const given: { value: string | undefined } = { value: '0.97' };
    const edge = await startEdge(t, [
      `--upstream.url=${mimir.url}`,
      `--guard.mode=${mode}`,
      `--admin.tokens_file=${tokens}`,
      '--guard.panic.hold=0s',
      `--guard.prometheus.url=${await prometheus(t, given)}`,
      '--guard.prometheus.memory=memory',
      '--guard.prometheus.interval=1s',
      '--guard.prometheus.timeout=1s',
    ]);
    const { page, complaints } = await open(t, browser, `${edge.admin}/#/upstream`);
    const guards = page.locator('#guards');
    await guards.getByText('memory is at 97 %: its expression comes to 0.97').waitFor();
    await guards.getByText(/^memory: 97/).waitFor();
    await guards.getByText(/^bytes_in_flight: 0/).waitFor();
    const text = await guards.innerText();
    t.match(text, mode === 'act' ? /they act/ : /they only observe/);
    t.match(text, /a Prometheus.*panic since .*50.%.* of their rates, critical ones 80.%/s);
    t.match(text, /what this edge measures.*calm/s);
    given.value = undefined;
    await guards.getByText('answers 503').waitFor();
    if (mode === 'act') {
      await guards.getByRole('button', { name: 'Have them observe' }).click();
      await page.locator('#change-reason').fill('we know better');
      await page.locator('#change-token').fill(TOKEN);
      await page.getByRole('button', { name: 'Go on' }).click();
      t.match(await page.locator('#change-summary').innerText(), /For 1 hour, .* nothing is done by guards/);
      await page.locator('#change-confirm').click();
      await page.getByRole('button', { name: 'Close' }).click();
      await guards.getByText('they only observe, for a time').waitFor();
      await page.goto(`${edge.admin}/#/`);
      await page.getByRole('button', { name: 'Take back guard.mode' }).click();
      await page.getByRole('button', { name: 'Go on' }).click();
      await page.locator('#change-confirm').click();
      await page.getByText('Done: ').waitFor();
      await page.getByRole('button', { name: 'Close' }).click();
    }
    await page.goto(`${edge.admin}/#/`);
    const does =
      mode === 'act' ? 'A guard acts, by what a Prometheus says' : 'A guard would act, and only observes';
    await page.getByText(does).waitFor();
    await page.getByText('A guard does not know memory: its Prometheus answers 503.').waitFor();
    t.strictSame(await findings(page), []);
    t.strictSame(complaints, []);
  }
});
