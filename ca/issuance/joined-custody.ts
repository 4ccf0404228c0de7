import type { KeyCustody } from './custody.ts';

/** Keys in two places: new ones are made in the first, and what lay in the second before goes on signing there. */
export function joinedCustody(now: KeyCustody, former: KeyCustody): KeyCustody {
  return {
    make: async (label) => {
      const there = (await former.keys()).find((key) => key.label === label);
      return there ?? now.make(label);
    },
    keys: async () => [...(await now.keys()), ...(await former.keys())],
    destroy: async (keyId) => {
      await now.destroy(keyId);
      await former.destroy(keyId);
    },
    adopt: (label, key) => former.adopt(label, key),
    ready: async () => {
      await now.ready();
      await former.ready();
    },
  };
}
