// Bundles the status page into dist/admin/page: one script and one style sheet, the chart library included.
import { build } from 'esbuild';

await build({
  entryPoints: ['src/admin/page/main.ts', 'src/admin/page/style.css'],
  outdir: 'dist/admin/page',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'inline',
  logLevel: 'warning',
});
