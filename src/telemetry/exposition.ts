/**
 * Metrics as text, in Prometheus' format or in OpenMetrics. Families with a line for each tenant are written in parts:
 * blocking the event loop for ten thousand tenants would delay every push.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

export type TextFormat = 'prometheus' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<TextFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** A family that may have very many lines. */
export interface LargeFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  /** Labels as `labelText` writes them; each label set appears once. */
  readonly lines: Iterable<readonly [labels: string, value: number]>;
}

/** Called for each scrape; its result is read over several turns of the event loop. */
export type ReadFamilies = () => Iterable<LargeFamily>;

const LINES_A_TURN = 1000;

/** `small`: prom-client's text for everything else. */
export async function* exposition(
  small: string,
  large: Iterable<LargeFamily>,
  format: TextFormat,
): AsyncGenerator<string> {
  const isOpen = format === 'openmetrics';
  yield isOpen ? asOpenMetrics(small) : small;
  for (const { name, help, type, lines } of large) {
    const family = isOpen && type === 'counter' ? name.replace(/_total$/, '') : name;
    let part = `# HELP ${family} ${help}\n# TYPE ${family} ${type}\n`;
    let count = 0;
    for (const [labels, value] of lines) {
      part += `${name}${labels} ${value}\n`;
      if (++count % LINES_A_TURN > 0) continue;
      yield part;
      part = '';
      await nextTurn();
    }
    yield part;
  }
  if (isOpen) yield '# EOF\n';
}

export function labelText(labels: Readonly<Record<string, string>>): string {
  const written = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return `{${written.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** There a counter's family is named without `_total`, and its samples with it. */
function asOpenMetrics(text: string): string {
  const counters = new Set([...text.matchAll(/^# TYPE (\S+)_total counter$/gm)].map(([, name = '']) => name));
  return text
    .replace(/^# (HELP|TYPE) (\S+)_total /gm, (line, word: string, name: string) =>
      counters.has(name) ? `# ${word} ${name} ` : line,
    )
    .replaceAll(/\n{2,}/g, '\n');
}
