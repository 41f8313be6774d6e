/**
 * What the key of the hash is for: a sender that knows the code, but not the key, can not make series that are taken for one
 * another, nor series that crowd one place.
 */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { expandHashKey } from '#src/payload/hash-key.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { encodeVersion1, encodeVersion2 } from './encode.js';
import { hashes } from './oracle.js';

/** Where they are in a record. */
const SERIES_HASH = 2;
const METRIC_HASH = 4;

const MASK = (1n << 64n) - 1n;
const rotl = (x: bigint, by: bigint) => ((x << by) | (x >> (64n - by))) & MASK;

/** Found within a second for a hash without a key: under it, all of them are one. */
const CRAFTED = [
  'pod-u3haaOpZ#=w@',
  'pod-s8qa*<^/^i?{',
  'pod-yrzaS%ioFVdJ',
  'pod-nl0avMefi-)x',
  'pod-on7a.YNz2&rC',
  'pod-a17af(4/ylcn',
  'pod-fyjb#-WLaxy=',
  'pod-vdkbFdEF4XR{',
  'pod-1gmbe7G<@ojL',
  'pod-j9nb;:6#.h&z',
  'pod-n0tbS;1-ODM?',
  'pod-r3vbO/+(Wmel',
  'pod-ctzb3aP(07;:',
  'pod-yj1bY{q2TCc-',
  'pod-gy1bHA~x*wB*',
  'pod-af4b>ix3F[z[',
  'pod-ahbcpK8Fov2H',
  'pod-xsdc~[zH.*9V',
  'pod-s9ec<td=>[Wc',
  'pod-twfcDOO/<Z5s',
  'pod-hvmc+3(@HKEI',
  'pod-75qcognlk~{7',
  'pod-93vckM*@4P^r',
  'pod-69xc+bJ-a0Ak',
  'pod-mxzc@wls!o&[',
  'pod-ae0cPhJ3.2xe',
  'pod-1o6cp{kos..c',
  'pod-hy7c]Gp=}lJ/',
  'pod-hcad/mCrW;L~',
  'pod-ytbdFVT5jk@;',
  'pod-nycdH<F/[rEH',
  'pod-5wodXm?<N0T3',
  'pod-42udkU+3q8V?',
  'pod-pkvdO/i7?usH',
  'pod-gqyd-]o;p,k;',
  'pod-h62dnn5,M[5m',
  'pod-123d#9=>EnD>',
  'pod-8d7dH+lPK_8V',
  'pod-bxleT@+(oVKG',
  'pod-ym9ej)gN)TMu',
  'pod-5rdfv^2^ONsZ',
  'pod-p1kfhNHoeDP$',
  'pod-7rmf])QFbnoC',
  'pod-5ctfra+GN*fr',
  'pod-t4vf1F#&_rLB',
  'pod-9n3fe=&ar.BQ',
  'pod-4i8f9)_l^]YI',
  'pod-fnagB#WcD/>e',
];

t.test('values that were crafted for a hash without a key are as many series as they are', async (t) => {
  t.equal(new Set(CRAFTED.map(hashWithoutKey)).size, 1, 'they do collide there');
  const series = CRAFTED.map((pod) => [['__name__', 'up'] as const, ['pod', pod] as const]);
  for (const version of [1, 2] as const) {
    t.equal(new Set(seriesHashes(series, version, randomBytes(16))).size, CRAFTED.length);
  }
});

t.test('metrics of crafted names are as many metrics as they are', async (t) => {
  const series = CRAFTED.map((name) => [['__name__', name] as const]);
  t.equal(new Set(seriesHashes(series, 1, randomBytes(16), METRIC_HASH)).size, CRAFTED.length);
});

t.test('the same series has another hash under another key, and the same one under the same', async (t) => {
  const series = [[['__name__', 'up'] as const, ['pod', 'a'] as const]];
  const [key, other] = [randomBytes(16), randomBytes(16)];
  t.strictSame(seriesHashes(series, 1, key), seriesHashes(series, 2, key));
  t.not(seriesHashes(series, 1, key)[0], seriesHashes(series, 1, other)[0]);
  const rekeyed = new InlineDecoder(1 << 24, other);
  rekeyed.setHashKey(key);
  t.equal(hashesOf(rekeyed, series, 1)[0], seriesHashes(series, 1, key)[0]);
});

