import assert from 'node:assert/strict';
import { approveBaselines } from '../services/approve-baselines.ts';
import { captureBaseline, draftBaselines } from '../services/baselines.ts';
import { listDrafted } from '../services/lists.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { BY, useFleet } from './support/made-fleet.ts';

describe('The text of a baseline', () => {
  const fleet = useFleet();
  const draft = (yaml: string) => draftBaselines(fleet.verifier, BY, yaml);

  /** As somebody would write it who wants to be understood later. */
  async function written() {
    const { name, host, hostId } = await fleet.trustedHost();
    const { baselines } = await listDrafted(fleet.verifier, FIRST_PAGE, name);
    const [record] = baselines;
    assert.ok(record);
    const yaml = record.yaml
      .replace(/^version: 1$/mu, 'version: 2   # after the move to the shed')
      .replace(/^rules:$/mu, 'rules:\n  # what the agent reads; ask Olga before you touch it')
      .replace(/name: \/etc[^,} ]+/u, (found) => `${found}, version: "the one of May"`);
    assert.notEqual(yaml, record.yaml);
    return { name, host, hostId, yaml: `# for the hosts in the shed\n${yaml}` };
  }
  const storedOf = async (name: string, version: number) =>
    (await listDrafted(fleet.verifier, FIRST_PAGE, name)).baselines.find(
      ({ baseline }) => baseline.version === version,
    );

  it('stays as it was written, comments and all', async () => {
    const { name, yaml } = await written();
    const { baselines } = await draft(yaml);
    assert.equal(baselines[0]?.yaml, yaml);
    assert.equal((await storedOf(name, 2))?.yaml, yaml);
    const shown = `${(await storedOf(name, 1))?.yaml}---\n${yaml}`;
    assert.equal((await draft(shown)).baselines.length, 2, 'what is shown is what was drafted');
  });

  it('does not change under a version, not even by a comment: BASELINE_VERSION_EXISTS', async () => {
    const { yaml } = await written();
    await draft(yaml);
    await draft(`${yaml.replaceAll('\n', '\r\n')}\n`);
    await assert.rejects(draft(yaml.replace('ask Olga', 'ask Otto')), {
      code: 'BASELINE_VERSION_EXISTS',
    });
  });

  it('keeps what people wrote when the host is captured again', async () => {
    const { name, host, hostId, yaml } = await written();
    await draft(yaml);
    await approveBaselines(fleet.verifier, BY, name, {});
    host.boot.moreFiles = 1;
    host.reboot('good');
    await fleet.attest(host, hostId);
    const { baselines } = await captureBaseline(fleet.verifier, BY, hostId, {
      name,
      labels: {},
      acceptUnverified: true,
    });
    const [record] = baselines;
    assert.equal(record?.baseline.version, 3);
    for (const kept of ['# for the hosts in the shed', 'ask Olga before', 'the one of May']) {
      assert.ok(record.yaml.includes(kept), `${kept} is not in ${record.yaml}`);
    }
    assert.equal(record.baseline.rules.length, 2, 'and what is new is listed');
    await approveBaselines(fleet.verifier, BY, name, {});
    assert.equal((await fleet.stateOf(hostId)).state, 'trusted');
  });
});
