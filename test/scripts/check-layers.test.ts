/** Lint's rule of layers, on small trees of files. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';

const SCRIPT = join(import.meta.dirname, '../../../scripts/check-layers.mjs');

function check(t: Test, files: Readonly<Record<string, string>>) {
  const root = t.testdir();
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return spawnSync(process.execPath, [SCRIPT, root], { encoding: 'utf8' });
}

t.test('imports from lower folders, from packages and within a folder pass', async (t) => {
  const { status, stderr } = check(t, {
    'main.ts': "import { serve } from './cli/serve.js';\n",
    'doors/http/lane.ts': [
      "import { readFile } from 'node:fs/promises';",
      "import type { Enforcer } from '../../enforce/enforcer.js';",
      "import { Body } from '../body.js';",
      '',
    ].join('\n'),
    'series/kernel/series.ts': "import { hash } from '../../payload/kernel/hash';\n",
  });
  t.equal(stderr, '');
  t.equal(status, 0);
});

const BROKEN = [
  [
    'an import from above',
    'enforce/enforcer.ts',
    "import { Body } from '../doors/body.js';",
    'src/enforce/enforcer.ts imports src/doors/body.ts: doors lies above enforce',
  ],
  [
    'an import of a type from above',
    'telemetry/log.ts',
    "import type { Refusal } from '../enforce/refusal.js';",
    'src/telemetry/log.ts imports src/enforce/refusal.ts: telemetry imports only from base',
  ],
  [
    'an import over several lines',
    'limits/snapshot.ts',
    "import {\n  type A,\n  b,\n} from '../enforce/refusal.js';",
    'src/limits/snapshot.ts imports src/enforce/refusal.ts: enforce lies above limits',
  ],
  [
    'a re-export from above',
    'base/listen.ts',
    "export { Lane } from '../doors/http/lane.js';",
    'src/base/listen.ts imports src/doors/http/lane.ts: doors lies above base',
  ],
  [
    'a dynamic import from above',
    'base/read.ts',
    "const { x } = await import('../doors/http/lane.js');",
    'src/base/read.ts imports src/doors/http/lane.ts: doors lies above base',
  ],
  [
    'an import of a type inside of a type',
    'base/lane.ts',
    "type Lane = import('../doors/http/lane.js').Lane;",
    'src/base/lane.ts imports src/doors/http/lane.ts: doors lies above base',
  ],
  [
    'an import from the folder beside',
    'series/book.ts',
    "import { Lease } from '../buckets/lease.js';",
    'src/series/book.ts imports src/buckets/lease.ts: series and buckets lie beside each other',
  ],
  [
    'the load generator in the proxy',
    'doors/body.ts',
    "import { Sender } from '../loadtest/sender.js';",
    'src/doors/body.ts imports src/loadtest/sender.ts: only cli imports from loadtest',
  ],
  [
    'the proxy in the load generator',
    'loadtest/sender.ts',
    "import { push } from '../payload/push.js';",
    'src/loadtest/sender.ts imports src/payload/push.ts: loadtest imports only from limits, base',
  ],
  [
    'what is compiled on its own',
    'payload/kernel/kernel.ts',
    "import { pad } from '../../base/pad.js';",
    'src/payload/kernel/kernel.ts imports src/base/pad.ts: payload/kernel imports nothing from outside of itself',
  ],
  [
    'the server in the console',
    'admin/console/main.ts',
    "import { Edge } from '../edge.js';",
    'src/admin/console/main.ts imports src/admin/edge.ts: admin/console imports only from base',
  ],
  [
    'the console in the server',
    'admin/edge.ts',
    "import { draw } from './console/main.js';",
    'src/admin/edge.ts imports src/admin/console/main.ts: nothing outside of admin/console imports from it',
  ],
  [
    'a folder that nobody has given a place',
    'doors/slabs.ts',
    "import { pad } from '../utils/pad.js';",
    'src/doors/slabs.ts imports src/utils/pad.ts: utils is in no row of LAYERS in scripts/check-layers.mjs',
  ],
] as const;

t.test('what breaks the rule fails, and the file, the import and the rule are named', async (t) => {
  const { status, stderr } = check(
    t,
    Object.fromEntries(BROKEN.map(([, file, line]) => [file, `${line}\n`])),
  );
  const lines = stderr.slice(0, stderr.indexOf('\n\n')).split('\n');
  for (const [what, file, , said] of BROKEN)
    t.equal(
      lines.find((line) => line.startsWith(`src/${file} `)),
      said,
      what,
    );
  t.equal(lines.length, BROKEN.length);
  t.equal(status, 1);
});
