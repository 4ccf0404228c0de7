import { randomBytes } from 'node:crypto';
import type { BindingKey } from '@touchstone/schemas';
import { hash } from '@touchstone/tpm';
import type { Dishonesty } from './dishonesty.ts';
import type { TestHost } from './test-host.ts';

/** A binding key, new each time, and its certification by the AK over the challenge of the evidence. */
export async function madeBinding(
  host: TestHost,
  challenge: string,
  { binding = {} }: Dishonesty = {},
): Promise<BindingKey> {
  if (binding.given !== undefined) return binding.given;
  const { auth = randomBytes(32), challenge: over = challenge } = binding;
  const key = await (binding.make ?? ((by) => by.newBindingKey(auth)))(host);
  const qualifyingData = hash(
    'sha256',
    Buffer.from('touchstone/binding/1\0'),
    Buffer.from(over, 'base64url'),
  );
  try {
    const certified = await host.withSession((objectSession) =>
      host.withSession((keySession) =>
        host.tpm.certify({
          ...{ object: key, objectSession, key: host.ak, keySession },
          qualifyingData,
        }),
      ),
    );
    const { public: publicArea } = await host.tpm.readPublic(key);
    const { qualifiedName } = await host.tpm.readPublic(host.ek);
    const honest = {
      public: base64Url(publicArea),
      attest: base64Url(certified.attest),
      signature: base64Url(certified.signature),
      parentQualifiedName: hex(qualifiedName),
    };
    return (await binding.sent?.(honest, challenge)) ?? honest;
  } finally {
    await host.tpm.flush(key);
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
