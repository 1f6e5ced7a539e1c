/**
 * An address as it may be shown before it is opened: which variable it comes from, or the default that stands in the file. What a variable
 * holds may be a secret.
 */
export const shownAddress = (url: string, variables: Readonly<Record<string, string | undefined>>): string =>
  url.replace(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (_, name: string, fallback: string | undefined) =>
      variables[name] || fallback === undefined ? `$${name}` : fallback,
  )
