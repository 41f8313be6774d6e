import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { needs } from '../e2e/processes.js';

const ROOT = new URL('../../../', import.meta.url).pathname;
const RULES = ['recording', 'alerts'].map((name) => join(ROOT, 'helm/mimir-edge/rules', `${name}.yaml`));
const RULE_TESTS = join(ROOT, 'test/helm/rules/alerts.test.yaml');

t.test('promtool finds the rules sound, and their tests pass', async (t) => {
  if (!needs(t, 'promtool')) return;
  for (const args of [
    ['check', 'rules', ...RULES],
    ['test', 'rules', RULE_TESTS],
  ]) {
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
    t.equal(status, 0, `${stdout}${stderr}`);
  }
});
