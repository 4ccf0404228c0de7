import assert from 'node:assert/strict';
import {
  akQualifiedNameOf,
  checkAkPublic,
  ekRefOf,
  ENDORSEMENT_CODES,
  TOUCHSTONE_OID,
} from '@touchstone/endorsement';
import { nameOf, TPMA_OBJECT, type TpmtPublic, type TpmtPublicEcc } from '@touchstone/tpm';
import { makeAk, makeEkPublic } from './ak-fixtures.ts';
import { hex } from './support.ts';

const { akPublic } = makeAk();
const codesOf = (ak: TpmtPublic) => checkAkPublic(ak).map(({ code }) => code);
const withBits = (set: number, clear = 0): TpmtPublicEcc => ({
  ...akPublic,
  objectAttributes: (akPublic.objectAttributes | set) & ~clear,
});

describe('checkAkPublic', () => {
  it('takes an AK of our template', () => assert.deepEqual(codesOf(akPublic), []));

  it('refuses a key that signs anything (I1): AK_NOT_RESTRICTED', () => {
    const unrestricted = withBits(0, TPMA_OBJECT.restricted);
    for (let asked = 0; asked < 2; asked += 1) {
      assert.deepEqual(codesOf(unrestricted), ['AK_NOT_RESTRICTED']);
    }
  });

  const needed = [
    'fixedTPM',
    'fixedParent',
    'sensitiveDataOrigin',
    'userWithAuth',
    'noDA',
    'sign',
  ] as const;
  for (const name of needed) {
    it(`refuses a key without ${name} (I2): AK_ATTRIBUTES`, () => {
      const [problem, ...more] = checkAkPublic(withBits(0, TPMA_OBJECT[name]));
      assert.equal(problem?.code, 'AK_ATTRIBUTES');
      assert.ok(problem.expected?.split('|').includes(name));
      assert.ok(!problem.actual?.split('|').includes(name));
      assert.deepEqual(more, []);
    });
  }

  const forbidden = [
    'decrypt',
    'stClear',
    'adminWithPolicy',
    'encryptedDuplication',
    'x509sign',
  ] as const;
  for (const name of forbidden) {
    it(`refuses a key with ${name} (I2): AK_ATTRIBUTES`, () => {
      assert.deepEqual(codesOf(withBits(TPMA_OBJECT[name])), ['AK_ATTRIBUTES']);
    });
  }

  it('refuses a key with a policy, another way to its use: AK_ATTRIBUTES', () => {
    assert.deepEqual(codesOf({ ...akPublic, authPolicy: new Uint8Array(32) }), ['AK_ATTRIBUTES']);
  });

  it('names every fault and not only the first', () => {
    const unbound = withBits(TPMA_OBJECT.decrypt, TPMA_OBJECT.restricted);
    const scheme = { scheme: 'ecdsa', hash: 'sha1' } as const;
    assert.deepEqual(codesOf({ ...unbound, parameters: { ...akPublic.parameters, scheme } }), [
      'AK_NOT_RESTRICTED',
      'AK_ATTRIBUTES',
      'AK_WEAK',
      'AK_ALGORITHM',
    ]);
  });

  const { parameters } = akPublic;
  const algorithms: [why: string, codes: string[], ak: TpmtPublic][] = [
    [
      'another curve',
      ['AK_ALGORITHM', 'AK_ALGORITHM'],
      { ...akPublic, parameters: { ...parameters, curve: 'nist_p384' } },
    ],
    [
      'no scheme',
      ['AK_ALGORITHM'],
      { ...akPublic, parameters: { ...parameters, scheme: { scheme: 'null' } } },
    ],
    [
      'ECDH',
      ['AK_ALGORITHM'],
      { ...akPublic, parameters: { ...parameters, scheme: { scheme: 'ecdh', hash: 'sha256' } } },
    ],
    [
      'a SHA-1 scheme',
      ['AK_WEAK', 'AK_ALGORITHM'],
      { ...akPublic, parameters: { ...parameters, scheme: { scheme: 'ecdsa', hash: 'sha1' } } },
    ],
    ['a SHA-1 Name', ['AK_WEAK', 'AK_ALGORITHM'], { ...akPublic, nameAlg: 'sha1' }],
    ['another nameAlg', ['AK_ALGORITHM'], { ...akPublic, nameAlg: 'sha384' }],
    [
      'a symmetric algorithm',
      ['AK_ALGORITHM'],
      {
        ...akPublic,
        parameters: { ...parameters, symmetric: { algorithm: 'aes', keyBits: 128, mode: 'cfb' } },
      },
    ],
    [
      'a point off the curve',
      ['AK_ALGORITHM'],
      { ...akPublic, unique: { ...akPublic.unique, y: new Uint8Array(32) } },
    ],
    [
      'no point',
      ['AK_ALGORITHM'],
      { ...akPublic, unique: { x: new Uint8Array(), y: new Uint8Array() } },
    ],
  ];
  for (const [why, codes, ak] of algorithms) {
    it(`refuses a key with ${why}: ${codes.join(', ')}`, () =>
      assert.deepEqual(codesOf(ak), codes));
  }

  const rsa = (keyBits: 1024 | 2048 | 3072): TpmtPublic => ({
    ...{ type: 'rsa', nameAlg: 'sha256', authPolicy: new Uint8Array() },
    objectAttributes: akPublic.objectAttributes,
    parameters: {
      ...{ symmetric: { algorithm: 'null' }, keyBits, exponent: 0 },
      scheme: { scheme: 'rsassa', hash: 'sha256' },
    },
    unique: new Uint8Array(keyBits / 8).fill(0xff),
  });
  it('takes an RSA-2048 AK of our template', () => assert.deepEqual(codesOf(rsa(2048)), []));
  it('refuses an RSA key of another size, which is another template: AK_ALGORITHM', () => {
    assert.deepEqual(codesOf(rsa(3072)), ['AK_ALGORITHM']);
  });
  for (const scheme of [
    { scheme: 'null' },
    { scheme: 'rsaes' },
    { scheme: 'rsapss', hash: 'sha256' },
    { scheme: 'rsassa', hash: 'sha384' },
  ] as const) {
    it(`refuses an RSA key with the scheme ${JSON.stringify(scheme)}: AK_ALGORITHM`, () => {
      const ak = rsa(2048);
      assert.ok(ak.type === 'rsa');
      assert.deepEqual(codesOf({ ...ak, parameters: { ...ak.parameters, scheme } }), [
        'AK_ALGORITHM',
      ]);
    });
  }
  it('refuses an RSA key that lacks what an AK must have (I2): AK_ATTRIBUTES', () => {
    const objectAttributes = akPublic.objectAttributes & ~TPMA_OBJECT.fixedTPM;
    assert.deepEqual(codesOf({ ...rsa(2048), objectAttributes }), ['AK_ATTRIBUTES']);
  });
  it('refuses an RSA key whose modulus is even: AK_ALGORITHM', () => {
    const ak = rsa(2048);
    assert.ok(ak.type === 'rsa');
    assert.deepEqual(codesOf({ ...ak, unique: new Uint8Array(256).fill(0xfe) }), ['AK_ALGORITHM']);
  });
  it('refuses an RSA-1024 key (I3): AK_WEAK', () => {
    assert.deepEqual(codesOf(rsa(1024)), ['AK_WEAK', 'AK_ALGORITHM']);
  });
});

