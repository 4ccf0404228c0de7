import assert from 'node:assert/strict';
import { type Baseline, BaselineList } from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { type CaReplica, startCaReplica } from '../support/ca-replica.ts';
import { yamlOfLog } from '../support/firmware-baseline.ts';
import { bootOf, firmwareLog } from '../support/firmware-boot.ts';
import { KERNEL } from '../support/firmware-host.ts';
import { ForgedHost } from '../support/forged-host.ts';
import { forgedEk, forgedRsaAk, rsaAkOf } from '../support/forged-key.ts';
import { makeCertificate, tpmName, usedFor } from '../support/made-certificate.ts';
import { rocaKey } from '../support/roca-modulus.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const GOOD = firmwareLog(bootOf());
const PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14];
/** Words of 16 bits, as TPMS_ATTEST.firmwareVersion has them. */
const version = (...words: readonly number[]) =>
  [0, 1, 2, 3].reduce((all, at) => (all << 16n) | BigInt(words[at] ?? 0), 0n);

describe('A TPM that something is known against', function () {
  this.timeout(60_000);
  const firmwareMaker = makeCertificate('A maker of firmware TPMs');
  const chipMaker = makeCertificate('A maker of chips');
  let touchstone: Touchstone;
  let ca: CaReplica;

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    ca = await startCaReplica(touchstone, [
      { der: firmwareMaker.der, class: 'firmware', manufacturers: ['AMD', 'INTC'] },
      { der: chipMaker.der, class: 'discrete', manufacturers: ['STM', 'IFX', 'NTC'] },
    ]);
  });
  after(async function () {
    this.timeout(60_000);
    await ca?.stop();
    await touchstone?.stop();
  });

  type Of = {
    readonly maker: 'AMD' | 'STM' | 'IFX' | 'NTC';
    readonly firmware: bigint;
    readonly ak?: ConstructorParameters<typeof ForgedHost>[1];
    readonly ek?: ReturnType<typeof forgedEk>;
    readonly tpm?: Baseline['tpm'];
  };

  /** Enrolled, its baseline approved, and its first evidence given. */
  async function appraised({ maker, firmware, ak, ek, tpm }: Of) {
    const host = new ForgedHost(touchstone, ak, {
      maker: maker === 'AMD' ? firmwareMaker : chipMaker,
      extensions: [tpmName({ manufacturer: maker }), usedFor()],
      ...(ek && { ek }),
    });
    host.log = GOOD;
    host.firmwareVersion = firmware;
    await host.certify(ca, { software: false });
    const { name } = host;
    const classes = ['discrete', 'firmware'] as const;
    await host.enrol(await touchstone.joinToken({ classes: [...classes], labels: { site: name } }));
    const of = { name, labels: { site: name }, pcrs: PCRS, lockdown: [KERNEL] };
    const changed = { part: 'firmware', ...(tpm && { tpm }) } as const;
    const yaml = yamlOfLog(GOOD, { ...of, changed });
    await touchstone.operator('POST', '/v1/baselines', BaselineList, { yaml });
    await touchstone.operator('POST', `/v1/baselines/${name}/approval`, BaselineList, {});
    const { verdict, state } = await host.attest();
    const { findings } = await touchstone.explanation(name);
    return { verdict, state, findings };
  }
  const untrustedFor = async (code: string, of: Of) => {
    const { verdict, state, findings } = await appraised(of);
    const enforced = findings.filter(({ effect }) => effect === 'enforce');
    assert.deepEqual([verdict, state], ['contraindicated', 'untrusted']);
    assert.deepEqual([...new Set(enforced.map((one) => one.code))], [code]);
    return { outcome: 'U', code } as const;
  };

  it('is untrusted with an EK that can be worked out: I22 (CVE-2017-15361)', () =>
    attack('I22', () =>
      untrustedFor('WEAK_KEY', {
        ...{ maker: 'IFX', firmware: version(7, 62) },
        ek: forgedEk(rocaKey(2048, 71)),
      }),
    ));

  it('is untrusted with an AK that can be worked out: I22 (CVE-2017-15361)', () =>
    attack('I22', () =>
      untrustedFor('WEAK_KEY', {
        ...{ maker: 'IFX', firmware: version(7, 62) },
        ak: rsaAkOf(rocaKey(2048, 71)),
      }),
    ));

  it('is untrusted by firmware that makes such keys, where its AK is one: I23', () =>
    attack('I23', () =>
      untrustedFor('TPM_ADVISORY', {
        ...{ maker: 'IFX', firmware: version(7, 40, 2098) },
        ak: forgedRsaAk(),
      }),
    ));

  it('is untrusted by firmware that leaks ECDSA keys, where a baseline has it so: I23 (CVE-2019-16863)', () =>
    attack('I23', () =>
      untrustedFor('TPM_ADVISORY', {
        ...{ maker: 'STM', firmware: version(73, 4, 17568) },
        tpm: { mode: 'warn', advisories: { local: 'enforce' } },
      }),
    ));

  for (const [what, name, of] of [
    ['leaks ECDSA keys', 'TPM_FAIL_ST', { maker: 'STM', firmware: version(71, 12) }],
    ['makes RSA keys that can be worked out', 'ROCA', { maker: 'IFX', firmware: version(5, 61) }],
    [
      'can be stopped by a command',
      'NUVOTON_SA_003',
      { maker: 'NTC', firmware: version(1, 3, 2, 8) },
    ],
    ['falls to who has the machine', 'FAULTPM', { maker: 'AMD', firmware: version(3, 58, 0, 5) }],
  ] as const) {
    it(`is trusted with a warning by firmware that ${what}, which is named: ${name}`, async () => {
      const { verdict, state, findings } = await appraised(of);
      assert.deepEqual([verdict, state], ['warning', 'trusted']);
      const [found] = findings.filter(({ effect }) => effect === 'warn');
      assert.deepEqual([found?.code, found?.subject], ['TPM_ADVISORY', name]);
    });
  }

  it('is trusted without a word by firmware that was mended', async () => {
    for (const of of [
      { maker: 'STM', firmware: version(73, 20, 17568, 6684) },
      { maker: 'AMD', firmware: version(6, 32, 0, 6) },
    ] as const) {
      const { verdict, state, findings } = await appraised(of);
      assert.deepEqual([verdict, state], ['affirming', 'trusted'], JSON.stringify(findings));
    }
  });

  it('is trusted where a baseline accepts the advisory, which is shown all the same', async () => {
    const tpm = { mode: 'observe', accept: ['FAULTPM'] } as const;
    const of = { maker: 'AMD', firmware: version(3, 58) } as const;
    const { verdict, findings } = await appraised({
      ...of,
      tpm: { ...tpm, accept: [...tpm.accept] },
    });
    assert.equal(verdict, 'affirming');
    assert.ok(findings.some(({ code, effect }) => code === 'TPM_ADVISORY' && effect === 'observe'));
  });

  describe('where resistance to physical attacks is asked for', () => {
    const tpm: Baseline['tpm'] = { mode: 'enforce', resists: ['physical'] };

    it('is untrusted: I24', () =>
      attack('I24', () =>
        untrustedFor('CLASS_INSUFFICIENT', { maker: 'AMD', firmware: version(3, 58, 0, 5), tpm }),
      ));

    it('is trusted where nothing is known against it that way', async () => {
      for (const of of [
        { maker: 'STM', firmware: version(73, 20) },
        { maker: 'AMD', firmware: version(6, 32) },
      ] as const) {
        assert.equal((await appraised({ ...of, tpm })).state, 'trusted');
      }
    });
  });
});
