import assert from 'node:assert/strict';
import { OPERATOR_ROUTES } from '../http/operator/operator-routes.ts';
import { caRouter } from '../http/router.ts';

/**
 * Every call of the CA that is for anybody, and why that is well. A call that is neither here nor an operator's fails this
 * test: whoever adds one says what keeps strangers from harm, or protects it.
 */
const OPEN: Readonly<Record<string, string>> = {
  'POST /v1/enrollments': 'the answer is worth nothing without the TPM',
  'POST /v1/enrollments/:id/activation': 'the secret is what only that TPM could open',
  'POST /v1/enrollments/:id/renewals': 'the answer is worth nothing without the TPM',
  'POST /v1/progress': 'only what the verifier that the CA knows has signed counts, and once',
  'GET /v1/bundle': 'public keys and certificates',
  'GET /v1/crls': 'revocation lists are for whoever holds a certificate against them, and signed',
  'GET /v1/crls/:keyId/:partition': 'as they are',
  'GET /v1/health': 'says nothing of hosts',
};

describe('The calls of the CA', () => {
  it('are those of its operators, and those that are open for a reason (I29)', () => {
    const some = { burst: 1, perSecond: 1 };
    // Only listed: nothing is called.
    const { stack } = caRouter({} as never, { perAddress: some, total: some });
    const calls = stack.flatMap(({ methods, path }) =>
      methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(path)}`),
    );
    const guarded = OPERATOR_ROUTES.map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(calls.toSorted(), [...Object.keys(OPEN), ...guarded].toSorted());
  });
});
