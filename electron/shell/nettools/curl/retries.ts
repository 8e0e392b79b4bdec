import { headerOf, type Task } from '../../../engine/cluster.ts'
import { upload as readUpload, uploadUrl } from './body.ts'
import { fetchOne } from './redirects.ts'
import { Meter } from './meter.ts'
import type { CurlOptions } from './options.ts'
import { Output } from './output.ts'
import { refuse, type Run } from './run.ts'
import type { Result } from './transfer.ts'

/** Until it is well, or no more tries are left. */
export function* tried(run: Run, text: string, index: number): Task<number> {
  const { process, options, warn } = run
  const upload = options.uploads[index]
  const url = upload === undefined ? text : uploadUrl(text, upload)
  let { sent } = run
  if (upload !== undefined) {
    const read = yield* readUpload(process, options, upload)
    if ('code' in read) return yield* refuse(process, read)
    sent = read.sent
  }
  const output = new Output(process, options, warn, url, options.output[index])
  const meter = new Meter(process, !run.meters && !options.silent && !(options.output[index] === undefined && process.terminalOf(1) !== undefined))
  run.meters?.push(meter)
  const began = process.clock.now
  let delay = options.retryDelay || 1000
  for (let left = options.retry; ; left--) {
    const { code, result } = yield* fetchOne(run, url, index, sent, output, meter)
    const problem = left > 0 ? problemOf(options, code, result) : undefined
    if (problem === undefined) return code
    const after = Number(headerOf(result?.headers ?? [], 'retry-after') ?? 0) * 1000 || 0
    const wait = after > 0 ? after : delay
    const spent = process.clock.now - began
    if (options.retryMaxTime > 0 && spent >= options.retryMaxTime) return code
    if (options.retryMaxTime > 0 && after > 0 && spent + after > options.retryMaxTime) {
      if (!options.silent) yield* process.printError('curl: The Retry-After: time would make this command line exceed the maximum allowed time for retries.\n')
      return code
    }
    yield* warn(`Problem ${problem}. Will retry in ${Math.floor(wait / 1000)} seconds. ${left} retries left.`)
    yield* process.sleep(wait)
    if (options.retryDelay === 0) delay = Math.min(delay * 2, 600_000)
    const thrown = yield* output.again()
    meter.restart()
    if (thrown > 0 && !options.silent) yield* process.printError(`Throwing away ${thrown} bytes\n`)
  }
}

/** What --retry takes for passing (src/tool_operate.c). */
function problemOf(options: CurlOptions, code: number, result: Result | undefined): string | undefined {
  if (code === 28 || code === 6) return ': timeout'
  if (code === 7 && options.retryRefused) return ': connection refused'
  if ((code === 0 || code === 22) && result && [408, 429, 500, 502, 503, 504].includes(result.status)) return ': HTTP error'
  return code !== 0 && options.retryAllErrors ? '(retrying all errors)' : undefined
}
