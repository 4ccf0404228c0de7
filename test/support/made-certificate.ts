import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { TCG_OID } from '@touchstone/endorsement';

/** A certificate made for a test, with its key: any TPM maker's, and any mistake. */
export type Made = {
  readonly subject: Uint8Array;
  readonly der: Uint8Array;
  readonly key: KeyObject;
  readonly spki: Uint8Array;
};

type Extension = { readonly oid: string; readonly critical?: true; readonly value: Uint8Array };

export type Making = {
  /** Self-signed if absent. */
  readonly issuer?: Made;
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  /** Of the key's own, if another: RSAES-OAEP for instance. */
  readonly spki?: Uint8Array;
  /** A Name in DER; by default a common name, which must then be given. */
  readonly subject?: Uint8Array;
  /** The octets of the INTEGER, negative ones too. */
  readonly serial?: Uint8Array;
  readonly extensions?: readonly Extension[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
};

const DAY_MS = 86_400_000;

/** Signed with ECDSA P-256 and SHA-256, whatever its own key is. */
export function makeCertificate(name: string, making: Making = {}): Made {
  const keys = making.keys ?? generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = making.spki ?? keys.publicKey.export({ format: 'der', type: 'spki' });
  const subject = making.subject ?? nameOf([['2.5.4.3', name]]);
  const { extensions = CA_EXTENSIONS } = making;
  const tbs = der(
    0x30,
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, making.serial ?? Buffer.concat([Uint8Array.of(0x41), randomBytes(15)])),
    ECDSA_SHA256,
    making.issuer?.subject ?? subject,
    der(
      0x30,
      time(making.notBefore ?? new Date(Date.now() - DAY_MS)),
      time(making.notAfter ?? new Date(Date.now() + DAY_MS)),
    ),
    subject,
    spki,
    ...(extensions.length === 0 ? [] : [der(0xa3, der(0x30, ...extensions.map(encoded)))]),
  );
  const signature = sign('sha256', tbs, making.issuer?.key ?? keys.privateKey);
  const whole = der(0x30, tbs, ECDSA_SHA256, der(0x03, Uint8Array.of(0), signature));
  return { subject, der: whole, key: keys.privateKey, spki };
}

/** One element, its length in the fewest octets. */
function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  const { length } = content;
  const octets = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : null;
  return Buffer.concat([
    Uint8Array.from([tag, ...(octets ?? [0x82, length >> 8, length & 0xff])]),
    content,
  ]);
}

function oid(dotted: string): Uint8Array {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets = [root * 40 + second, ...rest].flatMap((arc) => {
    const base128 = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      base128.unshift((left & 0x7f) | 0x80);
    }
    return base128;
  });
  return der(0x06, Uint8Array.from(octets));
}

/** A Name of those attributes, each an RDN of its own. */
export const nameOf = (attributes: readonly (readonly [string, string])[]): Uint8Array =>
  der(
    0x30,
    ...attributes.map(([type, value]) =>
      der(0x31, der(0x30, oid(type), der(0x0c, Buffer.from(value)))),
    ),
  );

export const basicConstraints = (ca: boolean, pathLen?: number): Extension => ({
  oid: '2.5.29.19',
  critical: true,
  value: der(
    0x30,
    ...(ca ? [der(0x01, Uint8Array.of(0xff))] : []),
    ...(pathLen === undefined ? [] : [der(0x02, Uint8Array.of(pathLen))]),
  ),
});

/** keyCertSign or cRLSign alone. */
export const keyUsage = (use: 'keyCertSign' | 'cRLSign'): Extension => ({
  oid: '2.5.29.15',
  critical: true,
  value: der(0x03, use === 'keyCertSign' ? Uint8Array.of(2, 0x04) : Uint8Array.of(1, 0x02)),
});

const CA_EXTENSIONS: readonly Extension[] = [basicConstraints(true), keyUsage('keyCertSign')];

