import t from 'tap';
import { MessageHeaders } from '#src/base/http1/headers.js';
import { Call } from '#src/upstream/call.js';
import { TenantQueue } from '#src/upstream/tenant-queue.js';

const receiver = { started() {}, response() {}, data() {}, end() {}, failed() {} };

const OUTCOMES = { answered() {}, failed() {}, aborted() {}, tick() {} };
const ONCE = {
  isProbe: false,
  trial: 0,
  unreachable() {},
  refused: () => false,
};

function call(tenant: string, path = '/', arrivedMs = 0, address = '10.0.0.1'): Call {
  const request = {
    tenant,
    place: tenant,
    address,
    method: 'GET',
    path,
    headers: new MessageHeaders([]),
    requestId: 'r',
    body: null,
    headRoom: 0,
    headersTimeoutMs: 0,
    bodyTimeoutMs: 0,
  };
  return new Call({ drop() {} }, request, path, receiver, OUTCOMES, ONCE, arrivedMs, 1000);
}

const anybody = (): boolean => true;

function takeAll(queue: TenantQueue, mayStart: (call: Call) => boolean = anybody): string[] {
  const taken: string[] = [];
  for (let next = queue.next(mayStart); next !== undefined; next = queue.next(mayStart)) {
    taken.push(`${next.request.tenant}${next.path}`);
  }
  return taken;
}

t.test('tenants take turns, and the calls of each go in their order', async (t) => {
  const queue = new TenantQueue();
  for (const path of ['/1', '/2', '/3', '/4']) queue.add(call('a', path));
  queue.add(call('b', '/1'));
  queue.add(call('c', '/1'));
  queue.add(call('b', '/2'));
  t.equal(queue.size, 7);
  t.strictSame(takeAll(queue), ['a/1', 'b/1', 'c/1', 'a/2', 'b/2', 'a/3', 'a/4']);
  t.equal(queue.size, 0);
});

t.test('a tenant that had nothing waiting comes after those that had', async (t) => {
  const queue = new TenantQueue();
  queue.add(call('a', '/1'));
  t.strictSame(takeAll(queue), ['a/1']);
  queue.add(call('b', '/1'));
  queue.add(call('a', '/2'));
  t.strictSame(takeAll(queue), ['b/1', 'a/2']);
});

t.test('a tenant that may not have more is passed over, and keeps its place', async (t) => {
  const queue = new TenantQueue();
  for (const path of ['/1', '/2']) queue.add(call('a', path));
  queue.add(call('b', '/1'));
  t.strictSame(
    takeAll(queue, ({ request }) => request.tenant !== 'a'),
    ['b/1'],
  );
  t.strictSame(takeAll(queue), ['a/1', 'a/2']);
});

t.test(
  'an address that may not have more keeps none of the same tenant from another address waiting',
  async (t) => {
    const queue = new TenantQueue();
    for (const path of ['/1', '/2']) queue.add(call('a', path, 0, 'many'));
    queue.add(call('a', '/3', 0, 'few'));
    t.strictSame(
      takeAll(queue, ({ request }) => request.address !== 'many'),
      ['a/3'],
    );
    t.strictSame(takeAll(queue), ['a/1', 'a/2']);
  },
);

t.test('what is removed is gone, and only once', async (t) => {
  const queue = new TenantQueue();
  const [one, two, other] = [call('a', '/1'), call('a', '/2'), call('a', '/3')];
  queue.add(one);
  queue.add(two);
  queue.remove(other);
  queue.remove(one);
  queue.remove(one);
  t.equal(queue.size, 1);
  t.strictSame(takeAll(queue), ['a/2']);
  queue.remove(two);
  t.equal(queue.size, 0);
});

t.test('calls expire by the time at which they came', async (t) => {
  const queue = new TenantQueue();
  for (const [tenant, arrivedMs] of [
    ['a', 0],
    ['a', 500],
    ['b', 100],
  ] as const)
    queue.add(call(tenant, '/', arrivedMs));
  t.equal(queue.expired(999).length, 0);
  t.equal(queue.expired(1000).length, 1);
  t.equal(queue.expired(1100).length, 2);
  t.equal(queue.expired(9999).length, 3);
  t.equal(queue.size, 3, 'and stay until somebody removes them');
});
