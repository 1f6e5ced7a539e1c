import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { didYouMean } from '../diagnostic.ts'
import { KvmigError } from '../errors.ts'

/** A plan for a well-known key layout, into the tables of a Postgres library: a file of `presets/`. */
export interface Preset {
  readonly name: string
  /** Its first line: what becomes of what. */
  readonly says: string
  /** The plan, as it is written out: nothing is expanded later, so that a review sees every line of it. */
  readonly text: string
  /** DDL of the tables that the library makes, for `schema:`; undefined where kvmig makes them. */
  readonly schema: string | undefined
}

/** Every preset that comes with kvmig, by name. */
export const readPresets = (): readonly Preset[] =>
  readdirSync(FOLDER)
    .filter((it) => it.endsWith('.yaml'))
    .sort()
    .map((file) => {
      const text = readFileSync(new URL(file, FOLDER), 'utf8')
      const name = file.replace(/\.yaml$/, '')
      const schema = new URL(`${name}.sql`, FOLDER)
      return {
        name,
        says: /^# (.*)$/m.exec(text)?.[1] ?? '',
        text,
        schema: existsSync(schema) ? readFileSync(schema, 'utf8') : undefined,
      }
    })

/** Throws USAGE, naming those that there are. */
export function presetNamed(name: string): Preset {
  const presets = readPresets()
  const found = presets.find((it) => it.name === name)
  if (found) return found
  const names = presets.map((it) => it.name)
  const meant = didYouMean(name, names)
  throw new KvmigError('USAGE', `There is no preset "${name}".${meant ? ` Did you mean ${meant}?` : ''}`, {
    hint: `There are: ${names.join(', ')}. docs/presets.md says what each does.`,
  })
}

const FOLDER = new URL('../../presets/', import.meta.url)
