// Writes what is generated from the registered parts and checked in: schema.json. With --check it writes nothing and fails where that is stale.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ensureBuilt } from './ensure-built.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
ensureBuilt(root)
const load = (path) => import(pathToFileURL(join(root, 'dist', path)).href)
const { PLAN_CATALOG } = await load('catalog.js')
const { editorSchema } = await load('plan/schema.js')

const files = new Map([['schema.json', `${JSON.stringify(editorSchema(PLAN_CATALOG), null, 2)}\n`]])
const stale = [...files].filter(([path, text]) => read(join(root, path)) !== text)
if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`${path} is not what the parts give now. Run: npm run generate`)
  if (stale.length > 0) process.exit(1)
  console.log(`${[...files.keys()].join(', ')}: up to date`)
} else {
  for (const [path, text] of stale) writeFileSync(join(root, path), text)
  console.log(stale.length > 0 ? `wrote ${stale.map(([path]) => path).join(', ')}` : 'nothing had changed')
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}
