/**
 * uPlot without what no chart of the console has: bars, splines, scatter plots, scales that are not linear, legends of its own.
 * What is asked for nowhere is set to what the answer always is, and esbuild leaves out the rest.
 */
import { readFileSync } from 'node:fs';

const UNUSED = [
  [
    /^\s*\(?(uPlot|paths)\.(assign|rangeLog|rangeAsinh|rangeNum|fmtNum|orient|pxRatio|join|fmtDate|tzDate|sync|addGap|clipGaps|linear|bars|spline)\s*=.*$/gm,
    '',
  ],
  [/\b(self\.|u\.)?mode == 2\b/g, 'false'],
  [/\b(self\.|u\.)?mode == 1\b/g, 'true'],
  [/\b((sc|wsc|scale|scaleX)\.)?distr\s*(==|>=)\s*(2|3|4|100)\b/g, 'false'],
  [/\bshowLegend\b(?! *=)/g, 'false'],
  [/\bms == 1\b/g, 'false'],
];

/** A plugin of esbuild. */
export const consoleCharts = {
  name: 'console charts',
  setup({ onLoad }) {
    onLoad({ filter: /uPlot\.esm\.js$/ }, ({ path }) => {
      let contents = readFileSync(path, 'utf8');
      for (const [pattern, text] of UNUSED) {
        if (!pattern.test(contents))
          throw new Error(`uPlot has no ${pattern} any more: see scripts/console-charts.mjs`);
        contents = contents.replace(pattern, text);
      }
      return { contents, loader: 'js' };
    });
  },
};