describe('ekRefOf', () => {
  it('is HMAC-SHA-256 over a label, a NUL and the EK Name', () => {
    const name = Buffer.from(`000b${'11'.repeat(32)}`, 'hex');
    // printf 'touchstone/ekref/1\0\x00\x0b\x11...' | openssl mac -digest sha256 -macopt hexkey:... HMAC
    const expected = '848c8ac665092b3b0e3654cba1682d816e9005fcdb320b5272a9eb7c68dbbc3e';
    assert.equal(hex(ekRefOf(new Uint8Array(32).fill(0xaa), name)), expected);
  });

  it('takes no short secret', () => {
    assert.throws(() => ekRefOf(new Uint8Array(31), new Uint8Array(34)), RangeError);
  });
});

describe('akQualifiedNameOf', () => {
  it('differs under another EK', () => {
    const [one, two] = [makeEkPublic(), makeEkPublic()];
    assert.equal(hex(akQualifiedNameOf(one, akPublic)), hex(akQualifiedNameOf(one, akPublic)));
    assert.notEqual(hex(akQualifiedNameOf(one, akPublic)), hex(akQualifiedNameOf(two, akPublic)));
    assert.notEqual(hex(akQualifiedNameOf(one, akPublic)), hex(nameOf(akPublic)));
  });
});

describe('the tables of this room', () => {
  it('say of every code what it means, where it is written and what to do', () => {
    for (const [code, { title, section, remedy }] of Object.entries(ENDORSEMENT_CODES)) {
      assert.match(code, /^[A-Z][A-Z0-9_]+$/);
      for (const text of [title, section, remedy]) assert.ok(text.length > 5, code);
    }
  });

  it('have their object identifiers under one fixed 2.25 arc', () => {
    const uuid = BigInt('0x63d60a0a320749f8b8b416e016ca0fc3');
    assert.equal(TOUCHSTONE_OID.arc, `2.25.${uuid}`);
    const oids = Object.values(TOUCHSTONE_OID);
    assert.equal(new Set(oids).size, oids.length);
    assert.ok(oids.every((oid) => oid.startsWith(TOUCHSTONE_OID.arc)));
  });
});
