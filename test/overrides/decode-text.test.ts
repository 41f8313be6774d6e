import { gzipSync } from 'node:zlib';
import t from 'tap';
import { decodeText } from '#src/overrides/decode-text.js';

const TOO_LARGE_ERROR = { message: 'x.gz has more than 10 bytes (overrides.max_bytes)' };

t.test('a text is what its bytes are, up to the size that is allowed', async (t) => {
  t.equal(await decodeText('x.yaml', Buffer.from('a: ä'), 10), 'a: ä');
  t.equal(await decodeText('x.yaml', Buffer.from('0123456789'), 10), '0123456789');
  await t.rejects(decodeText('x.yaml', Buffer.from('0123456789a'), 10), {
    message: 'x.yaml has more than 10 bytes (overrides.max_bytes)',
  });
});

t.test('a name that ends in .gz is gunzipped, up to the same size', async (t) => {
  const gz = (text: string) => gzipSync(text);
  t.equal(await decodeText('x.gz', gz('0123456789'), 100), '0123456789');
  await t.rejects(decodeText('x.gz', gz('0'.repeat(101)), 100), {
    message: 'x.gz has more than 100 bytes (overrides.max_bytes)',
  });
  t.equal((await decodeText('x.gz', gz('0'.repeat(100)), 100)).length, 100);
  t.equal(await decodeText('x.gzip', Buffer.from('plain'), 10), 'plain');
});

t.test('what is too large before it is gunzipped is not gunzipped', async (t) => {
  await t.rejects(decodeText('x.gz', Buffer.alloc(11), 10), TOO_LARGE_ERROR);
});

t.test('what is no gzip is said with its name', async (t) => {
  await t.rejects(decodeText('x.gz', Buffer.from('plain'), 10), {
    message: /^x\.gz: incorrect header check/,
  });
});
