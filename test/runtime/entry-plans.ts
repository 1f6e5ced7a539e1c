/** Plans whose records are more than one place and one row: one for each family. */
export const ENTRY_PLANS: Readonly<Record<string, string>> = {
  lists: `
version: 1
plan: lists
mappings:
  - { match: 'list:{id}', type: list, each: item, into: lists, fields: { id: $id, place: $index, item: $item } }
tables:
  lists: { columns: { id: text, place: integer, item: text not null }, primary_key: [id, place] }
`,
  documents: `
version: 1
plan: documents
mappings:
  - match: doc:{id}
    type: string
    decode: json
    into: docs
    fields: { id: $id, title: title | default('') }
  - match: doc:{id}
    type: string
    decode: json
    each: 'tags[*]'
    into: doc_tags
    key: [doc, place]
    fields: { doc: $id, place: $index, tag: $item }
tables:
  docs: { columns: { id: text, title: text not null }, primary_key: [id] }
  doc_tags:
    columns: { doc: text, place: integer, tag: text not null }
    primary_key: [doc, place]
    references: [{ columns: [doc], to: docs(id) }]
`,
  people: `
version: 1
plan: people
mappings:
  - match: people
    type: hash
    each: field
    decode: json
    into: people
    key: [id]
    conflict: keep
    fields: { id: $field, name: name }
  - match: person:{id}
    type: string
    decode: json
    into: people
    key: [id]
    conflict: update
    fields: { id: $id, name: name | lower }
tables:
  people: { columns: { id: text, name: text not null }, primary_key: [id] }
`,
  scores: `
version: 1
plan: scores
mappings:
  - match: scores:{game}
    type: hash
    each: field
    into: scores
    fields: { game: $game, player: $field, points: $value | int, until: $expires_at }
tables:
  scores:
    columns: { game: text, player: text, points: bigint not null, until: timestamptz }
    primary_key: [game, player]
`,
  ranks: `
version: 1
plan: ranks
mappings:
  - match: ranks:{board}
    type: zset
    each: member
    into: ranks
    fields: { board: $board, who: $member, score: $score | float }
tables:
  ranks: { columns: { board: text, who: text, score: double precision not null }, primary_key: [board, who] }
`,
  tags: `
version: 1
plan: tags
mappings:
  - { match: 'tags:{id}', type: set, each: member, into: tags, fields: { id: $id, tag: $member } }
tables:
  tags: { columns: { id: text, tag: text }, primary_key: [id, tag] }
`,
  emails: `
version: 1
plan: emails
mappings:
  - match: emails:{user}
    type: hash
    each: field
    into: emails
    key: [email]
    fields: { email: $value, person: $user, label: $field }
tables:
  emails: { columns: { email: text, person: text not null, label: text not null }, primary_key: [email] }
`,
}
