import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Input } from '../../lab/world.ts'
import { aCluster, aLab, Sitting, type WorldSource } from './sitting.samples.ts'

const RUNS = Number(process.env['PODHOP_RUNS'] ?? (process.env['PODHOP_DEEP'] ? 150 : 4))

const COMMANDS = [
  'kubectl run web --image=nginx', 'kubectl run echo --image=hashicorp/http-echo --port=5678 -- -text=hello', 'kubectl create deployment shop --image=nginx --replicas=3',
  'kubectl scale deployment shop --replicas=5', 'kubectl scale deployment shop --replicas=1', 'kubectl expose deployment shop --port=80', 'kubectl delete service shop',
  'kubectl delete pod web --wait=false', 'kubectl delete pod -l app=shop', 'kubectl delete deployment shop', 'kubectl apply -f web.yaml', 'kubectl rollout status deployment/web',
  'kubectl get pods -o wide', 'kubectl get pods -w', 'kubectl describe pod web', 'kubectl get events', 'kubectl logs web', 'kubectl logs -f deployment/shop',
  'kubectl exec web -- curl -s http://shop', 'kubectl exec client -- curl -s -m 2 http://web', 'kubectl exec -it web -- sh', 'curl -m 1 http://172.18.0.3:30080', 'exit',
  'hop trace default/web service/shop', 'hop trace laptop 172.18.0.2:6443', 'hop node worker-1 -- conntrack -E', 'hop node worker-1 -- conntrack -L', 'hop node worker-2 -- tcpdump -i any -c 5 -n',
  'hop node worker-1', 'iptables-save -t nat | wc -l', 'ip neigh', 'bridge fdb', 'hop time', 'hop time pause', 'hop time resume', 'hop time +40s',
  'ping -c 2 172.18.0.3', 'ping 172.18.0.4', 'dig +short example.com', 'echo $RANDOM $SECONDS $(date)', 'mktemp', 'sleep 5', 'sleep 100 &', 'jobs', 'kill %1', 'fg', 'yes | head -3000 | tail -1',
  'watch -n 1 kubectl get pods', 'for i in 1 2 3; do echo $i; sleep 1; done', 'kubectl port-forward web 8080:80', 'kubectl port-forward web :80 &', 'shuf -i 1-9', 'history | tail -2', 'cat > note.txt',
  'hop fault apply node-down worker-1', 'hop fault apply node-reboot worker-2 --for 5s', 'hop fault apply packet-loss worker-1 worker-2 --loss 40%', 'hop fault apply link-down worker-1 control-plane',
  'hop fault apply apiserver-down', 'hop fault apply cni-down worker-1', 'hop fault apply proxy-stopped worker-2', 'hop fault apply conntrack-full worker-1', 'hop fault clear --all', 'hop fault list',
]

type Action =
  | { do: 'type'; terminal: number; text: string }
  | { do: 'open' | 'close' | 'ports' | 'look' }
  | { do: 'resize'; terminal: number; columns: number }
  | { do: 'check'; kind: 'hint' | 'answer'; text: string }
  | { do: 'time'; input: Input }
  | { do: 'outside'; what: 'connect' | 'data' | 'end' | 'abort'; of: number }

const terminal = fc.nat({ max: 2 })
const keys = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...COMMANDS).map((c) => `${c}\r`) },
  { weight: 2, arbitrary: fc.constantFrom('\x03', '\x04', '\x1a', '\t', '\x1b[A\r', '\x12pod', 'q') },
  { weight: 1, arbitrary: fc.string({ maxLength: 8, unit: 'binary' }) },
)
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('type' as const), terminal, text: keys }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('open' as const, 'close' as const, 'ports' as const, 'look' as const) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'look' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resize' as const), terminal, columns: fc.integer({ min: 1, max: 300 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('check' as const), kind: fc.constantFrom('hint' as const, 'answer' as const), text: fc.constantFrom('0.33333333349', 'web-ready', 'no', 'probability') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('time' as const), input: fc.constantFrom<Input>({ kind: 'time', paused: true }, { kind: 'time', paused: false }, { kind: 'time', speed: 4 }, { kind: 'time', advance: 3000 }, { kind: 'fault', apply: ['node-down', 'control-plane'] }, { kind: 'fault', apply: ['dns-down'] }, { kind: 'fault', clear: 'node-down/control-plane' }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('outside' as const), what: fc.constantFrom('connect' as const, 'data' as const, 'data' as const, 'end' as const, 'abort' as const), of: fc.nat({ max: 3 }) }) },
)
/** What happens, and how long the world then runs: so many ms, and at most so many events. */
const ms = fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 2000, max: 15_000 })).map((n) => n * 0.7301)
const events = fc.oneof({ weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }) }, { weight: 3, arbitrary: fc.constant(Infinity) })
const step = fc.tuple(action, ms, events)

/** So that there is something to talk to. */
const BEFORE = 'kubectl create deployment shop --image=nginx --replicas=2; kubectl expose deployment shop --port=80; kubectl run web --image=nginx --port=80; kubectl wait --for=condition=Ready pod/web\r'

