/**
 * Views are functions that make elements; `patch` brings what is on the page into their shape. What stays the same is not
 * touched, so focus, selection and what is being typed survive.
 */

export type Child = Node | string | number | false | null | undefined;

type Handlers = Partial<Pick<HTMLElement, 'onclick' | 'oninput' | 'onchange' | 'onsubmit' | 'onkeydown'>>;
const HANDLERS = ['onclick', 'oninput', 'onchange', 'onsubmit', 'onkeydown'] as const;

export type Attributes = Handlers & { readonly [name: string]: unknown };

/** Attributes that are false, null or undefined are left out. `key` names an element among its siblings. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Child | readonly Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if ((HANDLERS as readonly string[]).includes(name)) Object.assign(element, { [name]: value });
    else element.setAttribute(name === 'key' ? 'data-key' : name, value === true ? '' : String(value));
  }
  for (const child of children.flat()) {
    if (child === false || child === null || child === undefined) continue;
    element.append(typeof child === 'number' ? String(child) : child);
  }
  return element;
}

/** Replaces the children of an element by others, keeping what can be kept. */
export function patch(parent: Element, children: readonly Element[]): void {
  const focused = document.activeElement;
  patchChildren(parent, children);
  // An element that was moved has lost it.
  if (focused instanceof HTMLElement && focused.isConnected && document.activeElement !== focused) {
    focused.focus({ preventScroll: true });
  }
}

function patchChildren(parent: Element, wanted: readonly Node[]): void {
  const byKey = new Map<string, Element>();
  for (const child of parent.children) {
    const key = keyOf(child);
    if (key !== undefined) byKey.set(key, child);
  }
  let at = parent.firstChild;
  for (const node of wanted) {
    const key = keyOf(node);
    const kept = key === undefined ? at : (byKey.get(key) ?? null);
    if (kept !== null && isAlike(kept, node)) {
      if (kept === at) at = at?.nextSibling ?? null;
      else parent.insertBefore(kept, at);
      patchNode(kept, node);
    } else {
      parent.insertBefore(node, at);
    }
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function patchNode(from: Node, to: Node): void {
  if (!(from instanceof HTMLElement) || !(to instanceof HTMLElement)) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  for (const { name } of [...from.attributes]) {
    // Whoever opened details wants them open.
    const isTheirs = name === 'open' && from instanceof HTMLDetailsElement;
    if (!isTheirs && !to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes)
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  for (const name of HANDLERS) Object.assign(from, { [name]: to[name] });
  // Drawn by somebody else.
  if (from.hasAttribute('data-kept')) return;
  patchChildren(from, [...to.childNodes]);
}

function isAlike(one: Node, other: Node): boolean {
  return one.nodeName === other.nodeName && keyOf(one) === keyOf(other);
}

function keyOf(node: Node): string | undefined {
  return node instanceof HTMLElement ? node.dataset['key'] : undefined;
}
