/**
 * Runs scenarios, each against its own bounds, and says pass or fail.
 *
 *   npm run scenario -- NAME [NAME ...] [--minutes N] [--rate N] [--against=DIR] [--smoke]
 *
 * With `--smoke` everything is short and bounds are shown but not enforced. `--rate`: what an upstream of limited capacity takes, in
 * samples a second. `--against`: a folder in which another state of the project was built, for scenarios that have a column of it.
 */
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Lab, type Scenario } from './lab.js';

const FOLDER = new URL('./scenarios/', import.meta.url);
const NAMES = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -'.js'.length));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    smoke: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '100000' },
    against: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => name !== 'all' && !NAMES.includes(name));
if (positionals.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`there is no scenario ${unknown.join(', ')}`);
  for (const name of NAMES) console.log(`${name.padEnd(18)} ${(await read(name)).summary}`);
  process.exitCode = 2;
} else {
  for (const name of positionals.includes('all') ? NAMES : positionals) await runOne(name);
}

async function read(name: string): Promise<Scenario> {
  const { scenario } = (await import(new URL(`${name}.js`, FOLDER).href)) as { scenario: Scenario };
  return scenario;
}

async function runOne(name: string): Promise<void> {
  const scenario = await read(name);
  console.log(`${name}: ${scenario.summary}`);
  const missing = scenario.missing?.();
  if (missing !== undefined) {
    console.log(`${name}: skipped, ${missing}`);
    return;
  }
  const lab = new Lab({
    smoke: values.smoke,
    minutes: Number(values.minutes),
    rate: Number(values.rate),
    against: values.against,
  });
  try {
    const checks = await scenario.run(lab);
    for (const { bound, found, kept } of checks) {
      console.log(`  ${kept ? 'pass' : 'FAIL'}  ${bound}: ${found}`);
    }
    const passed = checks.every(({ kept }) => kept);
    console.log(`${name}: ${passed ? 'pass' : 'fail'}`);
    if (!passed && !values.smoke) process.exitCode = 1;
  } finally {
    await lab.close();
  }
}
