import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { ApiToken, PermitClaims, PermitsAnswer, TrustBundle, Vm } from '@touchstone/schemas';
import { createApiToken } from '../services/api-tokens.ts';
import { removeDiskKey, setDiskKey, viewDiskKeys } from '../services/disk-keys.ts';
import { diskKeySealer } from '../services/sealed-disk-key.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { registerVm } from '../services/vms.ts';
import { diskKeysOf } from '../store/disk-keys.ts';
import { BY, useFleet } from './support/made-fleet.ts';

const SESSION = 'ab'.repeat(32);
const newKey = () => randomBytes(32).toString('base64');
const setting = (key: string, disk = 'vdb') => ({
  ...{ disk, key: Buffer.from(key, 'utf8').toString('base64url') },
});

describe('Keys of sealed disks', () => {
  const fleet = useFleet();
  const sealedVm = (more: Partial<Vm> = {}) =>
    registerVm(fleet.verifier, BY, {
      ...{ uuid: randomUUID(), name: fleet.newName(), classes: ['software'] },
      ...{ hostLabels: {}, images: [], disks: [{ name: 'vdb', kind: 'sealed' }], ...more },
    });
  const withKey = async () => {
    const { uuid } = await sealedVm();
    const key = newKey();
    await setDiskKey(fleet.verifier, BY, uuid, setting(key));
    return { uuid, key };
  };
  const outcomes = ({ answers }: PermitsAnswer) =>
    answers.map((answer) => ('permit' in answer ? 'permit' : answer.refusal.code));
  const asked = (vm: string, dataDisks = ['vdb']) => fleet.secondRequestFor(vm, { dataDisks });
  const tokenOf = async (person: string): Promise<ApiToken> =>
    (
      await createApiToken(fleet.verifier, BY, {
        ...{ name: person, person, roles: ['viewer', 'operator', 'approver'] },
      })
    ).record;
  const withQuorum = async (work: (ada: ApiToken, bob: ApiToken) => Promise<void>) => {
    const [ada, bob] = [await tokenOf('ada'), await tokenOf('bob')];
    await fleet.verifier.asAdministrator('UPDATE deployment SET quorum = 2');
    try {
      await work(ada, bob);
    } finally {
      await fleet.verifier.asAdministrator('UPDATE deployment SET quorum = 1');
    }
  };

  it('come with the permit, under a release key that it names, and never twice alike', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const [one, other] = [await withKey(), await withKey()];
    const plain = await fleet.registeredVm();
    const evidence = fleet.batchEvidence(
      host,
      hostId,
      [asked(one.uuid), fleet.secondRequestFor(plain), asked(other.uuid)],
      SESSION,
    );
    const answer = await takePermitRequest(fleet.verifier, evidence);
    assert.deepEqual(outcomes(answer), ['permit', 'permit', 'permit']);
    const { release, answers } = answer;
    assert.ok(release !== undefined);
    const blob = [release.public, release.duplicate, release.seed];
    const digest = createHash('sha256');
    for (const part of blob) digest.update(Buffer.from(part, 'base64url'));
    const named = digest.digest('hex');
    const given = answers.map((each) => {
      assert.ok('permit' in each);
      const claims = decodeJwt<PermitClaims>(each.permit);
      return { claims, keys: each.keys };
    });
    assert.deepEqual(
      given.map(({ claims }) => claims['touchstone.release']),
      [named, undefined, named],
    );
    assert.equal(release.permitId, given[0]?.claims.jti);
    assert.deepEqual(
      given.map(({ keys }) => keys?.map(({ disk }) => disk)),
      [['vdb'], undefined, ['vdb']],
    );
    assert.deepEqual(release.pcrs, fleet.verifier.settings.releasePcrs);
    const { keys } = decodeJwt<TrustBundle>(fleet.verifier.bundles.current().jws);
    assert.ok(keys.some(({ use, jwk }) => use === 'release' && jwk.kid === release.kid));
    const { mandates, ...stored } = answer;
    void mandates;
    const repeated = await takePermitRequest(fleet.verifier, evidence);
    assert.deepEqual({ ...repeated, mandates: undefined }, { ...stored, mandates: undefined });
    const again = await takePermitRequest(
      fleet.verifier,
      fleet.batchEvidence(host, hostId, [asked(one.uuid)], SESSION),
    );
    assert.notEqual(again.release?.duplicate, release.duplicate);
    const lines = await fleet.verifier.asAdministrator(
      `SELECT detail FROM audit WHERE action = 'disk-key.release' AND subject = $1`,
      [one.uuid],
    );
    assert.equal(lines.length, 2);
  });

  it('are in no row, no answer and no line of the audit log', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const { uuid, key } = await withKey();
    await takePermitRequest(
      fleet.verifier,
      fleet.batchEvidence(host, hostId, [asked(uuid)], SESSION),
    );
    const tables = await fleet.verifier.asAdministrator(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`,
    );
    const bytes = Buffer.from(key, 'utf8');
    const forms = [
      ...[key, bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')],
      Buffer.from(key, 'base64').toString('hex'),
    ];
    for (const { name } of tables) {
      const [row] = await fleet.verifier.asAdministrator(
        `SELECT coalesce(string_agg(t::text, ' '), '') AS text FROM ${String(name)} t`,
      );
      for (const form of forms) assert.ok(!String(row?.['text']).includes(form), String(name));
    }
    const stored = await diskKeysOf(fleet.verifier.database, [uuid]);
    assert.ok(stored[0] !== undefined);
    const { sealed } = stored[0];
    const of = { vm: uuid, disk: 'vdb' };
    assert.equal(fleet.verifier.diskKeys.open(sealed, of).toString('utf8'), key);
    assert.throws(() => fleet.verifier.diskKeys.open(sealed, { vm: uuid, disk: 'vdc' }));
    assert.throws(() => diskKeySealer(randomBytes(32)).open(sealed, of));
  });

  it('that cannot be released refuse their VM, and no other: DISK_KEY_UNAVAILABLE', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const { uuid } = await withKey();
    const empty = await sealedVm();
    const plain = await fleet.registeredVm();
    const requests = () => [asked(empty.uuid), asked(uuid), fleet.secondRequestFor(plain)];
    const with_ = await takePermitRequest(
      fleet.verifier,
      fleet.batchEvidence(host, hostId, requests(), SESSION),
    );
    assert.deepEqual(outcomes(with_), ['DISK_KEY_UNAVAILABLE', 'permit', 'permit']);
    const [, given] = with_.answers;
    assert.ok(given !== undefined && 'permit' in given);
    assert.equal(with_.release?.permitId, decodeJwt(given.permit).jti);
    for (const session of [undefined, 'ab'.repeat(8)]) {
      const without = await takePermitRequest(
        fleet.verifier,
        fleet.batchEvidence(host, hostId, requests(), session),
      );
      assert.deepEqual(outcomes(without), [
        ...['DISK_KEY_UNAVAILABLE', 'DISK_KEY_UNAVAILABLE', 'permit'],
      ]);
      assert.equal(without.release, undefined);
    }
    await fleet.verifier.asAdministrator(
      `UPDATE disk_keys SET sealed = set_byte(sealed, 12, get_byte(sealed, 12) # 1) WHERE vm = $1`,
      [uuid],
    );
    const broken = await takePermitRequest(
      fleet.verifier,
      fleet.batchEvidence(host, hostId, requests(), SESSION),
    );
    assert.deepEqual(outcomes(broken), [
      ...['DISK_KEY_UNAVAILABLE', 'DISK_KEY_UNAVAILABLE', 'permit'],
    ]);
    assert.equal((await fleet.stateOf(hostId)).state, 'trusted');
  });

  it('are not released to a host in a bad state', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const { uuid } = await withKey();
    host.reboot('changed');
    const answer = await takePermitRequest(
      fleet.verifier,
      fleet.batchEvidence(host, hostId, [asked(uuid)], SESSION),
    );
    assert.deepEqual(outcomes(answer), ['HOST_NOT_TRUSTED']);
    assert.equal(answer.release, undefined);
  });

  it('are stored for sealed disks, and are text: DISK_NOT_SEALED, DISK_KEY_UNFIT', async () => {
    const { uuid } = await sealedVm({
      disks: [
        { name: 'vdb', kind: 'sealed' },
        { name: 'vdc', kind: 'data' },
      ],
    });
    const set = (key: string | Buffer, disk?: string) =>
      setDiskKey(fleet.verifier, BY, uuid, {
        ...{ disk: disk ?? 'vdb', key: Buffer.from(key).toString('base64url') },
      });
    await assert.rejects(set(newKey(), 'vdc'), { code: 'DISK_NOT_SEALED' });
    await assert.rejects(set(newKey(), 'vda'), { code: 'DISK_NOT_SEALED' });
    await assert.rejects(set('short'), { code: 'DISK_KEY_UNFIT' });
    await assert.rejects(set(Buffer.alloc(32, 0xff)), { code: 'DISK_KEY_UNFIT' });
    await assert.rejects(set(Buffer.alloc(32, 0)), { code: 'DISK_KEY_UNFIT' });
    await assert.rejects(setDiskKey(fleet.verifier, BY, randomUUID(), setting(newKey())), {
      code: 'VM_UNKNOWN',
    });
    assert.deepEqual(await viewDiskKeys(fleet.verifier, uuid), { keys: [] });
  });

  it('are first stored by one person, and replaced or removed by the quorum', async () => {
    await withQuorum(async (ada, bob) => {
      const { uuid } = await sealedVm();
      const [first, second] = [newKey(), newKey()];
      const { keys } = await setDiskKey(fleet.verifier, ada, uuid, setting(first));
      assert.deepEqual(
        keys.map(({ disk }) => disk),
        ['vdb'],
      );
      await setDiskKey(fleet.verifier, ada, uuid, setting(first));
      const operator: ApiToken = { ...ada, roles: ['operator'] };
      await assert.rejects(setDiskKey(fleet.verifier, operator, uuid, setting(second)), {
        code: 'ROLE_MISSING',
      });
      const waiting = { code: 'QUORUM_WAITING' };
      await assert.rejects(setDiskKey(fleet.verifier, ada, uuid, setting(second)), waiting);
      // Another key is another thing.
      await assert.rejects(setDiskKey(fleet.verifier, bob, uuid, setting(newKey())), waiting);
      const stored = async () => {
        const [one] = await diskKeysOf(fleet.verifier.database, [uuid]);
        assert.ok(one !== undefined);
        return fleet.verifier.diskKeys.open(one.sealed, one).toString('utf8');
      };
      assert.equal(await stored(), first);
      await setDiskKey(fleet.verifier, bob, uuid, setting(second));
      assert.equal(await stored(), second);
      const disk = { disk: 'vdb' };
      await assert.rejects(removeDiskKey(fleet.verifier, ada, uuid, disk), waiting);
      assert.deepEqual(await removeDiskKey(fleet.verifier, bob, uuid, disk), { keys: [] });
      await assert.rejects(removeDiskKey(fleet.verifier, bob, uuid, disk), {
        code: 'DISK_KEY_UNKNOWN',
      });
    });
  });
});
