import type { LogOptions } from '../client.ts'
import { FieldErrors } from '../field-errors.ts'
import { badRequest, invalid } from '../status.ts'
import { NO_CACHE, sendStatus } from './exchange.ts'
import type { Call } from './objects.ts'
import type { Query } from './query.ts'

/** GET …/pods/web/log: PodLogOptions. Lines as they come, with `follow` until the container ends. */
export function serveLog(call: Call): () => void {
  const { client, sink, info: { namespace, name, query } } = call
  validate(name!, query)
  const options: LogOptions = {
    ...(query.get('container') ? { container: query.get('container')! } : {}),
    follow: query.flag('follow'),
    previous: query.flag('previous'),
    timestamps: query.flag('timestamps'),
    ...positive('tailLines', query.number('tailLines')),
    ...since(call),
  }
  let left = query.number('limitBytes') ?? Infinity
  let open = false
  const begin = (): void => {
    if (open) return
    open = true
    sink.head(200, [NO_CACHE, ['Content-Type', 'text/plain']])
  }
  // who follows a silent container hears at once that there is one
  return client.logs(namespace ?? 'default', name!, options, {
    onOpen: begin,
    onRefused: (error) => sendStatus(call, error),
    onLine(line) {
      begin()
      if (left <= 0) return
      const text = `${line}\n`
      sink.data(left < text.length ? text.slice(0, left) : text)
      left -= text.length
    },
    onEnd() {
      begin()
      sink.end()
    },
  })
}

/** ValidatePodLogOptions of pkg/apis/core/validation. */
function validate(name: string, query: Query): void {
  const errors = new FieldErrors()
  const [tail, limit, seconds] = [query.number('tailLines'), query.number('limitBytes'), query.number('sinceSeconds')]
  if (tail !== undefined && tail < 0) errors.invalid('tailLines', tail, 'must be greater than or equal to 0')
  if (limit !== undefined && limit < 1) errors.invalid('limitBytes', limit, 'must be greater than 0')
  if (seconds !== undefined && query.get('sinceTime') !== undefined) errors.forbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified')
  else if (seconds !== undefined && seconds < 1) errors.invalid('sinceSeconds', seconds, 'must be greater than 0')
  if (!errors.empty) throw invalid({ kind: 'PodLogOptions', group: '' }, name, errors)
}

function positive<K extends string>(key: K, value: number | undefined): Partial<Record<K, number>> {
  return value === undefined || value < 0 ? {} : ({ [key]: value } as Record<K, number>)
}

function since({ info: { query } }: Call): Pick<LogOptions, 'sinceSeconds' | 'sinceTime'> {
  const time = query.get('sinceTime')
  if (time === undefined) return positive('sinceSeconds', query.number('sinceSeconds'))
  const at = Date.parse(time)
  if (Number.isNaN(at)) throw badRequest(`invalid sinceTime: ${time}`)
  return { sinceTime: at }
}