/** Plays a story; what it asks of terminals and connections that are not there is part of it. */
function play(source: WorldSource, story: readonly [Action, number, number][]): Sitting {
  const sitting = new Sitting(source)
  let terminals = 0
  let connections = 0
  const open = (): void => sitting.input({ kind: 'terminal-open', id: `t${++terminals}`, columns: 100, rows: 24 })
  const port = (wanted: number) => (wanted === 8080 && terminals === 2 ? { error: 'bind: address already in use' } : { port: wanted || 40_001 })
  open()
  sitting.input({ kind: 'terminal-input', id: 't1', data: BEFORE })
  sitting.pass(20_000)
  for (const [action, ms, events] of story) {
    switch (action.do) {
      case 'type': sitting.input({ kind: 'terminal-input', id: `t${1 + (action.terminal % terminals)}`, data: action.text }); break
      case 'open': open(); break
      case 'close': sitting.input({ kind: 'terminal-close', id: `t${terminals}` }); break
      case 'resize': sitting.input({ kind: 'terminal-resize', id: `t${1 + action.terminal}`, columns: action.columns, rows: 10 }); break
      case 'ports': sitting.answerPorts(port); break
      case 'look': sitting.look(); break
      case 'check': sitting.input(action.kind === 'hint' ? { kind: 'hint', check: action.text } : { kind: 'answer', check: 'probability', answer: action.text }); break
      case 'time': sitting.input(action.input); break
      case 'outside':
        if (action.what === 'connect') sitting.input({ kind: 'outside-connect', connection: ++connections, port: sitting.world.openPorts.values().next().value ?? 8080 })
        else if (action.what === 'data') sitting.input({ kind: 'outside-data', connection: Math.max(1, connections - action.of), data: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n') })
        else sitting.input({ kind: `outside-${action.what}`, connection: Math.max(1, connections - action.of) })
    }
    sitting.pass(ms, events)
  }
  return sitting
}

describe('a world that is made again from the log of its inputs', () => {
  it('is the same, whatever was typed, however its time was sliced and whoever looked', { timeout: 1_200_000 }, () => {
    const sources = [aLab('stable-address'), aLab('pod-to-pod'), aCluster({ nodes: 2, cni: 'bridge' })]
    fc.assert(
      fc.property(fc.constantFrom(...sources), fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), (source, story) => {
        const sitting = play(source, story)
        const again = sitting.again(source)
        expect(again.state()).toEqual(sitting.state())
      }),
      { numRuns: RUNS, ...(process.env['PODHOP_SEED'] ? { seed: Number(process.env['PODHOP_SEED']) } : {}) },
    )
  })

  it('looks at its checks at the same moments, though a Pod of its nodes was only made when somebody looked', () => {
    const source = aLab('stable-address')
    const type = (text: string): Action => ({ do: 'type', terminal: 0, text })
    const sitting = play(source, [
      [type('kubectl delete pod -l app=shop\r'), 1460.2, Infinity], [{ do: 'look' }, 1460.2, Infinity], [type(''), 651.2492, Infinity], [type('kubectl run web --image=nginx\r'), 528.5924, Infinity],
      [type('hop fault apply node-down worker-1\r'), 1460.2, Infinity], [type('kubectl run web --image=nginx\r'), 2137.7328, 17], [type('hop node worker-1 -- conntrack -E\r'), 1812.1082, 27],
    ])
    expect(sitting.again(source).state()).toEqual(sitting.state())
  })

  it('tells conntrack -E of connections that have ended at the same moment, whether somebody looks or not', () => {
    const sitting = new Sitting(aCluster({ nodes: 2 }))
    sitting.type('hop node worker-1 -- conntrack -E -p icmp\r')
    sitting.type('ping -c 1 172.18.0.3\r', 't2')
    for (let second = 0; second < 40; second++) {
      sitting.pass(1000)
      if (second > 25) sitting.look()
    }
    const again = sitting.again(aCluster({ nodes: 2 }))
    expect(sitting.text).toContain('[DESTROY]')
    expect(again.out).toEqual(sitting.out)
  })

  it('has the same port-forward, its connections and what hop time says', () => {
    const source = aCluster({ nodes: 2 })
    const sitting = new Sitting(source)
    sitting.input({ kind: 'time', speed: 4 })
    sitting.type('kubectl run web --image=nginx; kubectl wait --for=condition=Ready pod/web; kubectl port-forward web 8080:80 & sleep 2; hop time; hop time pause; hop time\r')
    sitting.pass(20_000)
    sitting.answerPorts((port) => ({ port }))
    sitting.pass(3000)
    sitting.input({ kind: 'outside-connect', connection: 1, port: 8080 })
    sitting.pass(0.3, 7)
    sitting.input({ kind: 'outside-data', connection: 1, data: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n') })
    sitting.pass(1000)
    sitting.input({ kind: 'outside-abort', connection: 1 })
    sitting.pass(1000)
    expect(sitting.text).toMatch(/running 4 times[\s\S]*, paused/)
    expect(sitting.text).toContain('Handling connection for 8080')
    expect(sitting.out.some((line) => line.startsWith('data 1 HTTP/1.1 200 OK'))).toBe(true)
    const again = sitting.again(source)
    expect(again.state()).toEqual(sitting.state())
    expect([...again.world.openPorts]).toEqual([8080])
  })

  it('notices that it is not the same world', () => {
    const sitting = new Sitting(aCluster({ nodes: 2 }))
    sitting.type('kubectl run web --image=nginx\r')
    sitting.pass(20_000)
    expect(() => sitting.again(aCluster({ nodes: 2, cni: 'bridge' }))).toThrow('lost')
  })
})
