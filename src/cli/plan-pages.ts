/** Why a plan is refused for this, and the way out: `kvmig explain KV023`. The titles stand beside the codes themselves. */
export const PLAN_PAGES: Readonly<Partial<Record<string, string>>> = {
  KV001:
    'YAML is indented with spaces, and text that begins with a quote, {, [, *, &, !, % or @, or that holds ": " or " #", has to stand in quotes as a whole.',
  KV002: 'Readers of YAML disagree on which of the two counts. Remove one, or rename it.',
  KV003:
    'A plan is read by people in a review: every line says what it does where it stands. Write the value out, or quote it.',
  KV004: 'Tags change what a value is without showing it. Write the value itself, or quote it.',
  KV005: 'Project and plan files begin with version: 1. kvmig init writes a pair to begin with.',
  KV006: 'One file, one plan. Put what follows --- into a file of its own.',
  KV007:
    'Control characters and characters that turn the direction of text can make a plan look like another one in a review.',
  KV008: 'No plan that a person wrote is that large. Split it by kind of data.',
  KV009: "Numbers, true and null as keys mean different things to different readers. Quote them: '1'.",
  KV010:
    'The message names the keys that are known here. kvmig schema prints all of them, for editors that complete.',
  KV011: 'The message names what is missing. docs/language.md has an example of every part.',
  KV012: 'The message says what was expected and what was found.',
  KV013:
    'The message lists what is allowed here. Where drop: is meant, it names fields (or says all), and the reason stands beside it under because:.',
  KV014: 'Transforms stand behind |, as in name | trim | lower. docs/language.md lists them.',
  KV015: 'Durations are 500ms, 10m, 24h, 14d; sizes 200k or 1M; shares 0.1%.',
  KV016: `\${NAME} and \${NAME:-default} stand in addresses of stores only, and are replaced when the store is opened.`,
  KV017:
    'Every path of a project lies inside the folder of its project file, so that a plan in a pull request cannot read anything else.',
  KV018: 'The path is relative to the folder of the project file.',
  KV020:
    'A pattern is literal text with captures in braces: user:{id:int}:posts. A literal brace is {{ or }}. There are no globs.',
  KV021:
    'Regular expressions are RE2: no look-around and no back-references, so that no key can make one run for ever.',
  KV022:
    'Two captures side by side leave open where one ends. Put literal text between them, or give the first one a type.',
  KV023:
    'A key belongs to one plan, or its rows would be written twice. Narrow one pattern, add type:, or move both rules into one plan, where the first that fits wins.',
  KV024:
    'Rules are asked in order, and one above takes everything that this one could have. Move it up, or remove it.',
  KV025:
    'Captures share their names with the roots ($key, $field, $item ...) and must differ from each other.',
  KV030:
    "An expression is a path, a root or a call, then transforms: from ?? sender | strip_prefix('@') | lower. Text as a value is const('text').",
  KV031:
    'A name with $ is a root such as $key, $field, $item, $index, $expires_at, or a capture of the pattern. Fields of the record are written without $.',
  KV032: 'The message says what is taken. Text stands in quotes, lists in [ ], maps in { }.',
  KV033:
    'Each transform says what it takes; the one before gives something else. Often a conversion is missing: int, text, iso.',
  KV034:
    'kvmig never converts without being asked: text into an integer column wants int, into a timestamp iso, epoch_ms or epoch_s, into a boolean bool.',
  KV035:
    'docs/language.md lists the functions (const, rest, get, hget, score, member, first_of, owner, least, greatest) and decoders (json, base64, gzip ...).',
  KV036:
    'where: and computed: are CEL over r (the record), key, field, item, member, score, index, parent, with the lookups get, hget, score and member: has(r.from) && key.id != "all". Conditions of decode: see r, value and key, and ask nothing.',
  KV037: 'Decoders run in order, and each takes what the one before gave: bytes, then text, then data.',
  KV038: 'Text and numbers have no fields. Perhaps decode: json is missing, or $value is meant.',
  KV040: "A column is written as in SQL: text not null default ''.",
  KV041: 'Names are kept exactly as written, up to the 63 bytes that Postgres keeps.',
  KV042: 'A table is declared under tables: of some plan, or in the file that schema: names.',
  KV043: 'The message lists the columns that the table has.',
  KV044:
    'Without a primary key or unique constraint on these columns a second run would insert every row again. Add unique: [[...]] to the table.',
  KV045:
    'The column may not be NULL, has no DEFAULT, and no field fills it, so no record could become a row. Map it, allow NULL, or give it a constant default; one that looks at the clock or at chance is KV073.',
  KV046: 'A generated column is computed by Postgres from others. Leave it out of fields.',
  KV047: 'The file that schema: names is read with the grammar of Postgres itself.',
  KV048: 'kvmig never writes into pg_catalog, information_schema or its own schema.',
  KV049:
    'An unlogged table is empty after a crash of the server, and what was copied would be gone without a word. ALTER TABLE … SET LOGGED makes it an ordinary one; it may become unlogged again when the source is retired (phase D).',
  KV050: 'A timestamp without time zone forgets which moment it was. Use timestamptz.',
  KV051: "uses: names an index of the plan's tables.",
  KV052: 'A foreign key refers to a primary key or unique constraint, column by column of the same type.',
  KV053:
    'expiry: names the column that says when a row ends. A time without zone would end it at another moment on another server.',
  KV054:
    'kvmig makes partitions by time: partition_by: range (created_at) over one timestamptz, timestamp or date. Other partitions are yours to make, in the file that schema: names. With TimescaleDB the column belongs into the primary key and into whatever is unique.',
  KV055:
    'merge: says of a column how it is made of all records that give the row: coalesce, greatest, least or sum. It is said once for a table, of columns that are filled and no part of the key; a sum wants numbers, greatest and least values that have an order.',
  KV056:
    'Of several mappings into one table one may say write: true: its layout is the one that is written towards the store.',
  KV057:
    'sequences: names columns whose numbers come from a sequence (identity, serial, or DEFAULT nextval), and the key of the store that the application counts with.',
  KV060: 'The message says where the other one is.',
  KV061: 'The message lists the names that there are.',
  KV062: 'after: and the references between tables together form a circle. Remove one of them.',
  KV063: 'A project names sources, a target and plans; a plan has at least one mapping.',
  KV064: 'Sources: redis:, rediss:, rdb:, ndjson:. Targets: postgres:, pglite:.',
  KV070: `Plans live in git. Put the secret into the environment and write \${NAME}.`,
  KV071:
    'Everybody between here and there could read the data. Use rediss:// or sslmode=verify-full; on a private network say why it is all right: insecure: because.',
  KV072:
    'The mandatory checks of a gate are what "nothing lost" rests on. Weakening one needs because: with the reason.',
  KV073:
    'A second run has to give the same rows, so nothing may look at the clock or at chance: no expression, and no DEFAULT such as now() or gen_random_uuid() of a column that no field fills. Fill the column from the data, with null, or with a constant; rows that the application writes still get the default. Identity columns and sequences are fine.',
  KV100: 'The message lists the plans of the project.',
  KV101: 'after: and the references between tables together form a circle. Remove one of them.',
  KV102:
    'Two tables of the application refer to each other from the start, so neither can be filled first. Make one of the keys deferrable, or drop it for the copy.',
  KV103: 'The message shows the circle. What after: says contradicts the foreign keys.',
  KV104: 'Two plans may write one table, but they have to declare it alike. Declare it in one of them.',
  KV105: 'Declare the table under tables:, or in the file that schema: names.',
  KV106: 'Tables, indexes and constraints of a schema share one space of names.',
  KV107:
    'A row may come before the one that it refers to. Make the foreign key deferrable, or leave it to kvmig, which adds it after the copy.',
  KV108: 'This version of kvmig has phase A. Dual-write, cutover and retirement come later.',
  KV150: 'kvmig plan --out FILE writes such a file.',
  KV151: 'Another version of kvmig wrote it. Make a new one with kvmig plan --out FILE.',
  KV200:
    'Postgres itself was asked, in a scratch schema or an embedded server, and refused; its own message stands beside the step.',
  KV201:
    'The embedded Postgres has no such extension or version. kvmig plan --live tries the DDL in a scratch schema of the real server.',
  KV202:
    'Trying DDL on the target wants CREATE on the database, for a scratch schema that is gone again afterwards. Without it the DDL is tried on an embedded Postgres.',
  KV203:
    'What is there and what is to be copied come to more than the storage of the tariff. Choose a larger one at the provider and name it under tariff: (or give its size: tariff: { storage: 8GB }), copy less, or keep large data types in the source.',
  KV204:
    'A key expires by the clock of its store, its row by the clock of Postgres: between the two it is gone on one side and there on the other, and after the cutover everything goes earlier or later by so much. Set the clocks (NTP). Check clocks keeps gate C closed.',
  KV152: 'A saved plan is applied as it was reviewed. Change the plan files instead, and save a new one.',
}
