/** Names by which people ask for the time or for chance, in lower case. */
export const CLOCKS = new Set([
  'now',
  'today',
  'current_timestamp',
  'current_date',
  'clock_timestamp',
  'random',
  'uuid',
  'gen_random_uuid',
  'uuid_generate_v4',
  'uuidv4',
  'uuidv7',
  'nextval',
  'nanoid',
])
export const CLOCK_HINT =
  'No expression looks at the clock or at chance. Leave the column NULL, or give it a constant.'
