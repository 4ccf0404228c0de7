import { Writer } from '@touchstone/tpm';

/** Bytes of UEFI's structures, true or not. */
export const utf16 = (text: string): Uint8Array => Buffer.from(text, 'utf16le');

/** A GUID in text as EFI_GUID. */
export function guid(text: string): Uint8Array {
  const [a = '', b = '', c = '', d = '', e = ''] = text.split('-');
  return new Writer('little')
    .u32(Number.parseInt(a, 16))
    .u16(Number.parseInt(b, 16))
    .u16(Number.parseInt(c, 16))
    .bytes(Buffer.from(`${d}${e}`, 'hex'))
    .finish();
}

export const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
export const SECURITY_DATABASE = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';
export const SHIM = '605dab50-e046-4300-abb6-3dd810dd8b23';
export const SHA256_LIST = 'c1c41626-504c-4092-aca9-41f936934328';
export const X509_LIST = 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072';

/** UEFI_VARIABLE_DATA. */
export function variableData(
  name: string | Uint8Array,
  value: Uint8Array,
  vendor: string = GLOBAL,
): Uint8Array {
  const unicodeName = typeof name === 'string' ? utf16(name) : name;
  return new Writer('little')
    .bytes(guid(vendor))
    .u64(BigInt(Math.floor(unicodeName.length / 2)))
    .u64(BigInt(value.length))
    .bytes(unicodeName)
    .bytes(value)
    .finish();
}

/** EFI_SIGNATURE_LIST; `said` are sizes that it gives instead of its own. */
export function signatureList(
  type: string,
  signatures: readonly (readonly [owner: string, data: Uint8Array])[],
  said: { readonly list?: number; readonly header?: number; readonly signature?: number } = {},
): Uint8Array {
  const size = 16 + (signatures[0]?.[1].length ?? 32);
  const writer = new Writer('little')
    .bytes(guid(type))
    .u32(said.list ?? 28 + size * signatures.length)
    .u32(said.header ?? 0)
    .u32(said.signature ?? size);
  for (const [owner, data] of signatures) writer.bytes(guid(owner)).bytes(data);
  return writer.finish();
}

export const END = Uint8Array.of(0x7f, 0xff, 4, 0);
export const END_INSTANCE = Uint8Array.of(0x7f, 0x01, 4, 0);

/** A node of a device path. */
export const node = (type: number, subType: number, body: Uint8Array): Uint8Array =>
  new Writer('little')
    .u8(type)
    .u8(subType)
    .u16(4 + body.length)
    .bytes(body)
    .finish();

export const little = (): Writer => new Writer('little');

export const filePath = (path: string): Uint8Array => node(4, 4, utf16(`${path}\0`));

export function gptPartition(number: number, id: string): Uint8Array {
  const body = little().u32(number).u64(0x800n).u64(0x2f000n).bytes(guid(id)).u8(2).u8(2);
  return node(4, 1, body.finish());
}

/** UEFI_IMAGE_LOAD_EVENT. */
export const imageLoadEvent = (devicePath: Uint8Array, said = devicePath.length): Uint8Array =>
  little().u64(0x1000n).u64(0x2000n).u64(0n).u64(BigInt(said)).bytes(devicePath).finish();

/** UEFI_GPT_DATA of partitions with these names. */
export function gptData(names: readonly string[], said: { entry?: number; count?: bigint } = {}) {
  const writer = little()
    .bytes(Buffer.from('EFI PART'))
    .bytes(new Uint8Array(48))
    .bytes(guid('11111111-2222-3333-4444-555555555555'))
    .bytes(new Uint8Array(12))
    .u32(said.entry ?? 128)
    .u32(0)
    .u64(said.count ?? BigInt(names.length));
  for (const name of names) {
    const unicode = Buffer.alloc(72);
    unicode.set(utf16(name).subarray(0, 72));
    writer
      .bytes(guid('c12a7328-f81f-11d2-ba4b-00a0c93ec93b'))
      .bytes(guid('aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'))
      .u64(34n)
      .u64(99n)
      .u64(0n)
      .bytes(unicode);
  }
  return writer.finish();
}
