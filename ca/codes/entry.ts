/** What a person reads about one code of this room. */
export type CodeEntry = {
  readonly title: string;
  /** The specification, or the part of ours, that the code holds to. */
  readonly section: string;
  readonly remedy: string;
};
