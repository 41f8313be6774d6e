/**
 * Bodies that are ready to be sent. Tenants share templates: their series, and successive generations of pods, differ only
 * in the ends of pod names, which are written for each push.
 */
import type { LoadOptions } from './options.js';
import { PUSHES_PER_NODE } from './series.js';
import { encodeTemplate, fill, type Template } from './template.js';
import type { LoadTenant } from './tenants.js';

/** A buffer that nobody else uses until it is given back. */
export interface ReadyBody {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly template: Template;
}

export interface PushContent {
  readonly tenant: number;
  readonly push: number;
  readonly cycle: number;
  /** Since the start of the run. */
  readonly dueMs: number;
  readonly timestampMs: number;
  /** True: no series of this push was sent before. */
  readonly allNew: boolean;
}

/** Size of the pool of free buffers. */
const FREE_MAX_BYTES = 256 << 20;

export class Bodies {
  readonly #tenants: readonly LoadTenant[];
  readonly #options: Pick<LoadOptions, 'version' | 'churnPerMinute' | 'seed'>;
  readonly #templates = new Map<string, Template>();
  readonly #free = new Map<Template, ReadyBody[]>();
  #freeBytes = 0;

  /** Encodes all templates: some seconds for a million series. */
  constructor(
    tenants: readonly LoadTenant[],
    options: Pick<LoadOptions, 'version' | 'churnPerMinute' | 'seed'>,
  ) {
    this.#tenants = tenants;
    this.#options = options;
    for (const tenant of tenants) {
      for (let push = 0; push < tenant.pushes; push++) this.#template(tenant, push);
    }
  }

  /** Of all templates, compressed. */
  get templateBytes(): number {
    let bytes = 0;
    for (const { body } of this.#templates.values()) bytes += body.length;
    return bytes;
  }

  take(content: PushContent): ReadyBody {
    const tenant = this.#tenants[content.tenant];
    if (tenant === undefined) throw new RangeError(`there is no tenant ${content.tenant}`);
    const template = this.#template(tenant, content.push);
    const free = this.#free.get(template)?.pop();
    if (free !== undefined) this.#freeBytes -= free.bytes.length;
    const body = free ?? copyOf(template);
    fill(body.view, template, {
      timestampMs: content.timestampMs,
      tick: content.cycle,
      suffixWords: this.#suffixWords(content, template.pods),
    });
    return body;
  }

  giveBack(body: ReadyBody): void {
    if (this.#freeBytes + body.bytes.length > FREE_MAX_BYTES) return;
    this.#freeBytes += body.bytes.length;
    this.#free.get(body.template)?.push(body);
  }

  #template({ seriesPerPush }: LoadTenant, push: number): Template {
    const key = `${push}/${seriesPerPush}`;
    const known = this.#templates.get(key);
    if (known !== undefined) return known;
    const template = encodeTemplate(push, seriesPerPush, this.#options.version);
    this.#templates.set(key, template);
    this.#free.set(template, []);
    return template;
  }

  #suffixWords({ tenant, push, cycle, dueMs, allNew }: PushContent, pods: number): Uint32Array {
    const words = new Uint32Array(2 * pods);
    const firstPod = Math.floor(push / PUSHES_PER_NODE) * pods;
    const replaced = (dueMs / 60_000) * this.#options.churnPerMinute;
    const identity = mix(mix(this.#options.seed, tenant), allNew ? ~cycle : 0);
    for (let pod = 0; pod < pods; pod++) {
      const number = mix(identity, firstPod + pod);
      // Each pod is replaced at a time of its own.
      const generation = Math.floor(replaced + number / 2 ** 32);
      const suffix = mix(number, generation);
      words[2 * pod] = HEX_WORDS[suffix >>> 16] ?? 0;
      words[2 * pod + 1] = HEX_WORDS[suffix & 0xffff] ?? 0;
    }
    return words;
  }
}

function copyOf(template: Template): ReadyBody {
  const bytes = Buffer.allocUnsafeSlow(template.body.length);
  template.body.copy(bytes);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), template };
}

/** Four hexadecimal digits for each 16-bit number, as a little-endian word. */
const HEX_WORDS = Uint32Array.from({ length: 1 << 16 }, (_, value) =>
  Buffer.from(value.toString(16).padStart(4, '0'), 'latin1').readUInt32LE(0),
);

function mix(a: number, b: number): number {
  let mixed = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
