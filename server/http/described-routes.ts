import { Type } from 'typebox';
import { Health } from '@touchstone/schemas';
import { AGENT_ROUTES } from './agent-routes.ts';
import { BROWSER_ROUTES } from './browser-routes.ts';
import { METRICS_ROUTE } from './metrics-route.ts';
import type { DescribedRoute } from './open-api.ts';
import { queryOf } from './operator-route.ts';
import { OPERATOR_ROUTES } from './operator-routes.ts';

/**
 * `health` says that this process answers, and asks nobody: whoever restarts processes by it must not restart
 * them because the database is away. `ready` says that it can do its work: by it a load balancer chooses.
 */
export const OPEN_ROUTES = {
  health: {
    method: 'GET',
    path: '/v1/health',
    summary: 'Whether the process answers',
    answer: Health,
  },
  ready: {
    method: 'GET',
    path: '/v1/ready',
    summary: 'Whether it can do its work: time, issuers and database are there',
    answer: Health,
  },
  description: {
    method: 'GET',
    path: '/v1/openapi.json',
    summary: 'This description',
    answer: Type.Object({}),
  },
} as const;

/** Every route that is served. */
export const describedRoutes = (): DescribedRoute[] => [
  ...Object.values(OPEN_ROUTES).map((route) => ({ ...route, tag: 'open' as const })),
  ...AGENT_ROUTES.map((route) => ({ ...route, tag: 'agents' as const })),
  ...Object.values(BROWSER_ROUTES).map((route) => ({ ...route, tag: 'browsers' as const })),
  { ...METRICS_ROUTE, tag: 'operators' as const },
  ...OPERATOR_ROUTES.map((route) => ({
    ...route,
    tag: 'operators' as const,
    query: queryOf(route),
  })),
];
