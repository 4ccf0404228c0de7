import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppraisalMemo } from '@touchstone/appraisal';
import { EvidenceAnswer, Health } from '@touchstone/schemas';
import { listenUnix, unixClient } from '@touchstone/transport';
import { createApp } from '../http/app.ts';
import { makeAppraiser } from '../services/appraiser.ts';
import { approveBaselines } from '../services/approve-baselines.ts';
import { captureBaseline } from '../services/baselines.ts';
import { knownIdentities } from '../services/known-identities.ts';
import { judgesApart } from '../services/judges-apart.ts';
import { takeAttestation } from '../services/take-evidence.ts';
import type { Verifier } from '../services/verifier.ts';
import { activePolicy } from '../store/active-policy.ts';
import { insertEvidence } from '../store/evidence.ts';
import { hostById } from '../store/hosts.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost, type MadeHost } from './support/made-host.ts';

describe('Steady state: a host that attests', () => {
  const fleet = useFleet();

  /** The verifier with a memo of its own, and how often it had to judge. */
  function counting() {
    const judges = judgesApart();
    const memo = new AppraisalMemo();
    const judged = { times: 0 };
    const measurements: typeof judges.measurements = (measured) => {
      judged.times += 1;
      return judges.measurements(measured);
    };
    const appraiser = makeAppraiser({ ...judges, measurements }, memo);
    const verifier: Verifier = { ...fleet.verifier, appraiser };
    const attest = (host: MadeHost, hostId: string) =>
      takeAttestation(verifier, fleet.evidenceOf(host, hostId));
    return { verifier, memo, judged, attest };
  }

  it('the same again is judged once a boot', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const { attest, judged } = counting();
    const verdicts = [];
    for (let times = 0; times < 3; times += 1) {
      verdicts.push((await attest(host, hostId)).verdict);
    }
    assert.deepEqual([verdicts, judged.times], [['warning', 'warning', 'warning'], 1]);
    host.reboot('good');
    assert.equal((await attest(host, hostId)).state, 'trusted');
    assert.equal(judged.times, 2);
  });

  it('something else is judged anew, and untrusted', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const { attest, judged } = counting();
    await attest(host, hostId);
    host.boot.file = 'changed';
    assert.equal((await attest(host, hostId)).state, 'untrusted');
    assert.equal(judged.times, 2);
  });

  it('under a policy that changed is judged anew', async () => {
    const { host, hostId, name } = await fleet.trustedHost();
    const { verifier, attest, judged } = counting();
    await attest(host, hostId);
    await captureBaseline(verifier, BY, hostId, { name, labels: {} });
    await approveBaselines(verifier, BY, name, {});
    judged.times = 0;
    assert.equal((await attest(host, hostId)).verdict, 'warning');
    await fleet.verifier.asAdministrator(`UPDATE baselines SET state = 'retired'`);
    assert.equal((await attest(host, hostId)).verdict, 'contraindicated');
    assert.equal(judged.times, 2);
  });

  it('and that nobody admitted is judged each time, and remembered never', async () => {
    const { attest, judged, memo } = counting();
    const host = makeHost();
    const { hostId, state } = await fleet.enrol(host, fleet.newName());
    assert.equal(state, 'pending');
    await attest(host, hostId);
    await attest(host, hostId);
    assert.deepEqual([judged.times, memo.size.boots], [2, 0]);
  });

  it('has its log stored once, and sent to the database once', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const sent: string[] = [];
    const { database } = fleet.verifier;
    const evidence = fleet.evidenceOf(host, hostId);
    const stored = {
      purpose: 'attest',
      evidence,
      selection: {},
      akPublic: null,
      akCertificate: new Uint8Array(),
      receivedAt: new Date(),
    } as const;
    for (const digest of ['a', 'b'].map((one) => one.repeat(64))) {
      await insertEvidence(
        { query: (sql, values) => (sent.push(sql), database.query(sql, values)) },
        { ...stored, digest },
      );
    }
    assert.ok(sent.length > 2 && sent.every((sql) => !sql.includes('INTO blobs')));
  });
});

