import { encodeUtf8, type Process, type Task } from '../../../engine/cluster.ts'
import { CookieJar } from './cookies.ts'
import type { CurlOptions } from './options.ts'
import { readInputText } from './output.ts'
import type { Run } from './run.ts'
import type { Verbose } from './verbose.ts'

/** -b FILE, -c: with one of them curl keeps cookies. */
export function* cookieJar(process: Process, options: CurlOptions, verbose: Verbose): Task<CookieJar | undefined> {
  if (options.cookieFiles.length === 0 && options.cookieJar === undefined) return undefined
  const jar = new CookieJar()
  for (const name of options.cookieFiles) {
    const text = yield* readInputText(process, name)
    if (text !== undefined) jar.load(text, Math.floor(process.clock.wall() / 1000))
    else if (name !== '') yield* verbose.note(`WARNING: failed to open cookie file "${name}"`)
  }
  return jar
}

/** -c */
export function* saveCookies({ process, options, cookies, verbose }: Run): Task {
  if (!cookies || options.cookieJar === undefined) return
  const text = cookies.text(Math.floor(process.clock.wall() / 1000))
  if (options.cookieJar === '-') return yield* process.print(text)
  try {
    const file = process.open(process.resolve(options.cookieJar), 'write')
    yield* file.write(encodeUtf8(text))
    file.release()
  } catch {
    yield* verbose.note(`WARNING: failed to save cookies in ${options.cookieJar}: Failed writing received data to disk/application`)
  }
}
