import { type Exchange, tlsExchange } from '@touchstone/transport';
import type { Errand } from './errand.ts';

/** A server, a CA, and each of them anew when pins change. */
const MAX_KEPT = 8;

type Kept = {
  readonly exchange: Exchange;
  readonly pin: () => string | null;
  readonly close: () => Promise<void>;
};

/** TLS connections that are kept, by where they lead and whose key is good there: those asked for longest ago go. */
export class Connections {
  readonly #kept = new Map<string, Kept>();

  to({ url, pins }: Pick<Errand, 'url' | 'pins'>): Kept {
    const name = JSON.stringify([url, pins]);
    const kept = this.#kept.get(name) ?? open(url, pins);
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    for (const [oldest, { close }] of this.#kept) {
      if (this.#kept.size <= MAX_KEPT) break;
      this.#kept.delete(oldest);
      close().catch(() => undefined);
    }
    return kept;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#kept.values()].map(({ close }) => close()));
    this.#kept.clear();
  }
}

function open(url: string, pins: readonly string[] | null): Kept {
  let seen: string | null = null;
  const onPin = (pin: string) => {
    seen = pin === '' ? null : pin;
  };
  const { exchange, close } = tlsExchange({ url, pins: pins === null ? null : () => pins, onPin });
  return { exchange, close, pin: () => seen };
}
