import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

/** The resolvers that all the world knows by their addresses, and the sites that say where a visitor comes from. */
describe('the pretended internet', () => {
  let lab: House
  const inPod = (command: string): string => lab.run(`kubectl exec c -- ${command}`).output
  beforeAll(() => {
    lab = house({ nodes: 2, ipFamilies: ['IPv4', 'IPv6'], podCIDR: '10.244.0.0/16,fd00:10:244::/56', serviceCIDR: '10.96.0.0/12,fd00:10:96::/112' })
    lab.run('kubectl run c --image=nicolaka/netshoot --command -- sleep infinity; kubectl wait --for=condition=Ready pod/c')
  })

  it.each(['8.8.8.8', '8.8.4.4', '1.1.1.1', '1.0.0.1', '9.9.9.9', '2001:4860:4860::8888'])('%s answers pings and queries, from the address that was asked', (address) => {
    expect(inPod(`ping -c 1 -W 1 ${address}`)).toContain('1 packets transmitted, 1 received, 0% packet loss')
    expect(inPod(`dig @${address} +time=1 +tries=1 +short kubernetes.io`)).toBe('192.0.2.55\n')
    expect(inPod(`dig @${address} +tcp +time=1 +tries=1 +short kubernetes.io`)).toBe('192.0.2.55\n')
  })

  it('names them both ways', () => {
    expect(inPod('dig +short dns.google').trim().split('\n').sort()).toEqual(['8.8.4.4', '8.8.8.8'])
    expect(inPod('dig +short -x 8.8.8.8')).toBe('dns.google.\n')
    expect(inPod('dig +short -x 2606:4700:4700::1111')).toBe('one.one.one.one.\n')
  })

  it('hop trace may take the address of one for its client, and gives it back', () => {
    expect(lab.run('hop trace external/8.8.8.8 172.18.0.3:10250').output).toContain('source seen by the server: 8.8.8.8')
    expect(inPod('ping -c 1 -W 1 8.8.8.8')).toContain('1 received')
  })

  it('others are lost as before', () => {
    expect(lab.run('hop trace default/c 8.8.8.9:53/udp').output).toContain('verdict: dropped (drop-outside')
  })

  it('tells a Pod the address of its node, and the laptop its own', () => {
    const node = inPod('dig +short myip.opendns.com @208.67.222.222').trim()
    expect(lab.run(`kubectl get node $(kubectl get pod c -o jsonpath='{.spec.nodeName}') -o jsonpath='{.status.addresses[0].address}'`).output).toBe(node)
    expect(inPod('curl -s ifconfig.me')).toBe(node)
    expect(inPod('curl -s icanhazip.com')).toBe(`${node}\n`)
    expect(lab.run('curl -s icanhazip.com').output).toBe('192.0.2.10\n')
    // other resolvers do not know that name
    expect(inPod('dig +short myip.opendns.com @8.8.8.8')).toBe('')
  })
})
