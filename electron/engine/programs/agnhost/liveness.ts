import { goDuration } from '../../kubernetes/kubelet/go-duration.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { goRedirect, serveGo, splitTarget } from '../http/go.ts'
import { untilSignal } from '../output.ts'

const HEALTHY = 10

/** agnhost liveness: /healthz is well for ten seconds, then 500; the other paths as they are. */
export function* liveness(process: Process): Task<number> {
  const started = process.clock.now
  serveGo(process, 'agnhost', 8080, undefined, (request) => {
    const { path, query } = splitTarget(request.target)
    const seconds = (process.clock.now - started) / 1000
    if (path === '/started') return { body: goDuration(process.clock.now - started) }
    if (path === '/redirect') return goRedirect(request, query.get('loc') ?? '', 302)
    if (path === '/healthz') return seconds > HEALTHY ? { status: 500, body: `error: ${seconds}` } : { body: 'ok' }
    return { status: 404, headers: [['X-Content-Type-Options', 'nosniff']], body: '404 page not found\n' }
  })
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  return 2
}
