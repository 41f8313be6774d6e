/** mimir-edge baseline: saves all current limits, so that a report can say what has changed since. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Baseline } from '../advice/report.js';
import { askEdge, EDGE_URL, edgeApi } from './edge-api.js';
import { asUsage, type Io, UsageError } from './io.js';
import { limitsOfFiles } from './limits-report.js';
import { limitsNow } from './report-data.js';

const HELP = `Usage: mimir-edge baseline save FILE [options]

Writes all tenants' limits in force into FILE. mimir-edge report --baseline FILE says what has changed since.

  --url URL           the admin listener of an edge (default: ${EDGE_URL})
  --token-file FILE   a file with a token, where reading needs one
  --overrides FILE    no edge, but the limits of this file; may be given again
  --edge-file FILE    the limits that only the edge has
  --config FILE       the edge's configuration: its section limits has the defaults
  --help

Examples:
  mimir-edge baseline save limits.json
  mimir-edge baseline save limits.json --overrides overrides.yaml
`;

export async function baseline(args: string[], io: Io): Promise<number> {
  const { values, positionals } = asUsage(() =>
    parseArgs({
      args,
      allowPositionals: true,
      options: {
        url: { type: 'string', default: EDGE_URL },
        'token-file': { type: 'string' },
        overrides: { type: 'string', multiple: true, default: [] as string[] },
        'edge-file': { type: 'string' },
        config: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }),
  );
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const [what, file, ...more] = positionals;
  if (what !== 'save' || file === undefined || more.length > 0)
    throw new UsageError('a file is needed: mimir-edge baseline save FILE');
  const isOfFiles = values.overrides.length > 0 || values['edge-file'] !== undefined;
  const api = edgeApi(values.url, values['token-file']);
  const limits = isOfFiles ? await limitsOfFiles(values, io) : await limitsNow((path) => askEdge(api, path));
  if (limits === undefined) return 2;
  const saved: Baseline = { savedAt: new Date().toISOString(), ...limits };
  const text = JSON.stringify(saved, (_, value) => (value === undefined ? null : value), 1);
  asUsage(() => writeFileSync(file, `${text}\n`));
  io.stdout.write(`the limits of ${Object.keys(limits.tenants).length} tenants are in ${file}\n`);
  return 0;
}
