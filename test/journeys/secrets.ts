import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'

/** Secrets, each a word that is nowhere else in the world. */
export class Canaries {
  readonly words: string[] = []

  /** A new one; `like` makes a value of it that is nearly what a column wants. */
  plant(like: (word: string) => string = (it) => it): string {
    const word = `canary${this.words.length}x${randomBytes(6).toString('hex')}`
    this.words.push(word)
    return like(word)
  }

  /** Those that these bytes hold: as they are, in capitals, or as hex or base64 would spell them. */
  in(bytes: string | Buffer): readonly string[] {
    const text = bytes.toString('latin1').toLowerCase()
    const base64 = bytes.toString('latin1')
    return this.words.filter(
      (word) =>
        text.includes(word) ||
        text.includes(Buffer.from(word).toString('hex')) ||
        [0, 1, 2].some((shift) => base64.includes(inBase64(word, shift))),
    )
  }
}

// The middle of it, which is the same wherever the word begins at this distance from a multiple of three.
function inBase64(word: string, shift: number): string {
  const text = Buffer.from('x'.repeat(shift) + word).toString('base64')
  return text.slice(shift === 0 ? 0 : 4, -4)
}

/** Plans that take values into every type of column, from every kind of Redis value, and into a table of the application with rules of its own. */
export const SECRET_PROJECT: Readonly<Record<string, string>> = {
  'migrations.yaml': `version: 1
sources: { kv: "\${KV_URL}" }
target: \${DATABASE_URL}
plans: plans/*.yaml
schema: schema.sql
ephemeral: [{ match: 'session:{_}', because: people sign in again }]
ignore: [{ match: 'cache:{_}', because: it can be computed }]
`,
  'schema.sql': `CREATE TYPE public.kind AS ENUM ('cat', 'dog');
CREATE TABLE public.teams (name text PRIMARY KEY);
CREATE TABLE public.people (
  id text PRIMARY KEY,
  email text NOT NULL UNIQUE CHECK (position('@' in email) > 0),
  nick varchar(12),
  kind public.kind,
  team text REFERENCES public.teams (name)
);
`,
  'plans/docs.yaml': `version: 1
plan: docs
mappings:
  - match: doc:{id}
    type: string
    decode: json
    into: docs
    unmapped: { drop: all, because: not wanted }
    fields:
      id: $id
      a_text: a_text
      a_int: a_int
      a_numeric: a_numeric
      a_boolean: a_boolean
      a_float: a_float
      a_uuid: a_uuid
      a_time: a_time | iso
      a_date: a_date | date
      a_json: a_json
      a_list: a_list
      a_bytes: a_bytes | base64
      a_short: a_short
    where: key.id != "hidden" && (!has(r.when) || timestamp(r.when) > timestamp("2020-01-01T00:00:00Z")) && (!has(r.many) || int(r.many) > 0) && (!has(r.size) || r.size > 5)
  - match: form:{id}
    type: hash
    into: forms
    unmapped: { drop: all, because: not wanted }
    fields: { id: $id, an_int: an_int | int, a_decimal: a_decimal | decimal, a_bool: a_bool | bool, an_epoch: an_epoch | epoch_s, a_json: a_json | json, needed: needed }
  - match: fields:{id}
    type: hash
    each: field
    decode: json
    into: parts
    key: [owner, part]
    fields: { owner: $id, part: $field, n: n }
  - match: list:{id}
    type: list
    each: item
    decode: json
    into: items
    key: [owner, place]
    fields: { owner: $id, place: $index, n: n }
  - match: log:{id}
    type: stream
    each: message
    into: entries
    key: [owner, at]
    unmapped: { drop: all, because: not wanted }
    fields: { owner: $id, at: $message, n: n | int }
tables:
  docs:
    columns: { id: text, a_text: text, a_int: integer, a_numeric: 'numeric(6,2)', a_boolean: boolean, a_float: double precision, a_uuid: uuid, a_time: timestamptz, a_date: date, a_json: jsonb, a_list: 'text[]', a_bytes: bytea, a_short: varchar(8) }
    primary_key: [id]
  forms:
    columns: { id: text, an_int: integer, a_decimal: 'numeric(6,2)', a_bool: boolean, an_epoch: timestamptz, a_json: jsonb, needed: text not null }
    primary_key: [id]
  parts: { columns: { owner: text, part: text, n: integer }, primary_key: [owner, part] }
  items: { columns: { owner: text, place: integer, n: integer }, primary_key: [owner, place] }
  entries: { columns: { owner: text, at: text, n: integer }, primary_key: [owner, at] }
`,
  'plans/people.yaml': `version: 1
plan: people
mappings:
  - match: person:{id}
    type: hash
    into: people
    fields: { id: $id, email: email, nick: nick, kind: kind, team: team }
  - match: member:{id}
    type: hash
    into: people
    fields: { id: $id, email: email, nick: nick, kind: kind, team: team }
examples:
  - entry: { key: 'person:1', hash: { email: a@b, nick: al } }
    rows: { people: [{ id: '1', email: a@b, nick: al, kind: null, team: null }] }
`,
}

