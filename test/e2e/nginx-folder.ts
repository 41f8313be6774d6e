/** nginx with the configuration of nginx/, as it is but for addresses, folders and what a test asks for; or a plain one. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { freePort } from '../free-port.js';
import { answering, type Started, start } from './processes.js';

const FOLDER = new URL('../../../nginx', import.meta.url).pathname;

export interface NginxOptions {
  readonly tenant?: 'header' | 'basic-auth' | 'mtls';
  readonly route?: 'full' | 'canary-hash' | 'canary-list' | 'mirror';
  readonly edges: readonly string[];
  readonly mimir: string;
  /** Lines of listen.conf. */
  readonly listen?: string;
  /** Texts of the configuration, and what stands in their place. */
  readonly edits?: Readonly<Record<string, string>>;
  /** Files beside it. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface StartedNginx extends Started {
  readonly url: string;
  readonly port: number;
  /** What the access log has of pushes. */
  pushes(): Record<string, string | number>[];
}

export async function startNginx(t: Test, folder: string, options: NginxOptions): Promise<StartedNginx> {
  const port = await freePort();
  const file = (name: string) => join(folder, name);
  cpSync(FOLDER, folder, { recursive: true });
  const { tenant = 'header', route = 'full', edges, mimir, listen = '', edits = {}, files = {} } = options;
  const edit = (name: string, changes: Readonly<Record<string, string>>) => {
    let text = readFileSync(file(name), 'utf8');
    for (const [from, to] of Object.entries(changes)) {
      if (!text.includes(from)) continue;
      text = text.replace(from, to);
    }
    writeFileSync(file(name), text);
  };
  edit('nginx.conf', { 'tenant/header': `tenant/${tenant}`, 'route/full': `route/${route}` });
  for (const name of ['push.conf', 'hosts.conf', 'canary-tenants.conf', `route/${route}.conf`])
    edit(name, edits);
  const host = (url: string) => url.replace('http://', '');
  edit('hosts.conf', {
    'mimir-edge-1:8080': host(edges[0] ?? ''),
    ...(edges[1] === undefined
      ? { 'server mimir-edge-2:8080 max_fails=1 fail_timeout=1s;': '' }
      : { 'mimir-edge-2:8080': host(edges[1]) }),
    'mimir-distributor:8080': host(mimir),
  });
  writeFileSync(
    file('listen.conf'),
    `listen 127.0.0.1:${port} ${tenant === 'mtls' ? 'ssl' : ''}; access_log ${file('pushes.log')} pushes; ${listen}`,
  );
  for (const [name, text] of Object.entries(files)) writeFileSync(file(name), text);
  writeFileSync(file('pushes.log'), '');
  const started = runNginx(t, folder, 'nginx.conf');
  const url = `${tenant === 'mtls' ? 'https' : 'http'}://127.0.0.1:${port}`;
  if (!(await listening(port))) throw new Error(`nginx does not serve: ${started.output()}`);
  return {
    ...started,
    url,
    port,
    pushes: () =>
      readFileSync(file('pushes.log'), 'utf8')
        .trim()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
        .filter(({ method }) => method === 'POST'),
  };
}

/** An upstream that takes everything and keeps nothing. */
export async function startBlackHole(t: Test, folder: string): Promise<string> {
  const port = await freePort();
  mkdirSync(folder, { recursive: true });
  const text = readFileSync(join(FOLDER, 'blackhole.conf'), 'utf8').replace('9009', `127.0.0.1:${port}`);
  writeFileSync(join(folder, 'blackhole.conf'), text);
  runNginx(t, folder, 'blackhole.conf');
  const url = `http://127.0.0.1:${port}`;
  if (!(await answering(url, () => true))) throw new Error('the black hole does not serve');
  return url;
}

/** One that sets the tenant and passes on, and does no more. Answers its URL. */
export async function startTenantNginx(
  t: Test,
  folder: string,
  ways: readonly { readonly location: string; readonly tenant: string; readonly to: string }[],
): Promise<string> {
  const port = await freePort();
  const locations = ways.map(
    ({ location, tenant, to }) => `location ${location} {
          proxy_pass ${to};
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          proxy_set_header X-Scope-OrgID ${tenant};
        }`,
  );
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'nginx.conf'),
    `events {}
    http {
      access_log off;
      server { listen 127.0.0.1:${port}; ${locations.join(' ')} }
    }`,
  );
  const started = runNginx(t, folder, 'nginx.conf');
  if (!(await listening(port))) throw new Error(`nginx does not serve: ${started.output()}`);
  return `http://127.0.0.1:${port}`;
}

/** Its own folders are a matter of the build, so they are set from outside. */
function runNginx(t: Test, folder: string, config: string): Started {
  mkdirSync(join(folder, 'temp'), { recursive: true });
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, 'temp', name)};`,
  );
  const path = join(folder, config);
  writeFileSync(path, readFileSync(path, 'utf8').replace('http {', `http {\n  ${temp.join(' ')}`));
  const globals = `daemon off; pid ${join(folder, `${config}.pid`)}; error_log stderr warn;`;
  return start(t, 'nginx', ['-p', folder, '-c', path, '-e', 'stderr', '-g', globals]);
}

async function listening(port: number): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt++) {
    // Any answer will do, a broken TLS handshake too: what is refused has no cause beyond ECONNREFUSED.
    const refused = await fetch(`http://127.0.0.1:${port}`).then(
      () => false,
      (error: { cause?: { code?: string } }) => error.cause?.code === 'ECONNREFUSED',
    );
    if (!refused) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
