import { join } from 'node:path';
import t from 'tap';
import { openOverrides } from '#src/app/open-overrides.js';
import { loadConfig } from '#src/config/config.js';
import { upstream } from '../doors/http/fixtures.js';

t.test('the token goes to every URL, for limits of Mimir and of the edge', async (t) => {
  const server = await upstream((_req, res) => res.end('overrides: {}'));
  t.teardown(server.close);
  const loaded = loadConfig({
    env: {},
    flags: {
      'overrides.sources': `${server.url}/one,${server.url}/two`,
      'overrides.edge_sources': `${server.url}/edge`,
      'overrides.bearer_token_file': join(t.testdir({ token: 'secret' }), 'token'),
    },
  });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  const ignore = () => {};
  const overrides = openOverrides(loaded.config, {
    changed: ignore,
    failed: (message) => t.fail(message),
    warned: ignore,
    loaded: ignore,
    noticed: ignore,
  });
  t.teardown(() => overrides.stop());
  await overrides.start();
  const asked = server.arrived.map(({ url, headers }) => [url, headers['authorization']]);
  t.strictSame(Object.fromEntries(asked), {
    '/one': 'Bearer secret',
    '/two': 'Bearer secret',
    '/edge': 'Bearer secret',
  });
});
