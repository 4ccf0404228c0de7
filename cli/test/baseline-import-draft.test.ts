import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBaselines } from '@touchstone/appraisal';
import { madeImage } from '../../test/support/made-image.ts';
import { EXIT } from '../index.ts';
import { useLoggedIn } from './support/logged-in.ts';
import { baselineRecord } from './support/records.ts';

describe('a baseline that is imported without --print', () => {
  const stage = useLoggedIn();
  const image = madeImage({
    linuxHeader: true,
    sections: [{ name: '.text', data: Buffer.from('x') }],
  });

  async function drafted(...more: readonly string[]) {
    const { server, operator } = stage;
    const file = join(operator.home, 'vmlinuz');
    writeFileSync(file, image);
    server.answer('GET /v1/baselines?name=attic-hosts', {
      baselines: [baselineRecord('retired', 4), baselineRecord('active', 2)],
    });
    server.answer('POST /v1/baselines', { baselines: [baselineRecord('draft', 5)] });
    const ran = await operator.run([
      ...['baseline', 'import', 'deb', file, '--name', 'attic-hosts', ...more],
    ]);
    assert.equal(ran.exit, EXIT.yes);
    const { body } = server.asked.find(({ route }) => route === 'POST /v1/baselines') ?? {};
    const [document] = parseBaselines((body as { yaml: string }).yaml);
    return { ...ran, document };
  }

  it('is drafted as the version after the latest of its name', async () => {
    const { out, document } = await drafted();
    assert.deepEqual([document?.name, document?.version], ['attic-hosts', 5]);
    assert.match(out, /^Drafted attic-hosts, /u);
    assert.match(out, /touchstone baseline approve attic-hosts/u);
  });

  it('is drafted as the version that was named', async () => {
    assert.equal((await drafted('--version', '9')).document?.version, 9);
  });
});
