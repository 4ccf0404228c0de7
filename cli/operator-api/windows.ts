import {
  WindowChange,
  type WindowClosing,
  WindowHosts,
  WindowList,
  type WindowOpening,
  WindowRecord,
} from '@touchstone/schemas';
import { type BearerRoutes, wholeList, withQuery } from '../bearer-routes.ts';

/** Update windows: while one is open, its hosts may be as before and as after. */
export const windowRoutes = ({ at, get, post }: BearerRoutes) => ({
  windows: async (all: boolean) => ({
    windows: await wholeList(
      (cursor) =>
        get(withQuery(at('windows'), { all: all ? 'true' : undefined, ...cursor }), WindowList),
      ({ windows }) => windows,
    ),
  }),
  window: (key: string) => get(at('windows', key), WindowRecord),
  windowHosts: async (id: string) => ({
    hosts: await wholeList(
      (cursor) => get(withQuery(at('windows', id, 'hosts'), cursor), WindowHosts),
      ({ hosts }) => hosts,
    ),
  }),
  openWindow: (body: WindowOpening) => post(at('windows'), body, WindowChange),
  closeWindow: (id: string, body: WindowClosing) =>
    post(at('windows', id, 'closing'), body, WindowChange),
});
