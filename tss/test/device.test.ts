import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/**
 * A device that one process holds alone, as the kernel's driver holds /dev/tpm0: a terminal with TIOCEXCL, whose
 * second open(2) gives EBUSY to who has not CAP_SYS_ADMIN. It prints its name and ends with its input.
 */
const EXCLUSIVE_DEVICE = `
  use Fcntl; $| = 1; my $int = pack('i', 0);
  sysopen(my $main, '/dev/ptmx', O_RDWR | O_NOCTTY) or die "ptmx: $!";
  ioctl($main, 0x40045431, $int) and ioctl($main, 0x80045430, $int) or die "pty: $!";
  my $name = '/dev/pts/' . unpack('i', $int);
  sysopen(my $held, $name, O_RDWR | O_NOCTTY) or die "$name: $!";
  ioctl($held, 0x540c, 0) or die "TIOCEXCL: $!";
  print "$name\\n"; <STDIN>;
`;

const OPEN = `
  const { openTpm } = await import('node-tpm2-tss-bindings');
  await openTpm({ tcti: process.argv[1] }).catch(({ code, rc }) => console.log(code, rc !== 0));
`;

/** What opening that device comes to for a process that has no capabilities. */
async function opened(device: string): Promise<string> {
  const asRoot = process.geteuid?.() === 0;
  const drop = asRoot ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : [];
  const node = [process.execPath, '--input-type=module', '-e', OPEN, `device:${device}`];
  const [program = '', ...args] = [...drop, ...node];
  const options = { cwd: import.meta.dirname };
  const { stdout } = await promisify(execFile)(program, args, options);
  return stdout.trim();
}

describe('a TPM device', () => {
  it('that another process holds: TPM_BUSY', async () => {
    const holder = spawn('perl', ['-e', EXCLUSIVE_DEVICE], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(holder, 'exit');
    try {
      const [name] = (await once(createInterface({ input: holder.stdout }), 'line')) as [string];
      assert.equal(await opened(name), 'TPM_BUSY true');
    } finally {
      holder.stdin.end();
      await ended;
    }
  });

  it('that this user may not open: TPM_NOT_PERMITTED', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'ts-device-'));
    try {
      const device = join(directory, 'tpm0');
      await writeFile(device, '', { mode: 0o000 });
      assert.equal(await opened(device), 'TPM_NOT_PERMITTED true');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
