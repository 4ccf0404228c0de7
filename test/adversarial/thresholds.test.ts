import assert from 'node:assert/strict';
import {
  type HostEnrolment,
  HostList,
  JoinTokenCreated,
  JoinTokenList,
  ReplacementList,
} from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { MadeTpm } from '../support/made-tpm.ts';
import { codeOf } from '../support/refusals.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** As many identities may wait in the place of one host. */
const PLACES = 16;

describe('What counts towards a bound counts once', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  /** One TPM's worth of PCRs; whom it is it changes. */
  let machine: TestHost;
  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    machine = await TestHost.boot(touchstone);
  });
  after(async () => {
    await machine?.stop();
    await touchstone?.stop();
  });

  const as = async (name: string) => {
    machine.name = name;
    return MadeTpm.in(machine);
  };

  it('a host that enrols over and over, at once too, against its token’s uses (P16)', async () => {
    const body = { classes: ['software'], labels: {}, uses: 2 };
    const made = await touchstone.operator('POST', '/v1/join-tokens', JoinTokenCreated, body);
    const usesLeft = async () => {
      const list = await touchstone.operator('GET', '/v1/join-tokens', JoinTokenList);
      return list.tokens.find(({ id }) => id === made.record.id)?.usesLeft;
    };
    await attack('P16', async () => {
      const tpm = await as('counted-once');
      const enrolment = await machine.enrolment(made.token, tpm.lie());
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => machine.deliverEnrolment(enrolment)),
      );
      assert.equal(new Set(answers.map(({ hostId }) => hostId)).size, 1);
      assert.equal(await usesLeft(), 1);
      await machine.deliverEnrolment(enrolment);
      await machine.enrol(made.token, tpm.next());
      assert.equal(await usesLeft(), 1, 'nor for evidence that is new');

      await machine.enrol(made.token, (await as('second')).lie());
      assert.equal(await usesLeft(), 0);
      const third = await as('third');
      assert.equal(await codeOf(machine.enrol(made.token, third.lie())), 'JOIN_TOKEN_USED');
      const { hosts } = await touchstone.operator('GET', '/v1/hosts', HostList);
      assert.deepEqual(
        hosts.map(({ name }) => name),
        ['counted-once', 'second'],
      );
      return { outcome: 'HOLDS' };
    });
  });

  it('hosts that race for a token’s last use (P16)', async () => {
    const { token } = await touchstone.operator('POST', '/v1/join-tokens', JoinTokenCreated, {
      ...{ classes: ['software'], labels: {}, uses: 2 },
    });
    const enrolments: HostEnrolment[] = [];
    for (let number = 0; number < 5; number += 1) {
      const tpm = await as(`racer-${number}`);
      enrolments.push(await machine.enrolment(token, tpm.lie()));
    }
    await attack('P16', async () => {
      const settled = await Promise.allSettled(
        enrolments.map((enrolment) => machine.deliverEnrolment(enrolment)),
      );
      assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 2);
      for (const one of settled) {
        if (one.status === 'fulfilled') continue;
        assert.equal(await codeOf(Promise.reject(one.reason as Error)), 'JOIN_TOKEN_USED');
      }
      return { outcome: 'HOLDS' };
    });
  });

  it('an identity that is offered over and over, against the places of those that wait (P16)', async () => {
    const tpm = await as('wanted');
    await machine.enrol(await touchstone.joinToken(), tpm.lie());
    const offers = async () => {
      const list = await touchstone.operator('GET', '/v1/replacements', ReplacementList);
      return list.replacements.filter(({ hostName }) => hostName === 'wanted');
    };
    await attack('P16', async () => {
      const pushing = await as('wanted');
      for (let times = 0; times < PLACES + 4; times += 1) {
        assert.equal(await codeOf(machine.enrol(undefined, pushing.next())), 'REPLACEMENT_QUEUED');
      }
      const [one, ...others] = await offers();
      assert.deepEqual([one?.times, others], [PLACES + 4, []]);
      const another = await as('wanted');
      assert.equal(await codeOf(machine.enrol(undefined, another.lie())), 'REPLACEMENT_QUEUED');
      assert.equal((await offers()).length, 2, 'there is room for others');
      return { outcome: 'HOLDS' };
    });
  });
});
