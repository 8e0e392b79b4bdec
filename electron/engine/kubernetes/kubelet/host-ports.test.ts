import { describe, expect, it } from 'vitest'
import { decodeUtf8, type Machine } from '../../cluster.ts'
import { Story } from './stories.samples.ts'

const { does } = Story

/** What a GET from a machine gets: its status line, or why it got none. */
function get(story: Story, from: Machine, address: string, port: number): string {
  let heard = ''
  let problem = 'nothing'
  const connection = from.network.sockets.connect({ address, port, owner: { pid: 1, program: 'test' } }, {
    onConnect: () => connection.send(new Uint8Array([71, 69, 84, 32, 47, 32, 72, 84, 84, 80, 47, 49, 46, 48, 13, 10, 13, 10])),
    onData: (data) => (heard += decodeUtf8(data)),
    onClose: (error) => (problem = error?.code ?? 'closed'),
  })
  story.pass(5)
  connection.abort()
  return heard.split('\r\n')[0] || problem
}

describe('a hostPort', () => {
  it('is the Pod’s from everywhere: outside, other nodes, other Pods, the Pod itself, the node’s loopback', () => {
    const story = new Story()
    const { cluster } = story
    story.run('web', { nodeName: 'worker-1', containers: [{ ...does('serve', '80', '204 No Content'), ports: [{ containerPort: 80, hostPort: 8080 }] }] })
    story.run('client', { nodeName: 'worker-1', containers: [{}] })
    const { hostIP } = story.pod().status
    const from = {
      external: cluster.external, 'other node': cluster.nodes.get('worker-2')!, 'own node': cluster.nodes.get('worker-1')!,
      neighbour: cluster.container('default', 'client')!, itself: cluster.container('default', 'web')!,
    }
    const answers = Object.fromEntries(Object.entries(from).map(([name, machine]) => [name, get(story, machine, hostIP!, 8080)]))
    expect(answers).toEqual(Object.fromEntries(Object.keys(from).map((name) => [name, 'HTTP/1.1 204 No Content'])))
    expect(get(story, cluster.external, story.cluster.config.nodes.find((n) => n.name === 'worker-2')!.ip, 8080)).toBe('ECONNREFUSED')
  })

  it('stands in the rules as the portmap plugin writes them, and goes with the Pod', () => {
    const story = new Story()
    const { netfilter } = story.cluster.nodes.get('worker-1')!.network
    story.run('web', { nodeName: 'worker-1', containers: [{ ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 53, hostPort: 53, protocol: 'UDP' }] }] })
    const { podIP } = story.pod().status
    const rules = (): string[] => netfilter.save('nat').split('\n').filter((line) => line.includes('CNI-') && line.startsWith('-A')).map((line) => line.replaceAll(/CNI-DN-[0-9a-f]{21}/g, 'CNI-DN-…').replaceAll(/[0-9a-f]{64}/g, 'ID'))
    expect(rules()).toEqual([
      '-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
      '-A CNI-DN-… -s 10.244.1.0/24 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK',
      '-A CNI-DN-… -s 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK',
      `-A CNI-DN-… -p tcp -m tcp --dport 8080 -j DNAT --to-destination ${podIP}:80`,
      '-A CNI-DN-… -s 10.244.1.0/24 -p udp -m udp --dport 53 -j CNI-HOSTPORT-SETMARK',
      '-A CNI-DN-… -s 127.0.0.1/32 -p udp -m udp --dport 53 -j CNI-HOSTPORT-SETMARK',
      `-A CNI-DN-… -p udp -m udp --dport 53 -j DNAT --to-destination ${podIP}:53`,
      '-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"cbr0\\" id: \\"ID\\"" -m multiport --dports 8080 -j CNI-DN-…',
      '-A CNI-HOSTPORT-DNAT -p udp -m comment --comment "dnat name: \\"cbr0\\" id: \\"ID\\"" -m multiport --dports 53 -j CNI-DN-…',
      '-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE',
      '-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000',
    ])
    story.delete()
    story.cluster.settle()
    expect(rules().filter((line) => line.includes('…'))).toEqual([])
    expect(netfilter.save('nat')).not.toContain('CNI-DN-')
  })
})
