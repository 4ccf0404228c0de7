/** The UTC day of a moment, by which partitions are told. */
export const dayOf = (at: Date): string => at.toISOString().slice(0, 10);

/** The first day of its UTC month. */
export const monthOf = (at: Date): string => `${at.toISOString().slice(0, 7)}-01`;
