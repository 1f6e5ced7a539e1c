/** Postgres's text of a timestamptz in UTC (`2026-01-08 00:00:00.5+00`) in the form that everybody reads: `2026-01-08T00:00:00.5Z`. */
export const isoTime = (text: string): string => text.replace(' ', 'T').replace(/\+00$/, 'Z')
