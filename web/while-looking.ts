import { useEffect, useState } from 'preact/hooks';

/**
 * Asked again and again while somebody is `inside` and looks; null until the first answer. What cannot be had stays as
 * it was. `read` is the same function each time.
 */
export function useWhileLooking<T>(
  inside: boolean,
  read: () => Promise<T>,
  everyMs: number,
): T | null {
  const [last, setLast] = useState<T | null>(null);
  useEffect(() => {
    setLast(null);
    if (!inside) return undefined;
    let over = false;
    const look = () => {
      if (document.hidden) return;
      void read().then(
        (now) => {
          if (!over) setLast(() => now);
        },
        () => undefined,
      );
    };
    look();
    const timer = window.setInterval(look, everyMs);
    document.addEventListener('visibilitychange', look);
    return () => {
      over = true;
      window.clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [inside, read, everyMs]);
  return last;
}
