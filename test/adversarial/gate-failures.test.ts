import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PermitsAnswer } from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { type GateScene, PERMITS, startGateScene } from '../support/gate-scene.ts';
import type { Answer } from '../support/impostor.ts';

type Broken = (honest: PermitsAnswer) => Answer | string | null;

/** What the agent may get in the place of the server's answer. */
const ANSWERS: readonly [string, Broken][] = [
  ['no answer', () => null],
  ['nothing but a status', () => ''],
  ['what is no JSON', () => 'permitted'],
  ['an empty object', () => '{}'],
  ['an error without a reason', () => ({ status: 500, body: {} })],
  ['more than it takes', () => `"${'a'.repeat(40_000_000)}"`],
  [
    'the key `permit` twice',
    (honest) => JSON.stringify(honest).replace('"permit":', '"permit":"a","permit":'),
  ],
  [
    'its permit twice',
    (honest) => ({
      status: 200,
      body: { ...honest, answers: [...honest.answers, ...honest.answers] },
    }),
  ],
  [
    'a permit and a refusal in one',
    (honest) => {
      const refusal = { code: 'HOST_NOT_TRUSTED', findings: [] };
      const answers = honest.answers.map((answer) => ({ ...answer, refusal }));
      return { status: 200, body: { ...honest, answers } };
    },
  ],
];

const yes = (vm: string) => ({
  decision: 'permitted',
  requestId: randomUUID(),
  permitId: randomUUID(),
  vm,
  definitionDigest: '0'.repeat(64),
});

const says =
  (body: unknown, status = 200): RequestListener =>
  (_, response) =>
    void response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify(body));

/** What may listen in the place of the agent. */
const GATES: readonly [string, (vm: string) => RequestListener][] = [
  ['ends with status 200 and no word', () => (_, response) => void response.end()],
  ['closes the connection', () => (request) => void request.socket.destroy()],
  ['says `permitted` and of what not', () => says({ decision: 'permitted' })],
  ['permits another VM', () => says(yes(randomUUID()))],
  ['permits with a claim too many', (vm) => says({ ...yes(vm), force: true })],
  ['permits in capitals', (vm) => says({ ...yes(vm), decision: 'PERMITTED' })],
  ['permits and refuses', (vm) => says({ ...yes(vm), code: 'HOST_NOT_TRUSTED', findings: [] })],
  ['permits in a list', (vm) => says([yes(vm)])],
  ['permits under status 403', (vm) => says(yes(vm), 403)],
  [
    'permits elsewhere',
    (vm) => (request, response) => {
      if (request.url === '/elsewhere') return says(yes(vm))(request, response);
      return void response.writeHead(307, { location: '/elsewhere' }).end();
    },
  ],
];

describe('The start gate that fails', () => {
  let scene: GateScene;
  before(async function () {
    this.timeout(90_000);
    scene = await startGateScene('failures');
  });
  after(() => scene?.stop());
  afterEach(() => scene.impostor.honest());

  describe('starts nothing when the agent is given', () => {
    for (const [what, broken] of ANSWERS) {
      it(`${what}: G12`, async () => {
        const vm = await scene.newVm();
        scene.impostor.tamper(PERMITS, async (ask) => broken((await ask()).body as PermitsAnswer));
        await attack('G12', async () => {
          const answer = await scene.host.ask(vm, ['/bin/true']);
          assert.equal(answer.decision, 'refused');
          return { outcome: 'D', code: answer.code };
        });
        assert.equal(await scene.permitsOf(vm), 1, 'it is the answer that broke');
      });
    }

    it('and starts the VM once the answer is whole', async () => {
      const vm = await scene.newVm();
      scene.impostor.tamper(PERMITS, async (ask) => {
        await ask();
        return null;
      });
      await scene.denied(vm);
      scene.impostor.honest();
      await scene.permitted(vm);
    });
  });

  describe('starts nothing when in the agent’s place there', () => {
    for (const [what, listener] of GATES) {
      it(`is one that ${what}: G12`, async () => {
        const vm = randomUUID();
        const stateDir = await emptyState();
        const gate = createServer(listener(vm)).listen(join(stateDir, 'agent.sock'));
        await once(gate, 'listening');
        try {
          const run = (command: readonly string[]) => scene.host.run(vm, command, { stateDir });
          await attack('G12', () => scene.denied(vm, run));
        } finally {
          gate.closeAllConnections();
          gate.close();
        }
      });
    }

    it('is nothing, or no socket: AGENT_UNAVAILABLE, exit code 69 (G12)', async () => {
      const vm = randomUUID();
      const stateDir = await emptyState();
      const run = async (command: readonly string[]) => {
        const outcome = await scene.host.run(vm, command, { stateDir });
        assert.equal(outcome.exitCode, 69);
        return outcome;
      };
      await attack('G12', () => scene.denied(vm, run));
      await writeFile(join(stateDir, 'agent.sock'), '');
      await attack('G12', () => scene.denied(vm, run));
    });

    const emptyState = async () => {
      const stateDir = join(scene.host.stateDir, '..', randomUUID().slice(0, 8));
      await mkdir(stateDir);
      return stateDir;
    };
  });

  describe('starts nothing when', () => {
    it('`run` is killed while it waits, though the permit comes (G12)', async () => {
      const vm = await scene.newVm();
      const probe = scene.host.probe();
      scene.impostor.tamper(PERMITS, async (ask) => {
        const answer = await ask();
        running.child.kill('SIGKILL');
        await running.ended;
        return answer;
      });
      const running = scene.host.start(vm, probe.command);
      assert.equal((await running.ended).exitCode, null, 'a signal ended it');
      await sleep(300);
      assert.equal(probe.started(), false, 'it was started');
      assert.equal(await scene.permitsOf(vm), 1);
    });

    it('the agent is killed while it waits, and while it is away: AGENT_UNAVAILABLE (G12)', async function () {
      this.timeout(60_000);
      const { host, impostor } = scene;
      const vm = await scene.newVm();
      impostor.tamper(PERMITS, async (ask) => {
        const answer = await ask();
        await host.stopAgent('SIGKILL');
        return answer;
      });
      await attack('G12', () => scene.denied(vm));
      impostor.honest();
      await attack('G12', () => scene.denied(vm));
      await host.startAgent();
      await scene.permitted(vm);
    });

    it('the server is away: UNREACHABLE (G12)', async () => {
      const vm = await scene.newVm();
      for (const path of ['/v1/start-plans', '/v1/challenges'])
        scene.impostor.tamper(path, () => null);
      await attack('G12', () => scene.denied(vm));
      assert.deepEqual(await scene.decisionsOf(vm), []);
    });
  });
});
