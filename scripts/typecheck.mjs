/**
 * Checks the types of src/, the console and the tests, side by side. What did not change since the last time is not checked
 * again: tsc keeps in build/types what it knew.
 */
import { spawn } from 'node:child_process';

const PROJECTS = { src: '.', console: 'src/admin/console', test: 'test' };

const codes = await Promise.all(
  Object.entries(PROJECTS).map(([name, project]) => {
    const args = ['-p', project, '--incremental', '--tsBuildInfoFile', `build/types/${name}.json`];
    const tsc = spawn(process.execPath, ['node_modules/typescript/bin/tsc', ...args], { stdio: 'inherit' });
    return new Promise((resolve) => tsc.once('close', resolve));
  }),
);
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
