import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { type EventMeaning, parseEventLog, readMeaning } from '../index.ts';

const meaningsOf = (path: string): EventMeaning[] =>
  parseEventLog(readFileSync(corpusPath(path))).events.map(readMeaning);

describeCorpus('what the events of a measured boot mean', () => {
  const meanings = meaningsOf('boots/a-sb-on/binary_bios_measurements');

  it('has Secure Boot on, proved by the whole data', () => {
    const found = meanings.find((meaning) => meaning.kind === 'variable');
    assert.ok(found?.kind === 'variable');
    assert.deepEqual(
      [found.basis, found.role, found.name, [...found.value]],
      ['data', 'config', 'SecureBoot', [1]],
    );
  });

  it('has one kernel command line of GRUB, proved without its prefix', () => {
    assert.deepEqual(
      meanings.filter(({ kind }) => kind === 'command-line'),
      [
        {
          basis: 'part',
          part: 'text',
          kind: 'command-line',
          source: 'grub',
          text: '/vmlinuz console=ttyS0,115200 ima_policy=tcb',
        },
      ],
    );
  });
});
