import fc from 'fast-check';
import t from 'tap';
import { REASON_NAMES, REASONS } from '#src/enforce/reasons.js';
import { refuse } from '#src/enforce/refusal.js';
import { refuseBusy, refuseLost, refuseTokens } from '#src/enforce/refusals.js';
import { Tally } from '#src/enforce/tally.js';
import { Tenant } from '#src/enforce/tenant.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { admit, enforcer, limits } from './fixtures.js';

const WHY = { what: 'it is too much', remedy: 'send less, or raise a limit' };

t.test('Retry-After covers the wait, is spread by jitter, and stays within its bounds', async (t) => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (wait, random) => {
        const seconds = refuse('rate_limited', WHY, { waitSeconds: wait, random }).retryAfterSeconds ?? -1;
        return Number.isInteger(seconds) && seconds >= Math.min(96, wait) && seconds >= 1 && seconds <= 96;
      },
    ),
  );
  const spread = [0, 0.25, 0.5, 1].map(
    (random) => refuse('rate_limited', WHY, { waitSeconds: 40, random }).retryAfterSeconds,
  );
  t.strictSame(spread, [40, 45, 50, 60]);
  t.equal(refuse('rate_limited', WHY, { waitSeconds: 2.2 }).retryAfterSeconds, 3, 'never rounded down');
});

t.test('only answers after which the same data may pass carry Retry-After', async (t) => {
  for (const reason of REASON_NAMES) {
    const { status } = REASONS[reason];
    const retryable = status === 429 || status === 503;
    t.equal(REASONS[reason].retry, retryable, `${reason} answers ${status}`);
    t.equal(refuse(reason, WHY).retryAfterSeconds !== undefined, retryable);
  }
});

t.test(
  'every message says what happened, its error id, and what to do about it, as those of Mimir',
  async (t) => {
    for (const reason of REASON_NAMES)
      t.equal(
        refuse(reason, WHY).message,
        `it is too much (${REASONS[reason].id}). Send less, or raise a limit.`,
      );
  },
);

t.test('a tenant that asks for 529 has it in place of 429, and of nothing else', async (t) => {
  for (const reason of REASON_NAMES) {
    const { status } = REASONS[reason];
    t.equal(refuse(reason, WHY, { overloadStatus: true }).status, status === 429 ? 529 : status, reason);
    t.equal(refuse(reason, WHY, { overloadStatus: false }).status, status, reason);
  }
});

t.test('senders of pushes that nobody could judge come again after the wait, and spread', async (t) => {
  const { tenant } = admit(enforcer(), 'a');
  t.match(refuseLost(tenant, 4, 0.5), { reason: 'edge_state_lost', status: 503, retryAfterSeconds: 5 });
  t.match(refuseBusy(tenant, 4, 0.5), { reason: 'edge_series_busy', status: 503, retryAfterSeconds: 5 });
});

t.test('a tenant without room in memory is told that it shares its limit, and no other is', async (t) => {
  const all = limits({ request_rate: 1, request_burst_size: 1 }, { bytes_per_second: 1 });
  for (const tally of [undefined, new Tally()]) {
    const tenant = new Tenant('a', all, 'enforce', new MemoryLedger(), 1, undefined, 0, tally);
    for (const limited of [tenant.requests!, tenant.items, tenant.bytes!]) {
      const none = { granted: false, available: 0, waitSeconds: 1 };
      const { message } = refuseTokens(1, 1, limited, tenant, none, 0);
      const shares =
        /; it shares this limit with others, .* \(err-.*\)\. Send .*, name it in a document, or raise tenants\.max/;
      if (tally === undefined) t.notMatch(message, /shares|name it/, limited.kind);
      else t.match(message, shares, limited.kind);
    }
  }
});
