/**
 * Replacements such as `${1}_total`, expanded as in Go's regexp package: `$name` takes as many letters, digits and
 * underscores as follow, `$$` is a dollar sign, and a dollar sign that begins no name stands for itself.
 */

export interface Template {
  /** Set if it refers to no group: the result for every match. */
  readonly constant: string | undefined;
  /** The length of the result of `expand`. */
  length(groups: Groups): number;
  expand(groups: Groups): string;
}

type Groups = readonly (string | undefined)[];

/** A literal text, or the number of a group. */
type Part = string | number;

export function compileTemplate(template: string, names: ReadonlyMap<string, number>): Template {
  const parts = partsOf(template, names);
  const constant = parts.every((part) => typeof part === 'string') ? parts.join('') : undefined;
  return {
    constant,
    length: (groups) => parts.reduce<number>((sum, part) => sum + textOf(part, groups).length, 0),
    expand: (groups) => parts.map((part) => textOf(part, groups)).join(''),
  };
}

/** Prometheus' check: any dollar sign, whatever follows it. */
export function hasVariables(template: string): boolean {
  return template.includes('$');
}

function textOf(part: Part, groups: Groups): string {
  return typeof part === 'string' ? part : (groups[part] ?? '');
}

const NAME = /^(?:\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/u;

function partsOf(template: string, names: ReadonlyMap<string, number>): Part[] {
  const parts: Part[] = [];
  let rest = template;
  for (let dollar = rest.indexOf('$'); dollar >= 0; dollar = rest.indexOf('$')) {
    parts.push(rest.slice(0, dollar));
    rest = rest.slice(dollar + 1);
    if (rest.startsWith('$')) {
      parts.push('$');
      rest = rest.slice(1);
      continue;
    }
    const match = NAME.exec(rest);
    if (match === null) {
      parts.push('$');
      continue;
    }
    rest = rest.slice(match[0].length);
    const group = groupOf(match[1] ?? match[2] ?? '', names);
    if (group !== undefined) parts.push(group);
  }
  parts.push(rest);
  return parts.filter((part) => part !== '');
}

/** A number without leading zeros, or the name of a group. Undefined: no such group, which expands to nothing. */
function groupOf(name: string, names: ReadonlyMap<string, number>): number | undefined {
  return /^(0|[1-9]\d{0,8})$/.test(name) ? Number(name) : names.get(name);
}
