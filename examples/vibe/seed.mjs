// Writes the data of the example: invented people of a small social app, as years of releases would have left them in Redis.
//
//   node examples/vibe/seed.mjs                                one {"cmd":[…]} a line
//   node examples/vibe/seed.mjs --resp | redis-cli --pipe      straight into a Redis of yours
//   node examples/vibe/seed.mjs --rdb examples/vibe/kv.rdb     through a redis-server of its own into a backup file
//
// Same commands every time: no clock, no chance.
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const commands = []
const send = (...command) => commands.push(command.map(String))

const next = mulberry32(20261001)
const whole = (below) => Math.floor(next() * below)
const pick = (list) => list[whole(list.length)]
const chance = (probability) => next() < probability
const some = (list, most) => [...new Set(Array.from({ length: whole(most + 1) }, () => pick(list)))]
const suffix = (length) => Array.from({ length }, () => pick('abcdefghjkmnpqrstuvwxyz23456789')).join('')

const START = Date.UTC(2025, 10, 1, 9)
const BACKUP = Date.UTC(2026, 8, 30, 22)
const DAY = 86_400_000
const FAR = Date.UTC(2036, 0, 1)
const iso = (millis) => new Date(millis).toISOString()
const day = (millis) => iso(millis).slice(0, 10)
const moment = (from = START) => from + whole(BACKUP - from)

const NAMES =
  'ada alma anouk aris bo bram cleo dario dina ebbe eli enzo faye finn gita gus hana hugo ida ilya ines ivo jana joon kai kofi lale lena levi lior maya mara milo mina nadia nico noor nour odin ola orla paz pia quinn rafi remy rosa ruben sable sana seb tala teo timo uma vera wren xiu yara yuki zadie zeno'.split(
    ' ',
  )
const ENDINGS = ['_dev', '42', '-makes', '.studio', '_x', '7']
const ODD = ["o'neil", 'zoë', '李雷', 'wild*card', 'really?', 'a/b', '[brackets]', 'two words', '🦊', '100%']
const AGENTS = ['solienne', 'pixel_ai', 'tidy-bot', 'scout', 'echo', 'muse', 'librarian', 'night_watch']
const RESERVED = {
  admin: 'staff',
  root: 'staff',
  support: 'staff',
  security: 'staff',
  vibe: 'brand',
  everyone: 'mentions',
  here: 'mentions',
  null: 'looks like a missing value',
  undefined: 'looks like a missing value',
  api: '',
  www: '',
}
const LINES = [
  'lunch at noon?',
  'ship it',
  'the cron died again',
  'naïve café résumé',
  'line one\nline two',
  'ありがとう 🙏',
  '007',
  '1e5',
  'null',
  'true',
  '0',
  'quote "inside" and \\ backslash',
  'tab\there',
  '100% done',
  "it's fine; DROP TABLE messages;--",
  'try the beta build',
  'streak is alive',
  'who broke main',
  '👩‍👩‍👧‍👦 and more',
  'https://example.org/?a=1&b=2#c',
  'שלום',
]
const BUILDING = [
  'a synth',
  'a "quoted" thing',
  'файловый менеджер',
  'null pointer hunting',
  '123',
  'true',
  'maps of nowhere',
]

const people = [
  ...NAMES,
  ...NAMES.flatMap((name, at) => [name + ENDINGS[at % 6], name + ENDINGS[(at + 3) % 6]]),
]
people.push(...ODD)
const everyone = [...people, ...AGENTS]
const joined = new Map(everyone.map((name) => [name, moment() - Math.floor((BACKUP - START) / 3)]))
for (const [name, at] of joined) joined.set(name, Math.max(START, at))

handles()
users()
messages()
board()
streaks()
invites()
achievements()
games()
memories()
friends()
consent()
whatStays()

const [option, file] = process.argv.slice(2)
if (option === '--rdb') await writeBackup(file)
else if (option === '--resp') process.stdout.write(resp(commands))
else for (const cmd of commands) console.log(JSON.stringify({ cmd }))

