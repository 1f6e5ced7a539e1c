/** Ends each of kvmig's own statements, so that they can be told from the application's; on a new line, for what stands before may be a comment. */
export const OWN_MARK = '\n/* kvmig */'
