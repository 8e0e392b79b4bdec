import type { Program } from '../machine/types.ts'
import { serveGo, splitTarget } from './http/go.ts'
import { goLogTime } from './http-echo.ts'
import { Output, untilSignal } from './output.ts'

/** gcr.io/google-samples/hello-app (GoogleCloudPlatform/kubernetes-engine-samples). */
export const helloApp = (version: string): Program => function* (process) {
  const port = process.env.get('PORT') || '8080'
  const out = new Output(process, 2)
  const log = (text: string): void => out.write(`${goLogTime(process.clock.wall())} ${text}\n`)
  log(`Server listening on port ${port}`)
  try {
    serveGo(process, 'hello-app', Number(port), undefined, (request) => {
      log(`Serving request: ${splitTarget(request.target).path}`)
      return { body: `Hello, world!\nVersion: ${version}\nHostname: ${process.machine.hostname}\n` }
    })
  } catch {
    log(`listen tcp :${port}: bind: address already in use`)
    yield* out.flush()
    return 1
  }
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  yield* out.flush()
  return 2
}
