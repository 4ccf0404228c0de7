import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StartAnswer, StartQuestion } from '@touchstone/schemas';
import { createEdge, type Listening, listenUnix, readJson } from '@touchstone/transport';
import { runAgentIn } from './support/command.ts';
import { REFUSAL } from './support/verifier.ts';

describe('touchstone-agent ask, as ExecStartPre= of a VM’s unit', () => {
  const vm = randomUUID();
  const permitted = {
    decision: 'permitted',
    requestId: randomUUID(),
    permitId: randomUUID(),
    vm,
    definitionDigest: '00'.repeat(32),
  } as const;
  let dir: string;
  let socket: Listening;
  let answer: StartAnswer;
  let asked: StartQuestion[];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-ask-'));
    const app = createEdge();
    app.use(async (ctx) => {
      asked.push(await readJson(ctx, StartQuestion));
      ctx.body = answer;
    });
    socket = await listenUnix(app, { path: join(dir, 'agent.sock'), mode: 0o600 });
  });
  beforeEach(() => {
    asked = [];
    answer = permitted;
  });
  after(async () => {
    await socket?.close();
    await rm(dir, { recursive: true });
  });

  const ask = (environment: Record<string, string> = {}) =>
    runAgentIn(
      environment,
      ...['ask', '--state', dir, '--vm', vm, '--', 'touch', join(dir, 'started')],
    );

  it('says yes by exit code 0, and starts nothing', async () => {
    const { code, stderr } = await ask();
    assert.equal(code, 0, stderr);
    assert.ok(!existsSync(join(dir, 'started')));
  });

  it('asks about the command that ExecStart= has, and its environment but for what is new at each start', async () => {
    await ask({ LD_PRELOAD: '', TS_OF_THE_UNIT: 'yes', INVOCATION_ID: 'a', JOURNAL_STREAM: '8:1' });
    const [question] = asked;
    assert.ok(question);
    const { door, command, environment } = question;
    assert.deepEqual([door, command.slice(1)], ['systemd', [join(dir, 'started')]]);
    assert.equal(environment['TS_OF_THE_UNIT'], 'yes');
    assert.equal(environment['LD_PRELOAD'], '');
    assert.deepEqual(
      ['INVOCATION_ID', 'JOURNAL_STREAM'].filter((name) => name in environment),
      [],
    );
    assert.ok(!('pid' in question));
  });

  const refused = (): StartAnswer => {
    const { permitId: _none, definitionDigest: _neither, ...to } = permitted;
    return { ...to, decision: 'refused', code: REFUSAL.code, findings: [REFUSAL] };
  };
  const noes: readonly (readonly [string, StartAnswer, string])[] = [
    ['a refusal', refused(), 'HOST_NOT_TRUSTED'],
    ['another VM’s permit', { ...permitted, vm: randomUUID() }, 'PERMIT_UNEXPECTED'],
    ['keys for somebody else', { ...permitted, sealed: ['disk0'] }, 'SEALED_NEEDS_RUN'],
  ];
  for (const [given, answered, text] of noes) {
    it(`says no to ${given}: exit code 1, ${text}`, async () => {
      answer = answered;
      const { code, stderr } = await ask();
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(text, 'u'));
    });
  }

  it('says no where no agent answers: exit code 69', async () => {
    const nobody = ['ask', '--state', join(dir, 'none'), '--vm', vm, '--', 'true'];
    assert.equal((await runAgentIn({}, ...nobody)).code, 69);
  });
});
