import { beforeEach, describe, expect, test } from 'vitest'
import { SmallCluster, type PodSample } from '../../cni/small-cluster.samples.ts'
import { ipvsadmCommand } from '../../network/ipvs/command.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { putService, putSlice } from '../services.samples.ts'
import { IpvsProxier } from './proxier.ts'

/** What is remembered of a UDP Service in ipvs mode when an endpoint goes: by the kernel's connection tracking, and by ipvs itself. */
const SERVICE = '10.96.0.20'
const udp = [{ port: 53, protocol: 'UDP' }]

let cluster: SmallCluster
let client: PodSample
let servers: PodSample[]
let answers: string[]
let ask: () => void

beforeEach(() => {
  cluster = new SmallCluster('flannel')
  for (const context of cluster.nodes.values()) new IpvsProxier(context)
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
  servers = ['a', 'b'].map((name, i) => {
    const pod = cluster.pod(name, i === 0 ? 'worker-1' : 'worker-2', 'busybox', { command: ['sleep', 'infinity'] })
    const socket = pod.sandbox.network.sockets.udp({ port: 53 })
    socket.onDatagram = ({ source, sourcePort }) => socket.send(encodeUtf8(name), source, sourcePort)
    return pod
  })
  putService(cluster.store, 'default', 'dns', SERVICE, udp)
  serve(servers[0]!)
  const socket = client.sandbox.network.sockets.udp({ port: 5000 })
  answers = []
  socket.onDatagram = ({ data }) => answers.push(decodeUtf8(data))
  ask = () => {
    socket.send(encodeUtf8('?'), SERVICE, 53)
    cluster.clock.runFor(100)
  }
})

function serve(...pods: PodSample[]): void {
  putSlice(cluster.store, 'default', 'dns', udp, pods.map((p) => ({ ip: p.ip })))
  cluster.clock.runFor(1500)
}

/** "10.244.1.2:5000 10.96.0.20:53 from 10.244.2.3" and whether it was answered, of each row. */
function rows(): string[] {
  return cluster.nodes.get('worker-1')!.network.netfilter.conntrack.list().filter((e) => e.original.protocol === 'udp' && e.original.destinationPort === 53)
    .map((e) => `${e.original.source}:${e.original.sourcePort} ${e.original.destination}:${e.original.destinationPort} from ${e.reply.source}${e.seenReply ? '' : ' UNREPLIED'}`)
}
const connections = (): string[] => ipvsadmCommand(cluster.nodes.get('worker-1')!.network.netfilter.ipvs, ['-Lnc'], () => undefined).stdout.split('\n').filter((l) => l.startsWith('UDP')).map((l) => l.trim().split(/ +/).slice(3).join(' '))

describe('a UDP endpoint that goes', () => {
  test('takes its rows along; a client that keeps its port has one row, of the endpoint that answers', () => {
    ask()
    expect(rows()).toEqual([`${client.ip}:5000 ${SERVICE}:53 from ${servers[0]!.ip}`])
    serve(servers[1]!)
    expect(rows()).toEqual([])
    ask()
    expect(rows()).toEqual([`${client.ip}:5000 ${SERVICE}:53 from ${servers[1]!.ip}`])
    expect(answers).toEqual(['a', 'b'])
  })

  test('is forgotten by ipvs with its first datagram afterwards', () => {
    ask()
    serve(servers[1]!)
    ask()
    expect(connections()).toEqual([`${client.ip}:5000 ${SERVICE}:53 ${servers[1]!.ip}:53`])
  })

  test('with none left: datagrams are refused, and leave no row; when one comes back, the same client is served', () => {
    ask()
    serve()
    ask()
    ask()
    expect(answers).toEqual(['a'])
    serve(servers[1]!)
    ask()
    expect(rows()).toEqual([`${client.ip}:5000 ${SERVICE}:53 from ${servers[1]!.ip}`])
    expect(answers).toEqual(['a', 'b'])
  })
})
