import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { VmStanding } from '@touchstone/schemas';
import { registerVm } from '../services/vms.ts';
import { useApi } from './support/api-at-socket.ts';
import { BY } from './support/made-fleet.ts';

describe('How a VM stands', () => {
  const api = useApi();

  it('is told to whoever may only look: GET /v1/vms/{uuid}/standing', async () => {
    const uuid = randomUUID();
    const bare = { uuid, name: 'web', classes: ['software' as const] };
    await registerVm(api.verifier, BY, { ...bare, hostLabels: {}, images: [] });
    const bearer = await api.verifier.token(['viewer']);
    const path = `/v1/vms/${uuid}/standing`;
    const asked = { method: 'GET', path, bearer, schema: VmStanding } as const;
    const { name, held, running } = await api.client.request(asked);
    assert.deepEqual([name, held, running], ['web', null, []]);
  });
});
