import { type FixedServer, startFixedServer } from './fixed-server.ts';
import { newOperator, type Operator } from './operator.ts';
import { SESSION } from './records.ts';
import { trustBundlesNaming } from './trust-bundle.ts';

type Scene = {
  readonly server: FixedServer;
  readonly ca: FixedServer;
  readonly operator: Operator;
};

/**
 * For the tests of one `describe`: a server and the CA that it names, of fixed answers, and for each test an operator who
 * has not logged in. `begun` is given them before each.
 */
export function useServerAndCa(begun: (scene: Scene) => void | Promise<void>): void {
  let servers: readonly FixedServer[] = [];
  let operator: Operator | undefined;
  before(async () => {
    servers = await Promise.all([startFixedServer(), startFixedServer()]);
  });
  after(() => Promise.all(servers.map((one) => one.close())));
  beforeEach(async () => {
    const [server, ca] = servers;
    if (server === undefined || ca === undefined) throw new Error('they are not started yet');
    for (const one of servers) one.reset();
    server.answer('GET /v1/session', SESSION);
    server.answer('GET /v1/trust-bundle', trustBundlesNaming({ url: ca.url, pin: ca.pin }));
    operator = newOperator();
    await begun({ server, ca, operator });
  });
  afterEach(() => operator?.leave());
}
