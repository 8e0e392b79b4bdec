import { joinHostPort } from '../../network/address.ts'
import type { Clock } from '../../clock.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { headerOf, type Headers, type ResponseHead } from '../../programs/http/message.ts'
import { Http2Client } from '../../programs/http2/client.ts'
import { FRAME } from '../../programs/http2/frames.ts'
import { encodeMessage, HEALTH } from '../../programs/http2/grpc.ts'
import { reasonOf } from '../../programs/http/status.ts'
import { concatBytes } from '../../text.ts'
import { dial } from './dial.ts'
import { goDuration } from './go-duration.ts'
import type { ProbeAnswer } from './prober.ts'

/** Names of gRPC's codes that a health service answers with (google.golang.org/grpc/codes). */
const CODES = ['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal', 'Unavailable']
const UNIMPLEMENTED = 12
/** What a status of HTTP stands for where there is none of gRPC (grpc/grpc, doc/http-grpc-status-mapping.md). */
const HTTP_CODES: ReadonlyMap<number, number> = new Map([[400, 13], [401, 16], [403, 7], [404, 12], [429, 14], [502, 14], [503, 14], [504, 14]])
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
    let client: Http2Client | undefined
    let speaks: boolean | undefined
    let head: ResponseHead | undefined
    let message: Uint8Array = new Uint8Array(0)
    const broken = (): void => failed('error: health rpc probe failed: rpc error: code = Unavailable desc = connection closed before server preface received')
    const told = (headers: Headers): void => {
      const status = headerOf(headers, 'grpc-status')
      if (status !== undefined) end(Number(status), headerOf(headers, 'grpc-message') ?? '')
    }
    const end = (status: number, text: string): void => {
      if (over) return
      if (status === UNIMPLEMENTED) return failed(`error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${text}`)
      if (status !== 0) return failed(`error: health rpc probe failed: rpc error: code = ${CODES[status] ?? `Code(${status})`} desc = ${text}`)
      const health = HEALTH.statuses[HEALTH.decodeResponse(message.subarray(5))] ?? 'UNKNOWN'
      if (health === 'SERVING') done({ kind: 'success' })
      else failed(`service unhealthy (responded with "${health}")`)
    }
    undo = dial(clock, network, podIp, action.port, Math.max(0, deadline - clock.now), {
      onOpen: (write) => {
        client = new Http2Client(write, { onGoAway: broken })
        client.request({
          method: 'POST', scheme: 'http', target: HEALTH.path, body: encodeMessage(HEALTH.encodeRequest(action.service ?? '')),
          headers: [['host', address], ['content-type', 'application/grpc'], ['user-agent', 'kube-probe/1.33 grpc-go/1.68.1'], ['te', 'trailers']],
        }, {
          onHead: (h) => {
            head = h
            told(h.headers)
          },
          onTrailers: told, onBody: (data) => (message = concatBytes([message, data])), onReset: broken,
          // no gRPC, but HTTP/2
          onComplete: () => end(HTTP_CODES.get(head!.status) ?? 2, `unexpected HTTP status code received from server: ${head!.status} (${reasonOf(head!.status)}); transport: received unexpected content-type "${headerOf(head!.headers, 'content-type') ?? ''}"`),
        })
      },
      // what does not speak HTTP/2 never gets past the first frame: the dial goes on until time is up
      onData: (bytes) => {
        speaks ??= bytes[3] === FRAME.settings
        if (!over && speaks) client?.push(bytes)
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
