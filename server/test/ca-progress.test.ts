import assert from 'node:assert/strict';
import type { Logger } from 'pino';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { compactVerify, importJWK } from 'jose';
import { CaProgress, checkAgainst, parseStrictJson } from '@touchstone/schemas';
import { AppError, type Client } from '@touchstone/transport';
import { viewCaStatus } from '../services/ca-status.ts';
import { viewIssuerHosts } from '../services/fleet-by-issuer.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { renewCertificate } from '../services/renew-certificate.ts';
import { progressReporter } from '../services/report-progress.ts';
import { signingKeyOf } from '../services/signing-key.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import {
  certify,
  ISSUER,
  ISSUER_PEM,
  NEXT_CA,
  NEXT_ISSUER,
  NEXT_ISSUER_PEM,
} from './support/made-authority.ts';
import { useFleet } from './support/made-fleet.ts';

const reporter = () =>
  signingKeyOf(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    'touchstone-ca-progress+jwt',
  );

describe('What the CA is told of the fleet', () => {
  const fleet = useFleet();
  afterEach(() => fleet.verifier.believe());
  beforeEach(async () => {
    await fleet.verifier.asAdministrator(`UPDATE ca_reports SET at = '-infinity'`);
    await fleet.verifier.asAdministrator('UPDATE hosts SET removed_at = now()');
  });

  /** A CA that knows these keys. */
  async function reported(known: readonly string[], keys: Awaited<ReturnType<typeof reporter>>[]) {
    const sent: string[] = [];
    const ca = {
      request: async ({ body }: { body: { report: string } }) => {
        sent.push(body.report);
        const { kid } = JSON.parse(
          Buffer.from(body.report.split('.')[0] ?? '', 'base64url').toString(),
        ) as { kid: string };
        if (!known.includes(kid)) throw new AppError('PROGRESS_FOREIGN', 403);
        return { epoch: 1 };
      },
    } as unknown as Client;
    const [active, ...retired] = keys;
    assert.ok(active !== undefined);
    const signing = { reporters: { active, retired, next: undefined } };
    const failed: unknown[] = [];
    const log = { warn: ({ err }: { err: unknown }) => failed.push(err) } as unknown as Logger;
    await progressReporter({ ...fleet.verifier, ca, signing, log })();
    if (failed.length > 0) throw failed[0];
    return sent;
  }
  async function read(jws: string, key: Awaited<ReturnType<typeof reporter>>) {
    const { payload, protectedHeader } = await compactVerify(jws, await importJWK(key.jwk));
    assert.equal(protectedHeader.typ, 'touchstone-ca-progress+jwt');
    return checkAgainst(CaProgress, parseStrictJson(payload));
  }

  it('is signed, and counts hosts by issuer and VMs where they were started last', async () => {
    const [one, other] = [await fleet.vmOfTrusted(), await fleet.vmOfTrusted()];
    for (const { host, hostId, vm } of [one, other, { ...one, vm: other.vm }]) {
      const evidence = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
      await takePermitRequest(fleet.verifier, evidence);
    }
    const renewed = certify(other.host.ek, other.host.ak, 'software', new Date(), NEXT_CA);
    fleet.verifier.believe({
      ...{ epoch: 5, anchors: [ISSUER_PEM] },
      issuers: [{ ...ISSUER, state: 'verify-only' }, NEXT_ISSUER],
    });
    await renewCertificate(fleet.verifier, other.hostId, { certificates: [renewed] });
    const key = await reporter();
    const [jws = ''] = await reported([key.jwk.kid], [key]);
    const progress = await read(jws, key);
    assert.deepEqual([progress.caEpoch, progress.hosts, progress.behind.count], [5, 2, 0]);
    const of = (keyId: string) => progress.issuers.find((issuer) => issuer.keyId === keyId);
    const vmNames = of(ISSUER.keyId)?.vms.named;
    assert.deepEqual(
      of(ISSUER.keyId)?.hosts.named.map(({ name }) => name),
      [one.name],
    );
    assert.equal(vmNames?.length, 2);
    assert.deepEqual(
      [of(NEXT_ISSUER.keyId)?.hosts.count, of(NEXT_ISSUER.keyId)?.vms.count],
      [1, 0],
    );

    const { issuers } = await viewCaStatus(fleet.verifier);
    assert.deepEqual(
      issuers.map(({ state, hosts, vms }) => [state, hosts.count, vms.count]),
      [
        ['verify-only', 1, 2],
        ['active', 1, 0],
      ],
    );
    const page = await viewIssuerHosts(fleet.verifier, ISSUER.keyId, FIRST_PAGE);
    assert.deepEqual(
      page.hosts.map(({ name, vms }) => [name, vms]),
      [[one.name, vmNames]],
    );
  });

  it('names who shows no trust bundle with the new anchor, those that are away last', async () => {
    const { name: away, hostId } = await fleet.trustedHost();
    const { host, hostId: hereId, name: here } = await fleet.trustedHost();
    const old = `UPDATE hosts SET last_authentic_at = now() - interval '1 hour' WHERE id = $1`;
    await fleet.verifier.asAdministrator(old, [hostId]);
    const key = await reporter();
    const behind = async () => {
      await fleet.verifier.asAdministrator(`UPDATE ca_reports SET at = '-infinity'`);
      const [jws = ''] = await reported([key.jwk.kid], [key]);
      const { behind: found } = await read(jws, key);
      return [found.count, found.away, found.named.map((one) => one.name)];
    };
    assert.deepEqual(await behind(), [0, 0, []]);
    fleet.verifier.believe({
      ...{ epoch: 2, anchors: [ISSUER_PEM, NEXT_ISSUER_PEM] },
      issuers: [ISSUER, { ...NEXT_ISSUER, state: 'verify-only' }],
    });
    assert.deepEqual(await behind(), [2, 1, [here, away]], 'no bundle has the anchor yet');
    await fleet.verifier.bundles.refresh();
    assert.deepEqual(await behind(), [2, 1, [here, away]]);
    host.boot.bundleEpoch = fleet.verifier.bundles.current().epoch;
    await fleet.attest(host, hereId);
    assert.deepEqual(await behind(), [1, 1, [away]]);

    fleet.verifier.believe({
      ...{ epoch: 3, anchors: [NEXT_ISSUER_PEM] },
      issuers: [ISSUER, NEXT_ISSUER],
    });
    await fleet.verifier.bundles.refresh();
    assert.deepEqual(await behind(), [1, 1, [away]], 'one anchor less is nothing to wait for');
  });

  it('is said by one replica, and by the key before where the CA knows no other', async () => {
    const [active, before] = [await reporter(), await reporter()];
    const sent = await reported([before.jwk.kid], [active, before]);
    assert.equal(sent.length, 2);
    assert.deepEqual((await read(sent[1] ?? '', before)).nextKey, active.jwk);
    assert.deepEqual(await reported([active.jwk.kid], [active]), [], 'another did just now');
    await fleet.verifier.asAdministrator(`UPDATE ca_reports SET at = '-infinity'`);
    await assert.rejects(reported([randomUUID()], [active, before]), { code: 'PROGRESS_FOREIGN' });
  });
});
