import { createServer } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '#src/config/config.js';
import { openOverrides } from '#src/open-overrides.js';
import { listen } from './proxy/given.js';

t.test('the token goes to every URL, for limits of Mimir and of the edge', async (t) => {
  const asked: Record<string, string | undefined> = {};
  const server = createServer((req, res) => {
    asked[req.url ?? ''] = req.headers.authorization;
    res.end('overrides: {}');
  });
  const url = await listen(server);
  t.teardown(() => server.close());
  const loaded = loadConfig({
    env: {},
    flags: {
      'overrides.sources': `${url}/one,${url}/two`,
      'overrides.edge_sources': `${url}/edge`,
      'overrides.bearer_token_file': join(t.testdir({ token: 'secret' }), 'token'),
    },
  });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  const ignore = () => {};
  const overrides = openOverrides(loaded.config, {
    changed: ignore,
    failed: (message) => t.fail(message),
    warned: ignore,
    noticed: ignore,
  });
  t.teardown(() => overrides.stop());
  await overrides.start();
  t.strictSame(asked, { '/one': 'Bearer secret', '/two': 'Bearer secret', '/edge': 'Bearer secret' });
});
