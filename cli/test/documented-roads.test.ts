import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBaselines } from '@touchstone/appraisal';
import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  SOFTWARE_VENDOR_INFO,
} from '@touchstone/eventlog';
import { madeDeb } from '../../test/support/made-deb.ts';
import { madeImage } from '../../test/support/made-image.ts';
import { EXIT } from '../index.ts';
import { newOperator } from './support/operator.ts';

const DOCUMENT = new URL('../../docs/baseline-sources.md', import.meta.url);
const KERNEL = madeImage({
  linuxHeader: true,
  sections: [{ name: '.text', data: Buffer.from('x') }],
});
const UNIFIED = madeImage({ sections: [{ name: '.linux', data: KERNEL }] });
const LOG = encodeEventLog({
  vendorInfo: SOFTWARE_VENDOR_INFO,
  banks: ['sha256'],
  events: [8, 9, 13].map((pcr) => ({
    ...{ pcr, type: EV_EVENT_TAG },
    data: encodeSoftwareEvent(
      pcr === 8
        ? { kind: 'command-line', text: 'ro' }
        : { kind: 'file', path: `/${pcr}`, sha256: 'ab'.repeat(32) },
    ),
  })),
});
const PCRLOCK = JSON.stringify({
  records: [{ pcr: 4, digests: [{ hashAlg: 'sha256', digest: 'ab'.repeat(32) }] }],
});

/** What each file of the document is here. */
const FILES: Readonly<Record<string, Uint8Array | string>> = {
  './*.deb': madeDeb([{ path: './boot/vmlinuz-1', data: KERNEL }]),
  '/boot/efi/EFI/Linux/debian.efi': UNIFIED,
  '/sys/kernel/security/tpm0/binary_bios_measurements': LOG,
  '/var/lib/pcrlock.d/*.pcrlock': PCRLOCK,
};

describe('docs/baseline-sources.md', () => {
  const operator = newOperator();
  after(() => operator.leave());
  const text = readFileSync(DOCUMENT, 'utf8');
  const blocks = [...text.matchAll(/```sh\n([^]*?)```/gu)].flatMap(([, body = '']) =>
    body.split('\n'),
  );
  const inline = [...text.matchAll(/`(touchstone baseline import deb [^`]+ --print)`/gu)];
  const commands = [...blocks, ...inline.map(([, command = '']) => command)].filter((line) =>
    line.startsWith('touchstone '),
  );

  it('has an example of each road that asks no server', () => {
    for (const road of ['import deb', 'import pcrlock', 'from-log', 'appraise --log']) {
      assert.ok(
        commands.some((command) => command.includes(road)),
        road,
      );
    }
  });

  for (const command of commands) {
    it(`shows a command that works: ${command}`, async () => {
      const [, ...words] = command.split(/\s+/u);
      const output = words.indexOf('>');
      const argv = (output === -1 ? words : words.slice(0, output)).flatMap((word, index) => {
        if (word === '/var/lib/pcrlock.d/*.pcrlock.d/*.pcrlock') return [];
        const made = FILES[word];
        if (made === undefined) return [word === 'b.yaml' ? join(operator.home, word) : word];
        const file = join(operator.home, `file-${index}`);
        writeFileSync(file, made);
        return [file];
      });
      const { exit, out, err } = await operator.run(argv);
      assert.deepEqual([exit, err], [EXIT.yes, ''], `${out}${err}`);
      if (argv.includes('baseline')) assert.ok(parseBaselines(out).length > 0);
      if (output !== -1) writeFileSync(join(operator.home, 'b.yaml'), out);
    });
  }
});
