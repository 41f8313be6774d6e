import t from 'tap';
import { readRetryAfterMs } from '#src/base/retry-after.js';

t.test('Retry-After is read as seconds and as a date, five minutes at most', async (t) => {
  t.equal(readRetryAfterMs('3', 0), 3000);
  t.equal(readRetryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 4000), 6000);
  t.equal(readRetryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 40_000), 0);
  t.equal(readRetryAfterMs('301', 0), 300_000);
  t.equal(readRetryAfterMs('Fri, 02 Jan 1970 00:00:00 GMT', 0), 300_000);
});

t.test('what is no Retry-After is none', async (t) => {
  for (const header of ['soon', '9'.repeat(400), ['1', '2'], undefined])
    t.equal(readRetryAfterMs(header, 0), undefined);
});
