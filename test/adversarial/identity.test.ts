import assert from 'node:assert/strict';
import { AK_TEMPLATE_ECC_P256, encodeTpm2bPublic, nameOf, parseTpm2bPublic } from '@touchstone/tpm';
import type { BindingKey } from '@touchstone/schemas';
import type { Tpm, TpmObject } from 'node-tpm2-tss-bindings';
import { attack } from '../support/attack.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { codeOf } from '../support/refusals.ts';
import { STORAGE_KEY } from '../support/storage-key.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const AK = encodeTpm2bPublic(AK_TEMPLATE_ECC_P256);

/** An AK that is a child of a storage key of that hierarchy. */
async function childOfStorageKey(tpm: Tpm, hierarchy: 'owner' | 'endorsement'): Promise<TpmObject> {
  const parent = await tpm.createPrimary({ hierarchy, inPublic: STORAGE_KEY });
  const parentSession = await tpm.startHmacSession({ saltKey: parent });
  try {
    const auth = new Uint8Array();
    const blobs = await tpm.create({ parent, parentSession, inPublic: AK, auth });
    return await tpm.load({ parent, parentSession, ...blobs, auth });
  } finally {
    await tpm.flush(parentSession);
    await tpm.flush(parent);
  }
}

const NOT_CHILDREN: readonly [string, (tpm: Tpm) => Promise<TpmObject>][] = [
  [
    'a primary of the endorsement hierarchy',
    (tpm) => tpm.createPrimary({ hierarchy: 'endorsement', inPublic: AK }),
  ],
  [
    'a primary of the owner hierarchy',
    (tpm) => tpm.createPrimary({ hierarchy: 'owner', inPublic: AK }),
  ],
  ['a child of the owner’s storage key', (tpm) => childOfStorageKey(tpm, 'owner')],
  [
    'a child of another key beside the EK in its hierarchy',
    (tpm) => childOfStorageKey(tpm, 'endorsement'),
  ],
];

describe('An AK that the CA certified, for it cannot see parents', () => {
  let touchstone: Touchstone;
  let host: TestHost;
  before(async () => {
    touchstone = await startTouchstone();
    host = await TestHost.boot(touchstone);
    // Two AKs and the EK leave no slot for it in the TPM; the evidence is looked at before it.
    given = await host.binding('');
  });
  after(async () => {
    await host?.stop();
    await touchstone?.stop();
  });
  let given: BindingKey;

  /** A host like `host`, on the same TPM, whose AK is another key. */
  const withKey = async (key: TpmObject) => {
    const { ak, akPublic, akName, certificates } = host;
    host.ak = key;
    host.akPublic = (await host.tpm.readPublic(key)).public;
    host.akName = Buffer.from(nameOf(parseTpm2bPublic(host.akPublic))).toString('hex');
    return () => Object.assign(host, { ak, akPublic, akName, certificates });
  };

  for (const [what, make] of NOT_CHILDREN) {
    it(`is refused by its qualifiedSigner when it is ${what}: AK_NOT_CHILD_OF_EK (I31)`, async () => {
      const restore = await withKey(await make(host.tpm));
      try {
        const joinToken = await touchstone.joinToken();
        await host.certify();
        assert.equal(host.certificates.length > 0, true, 'the CA activates any key of this TPM');
        await attack('I31', () =>
          refusedWithoutTrace(touchstone, () => host.enrol(joinToken, { binding: { given } })),
        );
        assert.equal(await codeOf(touchstone.host(host.name)), 'HOST_UNKNOWN');
      } finally {
        await host.tpm.flush(host.ak);
        restore();
      }
    });
  }

  it('is refused also where the certificate is honest and the quote another key’s', async () => {
    const other = await host.tpm.createPrimary({ hierarchy: 'endorsement', inPublic: AK });
    const joinToken = await touchstone.joinToken();
    await host.certify();
    const honest = host.ak;
    try {
      host.ak = other;
      assert.equal(
        await codeOf(host.enrol(joinToken, { binding: { given } })),
        'SIGNATURE_INVALID',
      );
      assert.equal(await codeOf(touchstone.host(host.name)), 'HOST_UNKNOWN');
    } finally {
      host.ak = honest;
      await host.tpm.flush(other);
    }
  });

  it('is taken when it is a child of the EK, on the same TPM and after all of these', async () => {
    const joinToken = await touchstone.joinToken();
    await host.certify();
    await host.enrol(joinToken);
    await touchstone.approveBaselineOf(host.name, host.name);
    assert.equal((await touchstone.host(host.name)).host.state, 'trusted');
  });
});
