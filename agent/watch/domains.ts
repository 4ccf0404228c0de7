import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A domain that libvirt runs, by the file in which libvirtd keeps it in case it is restarted. */
export type RunningDomain = {
  readonly uuid: string;
  readonly name: string;
  readonly pid: number;
  readonly paused: boolean;
};

/** Of one host. */
const MAX_DOMAINS = 4_096;
const MAX_FILE_BYTES = 4_194_304;

type Kept = { readonly version: string; readonly domain: RunningDomain | null };

/**
 * The domains that run, read without asking libvirtd, which may be busy, stopped, or calling its hook. Files that did
 * not change are not read again.
 */
export class RunningDomains {
  #kept = new Map<string, Kept>();

  /** `directories`: where libvirtd keeps them, `qemu` in its state directory. */
  read(directories: readonly string[]): readonly RunningDomain[] {
    const kept = new Map<string, Kept>();
    const seen = new Set<string>();
    for (const directory of directories) {
      for (const name of namesIn(directory)) {
        const path = join(directory, name);
        const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
        if (stat === undefined || !stat.isFile() || stat.size > MAX_FILE_BYTES) continue;
        // The same directory by another process's root.
        const file = `${stat.dev}:${stat.ino}`;
        if (seen.has(file) || seen.size === MAX_DOMAINS) continue;
        seen.add(file);
        const version = `${file}:${stat.ctimeNs}:${stat.size}`;
        const before = this.#kept.get(path);
        kept.set(path, before?.version === version ? before : { version, domain: domainIn(path) });
      }
    }
    this.#kept = kept;
    return [...kept.values()].flatMap(({ domain }) => (domain === null ? [] : [domain]));
  }
}

const namesIn = (directory: string): readonly string[] => {
  try {
    return readdirSync(directory).filter((name) => name.endsWith('.xml'));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
};

/** libvirtd writes it; whoever could forge it is root. Null for a file that is just being replaced. */
function domainIn(path: string): RunningDomain | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return null;
  }
  const status = /<domstatus [^>]*>/u.exec(text)?.[0] ?? '';
  const domain = text.slice(text.indexOf('<domain '));
  const pid = Number(/ pid='([0-9]+)'/u.exec(status)?.[1]);
  const name = textIn('name', domain);
  const uuid = textIn('uuid', domain);
  if (!(pid > 0) || name === null || uuid === null) return null;
  return { uuid, name, pid, paused: / state='paused'/u.test(status) };
}

/** Of the element that comes first. */
function textIn(element: string, xml: string): string | null {
  const text = new RegExp(`<${element}>([^<]*)</${element}>`, 'u').exec(xml)?.[1];
  if (text === undefined) return null;
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&apos;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}
/** A domain that is to start with the host. */
export type AutostartDomain = {
  readonly uuid: string;
  readonly name: string;
  readonly file: string;
};

/** @throws what readdir(2) does, but for a directory that is not there */
export function autostartDomains(libvirtConfiguration: string): readonly AutostartDomain[] {
  const directory = join(libvirtConfiguration, 'qemu/autostart');
  return namesIn(directory)
    .slice(0, MAX_DOMAINS)
    .flatMap((entry) => {
      const file = join(directory, entry);
      try {
        // Not by the link, which leads from the root that libvirtd has.
        const text = readFileSync(join(libvirtConfiguration, 'qemu', entry), 'utf8');
        const domain = text.slice(text.indexOf('<domain '));
        const [name, uuid] = [textIn('name', domain), textIn('uuid', domain)];
        return name === null || uuid === null ? [] : [{ uuid, name, file }];
      } catch {
        return [];
      }
    });
}