/** Plants a canary in every value there is. */
export async function fillWithSecrets(client: Redis, canaries: Canaries): Promise<void> {
  const plant = canaries.plant.bind(canaries)
  const doc = (id: string, value: unknown) =>
    client.set(`doc:${id}`, typeof value === 'string' ? value : JSON.stringify(value))
  await doc('good', {
    a_text: plant(),
    a_json: { deep: plant() },
    a_list: [plant()],
    a_bytes: Buffer.from(plant()).toString('base64'),
    unknown: plant(),
  })
  for (const column of [
    'a_int',
    'a_numeric',
    'a_boolean',
    'a_float',
    'a_uuid',
    'a_time',
    'a_date',
    'a_short',
  ])
    await doc(column, { [column]: plant() })
  await doc('a_list', { a_list: [{ no: plant() }] })
  await doc('a_text', { a_text: { no: plant() } })
  await doc('nul', { a_text: plant((it) => `${it}\0`) })
  await doc('nul_json', { a_json: { x: plant((it) => `${it}\0`) } })
  await doc('a_bytes', { a_bytes: plant((it) => `%%${it}%%`) })
  await doc('hidden', { a_text: plant() })
  for (const field of ['when', 'many', 'size']) await doc(`where_${field}`, { [field]: plant() })
  await doc(
    'broken',
    plant((it) => `{"a_text": "${it}`),
  )
  await doc('no_object', JSON.stringify(plant()))
  await client.set('doc:not_utf8', Buffer.concat([Buffer.from(plant()), Buffer.from([0xff, 0xfe])]))
  await client.hset('doc:a_hash', 'field', plant())
  for (const field of ['an_int', 'a_decimal', 'a_bool', 'an_epoch', 'a_json'])
    await client.hset(`form:${field}`, { needed: plant(), [field]: plant() })
  await client.hset('form:needed', { other: plant() })
  await client.hset('fields:1', 'a', JSON.stringify({ n: plant() }), 'b', plant())
  await client.rpush('list:1', JSON.stringify({ n: plant() }), plant())
  await client.xadd('log:1', '*', 'n', plant(), 'other', plant())
  await client.set('nobody:knows', plant())
  await client.set('cache:1', plant())
  await client.set('session:1', plant(), 'EX', 3600)
  const person = (key: string, fields: Record<string, string>) => client.hset(key, fields)
  const twice = plant((it) => `${it}@example.org`)
  await person('person:good', {
    email: plant((it) => `${it}@example.org`),
    nick: 'al',
    kind: 'cat',
    team: 'red',
  })
  await person('person:fine', { email: plant((it) => `${it}@example.org`), kind: 'dog' })
  await person('person:check', { email: plant(), kind: 'cat' })
  await person('person:unique', { email: twice })
  await person('person:unique2', { email: twice })
  await person('person:nick', { email: plant((it) => `${it}@b`), nick: plant() })
  await person('person:kind', { email: plant((it) => `${it}@b`), kind: plant() })
  await person('person:team', { email: plant((it) => `${it}@b`), team: plant() })
  await person('member:good', { email: plant((it) => `${it}@b`) })
}