t.test('hashes are those of the description, whatever the length of names and values', async (t) => {
  const text = fc.oneof(
    fc.string({ minLength: 1, maxLength: 40 }),
    fc.string({ minLength: 1000, maxLength: 3000 }),
  );
  const described = fc.property(
    fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 12 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    (labels, key) => {
      // Series that differ from the one before in some label, so that what is known of that one is used, too.
      const series = labels.map((_, i) => [...labels.slice(0, i), ['last', `${i}`] as const]);
      const expected = series.map((one) => modelHash(one, key)).join();
      return [1, 2].every((version) => seriesHashes(series, version as 1 | 2, key).join() === expected);
    },
  );
  t.doesNotThrow(() => fc.assert(described, { numRuns: 60 }));
});

type Labels = readonly (readonly [string, string])[];

function seriesHashes(
  series: readonly Labels[],
  version: 1 | 2,
  key: Uint8Array,
  word = SERIES_HASH,
): bigint[] {
  return hashesOf(new InlineDecoder(1 << 24, key), series, version, word);
}

function hashesOf(
  decoder: InlineDecoder,
  series: readonly Labels[],
  version: 1 | 2,
  word = SERIES_HASH,
): bigint[] {
  const encode = version === 1 ? encodeVersion1 : encodeVersion2;
  const body = encode(series.map((labels) => ({ labels, value: 1, timestampMs: 1 })));
  const push = decoder.decodePlain(body, {
    protocol: `rw${version}`,
    maxUncompressedBytes: 1 << 20,
    maxSeries: series.length,
    excludeLabel: '',
  });
  if (push.kind !== 'push') throw new Error(push.message);
  return hashes(push, word);
}

/** The hash of a series, from the description in docs/kernel.md. */
function modelHash(labels: Labels, key: Uint8Array): bigint {
  const keys = Buffer.from(expandHashKey(key, 130 * 16));
  let sum = 0n;
  for (const [name, value] of labels) {
    const stirred = (rotl(stringHash(name, keys), 8n) * 0x9e3779b185ebca87n) & MASK;
    sum += avalanche((stirred + stringHash(value, keys)) & MASK);
  }
  return avalanche(sum & MASK);
}

function stringHash(text: string, keys: Buffer): bigint {
  const bytes = Buffer.from(text);
  let hash = 0n;
  for (let from = 0; ; from += 1024) {
    const block = bytes.subarray(from, from + 1024);
    hash = (hash + blockHash(block, bytes.length, keys)) & MASK;
    if (from + 1024 >= bytes.length) return hash;
    hash = avalanche(hash);
  }
}

function blockHash(block: Buffer, length: number, keys: Buffer): bigint {
  const padded = Buffer.alloc(Math.floor(block.length / 8) * 8 + 8);
  block.copy(padded);
  let hash = keys.readBigUInt64LE(0) + BigInt(length) * keys.readBigUInt64LE(8);
  for (let at = 0; at < padded.length; at += 8) {
    const low = BigInt(padded.readUInt32LE(at)) + keys.readBigUInt64LE(16 + 2 * at);
    const high = BigInt(padded.readUInt32LE(at + 4)) + keys.readBigUInt64LE(24 + 2 * at);
    hash += low * high;
  }
  return hash & MASK;
}

function avalanche(hash: bigint): bigint {
  let h = hash ^ (hash >> 33n);
  h = (h * 0xff51afd7ed558ccdn) & MASK;
  h ^= h >> 33n;
  h = (h * 0xc4ceb9fe1a85ec53n) & MASK;
  return h ^ (h >> 33n);
}

/** Of a text of sixteen bytes: multiply, rotate, xor, and nothing that a reader of the code does not know. */
function hashWithoutKey(text: string): bigint {
  const bytes = Buffer.from(text);
  const scatter = (word: bigint) => {
    const product = (word * 0xc2b2ae3d27d4eb4fn) & MASK;
    return product ^ (product >> 32n);
  };
  const begin = (0x85ebca77c2b2ae63n + 16n * 0x9e3779b185ebca87n) & MASK;
  const stirred = (rotl(begin ^ scatter(bytes.readBigUInt64LE(0)), 8n) * 0x9e3779b185ebca87n) & MASK;
  return stirred ^ scatter(bytes.readBigUInt64LE(8));
}
