import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** osslsigncode, with a key of its own: signs UEFI images, and tells the digest that it signs. */
export type ImageSigner = {
  sign(image: Uint8Array): Uint8Array<ArrayBuffer>;
  /** The Authenticode SHA-256 of a signed image as osslsigncode calculates it, in lower-case hex. */
  digestOf(image: Uint8Array): string;
  leave(): void;
};

export function newImageSigner(): ImageSigner {
  const home = mkdtempSync(join(tmpdir(), 'touchstone-sign-'));
  const file = (name: string) => join(home, name);
  const newKey = ['-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=images'];
  const keyFiles = ['-keyout', file('key.pem'), '-out', file('cert.pem')];
  execFileSync('openssl', ['req', '-x509', ...newKey, ...keyFiles], { stdio: 'ignore' });
  return {
    sign: (image) => {
      writeFileSync(file('in.efi'), image);
      rmSync(file('out.efi'), { force: true });
      const key = ['-certs', file('cert.pem'), '-key', file('key.pem'), '-h', 'sha256'];
      const files = ['-in', file('in.efi'), '-out', file('out.efi')];
      execFileSync('osslsigncode', ['sign', ...key, ...files], { stdio: 'ignore' });
      return Uint8Array.from(readFileSync(file('out.efi')));
    },
    digestOf: (image) => {
      writeFileSync(file('in.efi'), image);
      const said = execFileSync(
        'osslsigncode',
        ['verify', '-CAfile', file('cert.pem'), '-in', file('in.efi')],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
      );
      const [, digest = ''] = /Calculated message digest *: ([0-9A-F]{64})/u.exec(said) ?? [];
      return digest.toLowerCase();
    },
    leave: () => rmSync(home, { recursive: true }),
  };
}
