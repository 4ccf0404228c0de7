import assert from 'node:assert/strict';
import type { ApiToken, Role } from '@touchstone/schemas';
import { createApiToken, revokeApiToken, sessionOf } from '../services/api-tokens.ts';
import { createJoinToken } from '../services/join-tokens.ts';
import { revokeWithMade, viewTokensMade } from '../services/tokens-made.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';

describe('Tokens that a token made', () => {
  const fleet = useFleet();
  const { enrol, newName } = fleet;
  const create = (by: ApiToken, name: string, roles: Role[] = ['operator']) =>
    createApiToken(fleet.verifier, by, { name, roles });
  const join = (by: ApiToken) =>
    createJoinToken(fleet.verifier, by, { classes: ['software'], labels: {} });
  const holds = async (token: string) => (await sessionOf(fleet.verifier, token)) !== null;

  /** A stolen token, and what the thief made with it: a child of a child, and a join token of that. */
  async function stolen() {
    const first = await create(BY, 'stolen');
    const child = await create(first.record, 'child');
    const grandchild = await create(child.record, 'grandchild');
    const joining = await join(grandchild.record);
    const other = await create(BY, 'other');
    return { first, child, grandchild, joining, other };
  }

  it('hold when it is revoked, and are named', async () => {
    const { first, child, grandchild, joining } = await stolen();
    await revokeApiToken(fleet.verifier, BY, child.record.id);
    await revokeApiToken(fleet.verifier, BY, first.record.id);
    assert.equal(await holds(grandchild.token), true);
    const made = await viewTokensMade(fleet.verifier, first.record.id);
    assert.deepEqual(made.tokens, [grandchild.record]);
    assert.deepEqual(made.joinTokens, [joining.record]);
  });

  it('are revoked with it in one transaction, each with its line in the audit log', async () => {
    const { first, child, grandchild, joining, other } = await stolen();
    const answer = await revokeWithMade(fleet.verifier, BY, first.record.id);
    assert.deepEqual(answer.tokens, [child.record, grandchild.record]);
    assert.deepEqual(answer.joinTokens, [joining.record]);
    for (const { token } of [first, child, grandchild]) assert.equal(await holds(token), false);
    assert.equal(await holds(other.token), true);
    await assert.rejects(enrol(makeHost(), newName(), joining.token), {
      code: 'JOIN_TOKEN_EXPIRED',
    });
    const ids = [first, child, grandchild, joining].map(({ record }) => record.id);
    const lines = await fleet.verifier.asAdministrator(
      `SELECT subject, detail FROM audit WHERE action LIKE '%token.revoke' AND subject = ANY ($1)`,
      [ids],
    );
    assert.equal(lines.length, 4);
    assert.equal(lines.filter(({ detail }) => detail === `made by ${first.record.id}`).length, 3);
    assert.deepEqual(await viewTokensMade(fleet.verifier, first.record.id), {
      tokens: [],
      joinTokens: [],
    });
  });

  it('all stay where one of them has a role that the caller does not hold: TOKEN_ROLES_EXCEEDED', async () => {
    const { first, grandchild } = await stolen();
    await create(first.record, 'a', ['operator']);
    const viewer = { ...BY, roles: ['viewer' as const] };
    await assert.rejects(revokeWithMade(fleet.verifier, viewer, first.record.id), {
      code: 'TOKEN_ROLES_EXCEEDED',
    });
    for (const { token } of [first, grandchild]) assert.equal(await holds(token), true);
  });

  it('are made by none that is revoked, though its call had begun: UNAUTHENTICATED', async () => {
    const { first } = await stolen();
    await revokeWithMade(fleet.verifier, BY, first.record.id);
    await assert.rejects(create(first.record, 'late'), { code: 'UNAUTHENTICATED' });
    await assert.rejects(join(first.record), { code: 'UNAUTHENTICATED' });
  });

  it('are of a token that there is: TOKEN_UNKNOWN', async () => {
    const nobody = '00000000-0000-4000-8000-000000000000';
    await assert.rejects(viewTokensMade(fleet.verifier, nobody), { code: 'TOKEN_UNKNOWN' });
    await assert.rejects(revokeWithMade(fleet.verifier, BY, nobody), { code: 'TOKEN_UNKNOWN' });
  });
});
