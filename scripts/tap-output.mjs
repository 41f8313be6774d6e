/** What a test file said, read from its TAP: totals, the tests at its top, what was skipped, what failed and why. */

const RESULT = /^( *)(not ok|ok) \d+(?: - (.*?))?(?: # (SKIP|TODO|time=)(.*))?$/;
const SUBTEST = /^( *)# Subtest: (.*)$/;
const TOTALS = /^# \{ (total: .*) \}$/;
/** Versions, plans, times, and the empty lines between. */
const FRAME = /^ *(TAP version 14|\d+\.\.\d+.*|# time=.*|)$/;

/** One that ends badly has failed, whatever its tests said, and so has one without tests. */
export function judge(output, code, signal) {
  const tap = readTap(output);
  const { pass = 0, fail = 0 } = tap.totals ?? {};
  if (code === 0 && tap.totals?.total > 0 && fail === 0) return { tap, passed: pass, failed: 0 };
  if (tap.failures.length === 0) tap.failures.push({ path: [whyNone(tap, code, signal)], lines: [] });
  return { tap, passed: pass, failed: Math.max(1, fail) };
}

function whyNone({ totals }, code, signal) {
  if (totals?.total === 0) return 'it has no tests';
  const ending = signal === null ? `it ended with ${code}` : `it was ended by ${signal}`;
  return totals === undefined ? `${ending} before its tests did` : ending;
}

function readTap(text) {
  const read = { totals: undefined, tests: [], skipped: [], failures: [], rest: [] };
  const lines = text.split('\n');
  /** Names of the subtests that are open, and whether something in them has been told already. */
  const names = [];
  const told = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    const [, subtestIndent, subtest] = SUBTEST.exec(line) ?? [];
    const [, indent, verdict, name = '', mark, note] = RESULT.exec(line) ?? [];
    if (subtest !== undefined) {
      names[subtestIndent.length / 4] = subtest;
    } else if (verdict !== undefined) {
      const depth = indent.length / 4;
      const end = endOfDiagnostics(lines, i + 1, indent);
      const failed = verdict === 'not ok' && mark !== 'TODO';
      if (mark === 'SKIP') read.skipped.push([name, note.trim()].filter((word) => word !== '').join(': '));
      if (failed && !told[depth])
        read.failures.push({
          path: [...names.slice(0, depth), name],
          lines: reasons(lines.slice(i + 2, end)),
        });
      told[depth] = false;
      if (failed) for (let outer = 0; outer < depth; outer++) told[outer] = true;
      if (depth === 0 && mark !== 'SKIP')
        read.tests.push({ name, failed, ms: mark === 'time=' ? Number.parseFloat(note) : undefined });
      if (end > 0) i = end;
    } else if (TOTALS.test(line)) {
      read.totals = Object.fromEntries(
        [...line.matchAll(/(\w+): (\d+)/g)].map(([, what, count]) => [what, Number(count)]),
      );
    } else if (!FRAME.test(line)) {
      read.rest.push(line);
    }
  }
  return read;
}

/** The index of the line that ends a block of diagnostics, or 0 where there is none. */
function endOfDiagnostics(lines, from, indent) {
  if (lines[from] !== `${indent}  ---`) return 0;
  const end = lines.indexOf(`${indent}  ...`, from);
  return end < 0 ? lines.length : end;
}

/** Diagnostics without what the stack says again, and without their indentation. */
function reasons(lines) {
  const indent = /^ */.exec(lines[0] ?? '')[0].length;
  const kept = [];
  let drops = false;
  for (const line of lines.map((one) => one.slice(indent))) {
    if (/^\S/.test(line)) drops = /^(at|compare|tapCaught|generated):/.test(line);
    // Of a place in a built file and its source, the source.
    if (!drops) kept.push(line.replace(/(\(?)build\/[^)\s]+(\)?) \((\S+)\)/, '$1$3$2'));
  }
  return kept;
}
