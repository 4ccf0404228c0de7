import type { SoftwareEvent } from '../software-event.ts';

/**
 * What of an event its digests prove, recomputed in every bank that it has one in.
 *
 * - `data`: the whole of its data.
 * - `part`: the part or spelling of it that `part` names, and nothing else that the meaning says.
 * - `label`: nothing. Anybody may have written it: it is shown as unverified and decides nothing.
 *
 * No basis proves the event's type, nor who measured it: hold `pcr` against what may be measured where.
 */
export type MeaningBasis =
  { readonly basis: 'data' | 'label' } | { readonly basis: 'part'; readonly part: ProvedPart };

/** What was found hashed where it was not the whole data. */
export type ProvedPart =
  /** A variable's value. Its name and vendor are labels. */
  | 'value'
  /** A structure and some of the bytes after it; so the structure is proved whole. */
  | 'structure'
  /** GRUB's string behind its prefix, without the NUL. Which of GRUB's kinds it is, is a label. */
  | 'text'
  /** The same string with its NUL, or a UTF-16 label's in ASCII with a NUL (systemd-stub's section names). */
  | 'text-and-nul'
  /** The string in UTF-16, with its NUL or without. */
  | 'utf16'
  /** An error separator's 0x00000001; its data, the error, is a label: TCG PC Client PFP, 10.4.1. */
  | 'error-mark'
  /** That one of shim's lists is empty, or its one byte: `value` is what was found hashed. */
  | 'guessed-value';

/** What an event says that it is about. Text is as it was logged: no screen is safe from it. */
export type EventMeaning = MeaningBasis & Meaning;

export type Meaning =
  | { readonly kind: 'separator'; readonly value: 'zero' | 'ones' | 'error' | 'other' }
  /** EV_EFI_ACTION, EV_ACTION: a fixed string of the profile or of the firmware. */
  | { readonly kind: 'action'; readonly text: string }
  | { readonly kind: 'version'; readonly text: string }
  | VariableMeaning
  | ImageMeaning
  | GptMeaning
  /** A piece of firmware, or a post code's string. The digest is of the piece. */
  | {
      readonly kind: 'blob';
      readonly description: string;
      readonly base?: bigint;
      readonly length?: bigint;
    }
  | {
      readonly kind: 'handoff-tables';
      readonly description?: string;
      readonly tables: readonly { readonly vendor: string; readonly address: bigint }[];
    }
  | {
      readonly kind: 'command-line';
      readonly source: 'grub' | 'systemd-stub' | 'linux' | 'software';
      /** Absent where the event says only that there was one. */
      readonly text?: string;
    }
  /** `module`: what GRUB gives a module (multiboot's) as its command line. */
  | { readonly kind: 'loader-command'; readonly text: string; readonly module?: true }
  | { readonly kind: 'loader-file'; readonly path: string }
  /** An initrd that the kernel's EFI stub loaded. */
  | { readonly kind: 'initrd'; readonly description: string }
  /** One of shim's lists, mirrored into PCR 14 or 7. The digest is of the list's bytes. */
  | { readonly kind: 'mok'; readonly name: string; readonly value?: Uint8Array }
  /** SbatLevel: shim's revocations, lines of "component,generation". `level` is the date of its first line. */
  | { readonly kind: 'sbat'; readonly text: string; readonly level?: string }
  | SystemdMeaning
  /** Windows' own (SIPA) events: recognised, and nothing is made of them. `names` has each known one once. */
  | { readonly kind: 'windows'; readonly count: number; readonly names: readonly string[] }
  | { readonly kind: 'spdm'; readonly description: string }
  /** EV_NO_ACTION: extends nothing. `signature` is what the profile tells such events by. */
  | { readonly kind: 'note'; readonly signature: string }
  | { readonly kind: 'software'; readonly event: SoftwareEvent }
  /** A string of a loader that is not known here. */
  | { readonly kind: 'text'; readonly text: string }
  /** Nothing is known of the type, or its data is not what its type says. */
  | { readonly kind: 'unknown' };

export type VariableMeaning = {
  readonly kind: 'variable';
  readonly role: 'config' | 'boot' | 'authority';
  readonly name: string;
  /** GUID. */
  readonly vendor: string;
  /** A view on the log. */
  readonly value: Uint8Array;
};

export type ImageMeaning = {
  readonly kind: 'image';
  readonly role: 'application' | 'boot-driver' | 'runtime-driver';
  /** UEFI's textual form; empty where the event has none. */
  readonly devicePath: string;
  /** The path within the volume that the device path ends in, with backslashes. */
  readonly file?: string;
  /** GUID of the GPT partition that it was loaded from. */
  readonly partition?: string;
  readonly imageLength: bigint;
};

export type GptMeaning = {
  readonly kind: 'gpt';
  /** GUID. */
  readonly disk: string;
  readonly partitions: readonly {
    /** GUID of the type. */
    readonly type: string;
    readonly id: string;
    readonly name: string;
    readonly firstLba: bigint;
    readonly lastLba: bigint;
  }[];
};

export type SystemdMeaning = {
  readonly kind: 'systemd';
  /**
   * `section-name` and `section`: of a unified kernel image, in PCR 11. `credentials` and `extensions`: archives
   * that systemd-stub made. `addon`, `loader-conf`, `profile`, `smbios`: its tagged events.
   */
  readonly what:
    | 'section-name'
    | 'section'
    | 'credentials'
    | 'extensions'
    | 'addon'
    | 'loader-conf'
    | 'profile'
    | 'smbios';
  readonly text: string;
};
