import { execFileSync, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { transcriptOf } from '../../../../tests/conformance/referee/transcript.ts'
import { fetch, SmallCluster, type PodSample } from '../../cni/small-cluster.samples.ts'
import type { Machine } from '../../machine/types.ts'
import { putService, putSlice } from '../services.samples.ts'
import { NftablesProxier } from './proxier.ts'

/**
 * The Linux kernel as referee of kube-proxy's nftables mode: the table of a simulated node in a real one, between real
 * network namespaces of the same addresses; the same connections must end in the same way, at the same Pod, and the
 * Pod must see the same source.
 */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
const run = (command: string, input?: string): string => execFileSync('bash', ['-c', command], { env: { PATH, CLIENT }, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], ...(input === undefined ? {} : { input }) })
const tried = spawnSync('bash', ['-c', 'unshare -n nft list ruleset && python3 --version && ip netns list'], { env: { PATH } })
if (tried.status !== 0) console.warn('SKIPPED: kube-proxy\'s nftables mode against the Linux kernel (needs root, ip netns, nft and python3)')

const transcript = transcriptOf('proxy-nftables')

const ID = `phn${process.pid}`
const SPACES = ['node', 'out', 'client', 'web0', 'web1'] as const
type Space = (typeof SPACES)[number]

/** A tiny server that says who it is and whom it sees. */
const SERVER = `
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', 80)); s.listen(64)
while True:
    c, a = s.accept(); c.sendall((sys.argv[1] + ' ' + a[0]).encode()); c.close()
`
/** Connects to every "address port" of its input at the same time. */
const CLIENT = `
import socket, sys, threading
out = {}
def go(i, a, p):
    s = socket.socket(); s.settimeout(4)
    try:
        s.connect((a, int(p))); out[i] = s.recv(100).decode()
    except ConnectionRefusedError: out[i] = 'refused'
    except (TimeoutError, PermissionError): out[i] = 'timeout'
    except OSError as e: out[i] = str(e)
t = [threading.Thread(target=go, args=(i, *l.split())) for i, l in enumerate(sys.stdin.read().splitlines())]
[x.start() for x in t]; [x.join() for x in t]
for i in range(len(t)): print(out[i])
`

interface Probe { from: Space; to: string; port: number }

