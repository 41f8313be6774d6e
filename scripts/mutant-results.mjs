/**
 * What became of each mutant, noted in a file as a plugin of StrykerJS hears of it: a run that is stopped was not for
 * nothing, and areas can be run file by file. A file that is run anew takes the place of what was noted of it before.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';

let results = '';

export const strykerPlugins = [{ kind: 'Reporter', name: 'results', factory: () => ({ onMutantTested }) }];

/** Notes go into `file` from here on; what it has of these sources is forgotten. */
export function noteInto(file, sources) {
  results = file;
  const kept = readResults(file).filter((result) => !sources.includes(result.file));
  writeFileSync(file, kept.map((result) => `${JSON.stringify(result)}\n`).join(''));
}

/** Of a mutant that was run more than once the last result. */
export function readResults(file) {
  if (!existsSync(file)) return [];
  const noted = readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return [...new Map(noted.map((result) => [mutantOf(result), result])).values()];
}

function mutantOf({ place, mutatorName, replacement }) {
  return `${place} ${mutatorName} ${replacement}`;
}

function onMutantTested({ fileName, location, mutatorName, replacement, status }) {
  if (status === 'Ignored') return;
  const file = relative('.', fileName);
  const { start, end } = location;
  // As Stryker takes it back: lines from 1, columns from 0. It tells them from 1.
  const place = `${file}:${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`;
  appendFileSync(results, `${JSON.stringify({ file, place, mutatorName, replacement, status })}\n`);
}
