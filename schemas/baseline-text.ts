/**
 * As long as baselines may be that are drafted together, in bytes of YAML: 100,000 files of an IMA policy take some
 * twelve million.
 */
export const BASELINE_YAML_MAX_BYTES = 33_554_432;

/** The same inside JSON, where each line's end and each quote takes two bytes; and a document's own JSON. */
export const BASELINE_JSON_MAX_BYTES = 2 * BASELINE_YAML_MAX_BYTES;
