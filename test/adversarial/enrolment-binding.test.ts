import assert from 'node:assert/strict';
import {
  AK_TEMPLATE_ECC_P256,
  BINDING_TEMPLATES,
  encodeTpm2bPublic,
  parseTpm2bPublic,
  TPMA_OBJECT,
} from '@touchstone/tpm';
import type { BindingKey } from '@touchstone/schemas';
import type { TpmObject } from 'node-tpm2-tss-bindings';
import { attack } from '../support/attack.ts';
import type { Dishonesty } from '../support/dishonesty.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { STORAGE_KEY } from '../support/storage-key.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const TEMPLATE = BINDING_TEMPLATES.sha256;
const NO_AUTH = new Uint8Array();

type Binding = NonNullable<Dishonesty['binding']>;

describe('A host that enrols with a key that secrets must not be bound to', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let host: TestHost;

  before(async () => {
    touchstone = await startTouchstone();
    host = await TestHost.boot(touchstone);
    await host.certify();
  });
  after(async () => {
    await host?.stop();
    await touchstone?.stop();
  });

  const refused = (binding: Binding) =>
    refusedWithoutTrace(touchstone, () => host.enrol(undefined, { binding }));
  const primary = (hierarchy: 'endorsement' | 'owner') => (at: TestHost) =>
    at.tpm.createPrimary({ hierarchy, inPublic: encodeTpm2bPublic(TEMPLATE) });
  const underStorageKey = async ({ tpm }: TestHost): Promise<TpmObject> => {
    const parent = await tpm.createPrimary({ hierarchy: 'endorsement', inPublic: STORAGE_KEY });
    const parentSession = await tpm.startHmacSession({ saltKey: parent });
    try {
      const inPublic = encodeTpm2bPublic(TEMPLATE);
      const blobs = await tpm.create({ parent, parentSession, inPublic, auth: NO_AUTH });
      return await tpm.load({ parent, parentSession, ...blobs, auth: NO_AUTH });
    } finally {
      await tpm.flush(parentSession);
      await tpm.flush(parent);
    }
  };

  it('as a primary, which would come back after TPM2_Clear, or beside the EK: I31', async () => {
    for (const make of [primary('endorsement'), primary('owner'), underStorageKey]) {
      const { code } = await attack('I31', () => refused({ make }));
      assert.equal(code, 'BINDING_KEY_PARENT');
    }
  });

  it('certified by another AK: I32', async () => {
    const other = await TestHost.boot(touchstone);
    try {
      for (const part of [['attest', 'signature'], ['signature'], FOREIGN] as const) {
        const sent: Binding['sent'] = async (honest, challenge) => {
          const foreign = await other.binding(challenge);
          return part.reduce((made, name) => ({ ...made, [name]: foreign[name] }), honest);
        };
        const { code } = await attack('I32', () => refused({ sent }));
        assert.equal(code, 'BINDING_KEY_NOT_CERTIFIED');
      }
    } finally {
      await other.stop();
    }
  });

  it('certified over another challenge: I32', async () => {
    const { challenge } = await host.challenge('enrol');
    const { code } = await attack('I32', () => refused({ challenge }));
    assert.equal(code, 'BINDING_KEY_STALE');
  });

  it('with other attributes or another curve: I32', async () => {
    const { objectAttributes, parameters } = TEMPLATE;
    const others = [
      { ...TEMPLATE, objectAttributes: objectAttributes & ~TPMA_OBJECT.noDA },
      { ...TEMPLATE, parameters: { ...parameters, curve: 'nist_p384' as const } },
      AK_TEMPLATE_ECC_P256,
    ];
    for (const other of others) {
      const make = (at: TestHost) => at.newBindingKey(NO_AUTH, encodeTpm2bPublic(other));
      const { code } = await attack('I32', () => refused({ make }));
      assert.equal(code, 'BINDING_KEY_ATTRIBUTES');
    }
  });

  it('with another point than was certified, on its curve or off it: I32', async () => {
    const negated: Binding['sent'] = (honest) => withPoint(honest, (y) => P256 - y);
    const off: Binding['sent'] = (honest) => withPoint(honest, (y) => y ^ 1n);
    for (const sent of [negated, off]) {
      const { code } = await attack('I32', () => refused({ sent }));
      assert.equal(code, 'BINDING_KEY_NOT_CERTIFIED');
    }
  });

  it('is taken with an honest one', async () => {
    assert.equal((await host.enrol()).state, 'pending');
  });
});

const FOREIGN = ['public', 'attest', 'signature', 'parentQualifiedName'] as const;

/** The prime of the field of P-256: SEC 2, 2.4.2. */
const P256 = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;

function withPoint(honest: BindingKey, changed: (y: bigint) => bigint): BindingKey {
  const area = parseTpm2bPublic(Buffer.from(honest.public, 'base64url'));
  assert.equal(area.type, 'ecc');
  const y = changed(BigInt(`0x${Buffer.from(area.unique.y).toString('hex')}`));
  const unique = { ...area.unique, y: Buffer.from(y.toString(16).padStart(64, '0'), 'hex') };
  return {
    ...honest,
    public: Buffer.from(encodeTpm2bPublic({ ...area, unique })).toString('base64url'),
  };
}
