/**
 * Codes of errors: the world did not cooperate. What it means in a few words, and what to do; the message itself names the thing at fault.
 * A test holds this list against what the source can emit.
 */
export const ERROR_PAGES: Readonly<Record<string, readonly [title: string, help: string]>> = {
  ADDRESS: [
    'an address that cannot be read',
    'Addresses are URLs: postgres://user:password@host:5432/database, redis://host:6379/0, rdb:./dump.rdb, pglite:./folder. Special characters in user and password are percent-encoded. docs/sources.md lists them.',
  ],
  BAD_VALUE: [
    'a value that Postgres refused',
    'The mapping should have turned it away as a record in quarantine: kvmig trace KEY shows what it makes of the key. Please report it; no value is part of the report.',
  ],
  CLEAR_TEXT: [
    'data would cross a public network unencrypted',
    'Use rediss:// or sslmode=verify-full. Where the network is private after all, say why: { url: …, insecure: because … }.',
  ],
  CLOCK: [
    'the target did not tell the time',
    'Expiry is judged by the clock of the target. Run the same again.',
  ],
  CLOSED: [
    'an operation of an instance that was closed',
    'kvmig.close() waits for what is under way, and then nothing begins any more. Stop taking requests first, as server.close() does; whoever goes on calls connect() again.',
  ],
  CODE_UNKNOWN: ['a code without a page', 'kvmig explain without a code lists all of them.'],
  COLUMN_MISSING: [
    'a column that is not in the target',
    'The table was changed since the plan was made. kvmig plan --live shows the difference.',
  ],
  COLUMN_TYPE: [
    'a column of another type than the plan says',
    'Nothing was written: bytes of the one type would have become other values of the other. Give the column back its type (ALTER TABLE … ALTER COLUMN … TYPE …), or have the plan, or the schema file, say what it is now. kvmig plan --live lists what else differs.',
  ],
  COLUMN_UNKNOWN: [
    'a column that the mapping does not fill',
    'A store takes the columns that its mapping fills, by their names in the table; the message lists them.',
  ],
  COMMAND_UNSUPPORTED: [
    'a command on a claimed key that dual-write cannot carry',
    'docs/runtime.md lists the commands that are written to both sides, and those that Postgres answers. Every other one on a key that a plan claims is refused in every phase, so that it is found in A. Use one of those, or store().',
  ],
  COMMIT_ROLLED_BACK: [
    'a transaction was rolled back instead of committed',
    'Nothing of it was kept. Run the same again.',
  ],
  COUNTER: [
    'a counter that cannot set a sequence',
    'sequences: of a plan names the key that the application counts with: a string or a field of a hash that holds a whole number, and not more than the sequence can give.',
  ],
  COMMIT_UNKNOWN: [
    'the connection was lost during a commit',
    'It may have happened or not. Run the same again: every step looks first, so that twice is once.',
  ],
  CONNECTION_LOST: [
    'the target ended the connection',
    'What was committed stays. Run the same again when it is back.',
  ],
  CONNECTION_REFUSED: [
    'nothing answers at the target',
    'Is Postgres running there, and are host and port right?',
  ],
  CONNECT_TIMEOUT: [
    'the target does not answer',
    'Is the address right, does a firewall let this machine through, does the provider wake the database first?',
  ],
  DATABASE_MISSING: ['no such database', 'Create it, or correct the end of the address.'],
  DEADLOCK: [
    'transactions waited for each other',
    'kvmig tries again by itself a few times. Apply again when it gives up.',
  ],
  DISK_FULL: [
    'the target has no space left',
    'What was committed stays. Make room or raise the quota, then apply again.',
  ],
  DUAL_WRITE: [
    'records that cannot be written to both sides',
    'The rows have to follow from the entry alone: not from other keys (lookups), not from a value that is cut into pieces, not from a stream, not from several records (merge). The message says what is in the way. Such a plan stays in phase A: kvmig apply --phase=A --again takes over what has changed and takes out what is gone, as often as you like; cut over with the application stopped. Where only some of its mappings are in the way, apply --phase=B names them as read only; a plan file of their own keeps the others from waiting. store() wants more than the wrapped client: records that are one place in the source and one row in the target.',
  ],
  ENVIRONMENT_UNKNOWN: [
    'an environment that the project does not name',
    '--env takes the names under environments: in migrations.yaml.',
  ],
  ENV_FILE: ['the .env file cannot be read', 'It stands beside the project file: NAME=value, one a line.'],
  ENV_MISSING: [
    'an environment variable is not set',
    'An address needs it: set it, put it into .env beside the project file, or give a default: ${NAME:-rdb:./backup.rdb}.',
  ],
  ENTRY_FORM: [
    'entries that store() cannot give or take as a whole',
    'store() of entries that are several rows gives and takes text and JSON: a string, a list, a set, a hash, a sorted set of one type. Those that are decoded otherwise (gzip, msgpack, fields of a hash by name) go through the wrapped client.',
  ],
  EPOCH_AHEAD: [
    'the source knows a newer epoch than the ledger',
    'The source was dual-written under another ledger, which was dropped since, or the target is another one. If that one is gone for good: HDEL kvmig:epoch PLAN in the source.',
  ],
  EPOCH_OVER: [
    'an instance that slept through a rollout',
    'It began a transaction while a plan was in A, and went on when the rollout of B was over: its commands on that plan would have reached the source alone. The caller hears WRITE_UNCONFIRMED: look at what is there, and do it again.',
  ],
  FILE_EXISTS: [
    'a file is there already',
    'kvmig init overwrites nothing. Move the file, or use another folder.',
  ],
  FILE_READ: [
    'a file cannot be read',
    'The message says which and why. Paths are relative to where the command was started.',
  ],
  FILE_WRITE: ['a file cannot be written', 'The message says which and why.'],
  HOST_NOT_FOUND: [
    'the host of the target has no address',
    'Is its name spelled right, and is it known on this machine?',
  ],
  IDLE_IN_TRANSACTION: [
    'the server ended a transaction that was idle',
    'Run the same again. On a slow line use smaller batches: --batch 2000.',
  ],
  KEY_MISSING: [
    'a key without one of its columns',
    'get and delete take the columns of the key of the mapping, put takes them among the others.',
  ],
  LOOKUP_TOO_LARGE: [
    'what lookups name does not fit into memory',
    'Redis, Upstash, Cluster and Replit are asked key by key. A backup or NDJSON file cannot be, so what its lookups name is held in memory, and so are the collections of owner(), up to 256 MB each. Narrow the pattern, or load the file into a Redis and read from there.',
  ],
  LEASE_HELD: [
    'somebody else is applying',
    'Wait until they have finished. A holder that died loses the lease after half a minute; kvmig unlock ID takes it away at once.',
  ],
  LEASE_LOST: [
    'the lease was taken away',
    'Another kvmig is applying, or somebody unlocked this one. Nothing was half done; look at kvmig status.',
  ],
  LEASE_UNKNOWN: ['no such lease', 'kvmig status names the one that is held, if any.'],
  LEDGER_NEWER: [
    'a newer kvmig has been here',
    'Use the same version or a newer one: an older one would not understand what that one remembers.',
  ],
  LIVE_PART: [
    'an element that cannot be written by itself',
    'A field of a hash and a member of a set can; the items of a list and the messages of a stream have their place from the others.',
  ],
  LIVE_STREAM: [
    'a stream cannot be written to both sides',
    'Redis gives the messages of a stream their ids. Such keys can be copied, and not dual-written.',
  ],
  LIVE_UNABLE: [
    'a source that cannot take part in dual-write',
    'It has to compare and set at one instant. docs/sources.md says which can.',
  ],
  LOCK_TIMEOUT: [
    'a lock was not to be had in time',
    'Another session holds the table or the row: look for long transactions in pg_stat_activity, then apply again.',
  ],
  LOGIN_REFUSED: [
    'the target refused the login',
    'Check user and password, and pg_hba.conf. Special characters are percent-encoded.',
  ],
  LOOKUP: [
    'a mapping that asks other keys, without a store to ask',
    'Lookups (get, hget, score, member, first_of, owner) and chunks read other keys of the same source. Where an entry is mapped by itself, in an application’s own test, there are none: leave such mappings to kvmig test, whose examples have the other keys under beside:.',
  ],
  MAPPING_UNKNOWN: [
    'which mapping is meant',
    'The plan has several mappings, or none of that name: kvmig plan lists them.',
  ],
  NOTHING_TO_ACCEPT: ['no open record fits', 'kvmig status lists what is in quarantine, by reason.'],
  NOT_A_TIME: [
    'recency of a column that is no time',
    'recency: { column: … } wants a timestamptz, timestamp or date.',
  ],
  NOT_CLAIMED: [
    'a record that its mapping would not take',
    'By its key and content another rule of the project has it, or none. Look at match and where of the mapping, and at the rules before it.',
  ],
  NOT_CONFIRMED: [
    'nobody was there to confirm',
    'Say --yes where you have read what will happen, or run it where it can ask.',
  ],
  NOT_SENT: [
    'the connection was lost before anything was sent',
    'It certainly had no effect. Run the same again.',
  ],
  ONE_WAY: [
    'a mapping without a way back',
    'The entry cannot be made again of its rows: kvmig plan names the columns and what they lose, and how far each mapping goes. Keep the source form in a column of its own (email: email, and email_lower as an index over lower(email)); then the plan goes to D and back. Or accept it, and read in C by SQL or store(): gates: { C: [{ one_way: { accept: [email] }, because: … }] }.',
  ],
  ORPHAN_NOT_OURS: [
    'rows without a parent that were there before',
    'A foreign key cannot be made while they are there, and kvmig does not touch rows that it did not write.',
  ],
  OUT_OF_MEMORY: [
    'the target is out of memory',
    'Use smaller transactions (--batch 2000), or give the server more.',
  ],
  OVERRIDE: [
    'an override that makes no sense',
    'USE_POSTGRES_<PLAN> is true or false, and names a plan. It cannot read Postgres in A, when not all is there, nor the source in D, when nobody writes it any more.',
  ],
  PAUSED: [
    'somebody has paused this plan',
    'kvmig pause keeps a plan where it is, and a copy under way comes to rest: what was read is written, and the place is kept. kvmig resume lets it go on; the next apply goes on at that place. A plan that needs a paused one waits with it.',
  ],
  PERMISSION: [
    'a permission is missing',
    'The message names the object and the GRANT. docs/sources.md has the two roles that kvmig wants.',
  ],
  PGLITE: [
    'the embedded Postgres failed',
    'Run the same again; if it stays, the folder may be damaged: keep a copy and report it.',
  ],
  PGLITE_LOCKED: [
    'the embedded Postgres is open elsewhere',
    'Two processes on one folder would lose data. End the other one, or use another folder.',
  ],
  PGLITE_OPEN: [
    'the embedded Postgres does not start',
    'The message says whether it is the folder, its permissions or the version.',
  ],
  PLANS_MISSING: [
    'the project has no plans',
    'kvmig inspect --write drafts some from what is in the source.',
  ],
  PLAN_ENVIRONMENT: [
    'a saved plan of another environment',
    'Apply it with the --env it was made with, or make another.',
  ],
  PLAN_NOT_SURVEYED: ['a survey without this plan', 'A defect of kvmig: please report it.'],
  PLAN_REFUSED: ['the plans have mistakes', 'kvmig plan lists them, each with its place and its code.'],
  PLAN_STALE: [
    'a saved plan that does not fit any more',
    'Files, ledger or target have changed since it was reviewed. Make a new one: kvmig plan --out FILE.',
  ],
  PLAN_UNKNOWN: [
    'no such plan',
    'kvmig status lists the plans of the project. It is the name after plan:, not the file.',
  ],
  PLAN_USED: ['a saved plan that was applied before', 'A saved plan is for one apply. Make a new one.'],
  PROJECT_MISSING: [
    'no migrations.yaml',
    'Go to the folder of the project, name the file with --project, or begin one with kvmig init.',
  ],
  PROTOCOL: [
    'the target did not accept what was sent',
    'Poolers refuse start-up parameters such as options: take them out of the address.',
  ],
  QUERY_UNEXPLAINED: [
    'a query of the plan that Postgres cannot explain',
    'Run it by hand with its args. The message has the words of Postgres.',
  ],
  READ_ONLY: [
    'the target takes no writes',
    'It is a replica, or the role is read-only. Use the primary, and the role that applies.',
  ],
  REBUILD_CUT: [
    'the connection was lost while entries were being written',
    'The store holds a part of them. Empty it and begin again: elements of lists would come twice otherwise.',
  ],
  REJECTED: [
    'a value that cannot be stored on both sides',
    'The message names the column and the reason; docs/quarantine.md explains each. Nothing was written.',
  ],
  REJECT_LIMIT: [
    'more records were rejected than the plan allows',
    'kvmig status shows the reasons. Mend the mapping or the data, or raise reject: { limit: … } knowingly.',
  ],
  ROLLOUT_COMMAND: [
    'a command that has to wait for the end of the rollout',
    'As long as instances may write the source only, a write that depends on what is there could undo theirs. Set values as a whole, or wait until kvmig apply --phase=B has ended the rollout.',
  ],
  ROUTE_CHANGED: [
    'somebody else changed the route first',
    'Look with kvmig status where the plan is now, then decide again.',
  ],
  ROUTE_UNKNOWN: [
    'the route of a plan cannot be looked up',
    'The target is out of reach, and without it nobody knows where the plan is read and written. It is tried again with the next operation.',
  ],
  ROW_SECURITY: [
    'a policy hides rows',
    'Hidden rows would count as missing. Use the owner of the table, or a role with BYPASSRLS.',
  ],
  SERIALIZATION: [
    "transactions got in each other's way",
    'kvmig tries again by itself a few times. Apply again when it gives up.',
  ],
  SERVER: [
    'the target refused a statement',
    'The five characters are its SQLSTATE; the log of the server says more.',
  ],
  SOURCE_ADDRESS: [
    'an address of a Redis that cannot be read',
    'redis://user:password@host:6379/0; the number is the database. Special characters are percent-encoded.',
  ],
  SOURCE_AUTH: [
    'the source refused the credentials',
    'Check user and password in the address, and that special characters are percent-encoded.',
  ],
  SOURCE_ANSWER: [
    'a source answered what its protocol does not know',
    'Is there a proxy in between, or another service at this address? Try it with curl; the message has the status.',
  ],
  SOURCE_BUDGET: [
    'the budget of source commands is used up',
    'Raise it in migrations.yaml (budget:), wait for the next month, or read a backup: rdb:./dump.rdb costs nothing. Run the same again: it goes on.',
  ],
  SOURCE_BUSY: [
    'the source is busy',
    'It runs a script, or has no connection left. Run the same again later: it goes on.',
  ],
  SOURCE_CHANGED: [
    'another server answers than before',
    'Cursors mean nothing on another server, so the scan begins anew; what is there already is not copied twice.',
  ],
  SOURCE_CLOSED: [
    'the source was closed while it was read',
    'This is how a run ends that was stopped. Run the same again: it goes on.',
  ],
  SOURCE_CLUSTER: ['a node of a Redis Cluster', 'A backup of each node can be read: rdb:./dump.rdb.'],
  SOURCE_COMMAND: [
    'the source does not know a command',
    'kvmig reads Redis 6 and newer; some providers leave commands out or rename them.',
  ],
  SOURCE_CORRUPT: [
    'a backup that is damaged',
    'Nothing is taken from such a file. Copy it again and compare checksums, or make a new one. The byte in the message is where it shows.',
  ],
  SOURCE_CURSOR: [
    'a place that is none in this source',
    'kvmig apply --phase=A --again reads the source from its beginning.',
  ],
  SOURCE_DATABASE: [
    'which database is meant',
    'A Redis has several by number: redis://host/3, rdb:./dump.rdb?db=3.',
  ],
  SOURCE_FILE: [
    'the file of the source cannot be read',
    'Relative paths begin at the folder of the project file.',
  ],
  SOURCE_FORMAT: [
    'a file that is not what its address says, or newer than this version',
    'rdb: wants a backup of Redis or Valkey, ndjson: one JSON object a line. docs/sources.md says what is in them.',
  ],
  SOURCE_HOST: ['the host of the source has no address', 'Check the host name.'],
  SOURCE_LIBRARY: [
    'the library that reads this kind of source is not there',
    'SQLite is read by Node itself from 22.5 on, before that by libsql, an optional dependency: npm install libsql.',
  ],
  SOURCE_LOADING: ['the source is still loading its data', 'Run the same again when it has finished.'],
  SOURCE_LOST: ['the source closed the connection', 'Run the same again: it goes on where it was.'],
  SOURCE_NOPERM: [
    'the user of the source may not do that',
    'The message names the command or the keys. docs/sources.md has the ACL that kvmig wants.',
  ],
  SOURCE_OOM: [
    'the source has no memory left, or its storage quota is used up',
    'Give it more, or free some. What waits in the outbox is written then.',
  ],
  SOURCE_PROTOCOL: [
    'the source does not answer as a Redis does',
    'Is this the address of a Redis, and does it want TLS (rediss://) or none (redis://)?',
  ],
  SOURCE_QUOTA: [
    "the provider's quota is used up",
    'Wait for the day in the message or raise the plan; a backup from the console can be read with rdb:.',
  ],
  SOURCE_READONLY: ['the source is a read-only replica', 'Use the address of the primary.'],
  SOURCE_READ_ONLY: [
    'a kind of store that kvmig does not write',
    'kvmig rebuild --into takes a Redis: redis:// or rediss://.',
  ],
  SOURCE_REFUSED: ['the source refused the connection', 'Is the server running, and is this its port?'],
  SOURCE_REPLY: [
    'the source answered with something else than asked',
    'A proxy in between, or a server that only resembles Redis? Please report which.',
  ],
  SOURCE_SERVER: [
    'the source fails within itself',
    "Run the same again later: it goes on. The provider's status page may say more.",
  ],
  SOURCE_SQLITE: [
    'SQLite could not read the database',
    'Is the file whole, and not encrypted? sqlite3 FILE "PRAGMA integrity_check" says more. A backup (.backup) can be read as well.',
  ],
  SOURCE_STALE: [
    'a replica that has lost its primary, or is too far behind it',
    'Use the address of the primary; of a cluster, leave `?read=replicas` out, or wait until it has caught up.',
  ],
  SOURCE_THROTTLED: ['the source says that it is asked too much', 'Use --rate with a smaller number.'],
  SOURCE_TIMEOUT: [
    'the source did not answer in time',
    'Is it overloaded, is a firewall in between, or does only one side speak TLS?',
  ],
  SOURCE_TLS: [
    'no trusted TLS connection to the source',
    'Add ?ca=FILE with the certificate of its authority, or mend the host name.',
  ],
  SOURCE_TOO_LARGE: [
    'a value larger than the source gives at once, or takes',
    'Reading: take a backup, rdb:./dump.rdb. Writing: make it smaller, or take a larger plan.',
  ],
  SOURCE_UNKNOWN: [
    'no such source',
    'sources: in migrations.yaml names them; the scheme of an address picks the driver.',
  ],
  SOURCE_UNREACHABLE: [
    'the source cannot be reached from here',
    'Is it in a private network, or behind a firewall?',
  ],
  SOURCE_UNSTABLE: [
    'a list that is never left alone',
    'It was written to during every attempt to read it. Pause its writers for a moment, or take it from a backup.',
  ],
  SOURCE_WRONGTYPE: [
    'a key of another type than the plan says',
    'Somebody else writes it as something else. kvmig trace KEY shows what it is.',
  ],
  STARTING: ['the target is starting or stopping', 'Run the same again in a moment.'],
  EXTENSION_MISSING: [
    'the server lacks an extension that a plan needs',
    'The message says how to get it there: install it on the server, or switch it on at the provider. kvmig plan --live tells of each extension whether it is there.',
  ],
  STILL_REFERENCED: [
    'rows that other rows refer to',
    'They cannot be taken back while others need them. Take those back first, or drop their foreign key.',
  ],
  STOPPED: ['stopped by you or by the system', 'Nothing was left half done. Run the same again: it goes on.'],
  STORE_NOT_EMPTY: [
    'the store to write into holds keys',
    'Use an empty one, such as another database of the server; or say --beside: keys that are there already are then left as they are.',
  ],
  TABLE_DRIFT: [
    'a table that is not as the schema file says',
    'The message lists the differences. Change the table, or the file.',
  ],
  TABLE_GONE: [
    'a table that was applied and is not there any more',
    'Somebody dropped or renamed it. kvmig rollback PLAN forgets what was copied into it, then kvmig apply --phase=A makes and fills it again. If it was only renamed, rename it back.',
  ],
  TABLE_MISSING: [
    'a table that is not there',
    'Was it dropped or renamed? kvmig plan --live shows what is there.',
  ],
  TABLE_TAKEN: [
    'a table of that name that kvmig did not make',
    'Name the file with its DDL under schema: in the project, or choose another name.',
  ],
  TARGET_EMBEDDED: [
    'an embedded Postgres cannot be dual-written',
    'One process at a time has it open, and from phase B on the application and kvmig both would. It is for phase A: to look at what the plans make, or for an application that was stopped. Name a server as target, and begin there with kvmig apply --phase=A.',
  ],
  TIMEOUT: [
    'a statement took longer than its limit',
    'Raise statement_timeout for the role, or use smaller batches (--batch 2000).',
  ],
  TLS: [
    'no trusted TLS connection to the target',
    'sslrootcert=FILE names the certificate of its authority; sslmode=require encrypts without asking who answers.',
  ],
  TLS_NOT_OFFERED: ['the target speaks no TLS', 'Within a private network write sslmode=disable.'],
  TOO_MANY_CONNECTIONS: [
    'the target takes no more connections',
    'Close some, raise max_connections, or use the address of a pooler.',
  ],
  UNEXPECTED: [
    'an error that kvmig has no word for',
    'Run it again with KVMIG_DEBUG=1 to see where, and please report it. No data of yours is printed.',
  ],
  USAGE: ['the command line cannot be read', 'kvmig COMMAND --help has its options and examples.'],
  VECTOR_METRIC: [
    'collections that measure differently go to one table',
    'An index measures distances in one way, and a search of the application by another is answered without it. Say the operator class, columns: [embedding vector_cosine_ops], or give each collection a table of its own.',
  ],
  WRITE_REFUSED: [
    'a write that did not take place',
    'The message says why. Nothing was changed on either side. If a row is missing that this one refers to, write that first.',
  ],
  WRITE_UNCONFIRMED: [
    'a write of which one side is not confirmed',
    'Postgres may have it, and then the outbox carries it to the source. Setting the value again is safe; a counter or a list may have it already. docs/runtime.md: failure policies.',
  ],
  WRITE_UNKNOWN: [
    'a write of which nobody knows whether it took place',
    'The connection was lost when it should have been answered, and Postgres could not be asked in time. It is there whole, and then the outbox carries it to the source, or not at all: nothing has to be mended. Setting the value again is safe, since the newer version wins; a counter or a list may have it already, so read it first.',
  ],
}
