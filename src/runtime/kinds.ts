import { MAPPING_PARTS } from '../catalog.ts'
import { KvmigError } from '../errors.ts'
import { forwardClaims } from '../mapping/claim.ts'
import type { CompiledProject } from '../mapping/compiled-project.ts'
import { groupOf } from '../mapping/group.ts'
import { isManyRows } from '../mapping/many-rows.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import { type Mapping, mappingsOf, type Plan, type Project } from '../plan/plan.ts'
import type { Entry } from '../sources/source.ts'
import { compileEntryKind, type EntryKind } from './entry-kind.ts'
import type { KeyClaimsParts } from './key-claims.ts'
import type { FailurePolicy } from './protocol.ts'
import { compileRecordKind, type RecordKind, type Refusal } from './record-kind.ts'

/** A plan by its name. Throws PLAN_UNKNOWN. */
export function planOf(project: Project, name: string): Plan {
  const plan = project.plans.find((it) => it.name === name)
  if (plan) return plan
  throw new KvmigError('PLAN_UNKNOWN', `There is no plan "${name}" in ${project.file}.`, {
    hint: `It has ${project.plans.map((it) => it.name).join(', ')}.`,
  })
}

/** `writes: { failure: available }`, validated when the plan was loaded. */
export const failureOf = ({ later }: Plan): FailurePolicy =>
  (later.writes as { readonly failure?: FailurePolicy } | undefined)?.failure ?? 'strict'

/** The records of a mapping. Throws MAPPING_UNKNOWN, and DUAL_WRITE where they are more than one row each. */
export function kindOf(
  project: Project,
  compiled: CompiledProject,
  planName: string,
  mappingName: string | undefined,
): RecordKind {
  const plan = planOf(project, planName)
  const mappings = mappingsOf(plan)
  const mapping =
    mappingName === undefined && mappings.length === 1
      ? mappings[0]!
      : mappings.find((it) => it.name === mappingName)
  if (!mapping)
    throw new KvmigError(
      'MAPPING_UNKNOWN',
      mappingName === undefined
        ? `Plan ${plan.name} has several mappings: say which.`
        : `Plan ${plan.name} has no mapping "${mappingName}".`,
      { hint: `store('${plan.name}', …) with one of ${mappings.map((it) => it.name).join(', ')}.` },
    )
  const made = compileRecordKind(
    plan,
    compiled.mapping(plan.name, mapping.name),
    MAPPING_PARTS,
    compiled.collides(mapping.into),
  )
  if ('because' in made) throw cannotDualWrite(plan.name, made)
  return made
}

/** The mapping whose entries a store is about, where they are several rows each; undefined: it is about rows. */
export function manyRows(project: Project, planName: string, name: string | undefined): Mapping | undefined {
  const plan = planOf(project, planName)
  const mappings = mappingsOf(plan)
  const [first] = mappings
  const mapping = name === undefined ? first : mappings.find((it) => it.name === name)
  if (!mapping || !isManyRows(plan, mapping)) return undefined
  return name === undefined && groupOf(plan, mapping).length < mappings.length ? undefined : mapping
}

/** What is compiled once for all clients. */
export function kindsOf(
  project: Project,
  compiled: CompiledProject,
): Pick<KeyClaimsParts, 'kindOf' | 'entryKindOf'> {
  const kinds = new Map<CompiledMapping, RecordKind | Refusal>()
  const entryKinds = new Map<string, EntryKind | Refusal>()
  return {
    kindOf: (mapping) => {
      const known =
        kinds.get(mapping) ??
        compileRecordKind(
          planOf(project, mapping.plan),
          mapping,
          MAPPING_PARTS,
          compiled.collides(mapping.table.name),
        )
      kinds.set(mapping, known)
      return known
    },
    entryKindOf: (mappings) => {
      const name = mappings.map((it) => `${it.plan}/${it.mapping.name}`).join(' ')
      const known =
        entryKinds.get(name) ?? compileEntryKind(planOf(project, mappings[0]!.plan), mappings, compiled)
      entryKinds.set(name, known)
      return known
    },
  }
}

const cannotDualWrite = (plan: string, { mapping, because }: Refusal): KvmigError =>
  new KvmigError(
    'DUAL_WRITE',
    `The records of ${plan} ${mapping} cannot be written to both sides: ${because}.`,
    {
      hint: 'This version writes records that are one place in the source and one row in the target.',
    },
  )

/** Says of an entry whether it is really the mapping's, or another rule comes first. */
export function claimsOf(compiled: CompiledProject, kind: RecordKind): (entry: Entry) => boolean {
  const router = compiled.router(kind.source)
  const nowhere = { row: () => {}, reject: () => {}, filtered: () => {}, unmapped: () => {} }
  return (entry) => {
    const claims = router.route(entry.key, entry.type)
    const claim = forwardClaims(claims, entry, () => nowhere)
    return claim?.kind === 'mappings' && claim.mappings.includes(kind.compiled)
  }
}
