/**
 * An address as it may be shown before it is opened: files as they are, else the variable it comes from, whose value may be a secret, or the
 * default that stands in the project file.
 */
export const shownAddress = (url: string, variables: Readonly<Record<string, string | undefined>>): string =>
  url.replace(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (_, name: string, fallback: string | undefined) => {
      const value = variables[name] || fallback
      if (value === undefined) return `$${name}`
      return variables[name] && !FILES.test(value) ? `$${name}` : value
    },
  )

const FILES = /^(rdb|ndjson|pglite):/
