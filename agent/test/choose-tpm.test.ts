import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeTpm2bPublic, AK_TEMPLATE_ECC_P256 } from '@touchstone/tpm';
import { readConfig } from '../config.ts';
import { writeKeyRecord } from '../state/identity.ts';
import { writeTpmRecord } from '../state/tpm-record.ts';
import { chooseTpm, tpmInUse } from '../tpm/choose-tpm.ts';
import { type Machine, passedOverBy, SOFTWARE_TPM } from '../tpm/host-tpm.ts';

const NAME = `000b${'11'.repeat(32)}`;

describe('the choice of a TPM', () => {
  let stateDir: string;
  let machine: Machine;
  const device = () => join(machine.devices, 'tpmrm0');
  const chip = () => ({ kind: 'device', path: device() }) as const;

  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'ts-choice-'));
    machine = {
      devices: join(stateDir, 'dev'),
      tpmClass: join(stateDir, 'class'),
      acpiTables: join(stateDir, 'tables'),
    };
    for (const place of Object.values(machine)) await mkdir(place);
  });
  afterEach(() => rm(stateDir, { recursive: true }));

  const has = (...names: readonly string[]) =>
    Promise.all(names.map((name) => writeFile(join(machine.devices, name), '')));
  const enrolled = () =>
    writeKeyRecord(stateDir, {
      ...{ schema: 'touchstone/agent-key/1', ekName: NAME, akName: NAME },
      public: Buffer.from(encodeTpm2bPublic(AK_TEMPLATE_ECC_P256)).toString('base64url'),
      ...{ private: 'AAAA', auth: 'AAAA' },
    });

  it('falls on the machine’s own, without being asked', async () => {
    await has('null', 'tpm0', 'tpmrm0');
    assert.deepEqual(await chooseTpm(stateDir, machine, {}), { tpm: chip(), ek: {} });
  });

  it('falls on software where the machine has none', async () => {
    await has('null', 'tpmfoo');
    assert.deepEqual(await chooseTpm(stateDir, machine, {}), { tpm: SOFTWARE_TPM, ek: {} });
    await writeFile(join(machine.acpiTables, 'APIC'), '');
    const none = join(stateDir, 'none');
    const nowhere = { devices: none, tpmClass: none, acpiTables: none };
    assert.deepEqual((await chooseTpm(stateDir, nowhere, {})).tpm, SOFTWARE_TPM);
  });

  it('passes over no chip that cannot be used: TPM_UNUSABLE', async () => {
    await mkdir(join(machine.tpmClass, 'tpm0'));
    await assert.rejects(chooseTpm(stateDir, machine, {}), { code: 'TPM_UNUSABLE' });
    await has('tpm0');
    await assert.rejects(chooseTpm(stateDir, machine, {}), { code: 'TPM_UNUSABLE' });
    assert.deepEqual((await chooseTpm(stateDir, machine, { tpm: 'software' })).tpm, SOFTWARE_TPM);
  });

  it('passes over no chip that the kernel has no driver for, nor what it cannot look into: TPM_UNUSABLE', async () => {
    const file = join(stateDir, 'file');
    await writeFile(file, '');
    for (const place of ['devices', 'tpmClass', 'acpiTables']) {
      const blind = { ...machine, [place]: file };
      await assert.rejects(chooseTpm(stateDir, blind, {}), { code: 'TPM_UNUSABLE' });
    }
    for (const table of ['TPM2', 'TCPA']) {
      await writeFile(join(machine.acpiTables, table), '');
      await assert.rejects(chooseTpm(stateDir, machine, {}), { code: 'TPM_UNUSABLE' });
      assert.match((await passedOverBy(SOFTWARE_TPM, machine)) ?? '', new RegExp(table, 'u'));
      await rm(join(machine.acpiTables, table));
    }
  });

  it('falls beside a chip on software only when told, and that is not kept silent', async () => {
    await has('tpmrm0');
    const { tpm } = await chooseTpm(stateDir, machine, { tpm: 'software' });
    assert.deepEqual(tpm, SOFTWARE_TPM);
    assert.equal(await passedOverBy(tpm, machine), device());
    assert.equal(await passedOverBy(chip(), machine), null);
    await rm(device());
    assert.equal(await passedOverBy(tpm, machine), null);
    await mkdir(join(machine.tpmClass, 'tpm0'));
    assert.match((await passedOverBy(tpm, machine)) ?? '', /^the kernel knows tpm0/u);
  });

  it('takes the EK that is asked for, or else the preferred one of agent.yaml', async () => {
    const wish = { tpm: '/dev/tpmrm7', ek: 'ecc-p256', preferredEk: 'ecc-p384' } as const;
    assert.deepEqual(await chooseTpm(stateDir, machine, wish), {
      tpm: { kind: 'device', path: '/dev/tpmrm7' },
      ek: { only: 'ecc-p256', preferred: 'ecc-p384' },
    });
    await writeFile(join(stateDir, 'agent.yaml'), 'ek: ecc-p384\n');
    assert.equal((await readConfig(stateDir, [])).ek, 'ecc-p384');
    await writeFile(join(stateDir, 'agent.yaml'), 'ek: rsa-1024\n');
    await assert.rejects(readConfig(stateDir, []), { code: 'STATE_MALFORMED' });
  });

  it('is made once: what has keys stays with its TPM and its EK: TPM_FIXED', async () => {
    await has('tpmrm0');
    await enrolled();
    const record = { schema: 'touchstone/agent-tpm/1', tpm: chip(), ek: 'ecc-p384' } as const;
    await writeTpmRecord(stateDir, record);
    const held = { tpm: chip(), ek: { only: 'ecc-p384' } };
    assert.deepEqual(await chooseTpm(stateDir, machine, {}), held);
    const same = { tpm: device(), ek: 'ecc-p384' } as const;
    assert.deepEqual(await chooseTpm(stateDir, machine, same), held);
    for (const other of [{ tpm: 'software' }, { tpm: '/dev/tpmrm1' }, { ek: 'rsa-2048' as const }])
      await assert.rejects(chooseTpm(stateDir, machine, other), {
        code: 'TPM_FIXED',
        detail: `its keys are in ${device()}, below the EK ecc-p384`,
      });
    await rm(device());
    assert.deepEqual(await tpmInUse(stateDir), held);
  });

  it('leaves keys that were made before there was a choice where they are', async () => {
    await has('tpmrm0');
    await enrolled();
    const held = { tpm: SOFTWARE_TPM, ek: { only: 'rsa-2048' } };
    assert.deepEqual(await chooseTpm(stateDir, machine, {}), held);
    assert.deepEqual(await tpmInUse(stateDir), held);
  });
});
