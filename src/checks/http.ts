import { object, text } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { atPath, fetchJson } from './fetch-json.ts'
import { type Limits, limitProperties } from './limit.ts'
import { judgeNumber } from './number-of.ts'

export const http: Check<Limits & { readonly url: string; readonly path: string; readonly token?: string }> =
  {
    name: 'http',
    code: 'KV334',
    summary: 'A number in a JSON document that a URL gives is within its limits.',
    options: object(
      {
        url: { ...text('a URL'), description: 'May hold ${NAME} of the environment.' },
        path: { ...text('a path, such as data.errors[0].count'), description: 'Where the number stands.' },
        token: { ...text('a token, as ${NAME}'), description: 'Sent as a bearer token.' },
        ...limitProperties,
      },
      { required: ['url', 'path'], title: 'a map with url, path and above, below or at_least' },
    ),
    run: async ({ signal, resolve = (it) => it }, { url, path, token, ...limits }) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${resolve(token)}` }
      const found = await fetchJson(resolve(url), signal, headers)
      return judgeNumber(http, atPath(found, path), {
        limits,
        what: path,
        missing: `There is no number at ${path} in what the URL gives.`,
      })
    },
  }