function handles() {
  for (const [at, handle] of everyone.entries()) {
    const agent = AGENTS.includes(handle)
    const since = joined.get(handle)
    const document = {
      registeredAt: iso(since),
      first_active_at: chance(0.8) ? iso(since + 1000) : null,
      last_active_at: chance(0.8) ? iso(moment(since)) : null,
      messages_sent: whole(90),
      genesis: at < 40,
      verified: pick(['none', 'none', 'github', 'x']),
      github_id: at === 3 ? 9007199254740993n : chance(0.3) ? BigInt(1000 + whole(90_000_000)) : null,
      isAgent: agent,
      operator: agent ? pick(NAMES) : null,
      capabilities: agent ? ['chat', ...some(['code', 'search', 'a,b'], 2)] : [],
      status: 'active',
    }
    if (chance(0.4)) document.one_liner = pick(LINES)
    if (chance(0.1)) document.theme = { name: 'dusk', contrast: 1.1 }
    const text = json(document)
    // A release in the spring encoded twice.
    send('HSET', 'vibe:handles', handle, at % 67 === 11 ? JSON.stringify(text) : text)
  }
  // What hset(key, field, json) did to one registration: the *name*, spread over the hash.
  for (const [at, letter] of [...'odin_dev'].entries()) send('HSET', 'vibe:handles', at, letter)
  for (const [handle, reason] of Object.entries(RESERVED)) send('HSET', 'vibe:reserved', handle, reason)
}

function users() {
  for (const [at, username] of people.entries()) {
    const since = joined.get(username)
    if (at % 31 === 7) {
      send('SET', `user:${username}`, json({ username, building: pick(BUILDING), created_at: since }))
      continue
    }
    const inviter = at > 10 && chance(0.6) ? people[whole(at)] : null
    // The client wrote a null as the text "null".
    send(
      'HSET',
      `user:${username}`,
      ...['username', username, 'building', chance(0.7) ? pick(BUILDING) : 'null'],
      ...['createdAt', iso(since), 'updatedAt', iso(moment(since))],
      ...['invitedBy', inviter ?? 'null', 'inviteCode', inviter ? `VIBE-${suffix(4).toUpperCase()}` : 'null'],
      ...['publicKey', chance(0.2) ? `MCowBQYDK2VwAyEA${suffix(20)}` : 'null'],
    )
  }
  // A sign-up page that did not check what it had.
  send(
    'HSET',
    'user:undefined',
    'username',
    'undefined',
    'building',
    'null',
    'createdAt',
    iso(START + DAY),
    'updatedAt',
    iso(START + DAY),
  )
}

function messages() {
  const documents = []
  let at = START + 3 * DAY
  for (let number = 0; number < 2150; number++) {
    at += whole(7.2 * 3_600_000) + 1
    const from = pick(everyone)
    const to = chance(0.15) ? NAMES[0] : pick(everyone)
    const document = { id: `msg_${at.toString(36)}${suffix(3)}`, from, to, text: pick(LINES), created_at: at }
    if (chance(0.06)) document.from = `@${from.charAt(0).toUpperCase()}${from.slice(1)}`
    if (chance(0.2)) document.reactions = some(['🔥', '❤️', 'eyes'], 3)
    if (chance(0.6)) document.read_at = at + 1 + whole(DAY)
    documents.push(document)
  }
  const odd = ['m:2025/11:a*?', 'm with spaces', 'm"quoted"', 'm\nnewline', 'm🦊', 'm[1]', 'm{id}', 'm%2F']
  for (const [number, id] of odd.entries()) {
    documents[number * 40 + 5].id = id
    documents[number * 40 + 1005].id = `${id} again`
  }

  // Until early 2026 each message had a key of its own. Sixty were carried over; the old layout cut the time to whole seconds.
  for (const [number, document] of documents.entries()) {
    const old = number < 720
    const carriedOver = old && number % 12 === 0
    const { reactions: _, ...plain } = document
    if (old)
      send(
        'SET',
        `message:${document.id}`,
        json({ ...plain, created_at: document.created_at - (document.created_at % 1000) }),
      )
    if (!old || carriedOver) {
      const text = json(document)
      send('HSET', 'vibe:messages', document.id, number % 401 === 399 ? JSON.stringify(text) : text)
    }
  }
  const late = BACKUP - DAY
  // Somebody who left, and took the handle along.
  for (const number of [1, 2, 3])
    send(
      'HSET',
      'vibe:messages',
      `msg_left_${number}`,
      json({
        id: `msg_left_${number}`,
        from: NAMES[number],
        to: 'somebody_who_left',
        text: 'still there?',
        created_at: late + number,
      }),
    )
  // The health check posts without a time.
  send(
    'HSET',
    'vibe:messages',
    'msg_health',
    json({ id: 'msg_health', from: NAMES[0], to: NAMES[0], text: 'ping' }),
  )
  // Shares the prefix, and is no message.
  send('SET', 'message:draft:ada', json({ draft: true, text: 'dear' }))

  for (const name of NAMES.slice(0, 40)) {
    const ids = documents.filter((it) => it.to === name).map((it) => it.id)
    if (ids.length) send('RPUSH', `inbox:${name}`, ...ids.slice(-10), 'msg_trimmed_long_ago')
    send('HSET', `unread:${name}`, pick(everyone), 1 + whole(5), pick(everyone), 1 + whole(3))
  }
}

