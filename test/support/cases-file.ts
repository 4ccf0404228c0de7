/** The file in which a mocha process leaves the numbers of the cases that it has no record of. */
export const CASES_FILE = 'TOUCHSTONE_CASES_FILE';
