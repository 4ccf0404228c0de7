import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import {
  CaBundle,
  CaOwnStatus,
  type CaProgress,
  CaProgressAnswer,
  Rotation,
  RotationList,
} from '@touchstone/schemas';
import type { TSchema } from 'typebox';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { type CaProcess, firstOperators, startCa } from './support/ca-process.ts';
import { makeReporter } from './support/rotating-ca.ts';

describe('a rotation over the calls of the CA, with its own processes', () => {
  let postgres: Postgres;
  let ca: CaProcess;
  let bearer: string;
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const reporter = makeReporter(key);

  before(async () => {
    postgres = await startPostgres();
    ca = await startCa(postgres, { database: 'ca_rotates' });
    [bearer] = await firstOperators(ca);
    const config = JSON.parse(await readFile(ca.configFile, 'utf8')) as object;
    const reporterKeyFile = `${ca.configFile}.reporter.pem`;
    await writeFile(reporterKeyFile, createPublicKey(key).export({ type: 'spki', format: 'pem' }));
    await writeFile(ca.configFile, JSON.stringify({ ...config, reporterKeyFile }));
    await ca.stop();
    await ca.start();
  });
  after(async () => {
    await ca?.remove();
    await postgres?.stop();
  });

  const operate = <T extends TSchema>(
    method: 'GET' | 'POST',
    path: string,
    schema: T,
    body?: object,
  ) =>
    ca.client.request({
      method,
      path: `/v1/operator/${path}`,
      bearer,
      schema,
      ...(body && { body }),
    });
  const bundle = () => ca.client.request({ method: 'GET', path: '/v1/bundle', schema: CaBundle });
  let lastAt = 0;
  const progress = async (change: Partial<CaProgress> = {}): Promise<CaProgress> => {
    lastAt = Math.max(Date.now(), lastAt + 1);
    const nobody = { count: 0, away: 0, named: [] };
    return {
      ...{ schema: 'touchstone/ca-progress/1', at: new Date(lastAt).toISOString() },
      ...{ caEpoch: (await bundle()).epoch, trustBundleEpoch: 1, hosts: 0 },
      ...{ behind: nobody, issuers: [] },
      ...change,
    };
  };
  const send = (report: string) =>
    ca.client.request({
      ...{ method: 'POST', path: '/v1/progress', schema: CaProgressAnswer, body: { report } },
    });

  it('takes reports of the verifier that it knows, of now and newer than the last', async () => {
    const report = await progress();
    assert.deepEqual(await send(reporter.sign(report)), { epoch: report.caEpoch });
    await assert.rejects(send(reporter.sign(report)), { code: 'PROGRESS_OLDER' });
    for (const minutes of [-11, 11]) {
      const at = new Date(Date.now() + minutes * 60_000).toISOString();
      await assert.rejects(send(reporter.sign({ ...report, at })), { code: 'PROGRESS_OLDER' });
    }
    const other = makeReporter();
    await assert.rejects(send(other.sign(await progress())), { code: 'PROGRESS_FOREIGN' });
    const asResult = reporter.sign(await progress(), 'touchstone-result+jwt');
    await assert.rejects(send(asResult), { code: 'PROGRESS_FOREIGN' });
    await assert.rejects(send('a.b.c'), { code: 'PROGRESS_FOREIGN' });
    const more = reporter.sign({ ...(await progress()), more: true });
    await assert.rejects(send(more), { code: 'SCHEMA_MISMATCH' });
  });

  it('follows the verifier to its next key, and not back', async () => {
    const next = makeReporter();
    await send(reporter.sign(await progress({ nextKey: next.jwk })));
    await send(reporter.sign(await progress()));
    await send(next.sign(await progress()));
    await assert.rejects(send(reporter.sign(await progress())), { code: 'PROGRESS_FOREIGN' });
    await ca.stop();
    await ca.start();
    // The configuration still names the first one, and says nothing new by it.
    await send(next.sign(await progress({ nextKey: reporter.jwk })));
    await send(reporter.sign(await progress()));
  });

  it('is started, waits, is advanced, goes on by itself when it may, and is shown', async () => {
    const before = await operate('GET', 'status', CaOwnStatus);
    assert.deepEqual([before.rotation, before.reminders, before.custody], [null, [], 'file']);
    const start = { kind: 'root', mode: 'planned', auto: false, reason: 'it is time' };
    const { id, phase, startedBy } = await operate('POST', 'rotations', Rotation, start);
    assert.equal(phase, 'plan');
    assert.match(startedBy, /^first\//u);
    await assert.rejects(operate('POST', 'rotations', Rotation, start), {
      code: 'ROTATION_UNDER_WAY',
    });
    const advance = (from: string, force = false) =>
      operate('POST', `rotations/${id}/advance`, Rotation, { from, force });
    await advance('plan');
    await assert.rejects(advance('plan'), { code: 'ROTATION_PHASE_DIFFERS' });
    await advance('stage');
    await assert.rejects(advance('distribute'), { code: 'ROTATION_BLOCKED' });
    await send(reporter.sign(await progress()));
    assert.equal((await advance('distribute')).phase, 'switch');
    const back = await operate('POST', `rotations/${id}/rollback`, Rotation);
    assert.equal(back.phase, 'rolled-back', 'nobody had anything of it');

    await operate('POST', 'rotations', Rotation, { ...start, auto: true });
    let status = await operate('GET', 'status', CaOwnStatus);
    while (status.rotation !== null) {
      // The keeper's own pace: whoever asks without a pause is told RATE_LIMITED.
      await sleep(200);
      await send(reporter.sign(await progress()));
      status = await operate('GET', 'status', CaOwnStatus);
    }
    const { rotations } = await operate('GET', 'rotations', RotationList);
    assert.deepEqual(
      rotations.map((one) => one.phase),
      ['done', 'rolled-back'],
    );
    const old = before.authorities.map(({ keyId }) => keyId);
    const active = status.authorities.filter(({ state }) => state === 'active');
    assert.ok(active.length === 2 && active.every(({ keyId }) => !old.includes(keyId)));
    assert.ok(status.epoch > before.epoch);
  });

  it('does not refuse the key that is in use: AUTHORITY_ACTIVE', async () => {
    const { authorities } = await operate('GET', 'status', CaOwnStatus);
    for (const { keyId } of authorities.filter(({ state }) => state === 'active')) {
      const refusal = operate('POST', `authorities/${keyId}/refusal`, CaOwnStatus, {
        reason: 'compromised',
      });
      await assert.rejects(refusal, { code: 'AUTHORITY_ACTIVE' });
    }
  });
});
