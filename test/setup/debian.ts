import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

/**
 * Debian packages, with the libraries they depend on, unpacked once into a cache folder: needs neither root nor an installation. Gives the
 * folder, and the path in which its libraries are; undefined where there is no apt, or no way to the archive.
 */
export function unpackDebian(
  names: readonly string[],
): { readonly folder: string; readonly libraries: string } | undefined {
  const folder = join(tmpdir(), `kvmig-${names.join('-')}-${process.getuid?.() ?? 0}`)
  if (!existsSync(folder)) {
    // Complete or not there: test runs may start side by side.
    const making = mkdtempSync(`${folder}-`)
    if (!fetch(names, making)) {
      rmSync(making, { recursive: true, force: true })
      return undefined
    }
    try {
      renameSync(making, folder)
    } catch {
      rmSync(making, { recursive: true, force: true })
    }
  }
  const libraries = ['usr/lib', 'lib']
    .map((it) => join(folder, it))
    .filter((it) => existsSync(it))
    .flatMap((it) => readdirSync(it).map((name) => join(it, name)))
    .join(':')
  return { folder, libraries }
}

function fetch(names: readonly string[], folder: string): boolean {
  // First with what the machine knows of the archive; a fresh one knows nothing yet, and only root may teach it.
  for (const options of [[], ownState(folder)]) {
    if (options.length > 0 && !apt('apt-get', [...options, 'update'], folder)) return false
    const packages = [...names, ...librariesOf(names, options, folder)]
    if (!apt('apt-get', [...options, 'download', ...packages], folder)) continue
    for (const file of readdirSync(folder).filter((it) => it.endsWith('.deb')))
      execFileSync('dpkg', ['-x', file, '.'], { cwd: folder })
    return true
  }
  return false
}

// The C library stays the machine's own: its loader and it belong together.
function librariesOf(
  names: readonly string[],
  options: readonly string[],
  folder: string,
): readonly string[] {
  const said = apt('apt-cache', [...options, 'depends', '--important', ...names], folder) ?? ''
  const found = [...said.matchAll(/^ {2}(?:Pre)?Depends: (lib\S+)$/gm)].map((it) => it[1]!)
  return [...new Set(found)].filter((it) => it !== 'libc6' && !names.includes(it))
}

function ownState(folder: string): readonly string[] {
  const state = join(folder, 'apt')
  for (const it of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(state, it), { recursive: true })
  return [
    `Dir::State::lists=${join(state, 'lists')}`,
    `Dir::Cache=${join(state, 'cache')}`,
    `APT::Sandbox::User=${userInfo().username}`,
  ].flatMap((it) => ['-o', it])
}

function apt(program: string, words: readonly string[], cwd: string): string | undefined {
  const { status, stdout } = spawnSync(program, words, { cwd, encoding: 'utf8' })
  return status === 0 ? stdout : undefined
}
