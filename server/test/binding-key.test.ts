import assert from 'node:assert/strict';
import { akQualifiedNameOf } from '@touchstone/endorsement';
import { BINDING_TEMPLATES, hierarchyName, TPM_RH_ENDORSEMENT, TPMA_OBJECT } from '@touchstone/tpm';
import { enrolHost } from '../services/enrol-host.ts';
import { makeAk } from './support/made-authority.ts';
import { useFleet } from './support/made-fleet.ts';
import { type Binding, makeHost, type MadeHost } from './support/made-host.ts';

const TEMPLATE = BINDING_TEMPLATES.sha256;

describe('A binding key', () => {
  const fleet = useFleet();
  const enrol = (host: MadeHost, binding: Binding = {}) => {
    const challenge = fleet.challengeFor(host, 'enrol');
    const wanted = { name: fleet.newName(), binding };
    return enrolHost(fleet.verifier, host.enrolment(challenge, wanted));
  };
  const isRefused = async (code: string, binding: (host: MadeHost) => Binding) => {
    const host = makeHost();
    await assert.rejects(enrol(host, binding(host)), { code });
  };

  it('that the AK certified for this challenge is taken, and kept', async () => {
    const { hostId } = await enrol(makeHost());
    const sql = 'SELECT binding_public FROM hosts WHERE id = $1';
    const [row] = await fleet.verifier.asAdministrator(sql, [hostId]);
    assert.ok(Buffer.isBuffer(row?.['binding_public']));
  });

  it('of another AK, or altered after it was certified, is none: BINDING_KEY_NOT_CERTIFIED', async () => {
    const code = 'BINDING_KEY_NOT_CERTIFIED';
    await isRefused(code, () => ({ signer: makeAk() }));
    await isRefused(code, () => ({
      sent: (honest) => ({ ...honest, unique: makeAk().akPublic.unique }),
    }));
  });

  it('over another challenge is stale: BINDING_KEY_STALE', async () => {
    const { challenge } = { challenge: fleet.challengeFor(makeHost(), 'enrol') };
    await isRefused('BINDING_KEY_STALE', () => ({ challenge }));
    await isRefused('BINDING_KEY_STALE', () => ({ challenge: '' }));
  });

  it('in a quote is no certification: NOT_A_CERTIFY', () =>
    isRefused('NOT_A_CERTIFY', () => ({ type: 0x8018 })));

  it('that is a primary, or under another key, is refused: BINDING_KEY_PARENT', async () => {
    const code = 'BINDING_KEY_PARENT';
    const primary = hierarchyName(TPM_RH_ENDORSEMENT);
    const claims = (host: MadeHost) => akQualifiedNameOf(host.ek, host.ak.akPublic);
    await isRefused(code, (host) => ({
      parentQualifiedName: primary,
      claimedParentQualifiedName: claims(host),
    }));
    await isRefused(code, (host) => ({ parentQualifiedName: claims(host) }));
  });

  it('with another attribute, algorithm or policy is refused: BINDING_KEY_ATTRIBUTES', async () => {
    const { objectAttributes, parameters } = TEMPLATE;
    for (const template of [
      ...Object.values(TPMA_OBJECT).map((bit) => ({
        ...TEMPLATE,
        objectAttributes: objectAttributes ^ bit,
      })),
      { ...TEMPLATE, authPolicy: new Uint8Array(32) },
      BINDING_TEMPLATES.sha384,
      {
        ...TEMPLATE,
        parameters: {
          ...parameters,
          symmetric: { algorithm: 'aes', keyBits: 256, mode: 'cfb' } as const,
        },
      },
    ]) {
      const host = makeHost();
      await assert.rejects(enrol(host, { template }), (error: { code: string }) =>
        // What contradicts itself is not even read.
        ['BINDING_KEY_ATTRIBUTES', 'BAD_SCHEME', 'UNKNOWN_ALGORITHM', 'BAD_ATTRIBUTES'].includes(
          error.code,
        ),
      );
    }
  });

  it('off its curve is refused: BINDING_KEY_POINT', () =>
    isRefused('BINDING_KEY_POINT', () => ({
      unique: { x: Buffer.alloc(32, 1), y: Buffer.alloc(32, 2) },
    })));
});
