import assert from 'node:assert/strict';
import { useLoggedIn } from './support/logged-in.ts';
import { AK_NAME, HOST_ID } from './support/records.ts';

const ID = '00000000-0000-4000-8000-777777777777';
const OFFERED = `000b${'cd'.repeat(32)}`;
const REPLACEMENT = {
  id: ID,
  hostId: HOST_ID,
  hostName: 'laptop-2',
  kind: 'replacement',
  state: 'waiting',
  recorded: { akName: AK_NAME, ekRef: '11'.repeat(32), class: 'software' },
  offered: { akName: OFFERED, ekRef: '22'.repeat(32), class: 'software' },
  times: 3,
  firstAt: '2026-11-22T10:00:00.000Z',
  lastAt: '2026-11-22T11:58:00.000Z',
  decidedBy: null,
  decidedAt: null,
};

describe('touchstone host replacements', () => {
  const stage = useLoggedIn();
  beforeEach(() => {
    stage.server.answer('GET /v1/replacements', { replacements: [REPLACEMENT] });
  });

  const approval = `POST /v1/replacements/${ID}/approval`;
  const decided = { decidedBy: 'anna', decidedAt: '2026-11-22T12:00:00.000Z' };

  it('lists what waits, with the AK Name to compare', async () => {
    const { out, exit } = await stage.operator.run(['host', 'replacements']);
    assert.equal(exit, 0);
    assert.match(out, new RegExp(`${ID}\\s+laptop-2\\s+replacement\\s+waiting.*${OFFERED}`, 'u'));
    const json = await stage.operator.run(['host', 'replacements', '--json']);
    assert.deepEqual(JSON.parse(json.out), { replacements: [REPLACEMENT] });
  });

  it('approves the AK Name that it shows, for the class that it has', async () => {
    stage.server.answer(approval, { ...REPLACEMENT, state: 'approved', ...decided });
    const { out, err, exit } = await stage.operator.run(['host', 'replacements', 'approve', ID]);
    assert.equal(exit, 0);
    assert.match(err, new RegExp(OFFERED, 'u'));
    assert.match(out, /approved/u);
    const { body } = stage.server.asked.find(({ route }) => route === approval) ?? {};
    assert.deepEqual(body, { akName: OFFERED, classes: ['software'] });
  });

  it('approves no other AK Name than the one named: exit 1, and nothing is sent', async () => {
    const argv = ['host', 'replacements', 'approve', ID, '--ak-name', AK_NAME];
    assert.equal((await stage.operator.run(argv)).exit, 1);
    assert.ok(stage.server.asked.every(({ route }) => route !== approval));
  });

  it('rejects with a reason', async () => {
    const route = `POST /v1/replacements/${ID}/rejection`;
    stage.server.answer(route, { ...REPLACEMENT, state: 'rejected', ...decided });
    const argv = ['host', 'replacements', 'reject', ID, '--reason', 'not ours'];
    assert.equal((await stage.operator.run(argv)).exit, 0);
    const { body } = stage.server.asked.find((asked) => asked.route === route) ?? {};
    assert.deepEqual(body, { reason: 'not ours' });
    assert.equal((await stage.operator.run(argv.slice(0, 4))).exit, 64);
  });
});