describe.skipIf(tried.status !== 0)('the kernel', () => {
  let cluster: SmallCluster
  let pods: Record<'client' | 'web0' | 'web1', PodSample>
  const p80 = [{ name: 'http', port: 80 }]
  const servers: number[] = []
  const table = (): string => cluster.nodes.get('worker-1')!.network.netfilter.nftables.run('list table ip kube-proxy').stdout

  beforeAll(() => {
    cluster = new SmallCluster('bridge', ['worker-1'])
    const pod = (name: string): PodSample => cluster.pod(name, 'worker-1', 'nginx', { files: { '/usr/share/nginx/html/index.html': name } })
    pods = { client: cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] }), web0: pod('web0'), web1: pod('web1') }
    const both = [pods.web0, pods.web1].map(({ ip }) => ({ ip, node: 'worker-1' }))
    const first = both.slice(0, 1)
    const away = [{ ip: '10.244.2.5', node: 'worker-2' }]
    const { store } = cluster
    const nodePort = (nodePort: number): { name: string; port: number; nodePort: number }[] => [{ ...p80[0]!, nodePort }]
    putService(store, 'default', 'web', '10.96.0.20', nodePort(30080), { type: 'NodePort', externalIPs: ['192.0.2.7'] })
    putSlice(store, 'default', 'web', p80, both)
    putService(store, 'default', 'near', '10.96.0.21', nodePort(30081), { type: 'NodePort', externalTrafficPolicy: 'Local' })
    putSlice(store, 'default', 'near', p80, first)
    putService(store, 'default', 'far', '10.96.0.22', nodePort(30082), { type: 'NodePort', externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' })
    putSlice(store, 'default', 'far', p80, away)
    putService(store, 'default', 'empty', '10.96.0.24', nodePort(30084), { type: 'NodePort', externalIPs: ['192.0.2.9'] })
    putService(store, 'default', 'self', '10.96.0.26', p80)
    putSlice(store, 'default', 'self', p80, first)
    putService(store, 'default', 'guarded', '10.96.0.27', nodePort(30087), { type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/24'] }, ['192.0.2.8'])
    putSlice(store, 'default', 'guarded', p80, first)
    putService(store, 'default', 'sticky', '10.96.0.28', p80, { sessionAffinity: 'ClientIP' })
    putSlice(store, 'default', 'sticky', p80, both)
    new NftablesProxier(cluster.nodes.get('worker-1')!)
    cluster.outside.network.routes.add({ destination: '192.0.2.0/24', via: '172.18.0.2', device: 'eth0' })
    cluster.clock.runFor(1500)

    const lines = SPACES.map((s) => `ip netns add ${ID}${s}; ip -n ${ID}${s} link set lo up`)
    const n = `ip -n ${ID}node`
    lines.push(
      `${n} link add eth0 type veth peer name eth0 netns ${ID}out`, `${n} addr add 172.18.0.2/16 dev eth0`, `${n} link set eth0 up`,
      `ip -n ${ID}out addr add 172.18.0.1/16 dev eth0`, `ip -n ${ID}out link set eth0 up`, `ip -n ${ID}out route add 192.0.2.0/24 via 172.18.0.2`,
      `${n} route add default via 172.18.0.1`, `ip netns exec ${ID}node sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_ratemask=0`,
    )
    for (const [name, { ip }] of Object.entries(pods)) {
      const p = `ip -n ${ID}${name}`
      lines.push(
        `${n} link add v${name} type veth peer name eth0 netns ${ID}${name}`, `${n} addr add 10.244.1.1/32 dev v${name}`, `${n} link set v${name} up`, `${n} route add ${ip}/32 dev v${name}`,
        `${p} addr add ${ip}/32 dev eth0`, `${p} link set eth0 up`, `${p} route add 10.244.1.1 dev eth0`, `${p} route add default via 10.244.1.1`,
      )
    }
    run(lines.join(' && '))
    run(`ip netns exec ${ID}node nft -f -`, table())
    for (const web of ['web0', 'web1']) servers.push(Number(run(`ip netns exec ${ID}${web} python3 -c "$(cat)" ${web} >/dev/null 2>&1 & echo $!`, SERVER)))
    run('sleep 1')
  }, 300_000)

  afterAll(() => {
    for (const pid of servers) spawnSync('kill', [String(pid)])
    for (const space of SPACES) spawnSync('ip', ['netns', 'del', `${ID}${space}`], { env: { PATH } })
  })

  test('takes the table, and lists it back as ours does', () => {
    expect(run(`ip netns exec ${ID}node nft list table ip kube-proxy`)).toBe(table())
  })

  test('the same connections come to the same end', async () => {
    const from: readonly Space[] = ['client', 'node', 'out']
    const cluster80 = ['10.96.0.20', '10.96.0.21', '10.96.0.22', '10.96.0.24', '10.96.0.26', '10.96.0.27', '10.96.0.28', '10.96.5.5', '192.0.2.7', '192.0.2.9']
    const probes: Probe[] = []
    for (let i = 0; i < 4; i++) {
      for (const source of from) {
        for (const to of cluster80) if (source !== 'out' || to.startsWith('192')) probes.push({ from: source, to, port: 80 })
        for (const port of [30080, 30081, 30082, 30084, 30087, 30099]) {
          // Locally made packets for a Service of another node's Pods go there; there is no other node here.
          if (port === 30082 && source !== 'out') continue
          probes.push({ from: source, to: '172.18.0.2', port })
          if (source === 'node') probes.push({ from: source, to: '127.0.0.1', port })
        }
        probes.push({ from: source, to: '10.96.0.20', port: 81 })
      }
      probes.push({ from: 'web0', to: '10.96.0.26', port: 80 }, { from: 'web0', to: '10.96.0.21', port: 80 }, { from: 'out', to: '192.0.2.8', port: 80 })
    }
    const usable = probes.filter((p) => p.from !== 'out' || !p.to.startsWith('10.96'))
    const connect = (space: Space, own: readonly Probe[]): string[] => run(`ip netns exec ${ID}${space} python3 -c "$CLIENT"`, own.map((p) => `${p.to} ${p.port}\n`).join('')).trim().split('\n')
    const real = new Map<Probe, string>()
    for (const space of SPACES) {
      const own = usable.filter((p) => p.from === space)
      if (own.length === 0) continue
      const answers = connect(space, own)
      own.forEach((p, i) => real.set(p, answers[i]!))
    }
    const machines: Record<Space, Machine> = { node: cluster.nodes.get('worker-1')!.machine, out: cluster.outside, client: pods.client.machine, web0: pods.web0.machine, web1: pods.web1.machine }
    // Which of two Pods it is, is chance.
    const several = new Set(['10.96.0.20', '10.96.0.28', '192.0.2.7', '172.18.0.2:30080'])
    const plain = (p: Probe, answer: string): string => `${p.from} → ${p.to}:${p.port}: ${several.has(p.to) || several.has(`${p.to}:${p.port}`) ? answer.replace(/web\d/, 'web…') : answer}`
    const ends = new Set<string>()
    for (const probe of usable) {
      const { body, error, journey } = cluster.run(machines[probe.from], (p) => fetch(p, probe.to, probe.port), 300_000)
      const ours = error === undefined ? `${body} ${journey!.sourceSeenByServer}` : error === 'ECONNREFUSED' ? 'refused' : 'timeout'
      ends.add(ours.split(' ')[0]!)
      let asked = 0
      const theirs = (): string => plain(probe, asked++ === 0 ? real.get(probe)! : connect(probe.from, [probe])[0]!)
      await transcript.entry(`${probe.from} → ${probe.to}:${probe.port}`).hold(plain(probe, ours), theirs)
    }
    expect(usable.length).toBeGreaterThan(100)
    expect(ends).toEqual(new Set(['web0', 'web1', 'refused', 'timeout']))
  }, 300_000)
})
