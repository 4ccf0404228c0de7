import assert from 'node:assert/strict';
import { useLoggedIn } from './support/logged-in.ts';
import {
  AK_NAME,
  CHANGED_FILE,
  explanation,
  HOST_ID,
  hostDetail,
  hostSummary,
  KEXEC,
  SESSION,
} from './support/records.ts';

const FLEET = {
  hosts: [
    hostSummary('laptop-2', 'untrusted', {
      verdict: 'contraindicated',
      since: '2026-11-22T10:00:00.000Z',
      reason: { code: 'EVENT_DIFFERS', subject: '/etc/kvm/policy in PCR 13' },
    }),
    hostSummary('laptop-1', 'trusted'),
    hostSummary('rack-7', 'pending', {
      class: 'discrete',
      selfReportedMeasurements: false,
      verdict: null,
    }),
    hostSummary('rack-8', 'stale', { lastAuthenticAt: '2026-11-21T12:00:00.000Z' }),
    hostSummary('laptop-3', 'untrusted', {
      reason: { code: 'HOST_NOT_TRUSTED', subject: 'The host is not trusted' },
    }),
  ],
};

describe('what touchstone shows of hosts', () => {
  const stage = useLoggedIn();

  /** Standard output with its runs of white space as one blank: for texts that wrap. */
  const flowing = (text: string) => text.replaceAll(/\s+/gu, ' ');

  describe('host list', () => {
    beforeEach(() => stage.server.answer('GET /v1/hosts', FLEET));

    it('is an aligned table, then the count of each state', async () => {
      const { out } = await stage.operator.run(['host', 'list']);
      assert.deepEqual(out.split('\n'), [
        'NAME      STATE      CLASS                     SINCE  REASON',
        'laptop-1  trusted    software (self-reported)  3m     -',
        'laptop-2  untrusted  software (self-reported)  2h     Something measured is not what was approved: /etc/kvm/policy in PCR 13 (EVENT_DIFFERS)',
        'laptop-3  untrusted  software (self-reported)  3m     good now, but was bad earlier in this boot: restart it, or approve it',
        'rack-7    pending    discrete                  3m     waits for approval: touchstone host approve rack-7',
        'rack-8    stale      software (self-reported)  3m     no authentic evidence for 1d',
        '',
        '5 hosts: 1 trusted, 2 untrusted, 1 pending, 1 stale',
        '',
      ]);
    });

    it('says beside it that the quorum is 1, as long as it is', async () => {
      assert.match((await stage.operator.run(['host', 'list'])).err, /Quorum 1: one person alone/u);
      stage.server.answer('GET /v1/session', { ...SESSION, quorum: 2 });
      assert.equal((await stage.operator.run(['host', 'list'])).err, '');
    });

    it('cuts only its last column, and only to fit a terminal', async () => {
      const { out } = await stage.operator.run(['host', 'list'], { tty: true, columns: 90 });
      const rows = out.replaceAll(/\u001b\[[0-9;]*m/gu, '').split('\n');
      assert.ok(rows.every((row) => row.length <= 90));
      assert.match(rows[2] ?? '', /^laptop-2 .*Something measured is .*…$/u);
    });

    it('is coloured on a terminal, unless NO_COLOR is set or the terminal is dumb', async () => {
      const argv = ['host', 'list'];
      const red = '\u001b[1;31muntrusted\u001b[0m';
      assert.ok((await stage.operator.run(argv, { tty: true })).out.includes(red));
      for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
        const { out, err } = await stage.operator.run(argv, { tty: true, env });
        assert.ok(!(out + err).includes('\u001b'));
      }
      assert.ok(!(await stage.operator.run(argv)).out.includes('\u001b'));
    });

    it('of an empty fleet says how the first host comes in', async () => {
      stage.server.answer('GET /v1/hosts', { hosts: [] });
      const { out } = await stage.operator.run(['host', 'list']);
      assert.match(out, /join-token create[^]*touchstone-agent enroll/u);
    });
  });

  describe('host explain', () => {
    const explain = async (host: ReturnType<typeof hostSummary>, findings = [CHANGED_FILE]) => {
      stage.server.answer(`GET /v1/hosts/${host.name}/explanation`, explanation(host, findings));
      return (await stage.operator.run(['host', 'explain', host.name])).out;
    };
    const bad = hostSummary('laptop-2', 'untrusted', { verdict: 'contraindicated' });

    it('says first, in words, what is wrong', async () => {
      const [first, second] = (await explain(bad, [KEXEC, CHANGED_FILE])).split('\n');
      assert.equal(
        first,
        'laptop-2 is NOT trusted. No VM can be started on it; those that run do as their records say.',
      );
      assert.equal(second, 'Something measured is not what was approved: /etc/kvm/policy.');
    });

    it('then shows each finding as a block, the ones that refuse first', async () => {
      const out = await explain(bad, [KEXEC, CHANGED_FILE]);
      const blocks = out.slice(out.indexOf('What was found'), out.indexOf('Held against'));
      assert.deepEqual(blocks.trimEnd().split('\n'), [
        'What was found',
        '1. Something measured is not what was approved',
        '   stops VM starts',
        '   what      /etc/kvm/policy',
        '   where     event 7 in PCR 13, of type EV_EVENT_TAG',
        `   expected  file sha256 ${'aa'.repeat(32)}`,
        `             (event sha256 ${'bb'.repeat(32)})`,
        `   found     file sha256 ${'cc'.repeat(32)}`,
        `             (event sha256 ${'dd'.repeat(32)})`,
        '   nearest   /etc/kvm/policy, by rule policy of attic-hosts, host, version 1',
        '   to do     Put the file back as it was and restart the host.',
        '   who       whoever looks after this machine (root on it)',
        '   code      EVENT_DIFFERS',
        '',
        '2. Another kernel could have been started without the TPM seeing it',
        '   a warning',
        '   what   kexec',
        '   to do  Disable kexec on the host, or measure it.',
        '   who    whoever looks after this machine (root on it)',
        '   code   KEXEC_UNMEASURED',
      ]);
    });

    it('then the baselines, the events, and that no chip vouches for a software TPM', async () => {
      const out = await explain(bad);
      assert.match(out, /Held against\n {2}attic-hosts {2}host {2}version 1\n/u);
      assert.match(out, /2 events: 1 as approved, 1 not approved, 0 not checked/u);
      assert.match(out, /No chip vouches for what it says/u);
    });

    it('lists every event whole with --events', async () => {
      stage.server.answer('GET /v1/hosts/laptop-2/explanation', explanation(bad, [CHANGED_FILE]));
      const argv = ['host', 'explain', 'laptop-2', '--events'];
      const { out } = await stage.operator.run(argv, {
        tty: true,
        columns: 60,
        env: { NO_COLOR: '1' },
      });
      const row = `7      13   NOT approved  EV_EVENT_TAG  ${'dd'.repeat(32)}  /etc/kvm/policy`;
      assert.ok(out.split('\n').includes(row));
    });

    it('tells a host that is good again how it comes back', async () => {
      const out = flowing(await explain(hostSummary('laptop-2', 'untrusted'), [KEXEC]));
      assert.match(out, /in a bad state earlier in this same boot/u);
      assert.match(out, /Restart the machine/u);
    });

    it('never calls a host good that could not be judged', async () => {
      const host = hostSummary('laptop-2', 'untrusted', { verdict: 'none' });
      assert.match(flowing(await explain(host, [])), /what cannot be judged is never trusted/u);
    });

    it('says of a silent host since when, and what was before', async () => {
      const out = flowing(await explain(hostSummary('rack-8', 'stale'), []));
      assert.match(out, /gone silent/u);
      assert.match(out, /came 45s ago\. By what is known of it, it is trusted\./u);
    });

    it('shows a pending host with the AK Name to compare', async () => {
      const out = await explain(hostSummary('rack-7', 'pending'), []);
      assert.match(out, /waits for approval/u);
      assert.ok(out.includes(AK_NAME));
    });

    it('says of a trusted host that it is, and of a revoked one that this is for good', async () => {
      assert.match(
        await explain(hostSummary('laptop-1', 'trusted'), []),
        /^laptop-1 is trusted\./u,
      );
      assert.match(await explain(hostSummary('old', 'revoked'), []), /^old was revoked\./u);
    });
  });

  describe('host approve', () => {
    it("shows the AK Name that it sends, for the host's own class unless told", async () => {
      const host = hostSummary('rack-7', 'pending');
      stage.server.answer('GET /v1/hosts/rack-7', hostDetail(host));
      const approved = hostDetail(hostSummary('rack-7', 'trusted'));
      stage.server.answer(`POST /v1/hosts/${HOST_ID}/approval`, approved);
      const { exit, out, err } = await stage.operator.run(['host', 'approve', 'rack-7']);
      assert.equal(exit, 0);
      assert.match(err, new RegExp(`Approving rack-7[^]*with AK Name ${AK_NAME}`, 'u'));
      assert.match(out, /state +trusted/u);
      assert.deepEqual(stage.server.asked.at(-1)?.body, { akName: AK_NAME, classes: ['software'] });
    });

    it('sends the classes and labels that it is given', async () => {
      stage.server.answer('GET /v1/hosts/rack-7', hostDetail(hostSummary('rack-7', 'pending')));
      stage.server.answer(
        `POST /v1/hosts/${HOST_ID}/approval`,
        hostDetail(hostSummary('rack-7', 'trusted')),
      );
      const options = ['--class', 'software', '--class', 'virtual', '--label', 'site=attic'];
      await stage.operator.run(['host', 'approve', 'rack-7', ...options]);
      const labels = { site: 'attic' };
      const classes = ['software', 'virtual'];
      assert.deepEqual(stage.server.asked.at(-1)?.body, { akName: AK_NAME, classes, labels });
    });
  });
});
