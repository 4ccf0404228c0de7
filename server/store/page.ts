/** A page of a list: so many rows after the one of this key, or from the beginning. */
export type PageAfter<K> = { readonly limit: number; readonly after: K | null };
