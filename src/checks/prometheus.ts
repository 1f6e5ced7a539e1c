import { object, text } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { atPath, fetchJson } from './fetch-json.ts'
import { type Limits, limitProperties } from './limit.ts'
import { judgeNumber } from './number-of.ts'

export const prometheus: Check<
  Limits & { readonly url: string; readonly query: string; readonly token?: string }
> = {
  name: 'prometheus',
  code: 'KV335',
  summary: 'A query to Prometheus gives a number within its limits.',
  options: object(
    {
      url: {
        ...text('a URL'),
        description: 'Of the server, such as http://prometheus:9090. May hold ${NAME}.',
      },
      query: { ...text('PromQL'), description: 'Gives one number; a query without a result is no pass.' },
      token: { ...text('a token, as ${NAME}'), description: 'Sent as a bearer token.' },
      ...limitProperties,
    },
    { required: ['url', 'query'], title: 'a map with url, query and above, below or at_least' },
  ),
  run: async ({ signal, resolve = (it) => it }, { url, query, token, ...limits }) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${resolve(token)}` }
    const base = resolve(url).replace(/\/$/, '')
    const found = await fetchJson(`${base}/api/v1/query?query=${encodeURIComponent(query)}`, signal, headers)
    const isScalar = atPath(found, 'data.resultType') === 'scalar'
    const results = atPath(found, 'data.result')
    const isOne = isScalar || (Array.isArray(results) && results.length === 1)
    const value = isOne ? atPath(found, isScalar ? 'data.result[1]' : 'data.result[0].value[1]') : undefined
    return judgeNumber(prometheus, value, {
      limits,
      what: 'The query',
      missing: 'It has to give exactly one number: aggregate with sum() or max().',
    })
  },
}
