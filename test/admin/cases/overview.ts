/** The first screen says whose fault it is, who loses what and why, and what was changed. */
import { writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { eventually } from '../../doors/http/fixtures.js';
import { compress, oneSampleEach } from '../../payload/encode.js';
import type { StartAdmin } from '../fixtures.js';

type Points = readonly (number | null)[];

interface Overview {
  readonly verdict: {
    readonly level: string;
    readonly faults: readonly string[];
    readonly title: string;
    readonly mimir: { readonly level: string; readonly figure: string; readonly note: string };
    readonly edge: { readonly note: string };
    readonly tenants: { readonly losing: number; readonly near: number; readonly note: string };
    readonly problems: readonly { readonly of: string; readonly level: string; readonly text: string }[];
  };
  readonly now: { readonly tenants: number };
  readonly history: {
    readonly since: string | null;
    readonly offered: Points;
    readonly lost: Points;
    readonly lostByReason: readonly { readonly reason: string }[];
  };
  readonly losers: readonly {
    readonly id: string;
    readonly losing: boolean;
    readonly reasons: readonly {
      readonly reason: string;
      readonly brief: string;
      readonly samples: number;
    }[];
    readonly use: { readonly limit: string } | null;
  }[];
  readonly marks: readonly { readonly kind: string; readonly text: string }[];
}

interface Times {
  readonly overSeconds: number;
  readonly count: number;
  readonly medianSeconds: number;
  readonly p99Seconds: number;
}

interface Status {
  readonly pushTimes: Times | null;
  readonly upstream: { readonly times: Times | null };
}

const OVERRIDES = `overrides:
  noisy: { ingestion_rate: 10, ingestion_burst_size: 100 }
  full: { max_global_series_per_user: 4 }
  close: { max_global_series_per_user: 10 }
`;

export function overviewCases(t: Test, admin: StartAdmin): void {
  t.test('without a tenant that loses', async (t) => {
    const edge = await admin(t, {}, OVERRIDES);

    t.test('an edge that nobody has sent anything to is well, and knows nothing of Mimir', async (t) => {
      const { verdict, losers, now, history } = await edge.json<Overview>('overview');
      t.strictSame([history.offered.length, history.lost.length], [360, 360]);
      t.ok(
        [...history.offered, ...history.lost].every((rate) => rate === null),
        'what was sent before it began is not known, which is not nothing',
      );
      t.equal(history.since, null);
      t.match(verdict, {
        level: 'good',
        faults: [],
        problems: [],
        mimir: { level: 'quiet', figure: 'quiet' },
      });
      t.equal(verdict.title, 'The edge is well, and nothing is lost.');
      t.strictSame([losers, now.tenants], [[], 0]);
      const { pushTimes, upstream } = await edge.json<Status>('status');
      t.strictSame([pushTimes, upstream.times], [null, null], 'that nothing was asked is no time');
    });

    t.test('a push without a tenant is worth a look, and nobody loses by it', async (t) => {
      t.equal((await edge.push(compress(oneSampleEach(3)), { 'X-Scope-OrgID': 'a|b' })).status, 400);
      const verdictNow = async () => (await edge.json<Overview>('overview')).verdict;
      // Workers that were asked a moment ago may answer from then.
      t.ok(await eventually(async () => (await verdictNow()).problems.length > 0));
      const verdict = await verdictNow();
      t.match(verdict, { faults: [], tenants: { losing: 0 } });
      t.match(verdict.problems, [
        { of: 'tenants', text: '1 push named no valid tenant: refused in the last five minutes.' },
      ]);
    });

    t.test('a document that can not be used is the fault of the edge, and says so', async (t) => {
      writeFileSync(edge.overridesFile, 'overrides: [');
      await edge.write('POST', 'reload', {});
      const { verdict } = await edge.json<Overview>('overview');
      t.match(verdict, { level: 'bad', faults: ['edge'], problems: [{ of: 'edge', level: 'bad' }] });
      t.match(verdict.title, /^The edge has a problem\./);
      t.match(verdict.problems[0]?.text, /The overrides can not be used, for .*; the last good limits stay/);
    });
  });

  t.test('who loses comes first, then who is near a limit; each with its reason and its limit', async (t) => {
    const edge = await admin(t, {}, OVERRIDES);
    const push = (tenant: string, series: number) =>
      edge.push(compress(oneSampleEach(series)), { 'X-Scope-OrgID': tenant });
    await push('noisy', 100);
    t.equal((await push('noisy', 90)).status, 429);
    t.equal((await push('full', 24)).status, 400);
    t.equal((await push('close', 9)).status, 200);
    t.equal((await push('quiet', 9)).status, 200);
    const { verdict, losers } = await edge.json<Overview>('overview');
    t.match(verdict, { level: 'bad', faults: ['tenants'], tenants: { losing: 2, near: 1 } });
    t.match(verdict.mimir.note, /^p99 [\d.]+\sm?s · 0 % of 4 requests failed in the last ten seconds$/);
    t.match(verdict.edge.note, / · p99 [\d.]+\s[µm]?s$/);
    const { pushTimes, upstream } = await edge.json<Status>('status');
    const { times } = upstream;
    t.match([times, pushTimes], [{ count: 4 }, { overSeconds: 10, count: 5 }]);
    t.ok(times !== null && times.p99Seconds >= times.medianSeconds && times.medianSeconds > 0);
    t.equal(verdict.title, '2 tenants lose samples. Mimir and the edge are well.');
    t.match(losers, [
      {
        id: 'noisy',
        losing: true,
        reasons: [{ reason: 'rate_limited', brief: 'over its ingestion rate', samples: 90 }],
        use: { limit: 'ingestion_rate' },
      },
      {
        id: 'full',
        losing: true,
        reasons: [{ reason: 'per_user_series_limit', samples: 20 }],
        use: { limit: 'max_global_series_per_user' },
      },
      { id: 'close', losing: false, reasons: [], use: { limit: 'max_global_series_per_user' } },
    ]);
    t.equal(losers.length, 3, 'whoever is well is not there');
    for (const [show, ids] of [
      ['losing', ['noisy', 'full']],
      ['near', ['noisy', 'full', 'close']],
      ['shadow', []],
      ['all', ['noisy', 'full', 'close', 'quiet']],
    ] as const) {
      const { tenants } = await edge.json<{ tenants: { id: string; trend: Points }[] }>(
        `tenants?show=${show}&trend=1h&range=1m`,
      );
      t.strictSame(
        tenants.map(({ id }) => id),
        ids,
        show,
      );
      t.ok(
        tenants.every(({ trend }) => trend.length === 30 && trend[0] === null),
        'not known, and not nothing',
      );
    }
  });

  t.test('what was changed is a mark: by people, by documents, one for all of a document', async (t) => {
    const edge = await admin(t, {}, OVERRIDES);
    const ask = { ttl: '1h', reason: 'a test, "quoted"' };
    await edge.write('PUT', 'tenants/noisy/limits/ingestion_rate', { ...ask, value: 500 });
    await edge.write('PUT', 'mode', { ...ask, mode: 'shadow' });
    writeFileSync(edge.overridesFile, OVERRIDES.replaceAll('per_user: ', 'per_user: 1'));
    await edge.write('POST', 'reload', {});
    const marks = async () => (await edge.json<Overview>('overview')).marks.map(({ text }) => text);
    t.ok(await eventually(async () => (await marks()).some((text) => /^2 tenants/.test(text))));
    // This process is older than the edge in it; with workers the edge has one of its own.
    const others = (await marks()).filter((text) => !/^replica .* started, version /.test(text));
    t.match(others.slice(0, 2), [
      'noisy: ingestion_rate 10 → 500, alice',
      /^all tenants: mode .*→ shadow, alice$/,
    ]);
    t.ok(others.includes('2 tenants: 2 limits, overrides.yaml'), others.join('; '));
    const { verdict } = await edge.json<Overview>('overview');
    t.match(verdict.problems, [{ of: 'edge', level: 'near', text: /^Shadow mode: all pushes pass/ }]);
    t.equal(verdict.level, 'near');

    const audit = async (query: string) =>
      (await edge.json<{ entries: { name: string; from: string }[] }>(`audit?${query}`)).entries.map(
        ({ name }) => name,
      );
    t.strictSame(await audit('from=people&search=ALICE'), ['reload', 'mode', 'ingestion_rate']);
    t.strictSame(await audit('from=people&tenant=noisy'), ['ingestion_rate']);
    t.strictSame(await audit('from=overrides&search=close'), ['max_global_series_per_user']);
    t.strictSame(await audit('since=2100-01-01T00:00:00Z'), []);
    const csv = await (await edge.get('/api/v1/audit?from=people&tenant=noisy&format=csv')).text();
    t.match(
      csv.split('\r\n')[0],
      'at","who","from","action","tenant","name","before","after","reason","until"',
    );
    t.match(
      csv.split('\r\n')[1],
      /"alice","here","set","noisy","ingestion_rate",10,500,"a test, ""quoted""",/,
    );
  });
}
