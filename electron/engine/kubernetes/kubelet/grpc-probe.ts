import type { Clock } from '../../clock.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import type { ProbeAnswer } from './prober.ts'

export function probeGrpc(_clock: Clock, _network: NetworkNamespace, _podIp: string, _action: { port: number; service?: string }, _timeoutMs: number, answer: ProbeAnswer): () => void {
  answer({ kind: 'failure', message: 'podhop: not simulated: gRPC probes (use httpGet, tcpSocket or exec)' })
  return () => undefined
}
