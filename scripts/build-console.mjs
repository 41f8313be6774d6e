// Bundles the status page into dist/admin/console: one script and one style sheet, the chart library included.
import { build } from 'esbuild';

await build({
  entryPoints: ['src/admin/console/main.ts', 'src/admin/console/style.css'],
  outdir: 'dist/admin/console',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'inline',
  logLevel: 'warning',
});