function board() {
  const ids = []
  for (let number = 0; number < 220; number++) {
    const at = moment()
    const id = number === 9 ? 'entry:with:colons' : `entry_${at}_${suffix(6)}`
    ids.push(id)
    const document = {
      id,
      author: pick(everyone),
      content: pick(LINES),
      category: pick(['general', 'shipped', 'question', 'idea']),
      tags: some(['cli', 'überlegung', 'x,y', 'a "b"'], 2),
      timestamp: at,
    }
    if (chance(0.1)) delete document.category
    if (chance(0.6))
      document.reactions = Object.fromEntries(
        some(['fire', 'heart', 'eyes'], 3).map((it) => [it, some(everyone, 4)]),
      )
    if (chance(0.4))
      document.comments = Array.from({ length: 1 + whole(3) }, (_, index) => ({
        id: `cmt_${number}_${index}`,
        handle: pick(everyone),
        text: pick(LINES),
        createdAt: iso(at + 1000 * (index + 1)),
      }))
    send('SET', `board:entry:${id}`, json(document))
  }
  send(
    'SET',
    'board:entry:entry_left',
    json({
      id: 'entry_left',
      author: 'somebody_who_left',
      content: 'so long',
      category: 'general',
      tags: [],
      timestamp: BACKUP - 9 * DAY,
      reactions: { heart: [NAMES[1]] },
      comments: [{ id: 'cmt_left_0', handle: NAMES[2], text: 'farewell', createdAt: iso(BACKUP - 8 * DAY) }],
    }),
  )
  send('RPUSH', 'board:entries', ...ids.slice(-100), 'entry_trimmed_long_ago')
}

function streaks() {
  for (const username of people.filter(() => chance(0.8))) {
    const longest = 1 + whole(60)
    const fields = [
      'current',
      whole(longest + 1),
      'longest',
      longest,
      'lastActive',
      chance(0.9) ? day(moment()) : '',
    ]
    if (chance(0.85)) fields.push('totalDays', longest + whole(80))
    send('HSET', `streak:${username}`, ...fields)
  }
  // What a counter says after one division too many.
  send('HSET', `streak:${NAMES[5]}`, 'current', 'NaN', 'longest', 3, 'lastActive', '2026-02-01')
}

function invites() {
  for (let number = 0; number < 90; number++) {
    const at = moment()
    const creator = pick(people)
    const code = `VIBE-${suffix(4).toUpperCase()}-${number}`
    const used = chance(0.5)
    send(
      'HSET',
      'vibe:invites',
      code,
      json({
        created_by: creator,
        created_at: iso(at),
        expires_at: iso(at + 30 * DAY),
        used_by: used ? pick(people) : null,
        used_at: used ? iso(at + 3 * DAY) : null,
        status: used ? 'used' : 'available',
      }),
    )
    send('SADD', `vibe:invites:by:${creator}`, code)
  }
  for (let number = 0; number < 40; number++) {
    send('SET', `invite:old${number}`, pick(people))
    send('PEXPIREAT', `invite:old${number}`, FAR + number * 1000)
  }
}

function achievements() {
  const all = ['first_message', 'week_streak', 'night_owl', 'shipped', 'inviter', 'polyglot']
  for (const username of people.filter(() => chance(0.5))) {
    const earned = [...new Set([pick(all), ...some(all, 3)])]
    send('HSET', `achievements:${username}`, ...earned.flatMap((it) => [it, moment()]))
  }
}

