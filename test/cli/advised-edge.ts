/** An admin API that knows the histories that it is given, for commands to ask. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { Api } from '#src/admin/api.js';
import type { Edge } from '#src/admin/edge.js';
import { listLimits } from '#src/admin/listing.js';
import { Problem } from '#src/admin/problem.js';
import { Tokens } from '#src/admin/tokens.js';
import { openAdvisor } from '#src/app/open-advisor.js';
import { loadConfig } from '#src/config/config.js';
import { parseOverrides } from '#src/limits/overrides-document.js';
import { buildSnapshot } from '#src/limits/snapshot.js';
import type { UsageHistory } from '#src/usage/usage-record.js';

/** What else it answers. */
interface Told {
  readonly replicas?: readonly object[];
  readonly sources?: readonly object[];
  readonly audit?: readonly object[];
}

export async function advisedEdge(
  t: Test,
  histories: readonly UsageHistory[],
  overrides = 'overrides: {}',
  config = '',
  { replicas = [], sources = [], audit: entries = [] }: Told = {},
): Promise<string> {
  const loaded = loadConfig({ file: { name: 'edge.yaml', text: config }, env: {}, flags: {} });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  const snapshot = buildSnapshot({
    defaults: loaded.config.defaults,
    mimir: [parseOverrides(overrides, 'mimir')],
    edge: [],
  });
  const byTenant = new Map(histories.map((history) => [history.tenant, history]));
  const kept = {
    tenants: async () => [...byTenant.keys()],
    history: async (tenant: string) => byTenant.get(tenant) ?? { tenant, hours: [], days: [] },
  };
  const advisor = openAdvisor(loaded.config, kept, () => snapshot);
  const usage = { name: 'edge', replicas: undefined };
  const edge = { advisor, usage, snapshot: () => snapshot, refresh: async () => {} } as unknown as Edge;
  const api = new Api(edge, { tokens: new Tokens('', () => {}), reads: 'open', wrote() {} });
  const server = createServer((req, res) => {
    const { pathname, search } = new URL(req.url ?? '', 'http://here');
    const path = pathname.replace('/api/v1', '');
    const answer = {
      '/fleet': { replicas },
      '/status': { overrides: { sources } },
      '/audit': { entries },
      '/limits': listLimits(edge, '', 0, 1000),
    }[path];
    if (answer !== undefined) {
      res.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer));
      return;
    }
    api.handle(req, res, path, search).catch((error: unknown) => {
      res.statusCode = error instanceof Problem ? error.status : 500;
      res.setHeader('Content-Type', 'application/json').end(JSON.stringify({ detail: String(error) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
