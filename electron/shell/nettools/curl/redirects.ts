import { headerOf, type Task } from '../../../engine/cluster.ts'
import { saveCookies } from './cookie-files.ts'
import type { Meter } from './meter.ts'
import type { Output } from './output.ts'
import type { Sent } from './request.ts'
import { complain, type Run } from './run.ts'
import { emptyResult, transfer, type CurlError, type Result } from './transfer.ts'
import { parseUrl, redirectTarget } from './url.ts'
import { printWriteOut } from './write-out.ts'

/** One URL, with the requests that it takes: after redirects (-L), a challenge, a refusal of "Expect". */
export function* fetchOne(run: Run, text: string, index: number, sent: Sent | undefined, output: Output, meter: Meter): Task<{ code: number; result?: Result }> {
  const { process, options, pool, verbose, cookies } = run
  const start = process.clock.now
  const deadline = options.maxTime === undefined ? Infinity : start + options.maxTime
  let next = text
  let redirects = 0
  let before: Result | undefined
  let refusesToExpect = false
  let challenge: Result['challenge']
  const written = (result: Result | undefined, error: CurlError | undefined): Task => (options.writeOut ? printWriteOut(process, options.writeOut, { result, error, url: text, effective: next, redirects, index, file: output.name, referer: options.referer }) : nothing())
  for (;;) {
    const url = parseUrl(next, options.pathAsIs)
    if ('error' in url) return { code: yield* complain(process, options, { code: url.code, text: url.error }) }
    if (options.output[index] === null && output.name === '') {
      if (!options.silent) yield* process.printError('curl: Remote file name has no length!\n')
      return { code: yield* complain(process, options, { code: 23, text: 'Failed writing received data to disk/application' }) }
    }
    const result = emptyResult(url)
    const done = yield* transfer({ process, options, url, sent, sink: output, meter, verbose, cookies, deadline, result, refusesToExpect, challenge, ...(run.dump ? { dump: run.dump } : {}) }, pool)
    if (before) addTo(result, before)
    if ('text' in done) {
      if (done.code === 69) {
        yield* process.printError(`${done.text}\n`)
        return { code: 69 }
      }
      yield* meter.finish(process.clock.now - start)
      yield* output.close(false)
      yield* written(result.status > 0 ? result : undefined, done)
      return { code: yield* complain(process, options, done), result }
    }
    if (result.askAgain || result.challenge) {
      if (result.askAgain) refusesToExpect = true
      challenge = result.challenge
      before = { ...result, timeRedirect: process.clock.now - start }
      yield* verbose.note(`Issue another request to this URL: '${next}'`)
      continue
    }
    const location = headerOf(result.headers, 'location')
    const redirected = result.status >= 300 && result.status < 400 && location !== undefined
    if (redirected) result.redirectUrl = redirectTarget(url, location)
    if (redirected && options.location) {
      if (redirects >= options.maxRedirects) {
        yield* written(result, { code: 47, text: `Maximum (${options.maxRedirects}) redirects followed` })
        return { code: yield* complain(process, options, { code: 47, text: `Maximum (${options.maxRedirects}) redirects followed` }), result }
      }
      redirects++
      next = result.redirectUrl!
      before = { ...result, timeRedirect: process.clock.now - start }
      const to = parseUrl(next)
      if (!('error' in to) && to.port !== url.port) yield* verbose.note(`Clear auth, redirects to port from ${url.port} to ${to.port}`)
      yield* verbose.note(`Issue another request to this URL: '${next}'`)
      // what came to it by POST is asked for anew: after 303 always, after 301 and 302 by custom
      if (sent && !options.keepPost.has(result.status) && (result.status === 303 || (!sent.put && (result.status === 301 || result.status === 302)))) {
        yield* verbose.note(result.status === 303 ? 'Switch to GET' : 'Switch from POST to GET')
        sent = undefined
      }
      continue
    }
    yield* meter.finish(process.clock.now - start)
    const unwritten = yield* output.close(true)
    yield* saveCookies(run)
    yield* written(result, unwritten)
    return unwritten ? { code: yield* complain(process, options, unwritten), result } : { code: 0, result }
  }
}

function* nothing(): Task {}

/** What -w counts over all requests that one URL took. */
function addTo(result: Result, before: Result): void {
  const { timeRedirect } = before
  result.sizeHeader += before.sizeHeader
  result.sizeRequest += before.sizeRequest
  result.newConnections += before.newConnections
  result.timeRedirect = timeRedirect
  result.timeTotal += timeRedirect
  result.timeStartTransfer += timeRedirect
}
