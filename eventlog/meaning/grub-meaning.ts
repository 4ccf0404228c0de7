import { byteString } from '../efi/utf16.ts';
import type { EventMeaning, Meaning } from './event-meaning.ts';
import { inPlace, type MeasuredEvent } from './place.ts';
import { LABEL, partOf } from './prove.ts';

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const utf8 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

const PLACES = [8];

type OfText = (text: string) => Meaning;

const command: OfText = (text) => ({ kind: 'loader-command', text });
const kernelCommandLine: OfText = (text) => ({ kind: 'command-line', source: 'grub', text });
const moduleCommandLine: OfText = (text) => ({ kind: 'loader-command', text, module: true });

/**
 * What GRUB writes before the string that it measured: commands/tpm.c ("grub_cmd: ", "kernel_cmdline: ",
 * "module_cmdline: "), and the patches that distributions carried before 2.04 (an underscore and a space).
 */
const PREFIXES: readonly (readonly [prefix: string, of: OfText])[] = [
  ['grub_cmd: ', command],
  ['kernel_cmdline: ', kernelCommandLine],
  ['module_cmdline: ', moduleCommandLine],
  ['grub_cmd ', command],
  ['grub_kernel_cmdline ', kernelCommandLine],
  ['grub_module_cmdline ', moduleCommandLine],
];

/** The same patches' names of what was loaded: the digest is of the file. */
const LOADED = /^grub_(linuxefi|linux|initrd|multiboot|module|chainloader)\b/u;

/**
 * A string of GRUB's, or undefined. It measures the string without its prefix; before 2.04 commands with
 * their NUL. So the string is proved, and the prefix is not: whoever can have GRUB run a command of his
 * choice can have a log that calls it a command line.
 */
export function grubMeaning(event: MeasuredEvent): EventMeaning | undefined {
  const { data } = event;
  const head = latin1(data.subarray(0, 32));
  const found = PREFIXES.find(([prefix]) => head.startsWith(prefix));
  if (found === undefined) {
    return LOADED.test(head)
      ? { ...LABEL, kind: 'loader-file', path: byteString(data) }
      : undefined;
  }
  const [prefix, of] = found;
  // To its NUL, as GRUB measures it; some versions logged bytes behind that.
  const nul = data.indexOf(0, prefix.length);
  const text = data.subarray(prefix.length, nul < 0 ? data.length : nul);
  // The whole of it, prefix and NUL, is what GRUB never measures.
  const basis = partOf(event, [
    ['text', text],
    ['text-and-nul', Buffer.concat([text, Uint8Array.of(0)])],
  ]);
  return { ...inPlace(event, PLACES, basis), ...of(utf8(text)) };
}
