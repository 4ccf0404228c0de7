import type { Middleware } from 'koa';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { WindowRecord } from '@touchstone/schemas';
import type { Verifier } from '../services/verifier.ts';
import { countHosts } from '../services/count-hosts.ts';
import { exposureCounts } from '../services/exposures.ts';
import { viewObservation } from '../services/gate-mode.ts';
import { currentExpiries } from '../services/expiries.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { viewQuorum } from '../services/quorum.ts';
import { viewWindows } from '../services/windows.ts';

export type Metrics = { readonly registry: Registry; readonly observe: Middleware };

/**
 * What this process did, and how the fleet stands, for Prometheus. No label holds a host's name or id, an
 * address or anything else that a caller chooses: labels are routes, codes, states and classes, of which there
 * are few.
 */
export function createMetrics(verifier: Verifier): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'touchstone_' });
  const seconds = new Histogram({
    name: 'touchstone_http_request_duration_seconds',
    help: 'Time from the first byte of a request to its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const refusals = new Counter({
    name: 'touchstone_refusals_total',
    help: 'Requests that were refused or failed, by the code of the problem',
    labelNames: ['route', 'code'],
    registers,
  });
  const verdicts = new Counter({
    name: 'touchstone_verdicts_total',
    help: 'Verdicts that were given on evidence',
    labelNames: ['verdict', 'state'],
    registers,
  });
  const starts = new Counter({
    name: 'touchstone_starts_total',
    help: 'Requests to start a VM, by decision and, where refused, code',
    labelNames: ['decision', 'code'],
    registers,
  });
  gaugeHosts(verifier, registry);
  gaugeExpiries(verifier, registry);
  gaugePolicy(verifier, registry);
  gaugeGate(verifier, registry);

  const observe: Middleware = async (ctx, next) => {
    const begun = performance.now();
    let code: string | undefined;
    try {
      await next();
      countAnswer(ctx.body);
    } catch (error) {
      const { code: named, status = 500 } = error as { code?: unknown; status?: number };
      code =
        typeof named === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/u.test(named) ? named : 'INTERNAL';
      ctx.status = status;
      throw error;
    } finally {
      const route = routeOf(ctx);
      const labels = { method: methodOf(ctx.method), route, status: String(ctx.status) };
      seconds.observe(labels, (performance.now() - begun) / 1_000);
      if (code !== undefined) refusals.inc({ route, code });
    }
  };

  function countAnswer(body: unknown): void {
    if (body === null || typeof body !== 'object' || !('verdict' in body)) return;
    const { verdict, state, answers = [] } = body as Answer;
    if (verdict === undefined || state === undefined) return;
    verdicts.inc({ verdict, state });
    for (const { refusal } of answers) {
      if (refusal === undefined) starts.inc({ decision: 'permitted', code: '' });
      else starts.inc({ decision: 'refused', code: refusal.code });
    }
  }

  return { registry, observe };
}

/** From the database at each scrape: every replica says the same. */
function gaugeHosts(verifier: Verifier, registry: Registry): void {
  registry.registerMetric(
    new Gauge({
      name: 'touchstone_hosts',
      help: 'Hosts by state and class, from the database',
      labelNames: ['state', 'class'],
      registers: [],
      async collect() {
        const counts = await countHosts(verifier);
        this.reset();
        for (const { state, class: ofClass, count } of counts) {
          this.set({ state, class: ofClass }, count);
        }
      },
    }),
  );
}

/** By what ends and the threshold that it has passed; `0` has ended. */
function gaugeExpiries(verifier: Verifier, registry: Registry): void {
  registry.registerMetric(
    new Gauge({
      name: 'touchstone_expiries',
      help: 'Baselines, tokens, certificates and bundles that end soon or have ended, by days before the end',
      labelNames: ['code', 'days'],
      registers: [],
      async collect() {
        const expiries = await currentExpiries(verifier);
        this.reset();
        for (const { code, daysBefore } of expiries) this.inc({ code, days: String(daysBefore) });
      },
    }),
  );
}

/** How many people loosening takes, how many approvals wait for another, and how far open update windows are. */
function gaugePolicy(verifier: Verifier, registry: Registry): void {
  registry.registerMetric(
    new Gauge({
      name: 'touchstone_quorum',
      help: 'How many people it takes to loosen what is trusted',
      registers: [],
      async collect() {
        this.set((await viewQuorum(verifier)).quorum);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'touchstone_approvals_waiting',
      help: 'First approvals that wait for another person',
      registers: [],
      async collect() {
        this.set((await viewQuorum(verifier)).waiting);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'touchstone_update_window_hosts',
      help: 'Hosts that open update windows are for, by whether the new documents have accepted them',
      labelNames: ['accepted'],
      registers: [],
      async collect() {
        const { windows } = await viewWindows(verifier, FIRST_PAGE, { all: false });
        const sum = (count: (window: WindowRecord) => number) =>
          windows.reduce((all, window) => all + count(window), 0);
        this.set(
          { accepted: 'yes' },
          sum(({ accepted }) => accepted),
        );
        this.set(
          { accepted: 'no' },
          sum(({ laggards }) => laggards),
        );
      },
    }),
  );
}

/** What runs without a proof, and whether the gate only observes. Codes that hosts made up are one. */
function gaugeGate(verifier: Verifier, registry: Registry): void {
  registry.registerMetric(
    new Gauge({
      name: 'touchstone_exposures',
      help: 'What runs, or could run, without a proof, by the code of the exposure',
      labelNames: ['code'],
      registers: [],
      async collect() {
        const counts = await exposureCounts(verifier);
        this.reset();
        for (const { code, count } of counts) this.inc({ code }, count);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'touchstone_gate_observes',
      help: '1 while the gate refuses no start, on the hosts that observe mode is for',
      registers: [],
      async collect() {
        this.set((await viewObservation(verifier)) === null ? 0 : 1);
      },
    }),
  );
}

/** EvidenceAnswer or PermitsAnswer. */
type Answer = {
  readonly verdict?: string;
  readonly state?: string;
  readonly answers?: readonly { readonly refusal?: { readonly code: string } }[];
};

/** As the router has it, with `:key`; a path that is nobody's has no name. */
function routeOf(ctx: object): string {
  const { _matchedRoute: matched } = ctx as { readonly _matchedRoute?: unknown };
  return typeof matched === 'string' ? matched : 'none';
}

const METHODS = new Set(['GET', 'POST', 'PUT', 'DELETE']);
const methodOf = (method: string): string => (METHODS.has(method) ? method : 'other');
