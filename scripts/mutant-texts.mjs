/** Texts that docs are made of are no mutants: the generated docs are held against them. */
const TEXTS = ['doc', 'zero', 'meaning', 'remedy'];

export const strykerPlugins = [{ kind: 'Ignore', name: 'texts', value: { shouldIgnore } }];

function shouldIgnore({ node }) {
  const isText = node.type === 'ObjectProperty' && TEXTS.includes(node.key.name);
  return isText ? 'docs are made of it' : undefined;
}
