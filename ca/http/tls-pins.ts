import { Router } from '@koa/router';
import type { CaTlsPins } from '@touchstone/schemas';
import { type TlsIdentity, tokenBuckets } from '@touchstone/transport';

/** Which TLS keys this CA shows and will show: for the server, which tells hosts. */
export function tlsPinsRouter(tls: Pick<TlsIdentity, 'pins'>): Router {
  const router = new Router();
  const limit = tokenBuckets({
    perAddress: { burst: 20, perSecond: 2 },
    total: { burst: 100, perSecond: 20 },
  });
  router.get('/v1/tls-pins', limit, (ctx) => {
    const answer: CaTlsPins = { pins: [...tls.pins] };
    ctx.body = answer;
  });
  return router;
}
