import assert from 'node:assert/strict';
import { readTarget } from '../move/target.ts';

const read = (to: string, more: { plainTcp?: true } = {}) =>
  readTarget({ to, passwordFile: '/run/password', ...more });

describe('Where a deployment moves to', () => {
  it('is reached by TLS over the network, with a certificate that is checked', () => {
    const { address, admin, caFile } = read('postgres://admin@db.example.org/');
    assert.deepEqual(address, { host: 'db.example.org', port: 5432, tls: true });
    assert.equal(admin.database, 'postgres');
    assert.equal(admin.tls?.caFile, caFile);
    const own = read('postgresql://admin@db.example.org:6432/x?sslrootcert=/ca.pem');
    assert.deepEqual(own.admin.tls, { caFile: '/ca.pem' });
    assert.deepEqual([own.admin.database, own.address.port], ['x', 6432]);
  });

  it('may be in clear text on this machine', () => {
    for (const to of ['127.0.0.1', 'localhost', '[::1]']) {
      assert.equal(read(`postgres://admin@${to}:5432/`).address.tls, false, to);
    }
    const socket = read('postgres://admin@/postgres?host=/run/postgresql');
    assert.deepEqual(socket.address, { host: '/run/postgresql', port: 5432, tls: false });
    assert.equal(read('postgres://a@127.0.0.1/?sslmode=verify-full').address.tls, true);
  });

  it('is not reached in clear text over the network unless told twice: TARGET_PLAIN', () => {
    for (const host of ['db.example.org', '192.0.2.1', '127.0.0.1.example.org', '[2001:db8::1]']) {
      const to = `postgres://admin@${host}/?sslmode=disable`;
      assert.throws(() => read(to), { code: 'TARGET_PLAIN' }, host);
      assert.equal(read(to, { plainTcp: true }).address.tls, false);
    }
  });

  const malformed = [
    'db.example.org',
    'mysql://admin@db.example.org/',
    'postgres://db.example.org/',
    'postgres://admin@/',
    'postgres://admin:secret@db.example.org/',
    'postgres://admin@db.example.org/?sslmode=require',
    'postgres://admin@db.example.org/?sslmode=prefer',
    'postgres://admin@db.example.org/?options=-c%20x',
  ];
  for (const to of malformed) {
    it(`is not ${to}: TARGET_MALFORMED`, () => {
      assert.throws(
        () => read(to),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'TARGET_MALFORMED');
          return !error.message.includes('secret');
        },
      );
    });
  }
});
