/**
 * Runs single test files after a quick build: npm run t -- test/enforce/enforcer.test.ts [more] [--watch]. What it prints
 * is the TAP of the files; the last line says how many of them passed.
 */
import { spawnSync } from 'node:child_process';
import { watch } from 'node:fs';
import { buildAll } from './build.mjs';

const files = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const stays = process.argv.includes('--watch');
if (files.length === 0) {
  process.stderr.write('Which test? For example: npm run t -- test/buckets/token-bucket.test.ts\n');
  process.exit(2);
}
process.exitCode = await run();
if (stays) watchOn();

async function run() {
  await buildAll({ tests: true });
  let failed = 0;
  for (const file of files) {
    const built = file.replace(/^(build\/)?/, 'build/').replace(/\.ts$/, '.js');
    const { status } = spawnSync(process.execPath, ['--enable-source-maps', built], {
      stdio: 'inherit',
      env: { ...process.env, TAP_DIAG: '1' },
    });
    if (status !== 0) failed++;
  }
  process.stderr.write(`${files.length - failed} of ${files.length} files passed\n`);
  return failed === 0 ? 0 : 1;
}

/** One run at a time; what changes meanwhile makes another one. */
function watchOn() {
  let due;
  let running = false;
  const again = async () => {
    if (running) {
      due = setTimeout(again, 100);
      return;
    }
    running = true;
    await run().catch((error) => process.stderr.write(`${error.message}\n`));
    running = false;
  };
  for (const folder of ['src', 'test']) {
    watch(folder, { recursive: true }, () => {
      clearTimeout(due);
      due = setTimeout(again, 100);
    });
  }
}
