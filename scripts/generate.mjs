// Writes what is generated from the registered parts and checked in: schema.json, and the tables of the docs between their markers.
// With --check it writes nothing and fails where one of them is stale.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { checkTable, decoderTable, storeTable, transformTable } from './doc-tables.mjs'
import { ensureBuilt } from './ensure-built.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
ensureBuilt(root)
const load = (path) => import(pathToFileURL(join(root, 'dist', path)).href)
const { CHECKS, PLAN_CATALOG } = await load('catalog.js')
const { SOURCES } = await load('sources/index.js')
const { CAPABILITIES } = await load('sources/source.js')
const { editorSchema } = await load('plan/schema.js')

const files = new Map([
  ['schema.json', `${JSON.stringify(editorSchema(PLAN_CATALOG), null, 2)}\n`],
  [
    'docs/language.md',
    withTables('docs/language.md', {
      transforms: transformTable(PLAN_CATALOG.transforms),
      decoders: decoderTable(PLAN_CATALOG.decoders),
    }),
  ],
  ['README.md', withTables('README.md', { stores: storeTable(SOURCES, CAPABILITIES) })],
  ['docs/gates-and-triggers.md', withTables('docs/gates-and-triggers.md', { checks: checkTable(CHECKS) })],
])
const stale = [...files].filter(([path, text]) => read(path) !== text)
if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`${path} is not what the parts give now. Run: npm run generate`)
  if (stale.length > 0) process.exit(1)
  console.log(`${[...files.keys()].join(', ')}: up to date`)
} else {
  for (const [path, text] of stale) writeFileSync(join(root, path), text)
  console.log(stale.length > 0 ? `wrote ${stale.map(([path]) => path).join(', ')}` : 'nothing had changed')
}

/** The page with new text between `<!-- generated: NAME -->` and `<!-- end -->`. */
function withTables(path, tables) {
  let page = read(path)
  for (const [name, text] of Object.entries(tables)) {
    const [start, end] = [`<!-- generated: ${name} -->\n`, '\n<!-- end -->']
    const from = page?.indexOf(start) ?? -1
    if (from < 0)
      throw new Error(`${path} has no place for the table of ${name}: ${start.trim()} … ${end.trim()}`)
    const to = page.indexOf(end, from)
    page = `${page.slice(0, from + start.length)}\n${text}\n${page.slice(to)}`
  }
  return page
}

function read(path) {
  const file = join(root, path)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}
