// Tables of the docs, made of the registered parts: markdown, one row for each part.

/** `| `lower` | text | text | no: the case of letters is forgotten | Letters in lower case. |` */
export function transformTable(transforms) {
  const rows = [...transforms].map(([name, it]) => [
    code(call(name, it.parameters)),
    it.takes.map(kind).join(', '),
    gives(it),
    wayBack(it),
    it.summary,
  ])
  return table(['transform', 'takes', 'gives', 'way back', 'what it does'], rows)
}

export function decoderTable(decoders) {
  const rows = [...decoders].map(([name, it]) => [
    code(it.arity[1] > 0 ? `${name}(path)` : name),
    kind(it.takes),
    kind(it.gives),
    wayBack(it),
    it.summary,
  ])
  return table(['decoder', 'takes', 'gives', 'way back', 'what it does'], rows)
}

export function checkTable(checks) {
  const rows = [...checks.values()].map(({ code: id, name, mandatory, always, summary }) => [
    id,
    `[${name}](#${name})`,
    [mandatory ? 'always in B' : '', always ? `always in ${always.join(', ')}` : '']
      .filter(Boolean)
      .join('; ') || 'if listed',
    summary,
  ])
  return table(['code', 'check', 'asked', 'passes when this holds'], rows)
}

/** What each kind of store can do; why it cannot is told below the table. */
export function storeTable(sources, capabilities) {
  const names = Object.keys(capabilities)
  const notes = []
  const cell = ({ lacks }, name) => {
    if (lacks[name] === undefined) return 'yes'
    if (!notes.includes(lacks[name])) notes.push(lacks[name])
    return `no [${notes.indexOf(lacks[name]) + 1}]`
  }
  const rows = sources.map((it) => [
    it.schemes.map((scheme) => code(`${scheme}:`)).join(' '),
    it.summary.replace(/\.$/, ''),
    ...names.map((name) => cell(it, name)),
  ])
  const reasons = notes.map((it, index) => `[${index + 1}] ${it}`).join(' · ')
  return `${table(['address', 'what', ...Object.values(capabilities)], rows)}${reasons ? `\n\n${reasons}` : ''}`
}

const call = (name, parameters) =>
  parameters.length === 0
    ? name
    : `${name}(${parameters.map((it) => it.name + (it.optional ? '?' : '')).join(', ')})`

function gives({ takes, gives: give }) {
  const kinds = takes.map((it) => [it, give(it)])
  if (
    takes.includes('any')
      ? give('number') === 'number'
      : kinds.every(([taken, given]) => taken === given && takes.length > 1)
  )
    return 'the same'
  return [...new Set(kinds.map(([, given]) => kind(given)))].join(', ')
}

const KINDS = { any: 'any', array: 'list', instant: 'moment' }
const kind = (it) => KINDS[it] ?? it

const wayBack = ({ oneWay }) => (oneWay ? `no: ${oneWay}` : 'yes')

const code = (text) => `\`${text}\``

function table(head, rows) {
  const line = (cells) => `| ${cells.map((it) => it.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
