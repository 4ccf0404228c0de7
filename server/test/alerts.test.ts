import assert from 'node:assert/strict';
import { randomUUID, X509Certificate } from 'node:crypto';
import { refusal } from '../codes.ts';
import { acknowledgeAlert, raiseReminders, viewAlerts } from '../services/alerts.ts';
import { createApiToken } from '../services/api-tokens.ts';
import { currentExpiries } from '../services/expiries.ts';
import { createJoinToken } from '../services/join-tokens.ts';
import { renewCertificate } from '../services/renew-certificate.ts';
import { listAuditLog } from '../services/lists.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import type { Verifier } from '../services/verifier.ts';
import { raiseAlert } from '../store/alerts.ts';
import { certify, ISSUER } from './support/made-authority.ts';
import { BY, useFleet } from './support/made-fleet.ts';

const DAY_SECONDS = 86_400;
const DAY_MS = DAY_SECONDS * 1_000;

describe('Alerts', () => {
  const fleet = useFleet();
  const sql = (text: string, values: unknown[] = []) =>
    fleet.verifier.asAdministrator(text, values);
  beforeEach(() => sql('DELETE FROM alerts; DELETE FROM reminders'));
  const raise = (code: string, subject = 'hv1') =>
    raiseAlert(fleet.verifier.database, { code, subject, detail: 'x' }, new Date());
  /** Apart from those of the issuers of these tests, who live for a week. */
  const open = async (verifier: Verifier = fleet.verifier) =>
    (await viewAlerts(verifier, { all: false })).alerts.filter(
      ({ code }) => code !== 'EXPIRY_CA_ISSUER',
    );
  const only = async () => {
    const alerts = await open();
    assert.equal(alerts.length, 1);
    const [alert] = alerts;
    assert.ok(alert !== undefined);
    return alert;
  };

  describe('are acknowledged', () => {
    it('by whom and when, in the audit log too, and then listed only among all', async () => {
      await raise('TPM_ROLLED_BACK');
      const { id, remedy } = await only();
      assert.ok(remedy !== null);
      const done = await acknowledgeAlert(fleet.verifier, BY, id, { count: 1 });
      assert.equal(done.acknowledgedBy, `olga/${BY.id}`);
      assert.deepEqual(await open(), []);
      assert.deepEqual((await viewAlerts(fleet.verifier, { all: true })).alerts, [done]);
      const { entries } = await listAuditLog(fleet.verifier, FIRST_PAGE);
      const { actor, action, subject } = entries.at(-1) ?? {};
      assert.deepEqual(
        [actor, action, subject],
        [`olga/${BY.id}`, 'alert.acknowledge', 'TPM_ROLLED_BACK hv1'],
      );
      // A second time changes nothing, and whoever comes second is not named for it.
      const other = { id: randomUUID(), name: 'otto', person: 'otto' };
      assert.deepEqual(await acknowledgeAlert(fleet.verifier, other, id, { count: 1 }), done);
    });

    it('and come back when it happens again', async () => {
      await raise('TPM_ROLLED_BACK');
      const { id } = await only();
      await acknowledgeAlert(fleet.verifier, BY, id, { count: 1 });
      await raise('TPM_ROLLED_BACK');
      const again = await only();
      assert.deepEqual([again.id, again.count, again.acknowledgedAt], [id, 2, null]);
    });

    it('only as far as they were looked at: ALERT_CHANGED; and none that is not there: ALERT_UNKNOWN', async () => {
      await raise('TPM_ROLLED_BACK');
      const { id } = await only();
      await raise('TPM_ROLLED_BACK');
      await assert.rejects(acknowledgeAlert(fleet.verifier, BY, id, { count: 1 }), {
        code: 'ALERT_CHANGED',
      });
      await assert.rejects(acknowledgeAlert(fleet.verifier, BY, randomUUID(), { count: 1 }), {
        code: 'ALERT_UNKNOWN',
      });
      assert.equal((await open()).length, 1);
    });
  });

  describe('remind of what ends', () => {
    const inDays = (days: number) => new Date(fleet.verifier.clock.now().getTime() + days * DAY_MS);
    const withTls = (endsAt: Date): Verifier => ({
      ...fleet.verifier,
      settings: { ...fleet.verifier.settings, tlsCertificate: { since: new Date(0), endsAt } },
    });

    it('at 30, 7 and 1 days and at the end, once each, however often anybody looks', async () => {
      const ends = inDays(40);
      const told: unknown[] = [];
      for (const left of [40, 31, 29, 20, 8, 6, 2, 0.5, 0.2, -0.5, -3]) {
        const now = () => new Date(ends.getTime() - left * DAY_MS);
        const then = { ...withTls(ends), clock: { ...fleet.verifier.clock, now } };
        await raiseReminders(then);
        await raiseReminders(then);
        const alert = (await open(then)).find(({ code }) => code === 'EXPIRY_TLS_CERTIFICATE');
        told.push([left, alert?.count, alert?.detail.replace(ends.toISOString(), 'then')]);
      }
      assert.deepEqual(told, [
        [40, undefined, undefined],
        [31, undefined, undefined],
        [29, 1, 'ends then, within 30 days'],
        [20, 1, 'ends then, within 30 days'],
        [8, 1, 'ends then, within 30 days'],
        [6, 2, 'ends then, within 7 days'],
        [2, 2, 'ends then, within 7 days'],
        [0.5, 3, 'ends then, within a day'],
        [0.2, 3, 'ends then, within a day'],
        [-0.5, 4, 'ended then'],
        [-3, 4, 'ended then'],
      ]);
    });

    it('again at the next threshold, when the last was acknowledged', async () => {
      const ends = inDays(20);
      const alert = (await open(withTls(ends)))[0];
      assert.ok(alert !== undefined);
      assert.match(alert.remedy ?? '', /same key/u);
      await acknowledgeAlert(fleet.verifier, BY, alert.id, { count: 1 });
      assert.deepEqual(await open(withTls(ends)), []);
      const now = () => new Date(ends.getTime() - 3 * DAY_MS);
      const later = { ...withTls(ends), clock: { ...fleet.verifier.clock, now } };
      assert.equal((await open(later))[0]?.detail, `ends ${ends.toISOString()}, within 7 days`);
    });

    it('for as long as nobody could look whether it ends no more', async () => {
      const ofCa = async (verifier: Verifier) =>
        (await viewAlerts(verifier, { all: false })).alerts.filter(
          ({ code }) => code === 'EXPIRY_CA_ISSUER' || code === 'EXPIRY_TRUST_BUNDLE',
        );
      // On the last day of the issuers of these tests.
      const { validToDate } = new X509Certificate(ISSUER.certificate);
      const now = () => new Date(validToDate.getTime() - DAY_MS / 2);
      const verifier = { ...fleet.verifier, clock: { ...fleet.verifier.clock, now } };
      const before = await ofCa(verifier);
      assert.notEqual(before.length, 0);
      const unknown = () => {
        throw refusal('ISSUERS_UNKNOWN');
      };
      const { issuers, bundles } = fleet.verifier;
      const started: Verifier = {
        ...verifier,
        issuers: { ...issuers, known: unknown },
        bundles: { ...bundles, current: unknown },
      };
      assert.deepEqual(await ofCa(started), before);
      assert.deepEqual(await ofCa(verifier), before);
    });

    it('and no more, once it was renewed', async () => {
      assert.equal((await open(withTls(inDays(5)))).length, 1);
      assert.deepEqual(await open(withTls(inDays(400))), []);
    });

    it('tokens that still serve, and none whose life is a day or that was revoked or spent', async () => {
      const api = (ttlDays: number) =>
        createApiToken(fleet.verifier, BY, {
          name: `for-${ttlDays}`,
          roles: ['viewer'],
          ttlSeconds: ttlDays * DAY_SECONDS,
        });
      const join = (ttlDays: number) =>
        createJoinToken(fleet.verifier, BY, {
          classes: ['software'],
          labels: {},
          ttlSeconds: ttlDays * DAY_SECONDS,
        });
      const made = [await api(1), await api(20), await api(20), await join(1), await join(20)];
      const [, lasting, revoked, , joining] = made;
      const spent = await join(20);
      await sql('UPDATE api_tokens SET revoked_at = now() WHERE id = $1', [revoked?.record.id]);
      await sql('UPDATE join_tokens SET uses_left = 0 WHERE id = $1', [spent.record.id]);
      const now = () => inDays(15);
      const later = { ...fleet.verifier, clock: { ...fleet.verifier.clock, now } };
      assert.deepEqual(
        (await open(later)).map(({ code, subject }) => `${code} ${subject}`).toSorted(),
        [
          `EXPIRY_API_TOKEN token for-20 ${lasting?.record.id}`,
          `EXPIRY_JOIN_TOKEN join token ${joining?.record.id}`,
        ],
      );
      await sql('DELETE FROM api_tokens; DELETE FROM join_tokens');
    });

    it('active baselines', async () => {
      const { name } = await fleet.trustedHost();
      await sql(
        `UPDATE baselines SET document = document || jsonb_build_object('expires', $2::text),
           approved_at = approved_at - interval '90 days' WHERE name = $1`,
        [name, inDays(6).toISOString()],
      );
      const subjects = (await open()).map(({ code, subject }) => `${code} ${subject}`);
      assert.ok(subjects.length > 0);
      assert.ok(subjects.every((each) => each.startsWith(`EXPIRY_BASELINE baseline ${name}/`)));
      await sql(`UPDATE baselines SET state = 'retired', evidence_day = NULL`);
      assert.deepEqual(await open(), []);
    });

    it('hosts that attest and do not renew, and not those that are away', async () => {
      const { host, hostId, name } = await fleet.trustedHost();
      const away = await fleet.trustedHost();
      const sixDaysAgo = certify(host.ek, host.ak, 'software', new Date(Date.now() - 6.5 * DAY_MS));
      const awaySince = certify(
        away.host.ek,
        away.host.ak,
        'software',
        new Date(Date.now() - 6.5 * DAY_MS),
      );
      for (const [id, pem] of [
        [hostId, sixDaysAgo],
        [away.hostId, awaySince],
      ] as const) {
        const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/gu, ''), 'base64');
        await sql('UPDATE hosts SET ak_certificate = $2, ak_not_after = NULL WHERE id = $1', [
          id,
          der,
        ]);
      }
      await sql(`UPDATE hosts SET last_authentic_at = now() - interval '5 days' WHERE id = $1`, [
        away.hostId,
      ]);
      const found = (await currentExpiries(fleet.verifier)).filter(
        ({ code }) => code === 'EXPIRY_AK_CERTIFICATE',
      );
      assert.deepEqual(
        found.map(({ subject, daysBefore }) => [subject, daysBefore]),
        [[`host ${name}`, 2]],
      );
      const renewed = certify(host.ek, host.ak, 'software', new Date(Date.now() - DAY_MS / 24));
      await renewCertificate(fleet.verifier, hostId, { certificates: [renewed] });
      const left = await currentExpiries(fleet.verifier);
      assert.ok(left.every(({ code }) => code !== 'EXPIRY_AK_CERTIFICATE'));
    });

    it("the CA's issuers and the trust bundle", async () => {
      const now = () => inDays(364.5);
      const later = { ...fleet.verifier, clock: { ...fleet.verifier.clock, now } };
      const codes = (await currentExpiries(later)).map(({ code, daysBefore }) => [
        code,
        daysBefore,
      ]);
      assert.deepEqual(
        codes.filter(([code]) => code === 'EXPIRY_TRUST_BUNDLE'),
        [['EXPIRY_TRUST_BUNDLE', 1]],
      );
      const issuers = codes.filter(([code]) => code === 'EXPIRY_CA_ISSUER');
      assert.deepEqual(issuers.at(0), ['EXPIRY_CA_ISSUER', 0]);
    });
  });
});
