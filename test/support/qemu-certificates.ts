import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LibvirtHost } from './libvirt-host.ts';

/** Where each host's QEMU finds them: lines of qemu.conf. No migration but by TLS, with certificates on both sides. */
export const TLS_QEMU_CONF = `
migrate_tls_force = 1
migrate_tls_x509_cert_dir = "/etc/libvirt/tls"
migrate_tls_x509_verify = 1
`;

/** One CA, and for each host a certificate by its name, with which it takes in and gives away. */
export function giveQemuCertificates(hosts: readonly LibvirtHost[]): void {
  const dir = mkdtempSync(join(tmpdir(), 'ts-qemu-ca-'));
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  try {
    const root = ['-keyout', 'ca-key.pem', '-out', 'ca-cert.pem', '-subj', '/CN=QEMU of the tests'];
    openssl('req', '-x509', ...key, ...root, '-days', '2');
    for (const { name, etc } of hosts) {
      const to = join(etc, 'tls');
      openssl(
        'req',
        ...key,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        '-subj',
        `/CN=${name}`,
      );
      writeFileSync(join(dir, 'ext'), `subjectAltName=DNS:${name}\n`);
      const signed = [
        '-CA',
        'ca-cert.pem',
        '-CAkey',
        'ca-key.pem',
        '-CAcreateserial',
        '-days',
        '2',
      ];
      const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', 'ext'];
      openssl('x509', '-req', ...signed, ...files);
      copyFileSync(join(dir, 'ca-cert.pem'), join(to, 'ca-cert.pem'));
      for (const side of ['server', 'client']) {
        copyFileSync(join(dir, `${name}.pem`), join(to, `${side}-cert.pem`));
        copyFileSync(join(dir, `${name}.key`), join(to, `${side}-key.pem`));
      }
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
}
