import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SmallCluster } from '../../cni/small-cluster.samples.ts'
import { encodeUtf8 } from '../../text.ts'
import { putService, putSlice } from '../services.samples.ts'

/** Rules wait for a packet that they may say something about; others pass as if all had been written long ago, and are counted so. */

type Action =
  | { kind: 'service'; service: number; nodePort: boolean; local: boolean }
  | { kind: 'endpoints'; service: number; count: number }
  | { kind: 'packet'; protocol: 'tcp' | 'udp'; to: number; port: number; from: 'node' | 'pod' | 'host' }
  | { kind: 'wait'; ms: number }

const service = fc.integer({ min: 0, max: 2 })
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constant('service' as const), service, nodePort: fc.boolean(), local: fc.boolean() }),
  fc.record({ kind: fc.constant('endpoints' as const), service, count: fc.integer({ min: 0, max: 2 }) }),
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('packet' as const), protocol: fc.constantFrom('tcp' as const, 'udp' as const), to: fc.nat(7), port: fc.constantFrom(80, 81, 30080, 30081), from: fc.constantFrom('node' as const, 'pod' as const, 'host' as const) }) },
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(5, 1100, 35_000, 200_000) }),
)

class Story {
  readonly cluster = new SmallCluster('bridge')
  readonly #pods = [this.cluster.pod('one', 'worker-1', 'nginx'), this.cluster.pod('two', 'worker-2', 'nginx')]
  readonly #seen: string[] = []
  readonly #node = this.cluster.nodes.get('worker-1')!.network
  #next = 40_000

  constructor() {
    this.cluster.startProxies()
    for (const { sandbox } of this.#pods) sandbox.network.sockets.udp({ port: 80 }).onDatagram = ({ source }) => void this.#seen.push(`${sandbox.podName} from ${source}`)
    this.cluster.clock.runFor(2000)
    this.rules()
  }

  rules(): string {
    return this.#node.netfilter.save(undefined, { counters: true })
  }

  get seen(): readonly string[] {
    return this.#seen
  }

  do(action: Action): void {
    const { store, clock } = this.cluster
    if (action.kind === 'wait') clock.runFor(action.ms)
    else if (action.kind === 'endpoints') {
      for (const protocol of ['TCP', 'UDP']) putSlice(store, 'default', `web-${action.service}`, [{ name: protocol, port: 80, protocol }], this.#pods.slice(0, action.count).map(({ ip }, i) => ({ ip, node: `worker-${i + 1}` })), protocol)
    } else if (action.kind === 'service') {
      const ports = ['TCP', 'UDP'].map((protocol) => ({ name: protocol, port: 80, protocol, ...(action.nodePort ? { nodePort: 30080 + action.service } : {}) }))
      putService(store, 'default', `web-${action.service}`, `10.96.0.${20 + action.service}`, ports, { type: action.nodePort ? 'NodePort' : 'ClusterIP', ...(action.local ? { internalTrafficPolicy: 'Local' } : {}) })
    } else this.#send(action)
  }

  #send({ protocol, to, port, from }: Action & { kind: 'packet' }): void {
    const address = ['10.96.0.20', '10.96.0.21', '10.96.0.22', this.#pods[0]!.ip, this.#pods[1]!.ip, '172.18.0.2', '172.18.0.3', '127.0.0.1'][to]!
    // The outside has a way to the nodes alone.
    if (from === 'host' && !address.startsWith('172.18.')) return
    const { sockets } = from === 'node' ? this.#node : from === 'pod' ? this.#pods[0]!.sandbox.network : this.cluster.outside.network
    if (protocol === 'udp') {
      const socket = sockets.udp({ port: this.#next++ })
      try {
        socket.send(encodeUtf8('hello'), address, port)
      } catch (error) {
        this.#seen.push(`${address}:${port} ${(error as Error).message}`)
      }
      socket.close()
    } else {
      const connection = sockets.connect({ address, port }, {
        onConnect: () => {
          this.#seen.push(`connected to ${address}:${port}`)
          connection.end()
        },
        onClose: (error) => void this.#seen.push(`${address}:${port} ${error?.code ?? 'closed'}`),
      })
    }
    this.cluster.clock.runFor(5)
  }
}

test('packets find and count the rules that are written late as if they had always been there', () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 2, maxLength: 25 }), (actions) => {
      const [watched, left] = [new Story(), new Story()]
      for (const each of actions) {
        watched.do(each)
        watched.rules()
        left.do(each)
      }
      expect(left.seen).toEqual(watched.seen)
      expect(left.rules()).toBe(watched.rules())
    }),
    { numRuns: 60 },
  )
})
