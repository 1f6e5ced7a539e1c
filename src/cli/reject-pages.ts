import type { RejectCode } from '../value.ts'

/** What a reject means, and what can be done about it: `kvmig explain NUL_IN_TEXT`. */
export const REJECT_PAGES: Readonly<Record<RejectCode, { readonly means: string; readonly help: string }>> = {
  CAPTURE_TYPE: {
    means:
      'The key fits the rule except for the type of a capture, such as user:undefined for user:{id:int}.',
    help: 'Put a rule for such keys above this one (a mapping, or ignore with the reason), or widen the capture.',
  },
  CODEC_MISMATCH: {
    means: 'The bytes are not what the decode chain says: no base64, no gzip, no hex.',
    help: 'Look at how the application wrote this value; give odd ones a rule of their own above this one.',
  },
  CONFLICT: {
    means: 'Two records give the same key of the table, and their rows differ.',
    help: 'Say who wins: conflict: keep, update, newest(column), greatest(column) or least(column).',
  },
  CONSTRAINT: {
    means: 'Postgres refused the row: a CHECK constraint, a domain, an exclusion.',
    help: 'Change the constraint or the mapping, or accept the record with a reason.',
  },
  DOUBLE_ENCODED_JSON: {
    means: 'The JSON holds a text that is JSON again.',
    help: 'Use decode: json until object.',
  },
  DUPLICATE_JSON_KEY: {
    means: 'An object has the same name twice; JSON readers disagree on which one counts.',
    help: 'Mend the value in the source, or accept the record with a reason.',
  },
  EXISTING_ROW: {
    means: 'The table had a row with this key before the migration, and it differs.',
    help: 'Say existing: update in the mapping if kvmig may change such rows.',
  },
  FIELD_MISSING: {
    means: 'A field that a NOT NULL column needs is not there.',
    help: 'Use default(...), take another field with a ?? b, or let the column be NULL.',
  },
  INT_OUT_OF_RANGE: {
    means: 'The number is too large or too small for the column.',
    help: 'Use bigint or numeric.',
  },
  INVALID_JSON: {
    means: 'The value is not JSON: cut off, written with single quotes, NaN, or something else altogether.',
    help: 'Give values of another form a rule of their own, above this one.',
  },
  INVALID_UTF8: {
    means: 'The bytes are no UTF-8, so they are no text.',
    help: 'Store them as bytea with decode: bytes, or say text: replace in the mapping.',
  },
  INVALID_UTF8_KEY: {
    means: 'The key, or the part of it that a capture takes, is no UTF-8.',
    help: 'Rename the key in the source, or accept it with a reason.',
  },
  JSON_TOO_DEEP: {
    means: 'The JSON is nested deeper than Postgres or kvmig can read.',
    help: 'Store the value as text.',
  },
  KEY_TYPE_MISMATCH: {
    means: 'The key fits the rule, but it holds another type: a list where the rule says hash.',
    help: 'Add a rule for the other type; both may have the same match.',
  },
  LONE_SURROGATE: {
    means:
      'The text holds half of a character (often half an emoji, cut by length), which Postgres cannot store.',
    help: 'Say text: replace in the mapping, which puts U+FFFD there.',
  },
  LOSSY_FLOAT: {
    means: 'The number has more digits than the floating-point column can keep.',
    help: 'Use numeric.',
  },
  LOSSY_PRECISION: {
    means:
      'The number or time has more digits than the column keeps, or a date would forget the time of day.',
    help: 'Use a wider type, or numeric without a scale.',
  },
  LOSSY_ROUNDING: {
    means: 'Postgres would round the number to the scale of the column.',
    help: 'Give the column more scale, or none at all.',
  },
  NON_CANONICAL_NUMBER: {
    means: 'The text is a number in an unusual form (007, +5, 1e5), so it may be an id rather than a number.',
    help: 'Use a text column, or a transform that says which forms it takes.',
  },
  NON_FINITE: {
    means: 'NaN or infinity, where the column needs a number.',
    help: 'Use null_if, or a floating-point column.',
  },
  NOT_A_BOOLEAN: {
    means: 'The value is none of the words for true and false.',
    help: 'List the words: bool with its two arguments.',
  },
  NOT_A_DATE: {
    means: 'The value is no date of the calendar.',
    help: 'Mend the value, or use another transform.',
  },
  NOT_A_NUMBER: {
    means: 'The value is no number.',
    help: 'Use null_if(…) for words that mean nothing, or a text column.',
  },
  NOT_A_TIMESTAMP: {
    means: 'The value is no time in the form that the transform reads.',
    help: 'iso reads 2026-01-08T00:00:00Z, epoch_ms and epoch_s read numbers, epoch tells them apart by size.',
  },
  NOT_A_UUID: { means: 'The value is no UUID.', help: 'Use a text column, or make one with uuid5(...).' },
  NOT_AN_INTEGER: {
    means: 'The number has a fraction, where the column takes whole numbers.',
    help: 'Use numeric.',
  },
  NOT_IN_ENUM: {
    means: 'The value is none of the labels of the enum, or of the map.',
    help: 'Add the label, or translate it with map({ from: to }).',
  },
  NUL_IN_JSON: {
    means: 'A text inside the JSON holds \\u0000, which jsonb refuses.',
    help: 'Use json or text for the column, or say text: replace in the mapping.',
  },
  NUL_IN_TEXT: {
    means: 'The text holds the character NUL, which Postgres cannot store in text.',
    help: 'Use bytea, or say text: replace in the mapping.',
  },
  NULL_NOT_ALLOWED: {
    means: 'The field is null, and the column is NOT NULL.',
    help: 'Use default(...), or let the column be NULL.',
  },
  NUMERIC_OVERFLOW: {
    means: 'The number has more digits before the point than numeric(p, s) allows.',
    help: 'Use a larger precision.',
  },
  ORPHAN: {
    means: 'The row refers to a row of another table that is not there.',
    help: 'Migrate the parents too, drop the reference, or accept the orphans with a reason (accept: in the plan).',
  },
  TEXT_TOO_LONG: { means: 'The text is longer than varchar(n) allows.', help: 'Use text, or a larger n.' },
  TIMESTAMP_IMPLAUSIBLE: {
    means:
      'The time is far outside of what the transform holds possible: perhaps seconds read as milliseconds.',
    help: 'Use epoch_s, epoch_ms or epoch_us, whichever the application writes.',
  },
  TIMEZONE_MISSING: {
    means: 'The time names no zone, and kvmig does not guess one.',
    help: "Name it: iso('UTC').",
  },
  TRANSFORM: {
    means: 'A transform could not take the value.',
    help: 'The message in the quarantine says which one and why.',
  },
  TYPE_MISMATCH: {
    means:
      'The value is of another kind than the column: a number for text, a text for a number, an object for a date.',
    help: 'Say the conversion: int, decimal, bool, iso, epoch_ms, text, json.',
  },
  UNIQUE_VIOLATION: {
    means: 'Another row has the same values in a unique constraint that is not the key of the mapping.',
    help: 'Decide which of the two is right; the constraint may be stricter than the data ever was.',
  },
  UNKNOWN_FORMAT: {
    means: 'The store holds a type that this build cannot read, such as one of a Redis module.',
    help: 'Export it another way, or let the key be with ignore and the reason.',
  },
  VALUE_TOO_LARGE: {
    means: 'The value is larger than Postgres stores in one field, or in one index entry.',
    help: 'Split it, or keep it elsewhere and store its address.',
  },
}
