import assert from 'node:assert/strict';
import type { StartRequest, Statement } from '@touchstone/schemas';
import { attack, type Observed } from '../support/attack.ts';
import { type GateScene, PERMITS, startGateScene } from '../support/gate-scene.ts';
import type { Answer } from '../support/impostor.ts';
import { alertCount, refusedWithoutTrace } from '../support/records.ts';
import { codeOf, permitOf } from '../support/refusals.ts';
import { TestHost } from '../support/test-host.ts';

/**
 * The cuckoo of Parno (HotSec 2008): a host that cannot show its own boot lets the TPM of another, clean one answer.
 * `scene.host` is that host, with the real agent; `clean` lends its TPM.
 */
describe('A host that lets another host’s TPM answer', function () {
  this.timeout(60_000);
  let scene: GateScene;
  let clean: TestHost;
  before(async function () {
    this.timeout(120_000);
    // Nobody attests meanwhile: what is looked for is a trace of what is refused.
    scene = await startGateScene('cuckoo', { intervalSeconds: 3_600 });
    clean = await TestHost.trusted(scene.touchstone);
    // As the agent's are: the relayed request is the agent's own.
    clean.statements = 'touchstone/statement/2';
  });
  after(async function () {
    this.timeout(60_000);
    await clean?.stop();
    await scene?.stop();
  });
  afterEach(() => scene.impostor.honest());

  const refused = (request: () => Promise<unknown>) =>
    refusedWithoutTrace(scene.touchstone, request);

  /** What the agent asks for, asked by the clean host of itself: its TPM signs, and it is trusted. */
  const askedByClean = async (body: unknown): Promise<Answer> => {
    const permits: readonly StartRequest[] = requestsIn(body);
    const answer = await clean.deliverForPermit(await clean.evidence('permit', { permits }));
    assert.ok(permitOf(answer), 'the clean host may start it, and only it');
    return { status: 200, body: answer };
  };

  it('gets a permit for the clean host, which its own agent does not take: I26', async () => {
    const vm = await scene.newVm();
    await attack('I26', async (): Promise<Observed> => {
      scene.impostor.tamper(PERMITS, (_ask, { body }) => askedByClean(body));
      const { code } = await scene.denied(vm);
      return { outcome: 'R', code };
    });
    scene.impostor.honest();
    await scene.permitted(vm);
  });

  it('cannot enrol by it under a name of its own; every host of these is alerted: I26', async () => {
    const { name } = clean;
    const token = await scene.touchstone.joinToken();
    for (const own of ['nest', scene.host.name]) {
      const alerts = await alertCount(scene.touchstone, 'EK_ALREADY_BOUND', name);
      clean.name = own;
      try {
        await attack('I26', () => refused(() => clean.enrol(token)));
      } finally {
        clean.name = name;
      }
      assert.equal(await alertCount(scene.touchstone, 'EK_ALREADY_BOUND', name), alerts + 1);
      // A name that no host has is the caller's to choose.
      const expected = own === 'nest' ? 0 : 1;
      assert.equal(await alertCount(scene.touchstone, 'EK_ALREADY_BOUND', own), expected);
    }
    assert.equal(await codeOf(scene.touchstone.host('nest')), 'HOST_UNKNOWN');
  });

  it('cannot have it sign a statement of its own host, to a challenge of its own: I26', async () => {
    const { akName } = (await scene.touchstone.host(scene.host.name)).host;
    const { challenge } = await clean.challenge('attest', akName);
    const { hostId } = scene.host;
    // To its own challenge; to the clean host's, about itself; and as if the AK were its own.
    await attack('I26', () => refused(() => clean.attest({ challenge })));
    await attack('I26', () => refused(() => clean.attest({ hostId })));
    await attack('I26', () => refused(() => clean.attest({ challenge, hostId })));
    assert.equal(
      (await refused(() => clean.attest({ challenge, hostId, akName }))).code,
      'SIGNATURE_INVALID',
    );
    assert.equal((await clean.attest()).state, 'trusted');
  });

  it('stays what its own TPM shows, however good the other’s is: EVENT_DIFFERS', async () => {
    const { host, touchstone } = scene;
    const vm = await scene.newVm();
    await host.reboot({ change: 'nested = yes\n' });
    scene.impostor.tamper(PERMITS, (_ask, { body }) => askedByClean(body));
    await scene.denied(vm);
    scene.impostor.honest();
    const { codes } = await host.run(vm, host.probe().command);
    assert.ok(codes.includes('EVENT_DIFFERS'), codes.join());
    assert.equal((await touchstone.host(host.name)).host.state, 'untrusted');
    assert.equal((await touchstone.host(clean.name)).host.state, 'trusted');
    await host.reboot({ change: 'nested = no\n' });
    await scene.permitted(vm);
  });
});

function requestsIn(body: unknown): readonly StartRequest[] {
  const { statement } = body as { statement: string };
  const { permits } = JSON.parse(Buffer.from(statement, 'base64url').toString()) as Statement;
  return permits ?? assert.fail('it asks for no permit');
}
