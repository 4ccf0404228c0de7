import type { Router, RouterContext } from '@koa/router';
import type { CrlIndex } from '@touchstone/schemas';
import { tokenBuckets } from '@touchstone/transport';
import { caError } from '../ca-error.ts';
import type { CaContext } from '../enroll.ts';
import { type ListPlace, publishedList, publishedLists } from '../store/index.ts';

/** A verifier asks for all that changed, one after the other. */
const READING = {
  perAddress: { burst: 500, perSecond: 50 },
  total: { burst: 2_000, perSecond: 500 },
};

const KEY_ID = /^[0-9a-f]{40,64}$/;
const PARTITION = /^(0|[1-9][0-9]{0,8})$/;

/** Revocation lists: RFC 5280, 5. Anybody may read them; they are signed. */
export function revocationListRoutes(router: Router, { pool }: Pick<CaContext, 'pool'>): void {
  const limit = tokenBuckets(READING);

  router.get('/v1/crls', limit, async (ctx) => {
    const index: CrlIndex = {
      schema: 'touchstone/crl-index/1',
      lists: await publishedLists(pool),
    };
    ctx.body = index;
  });

  router.get('/v1/crls/:keyId/:partition', limit, async (ctx) => {
    const der = await publishedList(pool, placeIn(ctx));
    if (der === undefined) throw caError('CRL_UNKNOWN', 404);
    ctx.type = 'application/pkix-crl';
    ctx.body = Buffer.from(der);
  });
}

/** @throws AppError ID_MALFORMED */
function placeIn(ctx: RouterContext): ListPlace {
  const { keyId = '', partition = '' } = ctx.params;
  if (KEY_ID.test(keyId) && keyId.length % 2 === 0 && PARTITION.test(partition)) {
    return { issuerKeyId: keyId, partition: Number(partition) };
  }
  throw caError('ID_MALFORMED', 400);
}
