import { Signal } from '../machine/task.ts'
import type { Program } from '../machine/types.ts'
import { serveGo, splitTarget } from './http/go.ts'
import { goLogTime } from './http-echo.ts'
import { Output } from './output.ts'

/**
 * quay.io/cilium/starwars, the Death Star of Cilium's tutorials (cilium/starwars-docker: restapi/configure_deathstar.go),
 * a go-swagger server. Something in the exhaust port ends it two seconds later.
 */
const BACKTRACE = [
  'Panic: deathstar exploded', '', 'goroutine 1 [running]:', 'main.HandleGarbage(0x2080c3f50, 0x2, 0x4, 0x425c0, 0x5, 0xa)',
  '        /code/src/github.com/empire/deathstar/', '        temp/main.go:9 +0x64', 'main.main()', '        /code/src/github.com/empire/deathstar/', '        temp/main.go:5 +0x85', '',
].join('\n')
const API = ['GET   /v1', 'GET   /v1/healthz', 'POST  /v1/request-landing', 'PUT   /v1/cargobay', 'GET   /v1/hyper-matter-reactor/status', 'PUT   /v1/exhaust-port']
const FACTS = [
  ['model', 'DS-1 Orbital Battle Station'], ['manufacturer', 'Imperial Department of Military Research, Sienar Fleet Systems'], ['cost_in_credits', '1000000000000'], ['length', '120000'], ['crew', '342953'],
  ['passengers', '843342'], ['cargo_capacity', '1000000000000'], ['hyperdrive_rating', '4.0'], ['starship_class', 'Deep Space Mobile Battlestation'],
] as const
/** The method that each path takes; the others are in the list of the API only. */
const METHODS: ReadonlyMap<string, string> = new Map([['/v1/', 'GET'], ['/v1', 'GET'], ['/v1/request-landing', 'POST'], ['/v1/exhaust-port', 'PUT']])
const EXPLODES_AFTER = 2_000

export const starwars: Program = function* (process) {
  const out = new Output(process, 2)
  const change = new Signal()
  let [exploded, stopped] = [false, false]
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.onSignal(name, () => {
      stopped = true
      change.notify()
    })
  }
  const info = `${JSON.stringify({ name: 'Death Star', hostname: process.machine.hostname, ...Object.fromEntries(FACTS), api: API }, null, '\t')}\n`
  const refused = (code: number, message: string): { status: number; contentType: string; body: string } => ({ status: code, contentType: 'application/json', body: JSON.stringify({ code, message }) })
  try {
    serveGo(process, 'starwars', 80, undefined, ({ method, target }) => {
      const { path } = splitTarget(target)
      const wanted = METHODS.get(path)
      if (wanted === undefined) return refused(404, `path ${path} was not found`)
      if (method !== wanted) return refused(405, `method ${method} is not allowed, but [${wanted}] are`)
      if (wanted === 'GET') return { contentType: 'text/plain', body: info }
      if (wanted === 'POST') return { contentType: 'text/plain', body: 'Ship landed\n' }
      exploded = true
      change.notify()
      return { status: 503, contentType: 'text/plain', body: BACKTRACE }
    })
  } catch {
    out.write(`${goLogTime(process.clock.wall())} listen tcp 0.0.0.0:80: bind: address already in use\n`)
    yield* out.flush()
    return 1
  }
  out.write(`${goLogTime(process.clock.wall())} Serving deathstar at http://[::]:80\n`)
  while (!exploded && !stopped) yield change.wait
  if (stopped) return 0
  yield* process.sleep(EXPLODES_AFTER)
  out.write('panic: deathstar exploded\n\ngoroutine 34 [running]:\n')
  yield* out.flush()
  return 2
}
