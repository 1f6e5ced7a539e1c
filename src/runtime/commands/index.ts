import type { Commands } from './command.ts'
import { HASHES } from './hashes.ts'
import { KEYS } from './keys.ts'
import { LISTS } from './lists.ts'
import { SETS } from './sets.ts'
import { STRINGS } from './strings.ts'
import { ZSETS } from './zsets.ts'

/** Every command that can be carried out on what keys hold, by its name in lower case. */
export const COMMANDS: Commands = { ...STRINGS, ...HASHES, ...SETS, ...ZSETS, ...LISTS, ...KEYS }
