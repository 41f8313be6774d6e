/** Every example of docs/admin-api.md, run as it is written there. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { eventually, PUSH_500, send, upstream } from '../doors/http/fixtures.js';
import { needs, startEdge } from './processes.js';

const DOCUMENT = readFileSync(new URL('../../../docs/admin-api.md', import.meta.url), 'utf8');
const EXAMPLES = [...DOCUMENT.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, example = '']) => example);
const TOKEN = 'cookbook-token-0123456789';

for (const [how, flags] of [
  ['in one process', []],
  ['with two workers', ['--workers=2']],
] as const) {
  t.test(`the cookbook works ${how}`, (t) => cookbook(t, flags));
}

async function cookbook(t: Test, flags: readonly string[]): Promise<void> {
  if (!needs(t, 'curl')) return;
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const folder = t.testdir();
  writeFileSync(join(folder, 'tokens'), `alice write ${TOKEN}\n`);
  const edge = await startEdge(t, [
    `--upstream.url=${mimir.url}`,
    `--admin.tokens_file=${join(folder, 'tokens')}`,
    ...flags,
  ]);
  await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'team-a' });
  t.ok(EXAMPLES.length >= 10);
  // Advice is made of what is kept: of ten seconds that are over.
  const isKept = async () => {
    const usage = (await (await fetch(`${edge.admin}/api/v1/usage?tenant=team-a`)).json()) as {
      records: object[];
    };
    return usage.records.length > 0;
  };
  t.ok(await eventually(isKept, 60_000), 'usage is kept');
  for (const example of EXAMPLES) {
    const child = spawn('sh', ['-ec', example], {
      cwd: folder,
      env: { ...process.env, EDGE: edge.admin, TOKEN },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data.toString();
      });
    }
    const code = await new Promise((resolve) => child.once('close', resolve));
    t.equal(code, 0, `${example}\n${output}`);
  }
  t.match(readFileSync(join(folder, 'denials.csv'), 'utf8'), /^"at","tenant"/);
  const { entries } = (await (await fetch(`${edge.admin}/api/v1/audit?from=people`)).json()) as {
    entries: object[];
  };
  const writes = EXAMPLES.join('').match(/-X (PUT|POST|DELETE)/g) ?? [];
  t.equal(entries.length, writes.length, 'each write is in the audit');
  t.match(readFileSync(join(folder, 'usage.csv'), 'utf8'), /^"start","seconds"/);
}