function games() {
  const wins = new Map()
  for (let number = 0; number < 160; number++) {
    const at = START + number * 1.9 * DAY + whole(DAY)
    const [one, other] = [pick(people), pick(people)]
    if (one === other) continue
    const draw = chance(0.15)
    if (!draw) wins.set(one, (wins.get(one) ?? 0) + 1)
    send(
      'XADD',
      'game:results',
      `${Math.floor(at)}-0`,
      ...['game', pick(['tictactoe', 'hangman', 'chess']), 'players', JSON.stringify([one, other])],
      ...['winner', draw ? '' : one, 'moves', 3 + whole(40)],
    )
  }
  for (const [name, count] of wins) send('ZADD', 'game:leaderboard', count, name)
}

function memories() {
  for (const owner of people.filter(() => chance(0.55)))
    for (const about of some(everyone, 3)) {
      const items = Array.from({ length: 1 + whole(4) }, () => {
        const at = moment()
        return json({ id: `mem_${at.toString(36)}${suffix(4)}`, observation: pick(LINES), timestamp: at })
      })
      send('RPUSH', `memory:${owner}:${about}`, ...items)
    }
  // Half an emoji, as text.slice(0, 20) leaves it.
  send(
    'RPUSH',
    'memory:ada:yuki',
    '{"id":"mem_half","observation":"loves foxes \\ud83e","timestamp":1780000000000}',
  )
}

function friends() {
  for (const name of people.filter(() => chance(0.6))) {
    const others = some(people, 5).filter((it) => it !== name)
    if (others.length) send('SADD', `friends:${name}`, ...others)
  }
  send('SADD', 'friends:ada', 'somebody_who_left', 'bo')
}

function consent() {
  for (let number = 0; number < 80; number++) {
    const at = moment()
    const [from, to] = [pick(people), pick(people)]
    if (from === to) continue
    const status = pick(['pending', 'accepted', 'accepted', 'blocked'])
    const document = { status, requestedAt: iso(at) }
    if (status !== 'pending') document.respondedAt = iso(at + DAY)
    if (chance(0.4)) document.message = pick(LINES)
    if (status === 'accepted' && chance(0.3)) document.autoAccepted = true
    send('SET', `consent:${from}:${to}`, json(document))
    if (status === 'pending') send('PEXPIREAT', `consent:${from}:${to}`, FAR + DAY + number * 1000)
  }
}

// Presence, sign-ins, typing and rate limits: alive for minutes, at home in Redis.
function whatStays() {
  for (const [number, name] of NAMES.slice(0, 45).entries()) {
    send(
      'SET',
      `presence:data:${name}`,
      json({ username: name, workingOn: pick(BUILDING) }),
      'PXAT',
      FAR + number,
    )
    send('ZADD', 'presence:index', BACKUP - number * 1000, name)
    send('SET', `session:sess_${suffix(16)}`, json({ handle: name }), 'PXAT', FAR + number)
    send('SET', `ratelimit:message:${suffix(8)}`, whole(20), 'PXAT', FAR + number)
  }
  send('SET', 'typing:ada:bo', BACKUP)
  send('SET', 'debug:last_deploy', 'ok')
  send('SET', 'test', 'hello')
}

// JSON with whole numbers of any size.
function json(document) {
  return JSON.stringify(document, (_, value) => (typeof value === 'bigint' ? `big:${value}` : value)).replace(
    /"big:(\d+)"/g,
    '$1',
  )
}

function resp(list) {
  const bulk = (text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`
  return list.map((command) => `*${command.length}\r\n${command.map(bulk).join('')}`).join('')
}

async function writeBackup(to) {
  const folder = mkdtempSync(join(tmpdir(), 'kvmig-seed-'))
  const socket = join(folder, 'redis.sock')
  const cli = (args, input) => spawnSync('redis-cli', ['-s', socket, ...args], { input, encoding: 'utf8' })
  const server = spawn(
    'redis-server',
    ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '', '--dbfilename', 'kv.rdb'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  try {
    for await (const line of server.stdout) if (String(line).includes('eady to accept connections')) break
    const loaded = cli(['--pipe'], resp(commands))
    if (!loaded.stdout.includes('errors: 0'))
      throw new Error(`redis-cli --pipe: ${loaded.stdout}${loaded.stderr}`)
    const keys = cli(['DBSIZE']).stdout.trim()
    if (cli(['SAVE']).stdout.trim() !== 'OK') throw new Error('SAVE did not answer OK')
    copyFileSync(join(folder, 'kv.rdb'), to)
    console.error(`${to}: ${keys} keys`)
  } finally {
    server.kill()
    rmSync(folder, { recursive: true })
  }
}

function mulberry32(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