/** subjectAltName with the one directoryName that names the chip: TCG EK Credential Profile 2.5, 3.2.9. */
export const tpmName = (
  tpm: { readonly manufacturer: string; readonly model?: string; readonly version?: string },
  critical?: true,
): Extension => ({
  oid: '2.5.29.17',
  ...(critical && { critical }),
  value: der(
    0x30,
    der(
      0xa4,
      nameOf([
        [TCG_OID.tpmManufacturer, tpm.manufacturer],
        [TCG_OID.tpmModel, tpm.model ?? 'NPCT75x'],
        [TCG_OID.tpmVersion, tpm.version ?? 'id:00070002'],
      ]),
    ),
  ),
});

/** authorityInfoAccess (caIssuers and OCSP) and cRLDistributionPoints at these addresses: RFC 5280, 4.2.2.1, 4.2.1.13. */
export function addresses(urls: readonly string[]): readonly Extension[] {
  const uri = (url: string) => der(0x86, Buffer.from(url));
  const access = ['1.3.6.1.5.5.7.48.2', '1.3.6.1.5.5.7.48.1'].flatMap((method) =>
    urls.map((url) => der(0x30, oid(method), uri(url))),
  );
  const points = urls.map((url) => der(0x30, der(0xa0, der(0xa0, uri(url)))));
  return [
    { oid: '1.3.6.1.5.5.7.1.1', value: der(0x30, ...access) },
    { oid: '2.5.29.31', value: der(0x30, ...points) },
  ];
}

/** extKeyUsage: tcg-kp-EKCertificate unless stated. */
export const usedFor = (...uses: readonly string[]): Extension => ({
  oid: '2.5.29.37',
  value: der(0x30, ...(uses.length === 0 ? [TCG_OID.ekCertificate] : uses).map(oid)),
});

/** Nobody knows it. */
export const unknownExtension = (critical?: true): Extension => ({
  oid: '1.2.3.4.5',
  ...(critical && { critical }),
  value: der(0x30),
});

/** RFC 5280, 4.2.1.8: what TCG profiles put TPM specification facts into. */
export const SUBJECT_DIRECTORY_ATTRIBUTES: Extension = {
  oid: '2.5.29.9',
  value: der(
    0x30,
    der(
      0x30,
      oid('2.23.133.2.16'),
      der(0x31, der(0x30, der(0x0c, Buffer.from('2.0')), ...[0, 138].map(small))),
    ),
  ),
};

/** SubjectPublicKeyInfo with id-RSAES-OAEP in place of rsaEncryption, as some chips' EKs have it. */
export function oaepSpki(publicKey: KeyObject): Uint8Array {
  const plain = publicKey.export({ format: 'der', type: 'pkcs1' });
  const algorithm = der(0x30, oid('1.2.840.113549.1.1.7'), der(0x30));
  return der(0x30, algorithm, der(0x03, Uint8Array.of(0), plain));
}

/** TCG_PCCLIENT_STORED_CERT of a TCG_FULL_CERT: TCG PC Client Specific Implementation 1.21, 7.4.5. */
export function nvWrapped(certificate: Uint8Array): Uint8Array {
  const size = certificate.length + 2;
  const head = Uint8Array.of(0x10, 0x01, 0x00, size >> 8, size & 0xff, 0x10, 0x02);
  return Buffer.concat([head, certificate]);
}

const ECDSA_SHA256 = der(0x30, oid('1.2.840.10045.4.3.2'));

function small(value: number): Uint8Array {
  return der(0x02, Uint8Array.from(value < 0x80 ? [value] : [0, value]));
}

function encoded({ oid: dotted, critical, value }: Extension): Uint8Array {
  const flag = critical === true ? [der(0x01, Uint8Array.of(0xff))] : [];
  return der(0x30, oid(dotted), ...flag, der(0x04, value));
}

function time(at: Date): Uint8Array {
  const digits = at
    .toISOString()
    .replace(/\.\d+Z$/u, '')
    .replaceAll(/[-:T]/gu, '');
  return der(0x18, Buffer.from(`${digits}Z`));
}
