import { joinHostPort } from '../../network/address.ts'
import type { Clock } from '../../clock.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { decodeHeaders, encodeFrame, encodeHeaders, encodeMessage, FLAG, FRAME, FrameReader, HEALTH, PREFACE, type Frame } from '../../programs/http/http2.ts'
import { concatBytes } from '../../text.ts'
import { dial } from './dial.ts'
import { goDuration } from './go-duration.ts'
import type { ProbeAnswer } from './prober.ts'

/** Names of gRPC's codes that a health service answers with (google.golang.org/grpc/codes). */
const CODES = ['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal', 'Unavailable']
const UNIMPLEMENTED = 12
/** Between two tries to connect (grpc-go backoff); the dial blocks until it stands or time is up. */
const RETRY = 1_000

/** grpc.health.v1.Health/Check, as pkg/probe/grpc asks it. */
export function probeGrpc(clock: Clock, network: NetworkNamespace, podIp: string, action: { port: number; service?: string }, timeoutMs: number, answer: ProbeAnswer): () => void {
  const address = joinHostPort(podIp, action.port)
  const deadline = clock.now + timeoutMs
  const wait = goDuration(timeoutMs)
  let undo: () => void = () => undefined
  let over = false
  const done = (result: Parameters<ProbeAnswer>[0]): void => {
    if (over) return
    over = true
    undo()
    answer(result)
  }
  const failed = (message: string): void => done({ kind: 'failure', message })
  const connect = (): void => {
    const reader = new FrameReader()
    let message: Uint8Array = new Uint8Array(0)
    let send: (bytes: Uint8Array) => void = () => undefined
    const take = (frame: Frame): void => {
      if (frame.type === FRAME.settings && !(frame.flags & FLAG.ack)) send(encodeFrame(FRAME.settings, FLAG.ack, 0))
      else if (frame.type === FRAME.data) message = concatBytes([message, frame.payload])
      else if (frame.type === FRAME.headers) {
        const headers = decodeHeaders(frame.payload)
        if (!headers) return failed('podhop: not simulated: this server\'s gRPC (agnhost grpc-health-checking is)')
        const status = headers.get('grpc-status')
        if (status !== undefined) end(Number(status), headers.get('grpc-message') ?? '')
      } else if (frame.type === FRAME.goAway || frame.type === FRAME.reset) failed('error: health rpc probe failed: rpc error: code = Unavailable desc = connection closed before server preface received')
    }
    const end = (status: number, text: string): void => {
      if (status === UNIMPLEMENTED) return failed(`error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${text}`)
      if (status !== 0) return failed(`error: health rpc probe failed: rpc error: code = ${CODES[status] ?? `Code(${status})`} desc = ${text}`)
      const health = HEALTH.statuses[HEALTH.decodeResponse(message.subarray(5))] ?? 'UNKNOWN'
      if (health === 'SERVING') done({ kind: 'success' })
      else failed(`service unhealthy (responded with "${health}")`)
    }
    undo = dial(clock, network, podIp, action.port, Math.max(0, deadline - clock.now), {
      onOpen: (write) => {
        send = write
        const headers = encodeHeaders([[':method', 'POST'], [':scheme', 'http'], [':path', HEALTH.path], [':authority', address], ['content-type', 'application/grpc'], ['user-agent', 'kube-probe/1.33 grpc-go/1.68.1'], ['te', 'trailers']])
        send(concatBytes([PREFACE, encodeFrame(FRAME.settings, 0, 0), encodeFrame(FRAME.headers, FLAG.endHeaders, 1, headers), encodeFrame(FRAME.data, FLAG.endStream, 1, encodeMessage(HEALTH.encodeRequest(action.service ?? '')))]))
      },
      onData: (bytes) => {
        // what does not speak HTTP/2 never gets past the first frame: the dial goes on until time is up
        for (const frame of reader.push(bytes)) if (!over) take(frame)
      },
      onFailure: (kind, reason) => {
        if (over) return
        if (reason === 'timeout' && kind === 'late') failed(`timeout: health rpc did not complete within ${wait}`)
        else if (reason === 'timeout' || clock.now + RETRY >= deadline) {
          const timer = clock.schedule(Math.max(0, deadline - clock.now), () => failed(`timeout: failed to connect service "${address}" within ${wait}: context deadline exceeded`), { background: true })
          undo = () => clock.cancel(timer)
        } else {
          const timer = clock.schedule(RETRY, connect, { background: true })
          undo = () => clock.cancel(timer)
        }
      },
    })
  }
  connect()
  return () => {
    over = true
    undo()
  }
}
