/**
 * Writes what is made from the declarations in src/: tables in docs/, the chart's schema, its dashboards. With --check
 * nothing is written; what is not as it would be written is named, and the exit code is 1.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { buildAll } from './build.mjs';

await buildAll({ tests: false });
const { documents } = await import('./generate-docs.mjs');
const { chartSchema } = await import('./generate-chart-schema.mjs');
const { DASHBOARDS } = await import('./generate-dashboards.mjs');

const generated = [...documents(), chartSchema(), ...DASHBOARDS];
const stale = generated.filter(({ file, text }) => readFileSync(file, 'utf8') !== text);
if (!process.argv.includes('--check')) for (const { file, text } of stale) writeFileSync(file, text);
else if (stale.length > 0) {
  for (const { file } of stale) process.stderr.write(`${file} is not what the code says.\n`);
  process.stderr.write('Write them with: npm run docs\n');
  process.exitCode = 1;
}
