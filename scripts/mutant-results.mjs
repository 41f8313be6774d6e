/**
 * What became of each mutant, noted in a file as a plugin of StrykerJS hears of it: a run that is stopped was not for
 * nothing, and areas can be run file by file. A file that is run anew takes the place of what was noted of it before.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';

let results = '';

export const strykerPlugins = [{ kind: 'Reporter', name: 'results', factory: () => ({ onMutantTested }) }];

/** Results go into `file` from here on. `forgotten`: those that are about to be found anew. */
export function noteInto(file, forgotten) {
  results = file;
  const kept = readResults(file).filter((result) => !forgotten(result));
  writeFileSync(file, kept.map((result) => `${JSON.stringify(result)}\n`).join(''));
}

export function readResults(file) {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(JSON.parse);
}

function onMutantTested({ fileName, location, mutatorName, replacement, status }) {
  const file = relative('.', fileName);
  const { start, end } = location;
  // As Stryker takes it back: lines from 1, columns from 0. It tells them from 1.
  const place = `${file}:${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`;
  appendFileSync(results, `${JSON.stringify({ file, place, mutatorName, replacement, status })}\n`);
}
