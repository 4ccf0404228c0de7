import type { Client } from '@touchstone/transport';
import { bearerRoutes } from './bearer-routes.ts';
import { accessRoutes } from './operator-api/access.ts';
import { baselineRoutes } from './operator-api/baselines.ts';
import { gateRoutes } from './operator-api/gate.ts';
import { hostRoutes } from './operator-api/hosts.ts';
import { keyRoutes } from './operator-api/keys.ts';
import { recordRoutes } from './operator-api/records.ts';
import { vmRoutes } from './operator-api/vms.ts';
import { windowRoutes } from './operator-api/windows.ts';

export type OperatorApi = ReturnType<typeof operatorApi>;

/** The server's operator API, one function a route. A host is named by its id or its name. */
export function operatorApi(client: Client, bearer: string) {
  const routes = bearerRoutes(client, bearer, '/v1');
  return {
    ...accessRoutes(routes),
    ...hostRoutes(routes),
    ...baselineRoutes(routes),
    ...windowRoutes(routes),
    ...gateRoutes(routes),
    ...vmRoutes(routes),
    ...keyRoutes(routes),
    ...recordRoutes(routes),
  };
}
