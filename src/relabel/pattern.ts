/**
 * The regular expressions of relabelling rules, with RE2's syntax and in time linear in the text: tenants send the texts,
 * and must not be able to stall a process. Anchored as in Prometheus.
 */
import { RE2JS } from 're2js';

export interface Pattern {
  matches(text: string): boolean;
  /** The first match and its groups; undefined: no match. A group that did not participate is undefined. */
  groups(text: string): readonly (string | undefined)[] | undefined;
  /** Replaces every match by what `replacement` makes of its groups. */
  replaceAll(text: string, replacement: (groups: readonly (string | undefined)[]) => string): string;
  /** The numbers of named groups. */
  readonly names: ReadonlyMap<string, number>;
}

export function compilePattern(regex: string): Pattern | { readonly problem: string } {
  try {
    return new Re2Pattern(RE2JS.compile(`^(?s:${regex})$`));
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error);
    return { problem: `not a regular expression of RE2: ${why}` };
  }
}

class Re2Pattern implements Pattern {
  readonly names: ReadonlyMap<string, number>;
  readonly #compiled: RE2JS;

  constructor(compiled: RE2JS) {
    this.#compiled = compiled;
    this.names = new Map(Object.entries(compiled.namedGroups()));
  }

  matches(text: string): boolean {
    return this.#compiled.test(text);
  }

  groups(text: string): readonly (string | undefined)[] | undefined {
    const matcher = this.#compiled.matcher(text);
    return matcher.find() ? groupsOf(matcher) : undefined;
  }

  /** An anchored pattern matches once, unless it closes the anchors' own group, as `a)|(b` does. */
  replaceAll(text: string, replacement: (groups: readonly (string | undefined)[]) => string): string {
    const matcher = this.#compiled.matcher(text);
    let result = '';
    let end = 0;
    while (matcher.find()) {
      result += text.slice(end, matcher.start()) + replacement(groupsOf(matcher));
      end = matcher.end();
    }
    return result + text.slice(end);
  }
}

function groupsOf(matcher: ReturnType<RE2JS['matcher']>): readonly (string | undefined)[] {
  const groups: (string | undefined)[] = [];
  for (let group = 0; group <= matcher.groupCount(); group++) groups.push(matcher.group(group) ?? undefined);
  return groups;
}
