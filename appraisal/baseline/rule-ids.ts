const MAX_LENGTH = 63;

/** Gives each path an id that a rule can have, and none twice: `/boot/vmlinuz-6.1` is `boot-vmlinuz-6.1`. */
export function ruleIds(): (path: string) => string {
  const taken = new Set<string>();
  return (path) => {
    const stem = slugOf(path, MAX_LENGTH) || 'root';
    let id = stem;
    for (let count = 2; taken.has(id); count += 1) {
      const suffix = `-${count}`;
      id = `${slugOf(stem, MAX_LENGTH - suffix.length)}${suffix}`;
    }
    taken.add(id);
    return id;
  };
}

/** Long paths keep their end, which tells more. */
const slugOf = (text: string, max: number): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9._]+/g, '-')
    .slice(-max)
    .replace(/^[^a-z0-9]+/, '')
    .replace(/[^a-z0-9]+$/, '');
