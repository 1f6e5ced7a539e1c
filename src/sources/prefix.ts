/** Whether a key begins with these bytes. */
export const startsWith = (key: Buffer, prefix: Buffer): boolean =>
  prefix.length === 0 ||
  (key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0)
