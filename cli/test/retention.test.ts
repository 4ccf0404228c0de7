import assert from 'node:assert/strict';
import { useLoggedIn } from './support/logged-in.ts';

const ID = '00000000-0000-4000-8000-777777777777';
const ALERT = {
  ...{ id: ID, code: 'EK_ALREADY_BOUND', subject: 'laptop-2', detail: 'offered as laptop-3' },
  ...{ count: 2, firstAt: '2026-11-22T10:00:00.000Z', lastAt: '2026-11-22T11:58:00.000Z' },
  ...{ acknowledgedAt: null, acknowledgedBy: null, remedy: 'Enrol under the name that it has.' },
};
const REMOVAL = {
  ...{
    kind: 'attestations',
    part: 'attestations_20261020',
    rows: 4_320,
    kept: 1,
    bytes: 9_437_184,
  },
  ...{ since: '2026-10-20T00:00:00.000Z', until: '2026-10-21T00:00:00.000Z', note: '' },
};
const RETENTION = {
  kinds: [
    { kind: 'attestations', days: 30, since: '2026-10-20T00:00:00.000Z', bytes: 3_221_225_472 },
    { kind: 'evidence', days: null, since: '2026-10-20T00:00:00.000Z', bytes: 1_536 },
    { kind: 'alerts', days: 90, since: null, bytes: 0 },
  ],
  due: [REMOVAL],
};

describe('touchstone retention, and alerts', () => {
  const stage = useLoggedIn();
  beforeEach(() => {
    stage.server.answer('GET /v1/retention', RETENTION);
    stage.server.answer('POST /v1/retention/runs', { removed: [REMOVAL] });
    stage.server.answer('GET /v1/alerts', { alerts: [ALERT] });
    stage.server.answer('GET /v1/alerts?all=true', { alerts: [ALERT] });
  });

  it('shows how long each kind is kept, since when, and how much there is', async () => {
    const { out, exit } = await stage.operator.run(['retention', 'show']);
    assert.equal(exit, 0);
    assert.match(out, /attestations\s+30 days\s+33d\s+3\.0 GiB\n/u);
    assert.match(out, /evidence\s+as attestations\s+33d\s+1\.5 KiB\n/u);
    assert.match(out, /acknowledged alerts\s+90 days\s+none\s+0 B\n/u);
    assert.match(out, /1 part would go now/u);
  });

  it('says what would go, and removes nothing', async () => {
    const { out, err } = await stage.operator.run(['retention', 'run', '--dry-run']);
    assert.match(out, /attestations_20261020\s+2026-10-20\s+2026-10-21\s+4320\s+1\s+9\.0 MiB/u);
    assert.match(err, /1 part with 4320 rows would go\. Nothing has changed\./u);
    assert.ok(stage.server.asked.every(({ route }) => !route.startsWith('POST /v1/retention')));
    const json = await stage.operator.run(['retention', 'run', '--dry-run', '--json']);
    assert.deepEqual(JSON.parse(json.out), { due: [REMOVAL] });
  });

  it('removes, and says what went', async () => {
    const { out, err } = await stage.operator.run(['retention', 'run']);
    assert.match(out, /attestations_20261020/u);
    assert.match(err, /1 part with 4320 rows went/u);
    stage.server.answer('POST /v1/retention/runs', { removed: [] });
    assert.match(
      (await stage.operator.run(['retention', 'run'])).out,
      /^Nothing has had its time\.\n/u,
    );
  });

  it('lists alerts, the latest first, each kind with what to do', async () => {
    const { out } = await stage.operator.run(['alert', 'list']);
    assert.match(out, /EK_ALREADY_BOUND\s+laptop-2\s+2\s+2h\s+2m\s+0000\S+\s+offered as laptop-3/u);
    assert.match(out, /\nEK_ALREADY_BOUND {2}Enrol under the name that it has\.\n/u);
    const done = { ...ALERT, acknowledgedAt: '2026-11-22T11:59:00.000Z', acknowledgedBy: 'olga/1' };
    stage.server.answer('GET /v1/alerts?all=true', { alerts: [done] });
    assert.match(
      (await stage.operator.run(['alert', 'list', '--all'])).out,
      /acknowledged; offered/u,
    );
  });

  it('acknowledges what it showed, as often as that had happened', async () => {
    const route = `POST /v1/alerts/${ID}/acknowledgement`;
    const done = { ...ALERT, acknowledgedAt: '2026-11-22T11:59:00.000Z', acknowledgedBy: 'olga/1' };
    stage.server.answer(route, done);
    const { out, err, exit } = await stage.operator.run(['alert', 'acknowledge', ID]);
    assert.deepEqual([exit, out], [0, 'Acknowledged by olga/1 at 2026-11-22T11:59:00.000Z.\n']);
    assert.match(err, /EK_ALREADY_BOUND on laptop-2: offered as laptop-3/u);
    assert.deepEqual(stage.server.asked.find((asked) => asked.route === route)?.body, { count: 2 });
    stage.server.answer('GET /v1/alerts?all=true', { alerts: [] });
    const unknown = await stage.operator.run(['alert', 'acknowledge', ID]);
    assert.equal(unknown.exit, 1);
    assert.match(unknown.err, /ALERT_UNKNOWN/u);
    assert.equal((await stage.operator.run(['alert', 'acknowledge', 'it'])).exit, 64);
  });
});
