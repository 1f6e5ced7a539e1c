import { randomUUID } from 'node:crypto'
import type { ChromaSeed, ChromaSpace } from './chroma-server.ts'

/** The real server, where there is one: KVMIG_CHROMA=http://127.0.0.1:8000 (npx -y -p chromadb@3.0.3 chroma run). */
export const REAL_CHROMA = process.env.KVMIG_CHROMA

export interface ChromaCollection {
  readonly seeds: readonly ChromaSeed[]
  readonly space?: ChromaSpace | undefined
}

/** Puts collections into a database of their own there, and gives its address, without `chroma+`. */
export async function fillChroma(
  server: string,
  collections: Readonly<Record<string, ChromaCollection>>,
): Promise<string> {
  const database = `kvmig_${randomUUID()}`
  const post = async (path: string, body: unknown): Promise<{ id: string }> => {
    const response = await fetch(`${server}/api/v2/tenants/default_tenant/databases${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response.json() as Promise<{ id: string }>
  }
  await post('', { name: database })
  for (const [name, { seeds, space }] of Object.entries(collections)) {
    const configuration = space === undefined ? {} : { configuration: { hnsw: { space } } }
    const { id } = await post(`/${database}/collections`, { name, ...configuration })
    for (let at = 0; at < seeds.length; at += 1000) {
      const some = seeds.slice(at, at + 1000)
      await post(`/${database}/collections/${id}/add`, {
        ids: some.map((it) => it.id),
        documents: some.map((it) => it.document),
        embeddings: some.map((it) => JSON.parse(it.embedding)),
        metadatas: some.map((it) => JSON.parse(it.metadata)),
      })
    }
  }
  return `${server}/default_tenant/${database}`
}