describe('Steady state: the active documents', () => {
  const fleet = useFleet();

  it('are read once, and again when one was written, in whatever way', async () => {
    const { name } = await fleet.trustedHost();
    const { database, asAdministrator } = fleet.verifier;
    const policy = activePolicy();
    let reads = 0;
    const read = () =>
      policy.read({
        query: (sql, values) => {
          reads += sql.includes('document') ? 1 : 0;
          return database.query(sql, values);
        },
      });
    const one = await read();
    assert.equal(await read(), one);
    assert.equal(reads, 1);
    const sql = `UPDATE baselines SET document = jsonb_set(document, '{rules,0,mode}', '"warn"')
      WHERE name = $1`;
    await asAdministrator(sql, [name]);
    assert.deepEqual([(await read()).baselines[0]?.rules[0]?.mode, reads], ['warn', 2]);
    await asAdministrator(`UPDATE baselines SET state = 'retired'`);
    assert.deepEqual([(await read()).baselines, reads], [[], 2]);
  });
});

describe('Steady state: the identity of a host', () => {
  const fleet = useFleet();
  const row = async (id: string) => {
    const host = await hostById(fleet.verifier.database, id);
    assert.ok(host !== null);
    return host;
  };

  it('is read once while its row says the same', async () => {
    const { hostId } = await fleet.trustedHost();
    const identityOf = knownIdentities();
    const host = await row(hostId);
    const identity = identityOf(host);
    assert.equal(identityOf(await row(hostId)), identity);
    const other = await row((await fleet.trustedHost()).hostId);
    assert.notEqual(identityOf({ ...host, akCertificate: other.akCertificate }), identity);
    assert.notEqual(identityOf({ ...host, akPublic: other.akPublic }), identity);
  });

  it('is not kept of a host that nobody admitted, and of so many at most', async () => {
    const host = await row((await fleet.trustedHost()).hostId);
    const identityOf = knownIdentities(2);
    const pending = { ...host, state: 'pending' as const };
    assert.notEqual(identityOf(pending), identityOf(pending));
    const [a, b, c] = ['a', 'b', 'c'].map((akName) => ({ ...host, akName }));
    const first = identityOf(a!);
    const second = identityOf(b!);
    assert.equal(identityOf(a!), first);
    identityOf(c!);
    assert.equal(identityOf(a!), first);
    assert.notEqual(identityOf(b!), second);
  });
});

describe('While a host of 20,000 events is judged', () => {
  const fleet = useFleet();

  it('other requests are answered', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const judges = judgesApart();
    const began = Promise.withResolvers<void>();
    let ended = false;
    const measurements: typeof judges.measurements = (measured) => {
      began.resolve();
      return judges.measurements(measured).finally(() => (ended = true));
    };
    const appraiser = makeAppraiser({ ...judges, measurements });
    const dir = await mkdtemp(join(tmpdir(), 'ts-steady-'));
    const path = join(dir, 'sock');
    const app = createApp({ ...fleet.verifier, appraiser });
    const listening = await listenUnix(app, { path, mode: 0o600 });
    const client = unixClient({ path });
    try {
      host.boot.moreFiles = 20_000;
      const evidence = fleet.evidenceOf(host, hostId);
      const attesting = client.request({
        ...{ method: 'POST', path: '/v1/evidence', body: evidence },
        schema: EvidenceAnswer,
      });
      await Promise.race([began.promise, attesting]);
      let answered = 0;
      while (!ended && answered < 3) {
        await client.request({ method: 'GET', path: '/v1/health', schema: Health });
        if (!ended) answered += 1;
      }
      assert.ok(answered > 0);
      assert.equal((await attesting).verdict, 'contraindicated');
    } finally {
      await client.close();
      await listening.close();
      await rm(dir, { recursive: true, force: true });
    }
  });
});
