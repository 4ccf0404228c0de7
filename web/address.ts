import { useEffect, useState } from 'preact/hooks';

/** What the address names: the fleet, or one host. No secret is ever in it. */
export type Address = { readonly view: 'fleet' } | { readonly view: 'host'; readonly name: string };

const HOST = /^\/hosts\/([a-z0-9._-]{1,63})$/u;

export const pathOf = (address: Address): string =>
  address.view === 'host' ? `/hosts/${encodeURIComponent(address.name)}` : '/';

function currentAddress(): Address {
  const [, name] = HOST.exec(window.location.pathname) ?? [];
  return name === undefined ? { view: 'fleet' } : { view: 'host', name };
}

const MOVED = 'touchstone-moved';

export function goTo(address: Address): void {
  window.history.pushState(null, '', pathOf(address));
  window.dispatchEvent(new Event(MOVED));
  window.scrollTo(0, 0);
}

export function useAddress(): Address {
  const [address, setAddress] = useState(currentAddress);
  useEffect(() => {
    const moved = () => setAddress(currentAddress());
    window.addEventListener('popstate', moved);
    window.addEventListener(MOVED, moved);
    return () => {
      window.removeEventListener('popstate', moved);
      window.removeEventListener(MOVED, moved);
    };
  }, []);
  return address;
}
