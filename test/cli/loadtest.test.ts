import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { eventually, upstream } from '../doors/http/fixtures.js';
import { MAIN } from '../e2e/processes.js';
import { run } from './run.js';

const loadtest = (...args: string[]) => run(['loadtest', ...args]);

t.test('nothing is sent anywhere that was not named', async (t) => {
  t.match(await loadtest(), { status: 2, stderr: /--target is needed/ });
  t.match(await loadtest('--rate', '1000'), { status: 2, stderr: /--target is needed/ });
});

t.test('what can not be meant is refused by name', async (t) => {
  const wrong: [string[], RegExp][] = [
    [['--target', 'localhost:8080'], /--target needs an http/],
    [['--target', 'http://me:secret@a'], /--target takes no password/],
    [['--series', '1.5'], /--series needs a whole number/],
    [['--tenants', '0'], /--tenants needs a number from 1/],
    [['--churn', '200%'], /--churn needs a part/],
    [['--version', '3'], /--version is one of 1, 2/],
    [['--protocol', 'x'], /--protocol is one of remote-write, otlp/],
    [['--protocol', 'otlp', '--version', '1'], /--version is of remote write/],
    [['--gzip'], /--gzip needs --protocol otlp/],
    [['--profile', 'chaos'], /--profile is one of steady, ramp/],
    [['--duration', 'soon'], /--duration needs a duration/],
    [['--rate', '5', '--interval', '1s'], /exclude each other/],
    [['--header', 'nothing'], /--header needs/],
    [['--mode', 'closed', '--retry'], /need --mode open/],
    [['--header', 'a: b\nc: d'], /--header takes printable/],
    [['--series', '50000000', '--tenants', '2'], /--series gives the largest tenant/],
    [['--nonsense'], /nonsense/],
    [['extra'], /unexpected argument extra/],
    [['--compare', 'one.json'], /ENOENT|needs two files/],
  ];
  for (const [args, stderr] of wrong) {
    t.match(await loadtest('--target', 'http://127.0.0.1:1', ...args), { status: 2, stderr }, args.join(' '));
  }
  t.notMatch((await loadtest('--target', 'http://me:secret@a')).stderr, /secret/);
});

t.test('a run ends with a report in every form, and two can be compared', async (t) => {
  const target = await upstream();
  t.teardown(() => target.close());
  const folder = t.testdir();
  const [json, html] = [join(folder, 'a.json'), join(folder, 'a.html')];
  const args = ['--target', `${target.url}/some/path`, '--rate', '2000', '--series', '200'];
  const { status, stdout } = await loadtest(
    ...args,
    ...['--series-per-push', '20', '--duration', '1s', '--json', json, '--html', html],
  );
  t.equal(status, 0);
  t.match(stdout, /requests .*accepted.*answer .*200 .*load-01/s);
  t.equal(target.arrived[0]?.url, '/some/path');
  t.match(JSON.parse(readFileSync(json, 'utf8')), { totals: { accepted: target.arrived.length } });
  t.match(readFileSync(html, 'utf8'), /^<!doctype html>/);
  t.match(await loadtest('--compare', json, json), { status: 0, stdout: /accepted p99 ms .* =/ });
  writeFileSync(html, '{}');
  t.match(await loadtest('--compare', json, html), { status: 2, stderr: /is no report of a load test/ });
});

t.test('when nobody answered at all, that is a failure', async (t) => {
  t.match(await loadtest('--target', 'http://127.0.0.1:1', '--duration', '300ms'), {
    status: 1,
    stdout: /ECONNREFUSED/,
  });
});

t.test('Ctrl-C ends it with a report', async (t) => {
  const target = await upstream();
  t.teardown(() => target.close());
  const file = join(t.testdir(), 'report.json');
  const child = spawn(process.execPath, [
    MAIN,
    'loadtest',
    ...['--target', target.url, '--duration', '10m', '--json', file],
  ]);
  t.teardown(() => child.kill('SIGKILL'));
  t.ok(await eventually(() => target.arrived.length > 0));
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  t.equal(code, 0);
  t.ok(existsSync(file));
});
